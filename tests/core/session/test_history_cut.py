"""Interrupted speech in a session's history: what was heard stays, and nothing brings the rest back (P6, N9, B42)."""

from __future__ import annotations

import base64

import pytest

from offhook.audio.formats import PCM16_24K
from offhook.capabilities import Capabilities
from offhook.events import (
    AudioInterrupted,
    AudioTranscriptDelta,
    ItemUpdate,
    OutputSpeechStarted,
    OutputSpeechStopped,
)
from offhook.items import MessageItem, OutputAudio
from offhook.session.cutting import Cut
from offhook.session.events import HistoryUpdated, TranscriptEvent
from offhook.session.history import History
from offhook.testing import ScriptedTransport

WORDS = "one two three four"
HALF = Cut(share=0.5)


def spoken(transcript, item_id="reply", status="completed"):
    parts = () if transcript is None else (OutputAudio(transcript=transcript),)
    return MessageItem(item_id=item_id, role="assistant", content=parts, status=status)


@pytest.fixture
def history():
    return History()


def test_b42_what_was_cut_stays_cut_whatever_comes_back(history):
    """B42: without words, with none, or with all of them."""
    history.put(spoken(WORDS))
    assert history.cut("reply", HALF)
    for echo in (spoken(None), spoken(""), spoken(WORDS)):
        history.put(echo)
        assert history.get("reply") == spoken("one two", status="incomplete")


def test_what_is_said_so_far_counts_where_the_item_has_no_words_yet(history):
    history.put(spoken(None, status="in_progress"))
    assert history.cut("reply", Cut(share=0.5), said="one two")
    assert history.get("reply") == spoken("one", status="incomplete")
    history.put(spoken(WORDS))
    assert history.get("reply") == spoken("one", status="incomplete")


def test_the_first_position_counts_and_none_is_no_position(history):
    history.put(spoken(WORDS))
    history.cut("reply", Cut())
    assert history.get("reply") == spoken(WORDS, status="incomplete")
    history.cut("reply", Cut(share=0.5))
    history.cut("reply", Cut(share=1.0))
    assert history.get("reply").text == "one two"


def test_only_what_the_assistant_says_is_cut(history):
    history.put(MessageItem(item_id="question", role="user"))
    assert not history.cut("question", HALF)
    assert not history.cut("never seen", HALF)


def test_cutting_twice_at_the_same_place_changes_nothing(history):
    history.put(spoken(WORDS))
    assert history.cut("reply", Cut(share=0.5))
    assert not history.cut("reply", Cut(share=0.5))


# The Realtime API.


class Speaking:
    """A session whose assistant speaks."""

    def __init__(self, it):
        self.it = it

    def begin(self, item="reply"):
        self.it.begins()
        self.it.shows(item, role="assistant", content=[], status="in_progress")

    def say(self, ms, words, item="reply"):
        where = {"response_id": "resp_1", "item_id": item, "output_index": 0, "content_index": 0}
        audio = base64.b64encode(bytes(PCM16_24K.size(ms))).decode()
        self.it.far.say({"type": "response.output_audio_transcript.delta", **where, "delta": words})
        self.it.far.say({"type": "response.output_audio.delta", **where, "delta": audio})

    def done(self, transcript, item="reply", **members):
        content = [{"type": "output_audio", "transcript": transcript}]
        message = {"id": item, "type": "message", "role": "assistant", "content": content, **members}
        for kind in ("response.output_item.done", "conversation.item.done"):
            self.it.far.say({"type": kind, "response_id": "resp_1", "output_index": 0, "item": message})


async def test_interrupted_speech_is_cut_at_the_words_that_were_heard(line):
    async with line() as it:
        speaking = Speaking(it)
        speaking.begin()
        speaking.say(1000, WORDS)
        await it.settled()
        it.session.played(500)
        await it.session.interrupt()
        (interrupted,) = it.heard.of(AudioInterrupted)
        assert (interrupted.heard_ms, interrupted.received_ms) == (500, 1000)
        assert it.session.history == (spoken("one two", status="incomplete"),)
        speaking.done(WORDS, status="incomplete")
        speaking.done(None, status="incomplete")
        it.far.say({"type": "conversation.item.truncated", "item_id": "reply", "content_index": 0, "audio_end_ms": 500})
        await it.settled()
        assert it.session.history == (spoken("one two", status="incomplete"),)


async def test_b42_the_services_own_truncated_words_win(line):
    """B42: it was told the position, and may know better where the words are."""
    async with line() as it:
        speaking = Speaking(it)
        speaking.begin()
        speaking.say(1000, WORDS)
        await it.settled()
        it.session.played(500)
        await it.session.interrupt()
        speaking.done("one two three", status="incomplete")
        await it.settled()
        assert it.session.history == (spoken("one two three", status="incomplete"),)


