"""The ``loopback`` transport: the Realtime dialect without a network, against a peer that repeats what it is told.

For first steps, for tests, and as the shortest example of a dialer. It comes in through the same door as every plugin.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from attrs import evolve, frozen

from offhook.audio.formats import PCM16_24K
from offhook.hookspecs import RealtimeTransportLayer, hookimpl
from offhook.realtime.capabilities import REALTIME_CAPABILITIES
from offhook.realtime.transport import OpenAIRealtimeBase
from offhook.wire.channel import Dialer, DialRequest
from offhook.wire.codec import as_object, b64decode, b64encode, dumps, loads
from offhook.wire.config import merge

#: (major, minor) of the contract this was written for.
SPEC_VERSION: Final = (1, 0)

_PIECE: Final = PCM16_24K.size(100)


#: What the echo lives up to: it answers at once and in full, hears no pauses, writes nothing down, and sees nothing.
LOOPBACK_CAPABILITIES: Final = evolve(
    REALTIME_CAPABILITIES,
    cancel="local",
    turn_control="client",
    input_formats=(PCM16_24K,),
    output_formats=(PCM16_24K,),
    images=False,
    mcp=False,
    input_transcripts="none",
    output_transcripts="none",
    speech_events=frozenset(),
    timeline="none",
)


@frozen(kw_only=True)
class LoopbackOptions:
    """The ``[transports.loopback]`` table: there is nothing that a file could choose."""

    #: Opens the channel to another far end than the echo, in tests.
    dialer: Dialer | None = None


@hookimpl
def transport_options() -> type[LoopbackOptions]:
    """Give the class that validates ``[transports.loopback]``."""
    return LoopbackOptions


@hookimpl
def make_transport(options: LoopbackOptions) -> RealtimeTransportLayer:
    """Make a transport, disconnected."""
    return Loopback(options)


class Loopback(OpenAIRealtimeBase):
    """Repeats a message as text, and committed audio as audio."""

    def __init__(self, options: LoopbackOptions | None = None) -> None:
        options = options or LoopbackOptions()
        super().__init__(
            "loopback",
            options.dialer or _dial,
            url="ws://loopback/v1/realtime",
            capabilities=LOOPBACK_CAPABILITIES,
        )


async def _dial(request: DialRequest) -> _EchoChannel:  # noqa: ARG001  # there is nowhere to dial
    return _EchoChannel()


class _EchoChannel:
    """Both the wire and the far end of it."""

    def __init__(self) -> None:
        self.close_code: int | None = None
        self.close_reason = ""
        self._frames: asyncio.Queue[str | None] = asyncio.Queue()
        self._echo = _Echo()

    async def __aiter__(self) -> AsyncIterator[str]:
        while (frame := await self._frames.get()) is not None:
            yield frame

    async def send(self, text: str) -> None:
        if self.close_code is not None:
            raise ConnectionError("the loopback is closed")
        for event in self._echo.answer(loads(text)):
            self._frames.put_nowait(dumps(event))

    async def close(self, code: int = 1000, reason: str = "") -> None:
        if self.close_code is None:
            self.close_code, self.close_reason = code, reason
            self._frames.put_nowait(None)


class _Echo:
    """The far end: a server in ten lines of the dialect."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._session: Mapping[str, Any] = {"id": "sess_loopback", "object": "realtime.session"}
        self._buffer = bytearray()
        self._heard: dict[str, Any] = {"type": "output_text", "text": ""}

    def answer(self, event: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Give the server events that follow from a client event."""
        match event.get("type"):
            case "session.update":
                self._session = merge(self._session, as_object(event.get("session")))
                return [self._event("session.updated", session=dict(self._session))]
            case "conversation.item.create":
                return self._item(dict(as_object(event.get("item"))), event.get("previous_item_id"))
            case "conversation.item.delete":
                return [self._event("conversation.item.deleted", item_id=event.get("item_id"))]
            case "input_audio_buffer.append" | "input_audio_buffer.clear" | "input_audio_buffer.commit":
                return self._hear(event)
            case "response.create":
                return self._response(as_object(event.get("response")).get("metadata"))
            case _:
                return []

    def _item(self, item: dict[str, Any], previous: str | None) -> list[dict[str, Any]]:
        item = {"id": self._id("item"), "status": "completed", **item}
        if item.get("type") == "message":
            texts = (as_object(part).get("text") for part in item.get("content") or ())
            self._heard = {"type": "output_text", "text": " ".join(text for text in texts if text)}
        where = {} if previous is None else {"previous_item_id": None if previous == "root" else previous}
        return self._shown(item, **where)

    def _hear(self, event: Mapping[str, Any]) -> list[dict[str, Any]]:
        if "audio" in event:
            self._buffer += b64decode(str(event["audio"]))
            return []
        if event["type"] == "input_audio_buffer.commit":
            return self._commit()
        self._buffer.clear()
        return [self._event("input_audio_buffer.cleared")]

    def _commit(self) -> list[dict[str, Any]]:
        self._heard = {"type": "output_audio", "audio": bytes(self._buffer)}
        self._buffer.clear()
        item = {"id": self._id("item"), "type": "message", "role": "user", "status": "completed"}
        committed = self._event("input_audio_buffer.committed", item_id=item["id"])
        return [committed, *self._shown({**item, "content": [{"type": "input_audio", "transcript": None}]})]

    def _response(self, metadata: Any) -> list[dict[str, Any]]:
        response: dict[str, Any] = {"id": self._id("resp"), "object": "realtime.response", "output": []}
        response["metadata"] = metadata
        item = {"id": self._id("item"), "type": "message", "role": "assistant", "status": "completed"}
        where = {"response_id": response["id"], "item_id": item["id"], "output_index": 0, "content_index": 0}
        if self._heard["type"] == "output_text":
            content = dict(self._heard)
            said = [self._event("response.output_text.delta", delta=content["text"], **where)]
        else:
            content = {"type": "output_audio", "transcript": None}
            said = [
                *(self._event("response.output_audio.delta", delta=piece, **where) for piece in self._pieces()),
                self._event("response.output_audio.done", **where),
            ]
        done = {**item, "content": [content]}
        return [
            self._event("response.created", response={**response, "status": "in_progress"}),
            *said,
            self._event("response.output_item.done", response_id=response["id"], output_index=0, item=done),
            *self._shown(done),
            self._event("response.done", response={**response, "status": "completed", "output": [done]}),
        ]

    def _pieces(self) -> list[str]:
        audio: bytes = self._heard["audio"]
        return [b64encode(audio[start : start + _PIECE]) for start in range(0, len(audio), _PIECE)]

    def _shown(self, item: dict[str, Any], **where: str | None) -> list[dict[str, Any]]:
        return [self._event(f"conversation.item.{stage}", item=item, **where) for stage in ("added", "done")]

    def _event(self, kind: str, **members: Any) -> dict[str, Any]:
        return {"type": kind, "event_id": self._id("event"), **members}

    def _id(self, kind: str) -> str:
        return f"{kind}_{next(self._ids)}"
