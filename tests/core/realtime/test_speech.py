"""offhook.realtime.speech: what is let through, what was heard, and what must not be heard any more."""

from __future__ import annotations

import base64

import pytest

from offhook import events as e
from offhook.audio.formats import PCM16_24K, PCMU
from offhook.realtime.speech import Speech
from offhook.wire.protocol import Send


@pytest.fixture
def speech():
    return Speech(lambda: PCM16_24K)


def audio(ms, response="r", item="i", audio_format=PCM16_24K, **members):
    delta = base64.b64encode(bytes(audio_format.size(ms))).decode()
    return {"delta": delta, "response_id": response, "item_id": item, **members}


def test_a_response_speaks_in_the_format_that_it_began_with(speech):
    speech.response_created("r", PCMU)
    ms, (event,) = speech.audio(audio(20, audio_format=PCMU), 0.0)
    assert (ms, event.format) == (20, PCMU)
    speech.response_done("r")
    assert speech.audio(audio(20), 0.0)[1][0].format == PCM16_24K


def test_p05_an_interrupted_response_is_silent_until_it_is_done(speech):
    """P5: it is measured, and not told."""
    speech.audio(audio(100), 0.0)
    speech.interrupt(0.0, "r", "client", None)
    assert speech.silences("r")
    assert speech.audio(audio(100), 0.0) == (100, [])
    assert speech.audio_done("i", "r") == []
    speech.response_done("r")
    assert not speech.silences("r")


def test_p05_every_flush_begins_an_epoch(speech):
    """P5: whoever flushes."""
    speech.audio(audio(100), 0.0)
    interrupted, _ = speech.interrupt(0.0, None, "client", None)
    (cleared,) = speech.cleared("r")
    (event,) = speech.audio(audio(100, response="s"), 0.0)[1]
    assert (interrupted.epoch, cleared.epoch, event.epoch) == (1, 2, 3)


def test_p06_what_was_queued_behind_what_was_heard_is_named_once(speech):
    """P6: each item, whatever its parts."""
    speech.audio(audio(100, item="a"), 0.0)
    for part in (0, 1):
        speech.audio(audio(100, item="b", content_index=part), 0.0)
    interrupted, *truncations = speech.interrupt(0.05, "r", "client", None)
    assert (interrupted.item_id, interrupted.heard_ms, interrupted.received_ms) == ("a", 50, 100)
    assert interrupted.unheard == ("b",)
    assert [type(effect) for effect in truncations] == [Send] * 3


def test_nothing_to_flush_is_no_flush_and_yet_silence(speech):
    assert speech.interrupt(0.0, "r", "client", None) == []
    assert speech.silences("r")


def test_where_the_service_plays_it_has_begun_when_it_says_so(speech):
    assert not speech.begun
    assert speech.started("r") == [e.OutputSpeechStarted(utterance_id="r", epoch=1)]
    assert speech.begun
    assert speech.stopped("r") == [e.OutputSpeechStopped(utterance_id="r", epoch=1)]
