"""``/v1/realtime/calls/{call_id}/accept``, ``/reject`` and ``/refer``: what becomes of a telephone call.

Each answers 200 with an empty body. Sources: ``RealtimeCallRejectRequest`` and ``RealtimeCallReferRequest`` of the
published schema, and OpenAI's guide "Realtime API with SIP".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, cast

import orjson
from starlette.requests import Request
from starlette.responses import Response

from offhook_emulator.api import problems
from offhook_emulator.api.keys import Keys
from offhook_emulator.line.sip.exchange import Exchange, NotRinging, Transferable
from offhook_emulator.line.switchboard import Switchboard
from offhook_emulator.model import errors
from offhook_emulator.model.errors import Refused
from offhook_emulator.model.fields import Check, integer, mapping, shape, string

_DECLINE: Final = 603
#: Fields of a turn detection that the service does not take from those who accept a call.
_NOT_ON_THE_PHONE: Final = ("threshold", "prefix_padding_ms", "silence_duration_ms")
_TURN_DETECTION: Final = ("audio", "input", "turn_detection")
_TARGET: Final = re.compile(r"(?:tel|sips?):[^\s<>\"]+", re.IGNORECASE)


def _target(value: Any, path: str) -> str:
    if not _TARGET.fullmatch(string(value, path)):
        message = f"Invalid '{path}': expected a URI such as tel:+14155550123 or sip:agent@example.com."
        raise Refused(message, "invalid_value", path)
    return value


_REJECT: Final = shape({"status_code": integer(300, 699)})
_REFER: Final = shape({"target_uri": _target}, required=["target_uri"])


class SipCalls:
    """The endpoints. A call that does not ring, or is not live, is ``call_id_not_found``."""

    def __init__(self, keys: Keys, exchange: Exchange, switchboard: Switchboard) -> None:
        self._keys = keys
        self._exchange = exchange
        self._switchboard = switchboard

    async def accept(self, request: Request) -> Response:
        """Answer a call that rings; the body is its session."""
        self._keys.check(request)
        call_id = request.path_params["call_id"]
        try:
            config = await _body(request, mapping)
            _check_turn_detection(config)
            await self._exchange.accept(call_id, config)
        except Refused as refusal:
            raise problems.refused(refusal) from None
        except NotRinging:
            raise problems.no_such_call(call_id) from None
        return Response()

    async def reject(self, request: Request) -> Response:
        """Decline a call that rings."""
        self._keys.check(request)
        call_id = request.path_params["call_id"]
        try:
            body = await _body(request, _REJECT)
            self._exchange.reject(call_id, body.get("status_code", _DECLINE))
        except Refused as refusal:
            raise problems.refused(refusal) from None
        except NotRinging:
            raise problems.no_such_call(call_id) from None
        return Response()

    async def refer(self, request: Request) -> Response:
        """Send the caller elsewhere. Whether they go is up to them: 200 means that they were asked."""
        self._keys.check(request)
        call_id = request.path_params["call_id"]
        try:
            body = await _body(request, _REFER)
        except Refused as refusal:
            raise problems.refused(refusal) from None
        call = self._switchboard.calls.get(call_id)
        if call is None or not isinstance(call.line, Transferable):  # a browser cannot be transferred
            raise problems.no_such_call(call_id)
        call.line.refer(body["target_uri"])
        return Response()


async def _body(request: Request, check: Check) -> dict[str, Any]:
    try:
        return check(orjson.loads(await request.body() or b"{}"), "")
    except orjson.JSONDecodeError:
        raise errors.not_json() from None


def _check_turn_detection(config: Mapping[str, Any]) -> None:
    inner: Any = config
    for name in _TURN_DETECTION:
        inner = cast("Mapping[str, Any]", inner).get(name) if isinstance(inner, Mapping) else None
    for name in _NOT_ON_THE_PHONE:
        if isinstance(inner, Mapping) and name in inner:
            path = f"session.{'.'.join(_TURN_DETECTION)}.{name}"
            raise errors.unknown_parameter(path, " It cannot be set for a call over SIP.")