async def test_the_caption_of_interrupted_speech_ends_with_what_was_heard(line):
    """N10: nobody waits for more of it."""
    async with line() as it:
        speaking = Speaking(it)
        speaking.begin()
        speaking.say(1000, WORDS)
        await it.settled()
        it.session.played(500)
        await it.session.interrupt()
        last = it.heard.of(TranscriptEvent)[-1]
        assert (last.role, last.item_id, last.text, last.delta, last.final) == (
            "assistant",
            "reply",
            "one two",
            "",
            True,
        )


async def test_items_that_were_queued_and_not_heard_are_cut_to_nothing(line):
    async with line() as it:
        speaking = Speaking(it)
        speaking.begin()
        it.shows("next", "reply", role="assistant", content=[], status="in_progress")
        speaking.say(1000, WORDS)
        speaking.done(WORDS)
        speaking.say(1000, "five six", item="next")
        speaking.done("five six", item="next")
        await it.settled()
        it.session.played(500)
        await it.session.interrupt()
        assert it.session.history == (
            spoken("one two", status="incomplete"),
            spoken("", item_id="next", status="incomplete"),
        )


async def test_what_was_heard_to_its_end_is_complete(line):
    async with line() as it:
        speaking = Speaking(it)
        speaking.begin()
        speaking.say(1000, WORDS)
        it.far.say({"type": "response.output_audio.done", "response_id": "resp_1", "item_id": "reply"})
        speaking.done(WORDS)
        await it.settled()
        it.session.played(1000)
        await it.session.interrupt()
        assert it.session.history == (spoken(WORDS),)


async def test_a_cut_is_told_as_a_change_of_the_history(line):
    async with line() as it:
        speaking = Speaking(it)
        speaking.begin()
        speaking.say(1000, WORDS)
        await it.settled()
        it.session.played(500)
        await it.session.interrupt()
        update = it.heard.of(HistoryUpdated)[-1]
        assert (update.item_id, update.item) == ("reply", spoken("one two", status="incomplete"))


# Other services.

SERVICE_PLAYS = Capabilities(items="server", speech_events=frozenset({"output"}), truncate="server")


@pytest.fixture
def scripted(line):
    """``scripted(capabilities)``: a session, and the transport that is scripted."""
    return lambda capabilities: line(transport=ScriptedTransport(capabilities=capabilities, strict=False))


def delta(text, **members):
    return AudioTranscriptDelta(segment_id="s", text=text, item_id="reply", response_id="r", **members)


async def test_p06_where_the_service_plays_the_item_is_marked_and_no_position_is_invented(scripted):
    """P6: WebRTC and SIP tell the response that was cut, and neither item nor position."""
    async with scripted(SERVICE_PLAYS) as it:
        it.transport.emit(ItemUpdate(item=spoken(None, status="in_progress")), OutputSpeechStarted(utterance_id="r"))
        it.transport.emit(delta(WORDS, final=True, mode="replace"))
        it.transport.emit(AudioInterrupted(epoch=1, reason="server", response_id="r"))
        it.transport.emit(ItemUpdate(item=spoken(WORDS)))
        assert it.session.history == (spoken(WORDS, status="incomplete"),)


async def test_a_flush_while_nothing_is_heard_cuts_nothing(scripted):
    """Clearing an empty buffer is confirmed like any other."""
    async with scripted(SERVICE_PLAYS) as it:
        it.transport.emit(ItemUpdate(item=spoken(WORDS)), OutputSpeechStarted(), OutputSpeechStopped())
        it.transport.emit(AudioInterrupted(epoch=1, reason="server"))
        assert it.session.history == (spoken(WORDS),)


async def test_what_was_flushed_is_heard_no_more_and_a_second_flush_cuts_nothing(scripted):
    async with scripted(SERVICE_PLAYS) as it:
        it.transport.emit(ItemUpdate(item=spoken(WORDS)), OutputSpeechStarted())
        it.transport.emit(AudioInterrupted(epoch=1, reason="server"))
        it.transport.emit(ItemUpdate(item=spoken("next", item_id="next")))
        it.transport.emit(AudioInterrupted(epoch=2, reason="server"))
        assert [item.status for item in it.session.history] == ["incomplete", "completed"]


async def test_words_that_the_transport_says_were_heard_are_taken_as_they_are(scripted):
    async with scripted(Capabilities(items="server")) as it:
        it.transport.emit(ItemUpdate(item=spoken(WORDS)))
        it.transport.emit(AudioInterrupted(epoch=1, item_id="reply", heard_text="one two three"))
        assert it.session.history == (spoken("one two three", status="incomplete"),)


async def test_words_of_a_segment_that_was_cut_off_were_never_said(scripted):
    async with scripted(Capabilities(items="server")) as it:
        it.transport.emit(ItemUpdate(item=spoken(None, status="in_progress")), delta("one two"))
        it.transport.emit(AudioInterrupted(epoch=1, item_id="reply", heard_ms=500, received_ms=1000))
        it.transport.emit(delta(" three"), delta("", final=True))
        assert [(event.text, event.final) for event in it.heard.of(TranscriptEvent)] == [
            ("one two", False),
            ("one", True),
        ]
        assert it.session.history == (spoken("one", status="incomplete"),)
