"""What tests of the dialect share: the far end of a connection in memory, a valid frame of each type, and asyncio's complaints."""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import pytest

from offhook.errors import ConnectError
from offhook.events import Event
from offhook.realtime.transport import OpenAIRealtimeBase
from offhook.wire.channel import DialRequest

Frame = dict[str, Any]
Answer = Callable[[Frame], Iterable[Frame]]

KEY = "sk-not-to-be-seen"
PATIENCE_S = 5.0


def accept(frame: Frame) -> list[Frame]:
    """A service that takes every config, and says nothing else."""
    if frame["type"] != "session.update":
        return []
    return [{"type": "session.updated", "event_id": "event_ack", "session": {"id": "sess_1", **frame["session"]}}]


def ignore(frame: Frame) -> list[Frame]:
    """A service that says nothing."""
    return []


def refuse(frame: Frame) -> list[Frame]:
    """A service that takes no config."""
    if frame["type"] != "session.update":
        return []
    error = {"type": "invalid_request_error", "code": "invalid_value", "message": "no", "event_id": frame["event_id"]}
    return [{"type": "error", "event_id": "event_no", "error": error}]


class Far:
    """One connection: the ``MessageChannel`` that a transport holds, and the hands of the test at its other end."""

    def __init__(self, answer: Answer, *, reads: bool) -> None:
        self.close_code: int | None = None
        self.close_reason = ""
        #: Cleared: the far end does not read, so that sending waits.
        self.reads = asyncio.Event()
        if reads:
            self.reads.set()
        self.sent: list[Frame] = []
        self._answer = answer
        self._frames: asyncio.Queue[str | bytes | Exception | None] = asyncio.Queue()
        self._news = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        while (frame := await self._frames.get()) is not None:
            if isinstance(frame, Exception):
                raise frame
            yield frame

    async def send(self, text: str) -> None:
        await self.reads.wait()
        if self.close_code is not None:
            raise ConnectionError("closed")
        frame = json.loads(text)
        self.sent.append(frame)
        for reply in self._answer(frame):
            self.say(reply)
        self._news.set()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        try:
            await self.reads.wait()
        except asyncio.CancelledError:
            self.hang_up(1006)
            raise
        self.hang_up(code, reason)

    def say(self, frame: Frame | str | bytes) -> None:
        """Let the service send a frame."""
        self._frames.put_nowait(json.dumps(frame) if isinstance(frame, dict) else frame)

    def break_down(self, error: Exception) -> None:
        """Let the channel itself fail."""
        self._frames.put_nowait(error)

    def hang_up(self, code: int, reason: str = "") -> None:
        """End the connection."""
        if self.close_code is None:
            self.close_code, self.close_reason = code, reason
            self.reads.set()
            self._frames.put_nowait(None)

    async def received(self, kind: str, count: int = 1) -> list[Frame]:
        """Wait until ``count`` frames of a type came here, and give all of them."""
        async with asyncio.timeout(PATIENCE_S):
            while len(frames := [frame for frame in self.sent if frame["type"] == kind]) < count:
                self._news.clear()
                await self._news.wait()
        return frames

    @property
    def kinds(self) -> list[str]:
        """The types of all frames that came here, in order."""
        return [frame["type"] for frame in self.sent]


class Wire:
    """A dialer that opens connections to nowhere."""

    accept, ignore, refuse = staticmethod(accept), staticmethod(ignore), staticmethod(refuse)
    key = KEY

    def __init__(self) -> None:
        self.answer: Answer = accept
        #: Whether the far end of the next connection reads from the start.
        self.reads = True
        self.error: ConnectError | None = None
        #: Cleared: dialling waits.
        self.open = asyncio.Event()
        self.open.set()
        self.dialled = asyncio.Event()
        self.requests: list[DialRequest] = []
        self.channels: list[Far] = []

    async def __call__(self, request: DialRequest) -> Far:
        self.requests.append(request)
        self.dialled.set()
        await self.open.wait()
        if self.error is not None:
            raise self.error
        self.channels.append(Far(self.answer, reads=self.reads))
        return self.channels[-1]

    @property
    def far(self) -> Far:
        """The newest connection."""
        return self.channels[-1]

    def transport(self, **options: Any) -> OpenAIRealtimeBase:
        """Make a transport that dials here."""
        defaults = {"url": "ws://nowhere/v1", "model": "gpt-realtime", "api_key": KEY, "clock": lambda: 0.0}
        return OpenAIRealtimeBase("test", self, **{**defaults, **options})


