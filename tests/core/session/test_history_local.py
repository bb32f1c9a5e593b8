"""The history where the service has no items: one item per utterance, each at the place where it was said."""

from __future__ import annotations

import pytest

from offhook.capabilities import Capabilities
from offhook.events import (
    AudioInterrupted,
    AudioTranscriptDelta,
    InputTranscriptDelta,
    ItemUpdate,
    OutputSpeechStarted,
    OutputSpeechStopped,
    SpeechStarted,
    SpeechStopped,
)
from offhook.items import InputAudio, MessageItem
from offhook.session.events import HistoryAdded, HistoryUpdated, TranscriptEvent
from offhook.session.history import History
from offhook.testing import ScriptedTransport

CONTINUOUS = Capabilities(
    full_duplex=True,
    input_transcripts="append",
    output_transcripts="append",
    speech_events=frozenset({"input", "output"}),
)
SILENT = Capabilities(input_transcripts="replace", output_transcripts="append")


@pytest.fixture
def talk(line):
    """``talk(capabilities)``: a session whose transport is scripted; ``transport.emit`` is what it tells."""
    return lambda flags=CONTINUOUS: line(transport=ScriptedTransport(capabilities=flags, strict=False))


def says(text, segment="s", **members):
    return AudioTranscriptDelta(segment_id=segment, text=text, **members)


def user(text, segment="u", **members):
    return InputTranscriptDelta(segment_id=segment, text=text, **members)


def told(it):
    return [(item.role, item.text, item.status) for item in it.session.history]


async def test_one_utterance_is_one_item_that_grows(talk):
    async with talk() as it:
        it.transport.emit(OutputSpeechStarted(), says("Hello"), says(" there"))
        assert told(it) == [("assistant", "Hello there", "in_progress")]
        it.transport.emit(OutputSpeechStopped())
        assert told(it) == [("assistant", "Hello there", "completed")]
        assert len(it.heard.of(HistoryAdded)) == 1
        assert it.session.history[0].item_id.startswith("local:")
        assert {event.item_id for event in it.heard.of(TranscriptEvent)} == {it.session.history[0].item_id}


async def test_n09_late_words_of_the_user_land_where_they_were_said(talk):
    """N9: the place was kept when the user was heard."""
    async with talk() as it:
        it.transport.emit(SpeechStarted(at_ms=0), SpeechStopped(at_ms=500))
        it.transport.emit(OutputSpeechStarted(at_ms=600), says("Four."), OutputSpeechStopped(at_ms=900))
        it.transport.emit(user("Two and two?", final=True))
        assert told(it) == [("user", "Two and two?", "completed"), ("assistant", "Four.", "completed")]


async def test_a_place_without_words_is_no_item(talk):
    async with talk() as it:
        it.transport.emit(SpeechStarted(), SpeechStopped(), OutputSpeechStarted(), says("Hello"))
        assert [item.role for item in it.session.history] == ["assistant"]
        assert it.heard.of(HistoryUpdated)[-1].previous_item_id is None


async def test_revised_words_of_the_user_are_one_item_with_the_last_text(talk):
    async with talk(SILENT) as it:
        for text in ("Hello?", "Hello, my name is", "Hello, my name is Ada."):
            it.transport.emit(user(text, mode="replace"))
        it.transport.emit(user("Hello, my name is Ada!", mode="replace", final=True))
        it.transport.emit(user("Hello, my name is Ada.", mode="replace", final=True))
        assert told(it) == [("user", "Hello, my name is Ada.", "completed")]


async def test_an_utterance_whose_end_is_never_told_ends_with_the_next(talk):
    async with talk(SILENT) as it:
        it.transport.emit(says("One.", "a"), says("Two.", "b"))
        assert told(it) == [("assistant", "One.", "completed"), ("assistant", "Two.", "in_progress")]


async def test_what_was_only_planned_was_not_said(talk):
    async with talk(SILENT) as it:
        it.transport.emit(says("One two three", stage="planned"))
        assert it.session.history == ()
        assert it.heard.of(TranscriptEvent) == []
        it.transport.emit(says("One", mode="replace", final=True))
        assert told(it) == [("assistant", "One", "completed")]


async def test_an_interruption_marks_the_utterance_and_takes_no_words_from_it(talk):
    async with talk() as it:
        it.transport.emit(OutputSpeechStarted(), says("One two"), AudioInterrupted(epoch=1))
        it.transport.emit(OutputSpeechStopped(), says(" three"))
        assert told(it) == [("assistant", "One two three", "incomplete")]


async def test_an_interruption_with_a_position_cuts_the_utterance(talk):
    async with talk() as it:
        it.transport.emit(OutputSpeechStarted(), says("one two"))
        it.transport.emit(AudioInterrupted(epoch=1, heard_ms=500, received_ms=1000), OutputSpeechStopped())
        it.transport.emit(says(" three"))
        assert told(it) == [("assistant", "one", "incomplete")]


async def test_what_is_said_after_an_interruption_is_another_utterance(talk):
    async with talk() as it:
        it.transport.emit(OutputSpeechStarted(), says("One"), AudioInterrupted(epoch=1), says("Two", "t"))
        assert told(it) == [("assistant", "One", "incomplete"), ("assistant", "Two", "in_progress")]


async def test_what_the_transport_shows_by_itself_is_not_written_twice(talk):
    async with talk(SILENT) as it:
        shown = MessageItem(item_id="local:theirs", role="user", content=(InputAudio(),), status="in_progress")
        it.transport.emit(ItemUpdate(item=shown, origin="local"), user("Hi", item_id="local:theirs"))
        assert told(it) == [("user", "", "in_progress")]
        it.transport.emit(user("", item_id="local:theirs", final=True))
        assert told(it) == [("user", "Hi", "completed")]


async def test_p10_noise_that_is_never_put_into_words_leaves_nothing_behind(talk):
    """P10: places that stay empty are given up."""
    async with talk() as it:
        for _ in range(200):
            it.transport.emit(SpeechStarted(), SpeechStopped())
        assert it.session.history == ()
        assert len(it.session._parts.conversation.history._nodes) <= 16


def test_a_reserved_place_is_seen_once_it_is_filled():
    history = History()
    history.reserve("a")
    assert history.put(MessageItem(item_id="b", role="assistant"))
    assert [item.item_id for item in history.items] == ["b"]
    assert history.before("b") is None
    assert history.put(MessageItem(item_id="a", role="user"))
    assert [item.item_id for item in history.items] == ["a", "b"]
    assert history.before("b") == "a"


def test_a_reserved_place_can_be_given_up():
    history = History()
    history.reserve("a")
    history.reserve("a")
    assert not history.remove("a")
    assert not history.remove("a")
    assert history.items == ()
