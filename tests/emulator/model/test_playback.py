"""Audio that the service plays itself: taken frame by frame, announced, flushed, and truncated by what was taken."""

from __future__ import annotations

import pytest

from offhook.audio.formats import PCM16_24K

FRAME = PCM16_24K.size(20)


@pytest.fixture
def call(new_line):
    return new_line(service_plays=True)


def _pull(line, frames=1):
    """Frames, and the events that they caused."""
    taken, told = [], []
    for _ in range(frames):
        frame, effects = line.model.pull()
        taken.append(frame)
        told += line.take(effects)
    return taken, told


def _types(events):
    return [event["type"] for event in events]


def _about_audio(events):
    return [kind for kind in _types(events) if kind.startswith(("output_audio_buffer", "conversation.item.truncated"))]


def test_over_a_websocket_there_is_nothing_to_take(line):
    line.reply(audio_ms=100)
    assert line.model.pull() == (b"", [])


def test_audio_goes_to_the_line_and_its_transcript_to_the_channels(call):
    response = call.create_response()
    events = call.say(response, "Hello there.", 40) + call.complete(response)
    assert "response.output_audio.delta" not in _types(events)
    assert "response.output_audio_transcript.delta" in _types(events)
    assert "response.output_audio.done" in _types(events)
    taken, _ = _pull(call, 3)
    assert [len(frame) for frame in taken] == [FRAME, FRAME, 0]


def test_started_comes_with_the_first_frame_and_stopped_after_the_last_and_response_done(call):
    response = call.create_response()
    assert _about_audio(call.say(response, "Hello.", 40)) == []
    _, told = _pull(call)
    assert _types(told) == ["output_audio_buffer.started"]
    assert told[0]["response_id"] == response.id
    _, told = _pull(call, 5)  # all that there is, but more may come
    assert told == []
    call.complete(response)
    _, told = _pull(call)
    assert [(event["type"], event["response_id"]) for event in told] == [("output_audio_buffer.stopped", response.id)]


def test_the_events_are_those_of_the_published_schema(call, schema_errors):
    response = call.create_response()
    call.say(response, "Hello.", 40)
    _pull(call)
    call.send("output_audio_buffer.clear")
    call.reply(audio_ms=20)
    _pull(call, 2)
    assert {"started", "cleared", "stopped"} <= {kind.rpartition(".")[2] for kind in _types(call.events)}
    assert [error for event in call.events for error in schema_errors(event)] == []


def test_a_response_without_audio_is_not_announced(call):
    call.reply(audio_ms=0)
    assert _pull(call) == ([b""], [])


def test_the_last_frame_is_filled_up_with_silence_once_no_more_comes(call):
    response = call.create_response()
    call.say(response, "Hm", 30)
    taken, _ = _pull(call, 2)
    assert [len(frame) for frame in taken] == [FRAME, 0]
    call.complete(response)
    taken, _ = _pull(call)
    assert taken == [bytes(FRAME)]


def test_responses_are_played_one_after_the_other(call):
    first, second = call.reply(audio_ms=20), call.reply(audio_ms=20)
    _, told = _pull(call, 3)
    assert [(event["type"].rpartition(".")[2], event["response_id"]) for event in told] == [
        ("started", first.id),
        ("stopped", first.id),
        ("started", second.id),
        ("stopped", second.id),
    ]


def test_two_messages_of_a_response_are_played_without_a_gap(call):
    response = call.create_response()
    call.say(response, "One.", 20)
    call.take(call.model.end_message(response))
    call.say(response, "Two.", 20)
    call.complete(response)
    taken, _ = _pull(call, 3)
    assert [len(frame) for frame in taken] == [FRAME, FRAME, 0]


def test_someone_who_speaks_up_flushes_the_line_and_truncates_by_what_was_taken(call):
    response = call.create_response()
    call.say(response, "Once upon a time", 1000)
    _pull(call, 7)
    events = call.hear(100, 0.9)
    assert _types(events) == [
        "input_audio_buffer.speech_started",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
        "output_audio_buffer.cleared",
        "conversation.item.truncated",
    ]
    assert events[-3]["type"] == "rate_limits.updated"
    assert events[-1]["item_id"] == response.output[0].id
    assert (events[-1]["content_index"], events[-1]["audio_end_ms"]) == (0, 140)
    assert _pull(call) == ([b""], [])


def test_a_response_that_is_done_and_still_plays_is_interrupted_as_well(call):
    response = call.reply("Once upon a time", 1000)
    _pull(call, 2)
    events = call.hear(100, 0.9)
    assert _types(events) == [
        "input_audio_buffer.speech_started",
        "output_audio_buffer.cleared",
        "conversation.item.truncated",
    ]
    assert (events[1]["response_id"], events[2]["audio_end_ms"]) == (response.id, 40)


def test_without_interrupt_response_speech_flushes_nothing(call):
    detection = {"type": "server_vad", "interrupt_response": False}
    call.update(audio={"input": {"turn_detection": detection}})
    call.reply("Once upon a time", 1000)
    assert _about_audio(call.hear(100, 0.9)) == []
    assert len(_pull(call)[0][0]) == FRAME


def test_a_cancelled_response_plays_what_was_made_of_it(call):
    response = call.create_response()
    call.say(response, "Once", 40)
    call.send("response.cancel")
    taken, told = _pull(call, 3)
    assert [len(frame) for frame in taken] == [FRAME, FRAME, 0]
    assert _about_audio(told) == ["output_audio_buffer.started", "output_audio_buffer.stopped"]


def test_the_client_clears_after_it_cancelled(call):
    response = call.create_response()
    call.say(response, "Once upon a time", 1000)
    _pull(call, 3)
    call.send("response.cancel")
    events = call.send("output_audio_buffer.clear", event_id="mine")
    assert _types(events) == ["output_audio_buffer.cleared", "conversation.item.truncated"]
    assert events[1]["audio_end_ms"] == 60


def test_clearing_alone_ends_the_response_too(call):
    response = call.create_response()
    call.say(response, "Once upon a time", 1000)
    events = call.send("output_audio_buffer.clear")
    done = next(event["response"] for event in events if event["type"] == "response.done")
    assert done["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    assert call.stopped() == [response]
    assert events[-1]["audio_end_ms"] == 0


def test_clearing_an_empty_buffer_does_nothing(call):
    assert call.send("output_audio_buffer.clear") == []


def test_what_was_played_to_its_end_is_not_truncated(call):
    response = call.create_response()
    call.say(response, "Hello.", 40)
    _pull(call, 2)
    events = call.send("output_audio_buffer.clear")
    assert _about_audio(events) == ["output_audio_buffer.cleared"]


def test_an_item_that_was_deleted_meanwhile_is_not_truncated(call):
    response = call.reply("Once upon a time", 1000)
    call.send("conversation.item.delete", item_id=response.output[0].id)
    assert _types(call.send("output_audio_buffer.clear")) == ["output_audio_buffer.cleared"]


def test_the_format_of_the_line_is_not_for_the_client_to_say(call):
    call.update(audio={"output": {"format": {"type": "audio/pcmu"}}})
    response = call.create_response()
    assert response.settings.audio_format == PCM16_24K
    assert call.events[-1]["response"]["audio"]["output"]["format"] == {"type": "audio/pcmu"}


def test_idle_time_starts_anew_when_the_client_clears(call):
    call.update(audio={"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 5000}}})
    call.reply("Once upon a time", 60_000)
    call.send("output_audio_buffer.clear")
    assert call.model.deadline == 5