class Record(list[Event]):
    """Everything that a transport tells, in order, raw frames included."""

    def __init__(self, transport: Any) -> None:
        super().__init__()
        self._news = asyncio.Event()
        for name in sorted(transport._emitter._names):
            transport.on(name, self._add)

    def of(self, kind: type[Event]) -> list[Any]:
        """The events of one class."""
        return [event for event in self if isinstance(event, kind)]

    @property
    def statuses(self) -> list[str]:
        """What ``connection_change`` said, in order."""
        return [event.status for event in self if event.hook == "connection_change"]

    async def until(self, kind: type[Event], count: int = 1) -> Any:
        """Wait for the ``count``-th event of a class, and give it."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.of(kind)) < count:
                self._news.clear()
                await self._news.wait()
        return self.of(kind)[count - 1]

    def _add(self, event: Event) -> None:
        self.append(event)
        self._news.set()


@pytest.fixture
def wire() -> Wire:
    """A dialer, and every connection it opened."""
    return Wire()


@pytest.fixture
def record() -> type[Record]:
    """``record(transport)`` hears everything from then on."""
    return Record


ITEM = {
    "id": "item_1",
    "object": "realtime.item",
    "type": "message",
    "status": "completed",
    "role": "user",
    "content": [{"type": "input_text", "text": "Hello"}],
}
SESSION = {"type": "realtime", "object": "realtime.session", "id": "sess_1", "model": "gpt-realtime"}
RESPONSE = {"object": "realtime.response", "id": "resp_1", "status": "in_progress", "output": []}
OUTPUT = {"response_id": "resp_1", "item_id": "item_1", "output_index": 0}
PART = {**OUTPUT, "content_index": 0}
TRANSCRIPTION = {"item_id": "item_1", "content_index": 0}

#: The members that the published schema requires, besides ``type`` and ``event_id``.
MEMBERS: dict[str, Frame] = {
    "error": {"error": {"type": "invalid_request_error", "code": None, "message": "no", "param": None}},
    "session.created": {"session": SESSION},
    "session.updated": {"session": SESSION},
    "conversation.created": {"conversation": {"id": "conv_1", "object": "realtime.conversation"}},
    "conversation.item.created": {"previous_item_id": "item_0", "item": ITEM},
    "conversation.item.added": {"previous_item_id": "item_0", "item": ITEM},
    "conversation.item.done": {"previous_item_id": "item_0", "item": ITEM},
    "conversation.item.retrieved": {"item": ITEM},
    "conversation.item.deleted": {"item_id": "item_1"},
    "conversation.item.truncated": {"item_id": "item_1", "content_index": 0, "audio_end_ms": 20},
    "conversation.item.input_audio_transcription.completed": {
        **TRANSCRIPTION,
        "transcript": "Hello",
        "usage": {"type": "duration", "seconds": 1},
    },
    "conversation.item.input_audio_transcription.delta": {**TRANSCRIPTION, "delta": "Hel"},
    "conversation.item.input_audio_transcription.segment": {
        **TRANSCRIPTION,
        "id": "seg_1",
        "text": "Hello",
        "speaker": "A",
        "start": 0.0,
        "end": 0.4,
    },
    "conversation.item.input_audio_transcription.failed": {
        **TRANSCRIPTION,
        "error": {"type": "server_error", "code": "unintelligible", "message": "no", "param": None},
    },
    "input_audio_buffer.committed": {"item_id": "item_1", "previous_item_id": "item_0"},
    "input_audio_buffer.cleared": {},
    "input_audio_buffer.speech_started": {"item_id": "item_1", "audio_start_ms": 300},
    "input_audio_buffer.speech_stopped": {"item_id": "item_1", "audio_end_ms": 900},
    "input_audio_buffer.timeout_triggered": {"item_id": "item_1", "audio_start_ms": 0, "audio_end_ms": 6000},
    "input_audio_buffer.dtmf_event_received": {"event": "5", "received_at": 1763984812},
    "output_audio_buffer.started": {"response_id": "resp_1"},
    "output_audio_buffer.stopped": {"response_id": "resp_1"},
    "output_audio_buffer.cleared": {"response_id": "resp_1"},
    "rate_limits.updated": {"rate_limits": [{"name": "requests", "limit": 10, "remaining": 9, "reset_seconds": 1.5}]},
    "response.created": {"response": RESPONSE},
    "response.done": {"response": {**RESPONSE, "status": "completed"}},
    "response.output_item.added": {"response_id": "resp_1", "output_index": 0, "item": ITEM},
    "response.output_item.done": {"response_id": "resp_1", "output_index": 0, "item": ITEM},
    "response.content_part.added": {**PART, "part": {"type": "audio", "transcript": ""}},
    "response.content_part.done": {**PART, "part": {"type": "text", "text": "Hello"}},
    "response.output_text.delta": {**PART, "delta": "Hel"},
    "response.output_text.done": {**PART, "text": "Hello"},
    "response.output_audio.delta": {**PART, "delta": "AAAA"},
    "response.output_audio.done": PART,
    "response.output_audio_transcript.delta": {**PART, "delta": "Hel"},
    "response.output_audio_transcript.done": {**PART, "transcript": "Hello"},
    "response.function_call_arguments.delta": {**OUTPUT, "call_id": "call_1", "delta": "{"},
    "response.function_call_arguments.done": {**OUTPUT, "call_id": "call_1", "name": "look", "arguments": "{}"},
    "response.mcp_call_arguments.delta": {**OUTPUT, "delta": "{"},
    "response.mcp_call_arguments.done": {**OUTPUT, "arguments": "{}"},
    "response.mcp_call.in_progress": {"item_id": "item_1", "output_index": 0},
    "response.mcp_call.completed": {"item_id": "item_1", "output_index": 0},
    "response.mcp_call.failed": {"item_id": "item_1", "output_index": 0},
    "mcp_list_tools.in_progress": {"item_id": "item_1"},
    "mcp_list_tools.completed": {"item_id": "item_1"},
    "mcp_list_tools.failed": {"item_id": "item_1"},
}
OURS = ("openai", "azure_ws", "azure-current")
THEIRS = ("voice_live", "google", "gemini", "xai")


@pytest.fixture(scope="session")
def server_frames() -> dict[str, Frame]:
    """One minimal frame of each type of server event."""
    return {
        kind: {"type": kind, **({} if "dtmf" in kind else {"event_id": "event_1"}), **members}
        for kind, members in MEMBERS.items()
    }


@pytest.fixture(scope="session")
def recordings(corpus):
    """The recorded streams of OpenAI and Azure OpenAI: name -> lines of the file."""
    paths = [path for path in sorted((corpus / "streams").glob("*.jsonl")) if _is_ours(path.name)]
    assert len(paths) == 19
    return {path.stem: path.read_text(encoding="utf-8").splitlines() for path in paths}


@pytest.fixture(autouse=True)
def asyncio_does_not_complain(request, caplog):
    """An exception that nobody retrieved, or a task destroyed while pending, fails the test that left it behind."""
    yield
    if not inspect.iscoroutinefunction(request.function):
        return
    gc.collect()
    records = [*caplog.get_records("call"), *caplog.records]
    complaints = [r for r in records if r.name == "asyncio" and r.levelno >= logging.ERROR]
    assert not complaints, "\n".join(record.getMessage() for record in complaints)


def _is_ours(name: str) -> bool:
    return any(word in name for word in OURS) and not any(word in name for word in THEIRS)
