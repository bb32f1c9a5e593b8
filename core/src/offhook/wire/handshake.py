"""What every way to open a channel says and hears: who we are, and why the service said no."""

from __future__ import annotations

from typing import Final

from offhook.errors import AuthenticationError, ConnectError
from offhook.wire.channel import DialRequest, without_secrets
from offhook.wire.codec import as_object, loads

#: A header of the application's own that says who it is, in place of the bearer key (Azure: ``api-key``).
_OWN_AUTHORIZATION: Final = frozenset({"authorization", "api-key"})
_FORBIDDEN: Final = frozenset({401, 403})
_NOT_FOUND: Final = 404
#: As much of an answer that is no error object as helps.
_SHOWN: Final = 200


def authorization(request: DialRequest, *, remedy: str, key_header: str | None = None) -> dict[str, str]:
    """Give the headers that say who we are, and those the application added.

    The key is a bearer's, or stands bare in ``key_header``. Raises ``AuthenticationError`` where there is none; ``remedy``
    says where this transport looks for one.
    """
    if {name.lower() for name in request.headers} & _OWN_AUTHORIZATION:
        return dict(request.headers)
    if not request.api_key:
        raise AuthenticationError(f"there is no API key. {remedy}")
    key = {key_header: request.api_key} if key_header else {"Authorization": f"Bearer {request.api_key}"}
    return {**key, **request.headers}


def refusal(
    url: str, status: int, body: str, *, what: str = "the connection", reason: str = "", call_id: str | None = None
) -> ConnectError:
    """Give the error for an HTTP answer that is a no, with the provider's own words.

    ``reason`` is the phrase beside the status, told where the body says nothing; ``call_id`` names the call that was to be
    attached to.
    """
    message, code = provider_error(body)
    detail = message or reason
    where = f"{without_secrets(url)} refused {what} with HTTP {status}{f': {detail}' if detail else ''}"
    if status in _FORBIDDEN:
        return AuthenticationError(f"{where}. Check the API key and what it may do.", status=status, code=code)
    no_call = call_id is not None and status == _NOT_FOUND
    remedy = "Check the id: the call may be over." if no_call else "Check the url and the model."
    return ConnectError(f"{where}. {remedy}", status=status, code=code)


def provider_error(body: str) -> tuple[str, str | None]:
    """Read ``{"error": {"message", "code"}}`` as message and code; anything else is shown as it is, cut short."""
    try:
        error = as_object(as_object(loads(body)).get("error"))
    except ValueError:
        error = as_object(None)
    message, code = error.get("message"), error.get("code")
    if not (isinstance(message, str) and message):
        message = body.strip()[:_SHOWN]
    return message.rstrip("."), code if isinstance(code, str) else None
