"""HTTP errors in the service's shape: ``{"error": {"message", "type", "param", "code"}}``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from offhook.errors import OffhookError
from offhook_emulator.model.errors import Refused

_MISSING_KEY: Final = (
    "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth "
    "(i.e. Authorization: Bearer YOUR_KEY), or as the WebSocket sub-protocol openai-insecure-api-key.YOUR_KEY."
)
# The service echoes part of the key here. A key belongs in no message.
_WRONG_KEY: Final = "Incorrect API key provided. Use the key that the emulator was started with (--api-key)."
_EXPIRED_KEY: Final = "The client secret has expired. Make another one with POST /v1/realtime/client_secrets."


class Problem(Exception):
    """A request that gets an error response. ``response`` is what is sent."""

    def __init__(self, status: int, message: str, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
        self.response = JSONResponse({"error": error}, status)


def missing_key() -> Problem:
    """Refuse a request without a key."""
    return Problem(401, _MISSING_KEY)


def wrong_key() -> Problem:
    """Refuse a key that is not accepted."""
    return Problem(401, _WRONG_KEY, code="invalid_api_key")


def expired_key() -> Problem:
    """Refuse a client secret that has expired."""
    return Problem(401, _EXPIRED_KEY, code="invalid_api_key")


def refused(refusal: Refused) -> Problem:
    """Refuse a body, for the reason that a session would refuse it for."""
    return Problem(400, refusal.message, code=refusal.code, param=refusal.param)


def no_such_url(method: str, path: str) -> Problem:
    """Refuse a path that is not served."""
    return Problem(404, f"Invalid URL ({method} {path}). The emulator serves WebSockets at /v1/realtime.")


def no_such_call(call_id: str) -> Problem:
    """Refuse a call that there is not, or not any more."""
    return Problem(404, f"No call found with call_id '{call_id}'.", code="call_id_not_found", param="call_id")


def wrong_content_type(content_type: str, supported: Sequence[str]) -> Problem:
    """Refuse a body of another kind."""
    message = f"Unsupported content type: '{content_type}'. Send {' or '.join(supported)}."
    return Problem(400, message, code="unsupported_content_type")


def no_webrtc(module: str) -> Problem:
    """Refuse a call over WebRTC where that is not installed."""
    message = f'WebRTC calls need {module}, which is not installed. Run: pip install "offhook-emulator[webrtc]"'
    return Problem(501, message, code="webrtc_not_installed")


def no_network(error: OffhookError) -> Problem:
    """Refuse a call over WebRTC for want of a network."""
    return Problem(503, str(error), code="no_network_interface")


async def answer_problem(_request: Request, problem: Exception) -> Response:
    """Answer a ``Problem``."""
    if not isinstance(problem, Problem):
        raise problem
    return problem.response


async def answer_nobody(_request: Request, _gone: Exception) -> Response:
    """Answer a client that left while it was still sending: nobody reads it."""
    return Response(status_code=400)


async def answer_http_exception(request: Request, exception: Exception) -> Response:
    """Answer what starlette itself refuses: unknown paths and methods."""
    if not isinstance(exception, HTTPException):
        raise exception
    if exception.status_code == 404:  # noqa: PLR2004 - Not Found
        return no_such_url(request.method, request.url.path).response
    return Problem(exception.status_code, exception.detail).response
