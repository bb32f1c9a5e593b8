"""``/v1/realtime/calls``: an SDP offer makes a call over WebRTC, and any call can be hung up."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, cast

import orjson
from attrs import frozen
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from offhook.errors import OffhookError
from offhook_emulator.api import problems
from offhook_emulator.api.keys import ClientSecret, Keys
from offhook_emulator.line.calls import Call
from offhook_emulator.line.switchboard import Switchboard
from offhook_emulator.model.errors import Refused, missing_parameter, not_json

if TYPE_CHECKING:
    from offhook_emulator.line.webrtc import WebRtcLine

_SDP: Final = "application/sdp"
_FORM: Final = "multipart/form-data"


@frozen
class _Offer:
    """What a request asks for. ``session`` is what it says of the session, None where it says nothing."""

    sdp: str
    session: Any = None


class RealtimeCalls:
    """The endpoints."""

    def __init__(self, keys: Keys, switchboard: Switchboard) -> None:
        self._keys = keys
        self._switchboard = switchboard

    async def create(self, request: Request) -> Response:
        """Answer an offer, and hold the call in the background."""
        secret = self._keys.check(request)
        line = await _new_line()
        try:
            offer = await _offer(request)
            call = self._call(line, request, secret, offer)
            answer = await line.answer(offer.sdp)
        except Refused as refusal:
            raise problems.refused(refusal) from None
        except OffhookError as error:
            raise problems.no_network(error) from error
        await self._switchboard.calls.start(call)
        location = f"/v1/realtime/calls/{call.id}"
        return Response(answer, 201, headers={"Location": location}, media_type=_SDP)

    def _call(self, line: WebRtcLine, request: Request, secret: ClientSecret | None, offer: _Offer) -> Call:
        config = secret.config if secret else None
        model = (config or {}).get("model") or request.query_params.get("model")
        call = Call(line, self._switchboard, model=model, config=config)
        if offer.session is not None:
            call.configure(offer.session)
        return call

    async def hang_up(self, request: Request) -> Response:
        """End a call."""
        self._keys.check(request)
        call_id = request.path_params["call_id"]
        call = self._switchboard.calls.get(call_id)
        if call is None:
            raise problems.no_such_call(call_id)
        call.hang_up()
        return Response()


async def _new_line() -> WebRtcLine:
    try:
        # Importing it takes a third of a second the first time, which others on the line would hear.
        module: Any = await asyncio.to_thread(import_module, "offhook_emulator.line.webrtc")
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.startswith("offhook"):
            raise
        raise problems.no_webrtc(missing.name) from missing
    return cast("WebRtcLine", module.WebRtcLine())


async def _offer(request: Request) -> _Offer:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == _SDP:
        return _Offer((await request.body()).decode(errors="replace"))
    if content_type != _FORM:
        raise problems.wrong_content_type(content_type, (_SDP, _FORM))
    async with request.form() as form:
        sdp, session = await _field(form, "sdp"), await _field(form, "session")
    if sdp is None:
        raise missing_parameter("sdp")
    return _Offer(sdp, None if session is None else _json(session))


async def _field(form: FormData, name: str) -> str | None:
    value = form.get(name)
    return value if value is None or isinstance(value, str) else (await value.read()).decode(errors="replace")


def _json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise not_json() from None
