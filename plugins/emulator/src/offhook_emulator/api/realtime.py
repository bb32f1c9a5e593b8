"""``/v1/realtime``: a session over a WebSocket, or with ``?call_id=…`` one more channel of a call."""

from __future__ import annotations

from typing import Final

from starlette.websockets import WebSocket

from offhook_emulator.api import problems
from offhook_emulator.api.keys import ClientSecret, Keys
from offhook_emulator.api.problems import Problem
from offhook_emulator.line.calls import Call
from offhook_emulator.line.switchboard import Switchboard
from offhook_emulator.line.websocket import serve_session, serve_sideband

_PROTOCOL: Final = "realtime"


class Realtime:
    """The endpoint. A handshake that is refused gets an HTTP error with the service's JSON body."""

    def __init__(self, keys: Keys, switchboard: Switchboard) -> None:
        self._keys = keys
        self._switchboard = switchboard

    async def connect(self, websocket: WebSocket) -> None:
        """Serve one client."""
        try:
            secret = self._keys.check(websocket)
            call = self._call(websocket)
            _check_intent(websocket)
        except Problem as problem:
            await websocket.send_denial_response(problem.response)
            return
        offered: list[str] = websocket.scope.get("subprotocols", [])
        await websocket.accept(_PROTOCOL if _PROTOCOL in offered else None)
        if call:
            await serve_sideband(websocket, call)
            return
        config = secret.config if secret else None
        await serve_session(websocket, self._switchboard, model=_model(websocket, secret), config=config)

    def _call(self, websocket: WebSocket) -> Call | None:
        if not (call_id := websocket.query_params.get("call_id")):
            return None
        if call := self._switchboard.calls.get(call_id):
            return call
        raise problems.no_such_call(call_id)


async def refuse_socket(websocket: WebSocket) -> None:
    """Refuse a WebSocket at any other path."""
    await websocket.send_denial_response(problems.no_such_url("GET", websocket.url.path).response)


def _check_intent(websocket: WebSocket) -> None:
    intent = websocket.query_params.get("intent", _PROTOCOL)
    if intent != _PROTOCOL:
        raise Problem(
            400, f"Invalid value: '{intent}'. Supported values are: 'realtime'.", code="invalid_value", param="intent"
        )


def _model(websocket: WebSocket, secret: ClientSecret | None) -> str | None:
    named_inside = (secret.config or {}).get("model") if secret else None
    return named_inside or websocket.query_params.get("model")
