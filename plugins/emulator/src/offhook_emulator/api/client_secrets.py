"""``POST /v1/realtime/client_secrets``: a short-lived key for a browser, with a session's config inside."""

from __future__ import annotations

from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse

from offhook_emulator.api import problems
from offhook_emulator.api.keys import Keys
from offhook_emulator.model.errors import Refused, not_json
from offhook_emulator.model.fields import anything, choice, integer, shape
from offhook_emulator.model.ids import random_id
from offhook_emulator.model.session import Session

_DEFAULT_SECONDS: Final = 600
_BODY: Final = shape(
    {
        "expires_after": shape({"anchor": choice("created_at"), "seconds": integer(10, 7200)}),
        "session": anything,  # Session.update checks it
    }
)


class ClientSecrets:
    """The endpoint. Secrets are remembered by ``keys``, where sockets that connect with one find the config."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    async def create(self, request: Request) -> JSONResponse:
        """Make a client secret."""
        self._keys.check(request)
        try:
            body = _body(await request.body())
            config: dict[str, Any] | None = body.get("session")
            session = Session(random_id("sess"))
            if config is not None:
                session.update(config)
        except Refused as refusal:
            raise problems.refused(refusal) from None
        secret = self._keys.issue(body.get("expires_after", {}).get("seconds", _DEFAULT_SECONDS), config)
        return JSONResponse({"value": secret.value, "expires_at": secret.expires_at, "session": session.wire})


def _body(data: bytes) -> dict[str, Any]:
    try:
        return _BODY(orjson.loads(data or b"{}"), "")
    except orjson.JSONDecodeError:
        raise not_json() from None
