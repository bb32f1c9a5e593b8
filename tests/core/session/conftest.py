"""What tests of the session share: a session on a wire to nowhere, the frames of a service, and no complaint unheard."""

from __future__ import annotations

import asyncio
import base64
import gc
import itertools
import json
import logging
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any, Self

import pytest

from offhook.agent import RealtimeAgent
from offhook.audio.formats import PCM16_24K
from offhook.context import RunContext
from offhook.events import Event, RawEvent
from offhook.guardrail import Guardrail, GuardrailResult, OutputGuardrail
from offhook.realtime.transport import OpenAIRealtimeBase
from offhook.session import RealtimeSession
from offhook.wire.channel import DialRequest

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

    @property
    def messages(self) -> list[tuple[str, str]]:
        """What the service was told in writing: (role, text)."""
        items = (frame["item"] for frame in self.far.sent if frame["type"] == "conversation.item.create")
        return [(item["role"], item["content"][0]["text"]) for item in items if item["type"] == "message"]

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

    def says(self, text: str, response: str = "resp_1", item: str = "reply", *, whole: bool = False) -> None:
        """The model says words: more of them, or all of them at the end."""
        kind, key = ("done", "transcript") if whole else ("delta", "delta")
        self.far.say({"type": f"response.output_audio_transcript.{kind}", **_where(response, item), key: text})

    def writes(self, text: str, response: str = "resp_1", item: str = "reply") -> None:
        """The model writes more words."""
        self.far.say({"type": "response.output_text.delta", **_where(response, item), "delta": text})

    def sounds(self, ms: float = 100, response: str = "resp_1", item: str = "reply") -> None:
        """The model's voice."""
        audio = base64.b64encode(bytes(PCM16_24K.size(ms))).decode()
        self.far.say({"type": "response.output_audio.delta", **_where(response, item), "delta": audio})

    def falls_silent(self, response: str = "resp_1", item: str = "reply") -> None:
        """That was all of the model's voice."""
        self.far.say({"type": "response.output_audio.done", **_where(response, item)})

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


def _where(response: str, item: str) -> Frame:
    return {"response_id": response, "item_id": item, "output_index": 0, "content_index": 0}


class Asked:
    """A guardrail that notes what it is asked."""

    def __init__(self, name: str, kind: type[Guardrail]) -> None:
        self.guardrail = kind(name, self._check)
        self.contexts: list[RunContext[Any]] = []
        self.texts: list[str] = []
        self._news = asyncio.Event()

    async def asked(self, count: int = 1) -> str:
        """Wait for the ``count``-th question, and give its text."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.texts) < count:
                self._news.clear()
                await self._news.wait()
        return self.texts[count - 1]

    async def _check(self, context: RunContext[Any], text: str) -> GuardrailResult:
        self.contexts.append(context)
        self.texts.append(text)
        self._news.set()
        return await self._answer(text)

    async def _answer(self, text: str) -> GuardrailResult:
        raise NotImplementedError


class Judge(Asked):
    """A guardrail whose results the test gives: ``await judge.asked()``, then ``judge.rule(…)``."""

    def __init__(self, name: str = "judge", kind: type[Guardrail] = OutputGuardrail) -> None:
        super().__init__(name, kind)
        self._verdicts: defaultdict[int, asyncio.Future[GuardrailResult]] = defaultdict(asyncio.Future)

    def rule(self, tripped: bool, number: int = 1, info: Any = None) -> None:
        """Answer the question of that number."""
        self._verdicts[number].set_result(GuardrailResult(tripped, info))

    async def _answer(self, text: str) -> GuardrailResult:
        return await self._verdicts[len(self.texts)]


class Words(Asked):
    """A guardrail that trips on a word."""

    def __init__(self, word: str = "secret", kind: type[Guardrail] = OutputGuardrail) -> None:
        super().__init__("words", kind)
        self.word = word

    async def _answer(self, text: str) -> GuardrailResult:
        return GuardrailResult(self.word in text)


@pytest.fixture
def new_judge() -> type[Judge]:
    """Makes guardrails that the test decides for."""
    return Judge


@pytest.fixture
def new_words() -> type[Words]:
    """Makes guardrails that trip on a word."""
    return Words


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
