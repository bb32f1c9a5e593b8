"""The far end of a transport that speaks the OpenAI Realtime dialect: every step, over a wire that you give."""

from __future__ import annotations

import asyncio
import itertools
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import define, field

from offhook.testing.conformance.peer import Peer, Received
from offhook.wire.codec import as_object, b64decode, b64encode, dumps, loads

#: What is no frame, and what a service in disorder might send: each is to be a warning.
MALFORMED: Final = (
    "",
    '{"type":"response.done","resp',
    "[1,2]",
    "null",
    '{"type":"response.output_audio.delta","delta":"not base64!"}',
    '{"type":"response.done","response":7}',
    '{"type":"response.output_item.done","item":[]}',
)


@define
class _Turn:
    """A response that is under way."""

    response_id: str
    item_id: str
    metadata: Mapping[str, Any] | None = None
    spoken: bool = False
    cancelled: bool = False
    output: list[Mapping[str, Any]] = field(factory=list[Mapping[str, Any]])


class RealtimeDialectPeer(Peer):
    """A Realtime service over your wire.

    Give ``transmit``, ``drop`` and ``hang_up``; let your server ask ``await peer.admitted()`` for every connection and call
    ``await peer.take(text)`` for every message: where the peer is clogged, that does not return, so that your server reads
    no more. ``service_plays``: the audio travels beside the wire, as with WebRTC and SIP.
    """

    def __init__(self, *, clogged: bool = False, service_plays: bool = False) -> None:
        super().__init__(clogged=clogged)
        self._service_plays = service_plays
        self._ids = itertools.count(1)
        self._turn: _Turn | None = None
        self._racing = False
        self._unclogged = asyncio.Event()

    # The wire.

    @abstractmethod
    async def transmit(self, text: str) -> None:
        """Send a message to the transport, as it is."""

    async def take(self, message: str | bytes) -> None:
        """Take a message of the transport. Does not return once the peer is clogged."""
        frame: Mapping[str, Any] = loads(message)
        await _TAKES.get(str(frame.get("type")), RealtimeDialectPeer._take_other)(self, frame)
        if self.clogged and frame.get("type") == "session.update":
            await self._unclogged.wait()

    async def stop(self) -> None:
        """Read again, so that the server can end."""
        self._unclogged.set()
        await super().stop()

    def reset(self) -> None:
        """Forget the response that was under way."""
        super().reset()
        self._turn, self._racing = None, False

    # The steps.

    async def say(self, audio: bytes) -> None:
        """Send a delta of audio; where the service plays, say only that it does."""
        turn = await self._open()
        if self._service_plays:
            if not turn.spoken:
                await self._send("output_audio_buffer.started", response_id=turn.response_id)
        else:
            await self._send("response.output_audio.delta", delta=b64encode(audio), **_place(turn))
        turn.spoken = True

    async def call(self, call_id: str, name: str, arguments: str) -> None:
        """Add a function call to the response."""
        turn = await self._open()
        item = {"id": self._id("item"), "type": "function_call", "call_id": call_id, "name": name}
        where = {"response_id": turn.response_id, "output_index": len(turn.output) + 1}
        begun = {**item, "status": "in_progress", "arguments": ""}
        await self._send("response.output_item.added", item=begun, **where)
        done = {**item, "status": "completed", "arguments": arguments}
        await self._send("response.output_item.done", item=done, **where)
        turn.output.append(done)

    async def end_turn(self) -> None:
        """End the response."""
        turn, self._turn = self._turn, None
        if turn is None:
            return
        if turn.spoken and not self._service_plays:
            await self._send("response.output_audio.done", **_place(turn))
        if turn.spoken and self._service_plays and not turn.cancelled:
            await self._send("output_audio_buffer.stopped", response_id=turn.response_id)
        status = "cancelled" if turn.cancelled else "completed"
        await self._send("response.done", response=self._response(turn, status))

    async def interrupt(self) -> None:
        """The service heard the user; where it plays, it falls silent and says so."""
        await self._send("input_audio_buffer.speech_started", audio_start_ms=0, item_id=self._id("item"))
        if self._turn is not None:
            self._turn.cancelled = True
            await self._flushed()

    async def unknown(self) -> Mapping[str, Any]:
        """Send an event of a type that is not in the API."""
        frame = {"type": "vendor.novelty", "event_id": self._id("event"), "nested": {"list": [1, None, "ü"]}}
        await self.transmit(dumps(frame))
        return frame

    async def malformed(self) -> None:
        """Send what is no JSON, no object, and no such event."""
        for text in MALFORMED:
            await self.transmit(text)

    async def race(self) -> None:
        """Let voice activity detection win against the next ``response.create``."""
        self._racing = True

    async def hear(self, text: str) -> None:
        """Transcribe the user."""
        kind, where = "conversation.item.input_audio_transcription", {"item_id": self._id("item"), "content_index": 0}
        await self._send(f"{kind}.delta", delta=text, **where)
        await self._send(f"{kind}.completed", transcript=text, **where)

    async def caption(self, text: str) -> None:
        """Write down what the assistant says."""
        turn = await self._open()
        await self._send("response.output_audio_transcript.delta", delta=text, **_place(turn))

    # What comes in.

    async def _take_config(self, frame: Mapping[str, Any]) -> None:
        self.note(Received(kind="config", text=dumps(as_object(frame.get("session")))))
        session = {"id": "sess_1", "object": "realtime.session", **as_object(frame.get("session"))}
        await self._send("session.updated", session=session)

    async def _take_item(self, frame: Mapping[str, Any]) -> None:
        item = as_object(frame.get("item"))
        match item.get("type"):
            case "message":
                texts = (str(as_object(part).get("text") or "") for part in item.get("content") or ())
                self.note(Received(kind="message", text=" ".join(texts)))
            case "function_call_output":
                self.note(Received(kind="output", call_id=str(item["call_id"]), text=str(item["output"])))
            case _:
                self.note(Received(kind="other", text=str(item.get("type"))))
        shown = {"id": self._id("item"), "status": "completed", **item}
        await self._send("conversation.item.added", item=shown)
        await self._send("conversation.item.done", item=shown)

    async def _take_audio(self, frame: Mapping[str, Any]) -> None:
        self.note(Received(kind="audio", data=b64decode(str(frame["audio"]))))

    async def _take_create(self, frame: Mapping[str, Any]) -> None:
        raced, self._racing = self._racing, False
        if raced:
            await self._open()
        self.note(Received(kind="reply"))
        if self._turn is None:
            await self._open(as_object(frame.get("response")).get("metadata"))
            return
        error = {
            "type": "invalid_request_error",
            "code": "conversation_already_has_active_response",
            "message": "Conversation already has an active response",
            "event_id": frame.get("event_id"),
        }
        await self._send("error", error=error)

    async def _take_cancel(self, _: Mapping[str, Any]) -> None:
        self.note(Received(kind="cancel"))
        if self._turn is not None:
            self._turn.cancelled = True

    async def _take_truncate(self, frame: Mapping[str, Any]) -> None:
        self.note(Received(kind="heard", ms=frame.get("audio_end_ms")))
        echo = {name: value for name, value in frame.items() if name not in {"type", "event_id"}}
        await self._send("conversation.item.truncated", **echo)

    async def _take_clear(self, _: Mapping[str, Any]) -> None:
        self.note(Received(kind="other", text="output_audio_buffer.clear"))
        await self._flushed()

    async def _take_other(self, frame: Mapping[str, Any]) -> None:
        self.note(Received(kind="other", text=str(frame.get("type"))))

    # What they share.

    async def _open(self, metadata: Mapping[str, Any] | None = None) -> _Turn:
        if self._turn is None:
            self._turn = _Turn(self._id("resp"), self._id("item"), metadata)
            await self._send("response.created", response=self._response(self._turn, "in_progress"))
        return self._turn

    async def _flushed(self) -> None:
        if self._service_plays and self._turn is not None:
            await self._send("output_audio_buffer.cleared", response_id=self._turn.response_id)

    def _response(self, turn: _Turn, status: str) -> Mapping[str, Any]:
        return {
            "id": turn.response_id,
            "object": "realtime.response",
            "status": status,
            "metadata": turn.metadata,
            "output": turn.output,
        }

    async def _send(self, kind: str, **members: Any) -> None:
        await self.transmit(dumps({"type": kind, "event_id": self._id("event"), **members}))

    def _id(self, kind: str) -> str:
        return f"{kind}_{next(self._ids)}"


def _place(turn: _Turn) -> dict[str, Any]:
    return {"response_id": turn.response_id, "item_id": turn.item_id, "output_index": 0, "content_index": 0}


# The table names the handlers of its own class.
# ruff: noqa: SLF001
# pyright: reportPrivateUsage=false
_P = RealtimeDialectPeer
_TAKES: Final[Mapping[str, Callable[[Any, Mapping[str, Any]], Any]]] = {
    "session.update": _P._take_config,
    "conversation.item.create": _P._take_item,
    "conversation.item.truncate": _P._take_truncate,
    "input_audio_buffer.append": _P._take_audio,
    "response.create": _P._take_create,
    "response.cancel": _P._take_cancel,
    "output_audio_buffer.clear": _P._take_clear,
}
