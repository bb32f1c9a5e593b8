"""The history of a session with the emulator: edited, cut at what was heard, kept as JSON and started from again."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest
from attrs import evolve
from listening import Listener
from wire import Wire

from offhook import (
    AudioEvent,
    AudioInterrupted,
    ErrorEvent,
    Event,
    HistoryUpdated,
    InputText,
    MessageItem,
    OutputAudio,
    OutputText,
    RealtimeAgent,
    RealtimeSession,
    ToolEnd,
    TurnDone,
    function_tool,
)
from offhook.errors import HistoryError
from offhook.settings import Settings
from offhook.transcripts import from_json, to_json
from offhook_emulator.replies.rules import Rules
from offhook_emulator.server import Emulator
from offhook_emulator.voice.scripted import ScriptedVoice

EventT = TypeVar("EventT", bound=Event)
NOTE = MessageItem(item_id="", role="system", content=(InputText("The caller's name is Ada."),))


@function_tool
def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"It is foggy in {city}."


class Caller:
    """A session, and what it tells."""

    def __init__(self, session: RealtimeSession) -> None:
        self.session = session
        self.heard = Listener[Event](session)

    async def until(self, kind: type[EventT], count: int = 1) -> EventT:
        return await self.heard.until(lambda event: isinstance(event, kind), count)

    async def until_history(self, holds: Callable[[tuple[Any, ...]], bool]) -> None:
        """Wait for the history to be what is wanted."""
        seen = sum(isinstance(event, HistoryUpdated) for event in self.heard.events)
        while not holds(self.session.history):
            seen += 1
            await self.until(HistoryUpdated, seen)

    @property
    def words(self) -> list[tuple[str, str]]:
        return [(item.role, item.text) for item in self.session.history if isinstance(item, MessageItem)]


@pytest.fixture
def call() -> Any:
    """``async with call() as (caller, wire)``: a session with an emulator that refused nothing when it ends."""

    @asynccontextmanager
    async def start(**options: Any) -> AsyncGenerator[tuple[Caller, Wire]]:
        wire = Wire()
        agent = RealtimeAgent(name="Clerk", instructions="You know the weather.", tools=[get_weather])
        async with Emulator(voice=ScriptedVoice(), replies=Rules(), observer=wire.note) as server:
            options = {"transport": "websocket", "url": server.url, "api_key": "offline", **options}
            async with RealtimeSession(agent, settings=Settings(), **options) as session:
                caller = Caller(session)
                yield caller, wire
            assert await caller.heard.all(lambda event: isinstance(event, ErrorEvent)) == []
        assert wire.told("error") == []

    return start


async def test_b43_b44_an_edit_is_done_by_the_service_and_then_shown(call):
    """B43, B44: a message in front, one in the middle, one changed, one taken out; and speech is refused."""
    async with call() as (caller, wire):
        for text in ("one", "two", "three"):
            await caller.session.send_message(text, respond=False)
        await caller.until_history(lambda history: len(history) == 3)
        one, two, three = caller.session.history
        middle = MessageItem(item_id="", role="assistant", content=(OutputText("middle"),))
        changed = evolve(two, content=(InputText("two, changed"),))
        speech = MessageItem(item_id="", role="assistant", content=(OutputAudio(transcript="no"),))
        with pytest.raises(HistoryError):
            await caller.session.update_history([NOTE, speech])
        assert wire.sent("conversation.item.delete") == []
        await caller.session.update_history([NOTE, one, middle, changed])
        assert caller.session.history == (one, two, three)
        wanted = [
            ("system", "The caller's name is Ada."),
            ("user", "one"),
            ("assistant", "middle"),
            ("user", "two, changed"),
        ]
        await caller.until_history(lambda _: caller.words == wanted)


async def test_a_call_is_taken_out_with_its_output_and_a_note_takes_its_place(call):
    async with call() as (caller, wire):
        await caller.session.send_message("What is the weather in Paris?")
        await caller.until(ToolEnd)
        await caller.until(TurnDone, 2)
        question, _, answer = caller.session.history
        assert answer.text == "It is foggy in Paris."
        await caller.session.update_history(lambda history: [history[0], NOTE, history[-1]])
        wanted = [("user", question.text), ("system", "The caller's name is Ada."), ("assistant", answer.text)]
        await caller.until_history(lambda history: len(history) == 3 and caller.words == wanted)
        assert [item.item_id for item in (caller.session.history[0], caller.session.history[2])] == [
            question.item_id,
            answer.item_id,
        ]
        assert len(wire.told("conversation.item.deleted")) == 2


async def test_p06_interrupted_speech_is_cut_at_the_words_that_were_heard(call):
    """P6: and stays so when the service has said its last word on it."""
    async with call() as (caller, wire):
        await caller.session.send_message("Tell me a very long story")
        await caller.until(AudioEvent, 10)
        caller.session.played(1200)
        await caller.session.interrupt()
        interrupted = await caller.until(AudioInterrupted)
        await wire.until_told("conversation.item.truncated")
        await caller.until(TurnDone)
        (message,) = [item for item in caller.session.history if item.item_id == interrupted.item_id]
        whole = next(
            frame["item"]["content"][0]["transcript"]
            for frame in wire.told("response.output_item.done")
            if frame["item"]["id"] == interrupted.item_id
        )
        assert message.status == "incomplete"
        assert 0 < len(message.text) < len(whole)
        assert whole.startswith(message.text)


async def test_n08_a_conversation_goes_on_in_another_session(call):
    """N8: kept as JSON, read back, and told to the service in writing."""
    async with call() as (caller, _):
        await caller.session.send_message("Hello there")
        await caller.until(TurnDone)
        kept = json.dumps(to_json(caller.session.history))
        words = caller.words
    assert words == [("user", "Hello there"), ("assistant", "Hello! How can I help you?")]
    async with call(history=from_json(json.loads(kept))) as (caller, _):
        await caller.until_history(lambda history: len(history) == 2)
        assert caller.words == words
