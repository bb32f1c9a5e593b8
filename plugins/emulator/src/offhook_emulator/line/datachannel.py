"""The data channel of a WebRTC call, as one of the call's channels."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, cast

import orjson

from offhook_emulator.line.calls import Call
from offhook_emulator.line.outbox import Outbox
from offhook_emulator.model.effects import Hangup

if TYPE_CHECKING:
    from aiortc import RTCDataChannel

#: Bytes that may be on their way before the next frame waits.
_MAX_BUFFERED: Final = 256 * 1024
#: How long the last frames may take when the call is over.
_FAREWELL_S: Final = 1.0
_TOO_LONG: Final = (
    "it is longer than the {} bytes that the offer allows (a=max-message-size). A sideband WebSocket gets it whole."
)


class ControlChannel:
    """Events both ways. It takes what the caller sends from the moment that it is made; ``serve`` does something with it."""

    def __init__(self, channel: RTCDataChannel, *, max_message: int) -> None:
        """``max_message`` is the longest message that the caller takes, in bytes; 0 means any."""
        self._channel = channel
        self._max_message = max_message
        self._received: asyncio.Queue[str | bytes] = asyncio.Queue()
        self._movement = asyncio.Event()
        channel.bufferedAmountLowThreshold = _MAX_BUFFERED // 2
        channel.on("message", self._received.put_nowait)
        channel.on("bufferedamountlow", self._movement.set)
        channel.on("close", self._movement.set)

    async def serve(self, call: Call) -> None:
        """Greet the caller, and pass events on both ways until this is cancelled. What is queued then is still sent."""
        outbox = Outbox(self._send, self._hang_up)
        pump = asyncio.create_task(outbox.pump())
        try:
            with call.attached(outbox, greet=True):
                while True:
                    await call.receive(await self._received.get())
        finally:
            outbox.end(Hangup(0, ""))
            await asyncio.wait([pump], timeout=_FAREWELL_S)
            pump.cancel()

    async def _send(self, text: str) -> None:
        if self._channel.readyState != "open":
            raise ConnectionError("the data channel is closed")
        self._channel.send(self._fitting(text))
        while self._channel.bufferedAmount > _MAX_BUFFERED and self._channel.readyState == "open":
            self._movement.clear()
            await self._movement.wait()

    def _fitting(self, text: str) -> str:
        """Give what the caller takes: an item without its audio where that is too long, or else what was too long."""
        if self._fits(text):
            return text
        event = orjson.loads(text)
        shorter = orjson.dumps(_without_audio(event)).decode()
        if self._fits(shorter):
            return shorter
        message = f"An event of type '{event['type']}' is left out: {_TOO_LONG.format(self._max_message)}"
        error = {"type": "server_error", "code": "event_too_long", "message": message, "param": None, "event_id": None}
        return orjson.dumps({"type": "error", "event_id": event["event_id"], "error": error}).decode()

    def _fits(self, text: str) -> bool:
        return not self._max_message or len(text.encode()) <= self._max_message

    async def _hang_up(self, _code: int, _reason: str) -> None:
        self._channel.close()


def _without_audio(value: Any) -> Any:
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return {name: _without_audio(field) for name, field in fields.items() if name != "audio"}
    return [_without_audio(element) for element in cast("list[Any]", value)] if isinstance(value, list) else value
