"""What tests of the session share: a session on a wire to nowhere, the frames of a service, and no complaint unheard."""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import logging
from collections.abc import AsyncIterator
from typing import Any, Self

import pytest

from offhook.agent import RealtimeAgent
from offhook.events import Event, RawEvent
from offhook.realtime.channel import DialRequest
from offhook.realtime.transport import OpenAIRealtimeBase
from offhook.session import RealtimeSession

Frame = dict[str, Any]
KEY = "sk-not-to-be-seen"
PATIENCE_S = 5.0


class Far:
    """One connection: the ``MessageChannel`` that a transport holds, and a service that takes every config."""

    def __init__(self) -> None:
        self.close_code: int | None = None
        self.close_reason = ""
        self.sent: list[Frame] = []
        self._frames: asyncio.Queue[str | None] = asyncio.Queue()
        self._news = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[str]:
        while (frame := await self._frames.get()) is not None:
            yield frame

    async def send(self, text: str) -> None:
        if self.close_code is not None:
            raise ConnectionError("closed")
        frame = json.loads(text)
        self.sent.append(frame)
        self._news.set()
        if frame["type"] == "session.update":
            self.say({"type": "session.updated", "session": {"id": "sess_1", **frame["session"]}})

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self.hang_up(code, reason)

    def say(self, frame: Frame | str) -> None:
        """Let the service send a frame."""
        self._frames.put_nowait(json.dumps(frame) if isinstance(frame, dict) else frame)

    def hang_up(self, code: int, reason: str = "") -> None:
        """End the connection."""
        if self.close_code is None:
            self.close_code, self.close_reason = code, reason
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

    def __init__(self) -> None:
        self.requests: list[DialRequest] = []
        self.channels: list[Far] = []
        self.error: Exception | None = None

    async def __call__(self, request: DialRequest) -> Far:
        self.requests.append(request)
        if self.error is not None:
            raise self.error
        self.channels.append(Far())
        return self.channels[-1]

    def transport(self, **options: Any) -> OpenAIRealtimeBase:
        """Make a transport that dials here."""
        return OpenAIRealtimeBase("test", self, url="ws://nowhere/v1", api_key=KEY, clock=lambda: 0.0, **options)


class Record(list[Event]):
    """Everything that a session tells, in order, raw frames included."""

    def __init__(self, session: RealtimeSession) -> None:
        super().__init__()
        self._news = asyncio.Event()
        for name in sorted(session._emitter._names):
            session.on(name, self._add)

    def of(self, kind: type[Event]) -> list[Any]:
        """The events of one class."""
        return [event for event in self if isinstance(event, kind)]

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


class Line:
    """A session, all it tells, and the hands of the test at its far end. ``async with`` connects and closes."""

    def __init__(self, wire: Wire, **options: Any) -> None:
        tools = options.pop("tools", ())
        self.agent = options.pop("agent", None) or RealtimeAgent(name="A", tools=tools)
        self.wire = wire
        self.transport = options.pop("transport", None) or wire.transport()
        self.session = RealtimeSession(self.agent, transport=self.transport, **options)
        self.heard = Record(self.session)
        self._marks = itertools.count(1)

    async def __aenter__(self) -> Self:
        await self.session.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()

    @property
    def far(self) -> Far:
        """The newest connection."""
        return self.wire.channels[-1]

    @property
    def outputs(self) -> list[tuple[str, str]]:
        """The outputs that the service was given: (call id, output)."""
        items = (frame["item"] for frame in self.far.sent if frame["type"] == "conversation.item.create")
        return [(item["call_id"], item["output"]) for item in items if item["type"] == "function_call_output"]

    async def settled(self) -> None:
        """Return when all that the service said so far was heard."""
        mark = {"type": "test.mark", "number": next(self._marks)}
        self.far.say(mark)
        while not any(event.payload == mark for event in self.heard.of(RawEvent)):
            await self.heard.until(Event, len(self.heard) + 1)

    # What the service says.

    def begins(self, response: str = "resp_1") -> None:
        """A response begins."""
        self.far.say({"type": "response.created", "response": {"id": response, "status": "in_progress", "output": []}})

    def ends(self, response: str = "resp_1", **members: Any) -> None:
        """A response ends."""
        self.far.say({"type": "response.done", "response": {"id": response, "status": "completed", **members}})

    def calls(self, name: str, call_id: str, arguments: str = "{}", response: str = "resp_1") -> None:
        """The model calls a function."""
        item = {"id": f"item_{call_id}", "type": "function_call", "status": "completed"}
        item |= {"call_id": call_id, "name": name, "arguments": arguments}
        self.far.say({"type": "response.output_item.done", "response_id": response, "output_index": 0, "item": item})

    def shows(self, item_id: str, previous: Any = None, *, stage: str = "added", **item: Any) -> None:
        """An item of the conversation is shown: by default, something that the user wrote."""
        written = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": item_id}]}
        frame: Frame = {"type": f"conversation.item.{stage}", "item": {"id": item_id, **written, **item}}
        self.far.say(frame if previous == "unsaid" else {**frame, "previous_item_id": previous})


@pytest.fixture
def wire() -> Wire:
    """A dialer, and every connection it opened."""
    return Wire()


@pytest.fixture
def line(wire):
    """``line(tools=[…], …)`` makes a session on the wire; other options are those of ``RealtimeSession``."""
    return lambda **options: Line(wire, **options)


@pytest.fixture(autouse=True)
def asyncio_does_not_complain(caplog):
    """An exception that nobody retrieved, or a task destroyed while pending, fails the test that left it behind."""
    yield
    gc.collect()
    records = [*caplog.get_records("call"), *caplog.get_records("teardown")]
    complaints = [record for record in records if record.name == "asyncio" and record.levelno >= logging.ERROR]
    assert not complaints, "\n".join(record.getMessage() for record in complaints)
