"""What happens because time has come: the end of the session, and idle timeouts."""

from __future__ import annotations

import pytest

from offhook_emulator.model.effects import Hangup


def _types(events):
    return [event["type"] for event in events]


def _with_idle_timeout(line, timeout_ms=6000, **fields):
    detection = {"type": "server_vad", "idle_timeout_ms": timeout_ms, **fields}
    line.update(audio={"input": {"turn_detection": detection}})


def test_a_session_ends_at_its_time(new_line):
    line = new_line(lifetime_s=3600, expires_at=1_700_000_000)
    assert line.events[0]["session"]["expires_at"] == 1_700_000_000
    assert line.model.deadline == 3600
    line.now = 3600
    (error,) = line.take(line.model.tick())
    assert error["error"]["code"] == "session_expired"
    assert error["error"]["message"] == "Your session hit the maximum duration of 60 minutes."
    assert line.effects[-1] == Hangup(1001, error["error"]["message"])
    assert line.take(line.model.tick()) == []


def test_short_sessions_are_counted_in_seconds(new_line):
    line = new_line(lifetime_s=5)
    line.now = 5
    assert "5 seconds" in line.take(line.model.tick())[0]["error"]["message"]


def test_the_assistant_speaks_again_when_nobody_does(line):
    _with_idle_timeout(line)
    line.hear(10_000, 0.0)
    line.reply(audio_ms=2000)
    assert line.model.deadline == 8  # what was said lasts until 2
    line.now = 8
    events = line.take(line.model.tick())
    assert _types(events) == [
        "input_audio_buffer.timeout_triggered",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]
    assert (events[0]["audio_start_ms"], events[0]["audio_end_ms"]) == (4000, 10_000)
    assert events[0]["item_id"] == events[1]["item_id"] == events[2]["item"]["id"]


def test_nothing_is_due_before_the_first_response(line):
    _with_idle_timeout(line)
    assert line.model.deadline == 3600


@pytest.mark.parametrize("act", ["speech", "response"])
def test_waiting_ends_when_something_happens(line, act):
    _with_idle_timeout(line, create_response=False)
    line.reply()
    assert line.model.deadline < 3600
    if act == "speech":
        line.hear(100, 0.9)
    else:
        line.create_response()
    assert line.model.deadline == 3600


def test_an_interrupted_response_does_not_start_the_wait(line):
    _with_idle_timeout(line)
    line.create_response()
    line.hear(100, 0.9)
    assert line.model.deadline == 3600


def test_a_timeout_that_was_switched_off_meanwhile_does_nothing(line):
    _with_idle_timeout(line)
    line.reply()
    line.update(audio={"input": {"turn_detection": None}})
    line.now = 100
    assert line.take(line.model.tick()) == []
    assert line.model.deadline == 3600


def test_an_out_of_band_response_does_not_end_the_wait(line):
    _with_idle_timeout(line)
    line.reply()
    before = line.model.deadline
    line.create_response(conversation="none")
    assert line.model.deadline == before
