"""The life of a response, and what ``response.create`` may ask of it."""

from __future__ import annotations

import base64

import pytest


def _types(events):
    return [event["type"] for event in events]


def _done(line):
    return next(event["response"] for event in reversed(line.events) if event["type"] == "response.done")


def test_a_spoken_response_is_told_in_the_recorded_order(line):
    line.user_says("Hello")
    del line.events[:]
    line.reply("Hello there.", audio_ms=500)
    assert _types(line.events) == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]
    by_type = {event["type"]: event for event in line.events}
    where = {"response_id": "resp_1", "item_id": "item_2", "output_index": 0, "content_index": 0}
    assert where.items() <= by_type["response.output_audio.delta"].items()
    assert len(base64.b64decode(by_type["response.output_audio.delta"]["delta"])) == 24_000
    assert by_type["conversation.item.added"]["previous_item_id"] == "item_1"
    assert by_type["conversation.item.added"]["item"] == {
        "id": "item_2",
        "type": "message",
        "status": "in_progress",
        "role": "assistant",
        "content": [],
    }
    assert by_type["response.content_part.added"]["part"] == {"type": "audio", "transcript": ""}
    assert by_type["response.output_audio_transcript.done"]["transcript"] == "Hello there."
    assert by_type["response.content_part.done"]["part"] == {"type": "audio", "transcript": "Hello there."}
    item = by_type["response.output_item.done"]["item"]
    assert item["status"] == "completed"
    assert item["content"] == [{"type": "output_audio", "transcript": "Hello there."}]
    assert by_type["response.done"]["response"]["output"] == [item]


def test_a_written_response_is_told_in_the_recorded_order(line):
    line.update(output_modalities=["text"])
    del line.events[:]
    line.reply("Hello there.", audio_ms=0)
    assert _types(line.events)[3:7] == [
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
    ]
    assert line.events[6]["part"] == {"type": "text", "text": "Hello there."}
    assert _done(line)["output"][0]["content"] == [{"type": "output_text", "text": "Hello there."}]


def test_a_function_call_is_told_in_the_recorded_order(line):
    response = line.create_response()
    del line.events[:]
    line.take(line.model.call_function(response, "get_weather", '{"city": "Paris"}'))
    line.complete(response)
    assert [kind for kind in _types(line.events) if not kind.endswith(".delta")] == [
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]
    deltas = [event["delta"] for event in line.events if event["type"].endswith(".delta")]
    assert len(deltas) > 1
    assert "".join(deltas) == '{"city": "Paris"}'
    assert line.events[0]["item"] == {
        "id": "item_1",
        "type": "function_call",
        "status": "in_progress",
        "name": "get_weather",
        "call_id": "call_1",
        "arguments": "",
    }
    assert _done(line)["output"] == [
        {**line.events[0]["item"], "status": "completed", "arguments": '{"city": "Paris"}'}
    ]


def test_a_response_may_speak_and_call(line):
    response = line.create_response()
    line.say(response, "One moment.", audio_ms=100)
    line.take(line.model.call_function(response, "f", "{}"))
    line.complete(response)
    assert [item["type"] for item in _done(line)["output"]] == ["message", "function_call"]
    added = [event["output_index"] for event in line.events if event["type"] == "response.output_item.added"]
    assert added == [0, 1]


def test_the_output_of_a_call_is_taken_before_the_response_is_done(line):
    response = line.create_response()
    line.take(line.model.call_function(response, "f", "{}"))
    output = {"type": "function_call_output", "call_id": "call_1", "output": "sunny"}
    assert _types(line.send("conversation.item.create", item=output))[0] == "conversation.item.added"
    line.complete(response)
    assert [item["type"] for item in line.model.request(line.create_response()).items] == [
        "function_call",
        "function_call_output",
    ]


def test_there_is_one_response_at_a_time(line):
    line.create_response()
    (error,) = line.send("response.create", event_id="mine")
    assert error["error"] == {
        "type": "invalid_request_error",
        "code": "conversation_already_has_active_response",
        "message": "Conversation already has an active response in progress: resp_1. "
        "Wait until the response is finished before creating a new one.",
        "param": None,
        "event_id": "mine",
    }


def test_out_of_band_responses_run_beside_it(line):
    line.user_says("Hello")
    line.create_response()
    response = line.create_response(conversation="none", output_modalities=["text"])
    del line.events[:]
    line.say(response, "Hi.")
    line.complete(response)
    assert not any(event["type"].startswith("conversation.") for event in line.events)
    assert _done(line)["conversation_id"] is None
    (error,) = line.send("conversation.item.retrieve", item_id=_done(line)["output"][0]["id"])
    assert error["type"] == "error"


def test_overrides_hold_for_one_response(line):
    line.update(instructions="Be brief.", tools=[{"type": "function", "name": "f"}])
    line.user_says("Hello")
    tool = {"type": "function", "name": "g"}
    response = line.create_response(
        instructions="Be long.",
        tools=[tool],
        tool_choice="required",
        metadata={"mine": "1"},
        audio={"output": {"format": {"type": "audio/pcmu"}, "voice": "cedar"}},
        max_output_tokens=4096,
    )
    request = line.model.request(response)
    assert (request.instructions, request.tools, request.tool_choice) == ("Be long.", [tool], "required")
    created = line.events[-1]["response"]
    assert created["metadata"] == {"mine": "1"}
    assert created["audio"] == {"output": {"format": {"type": "audio/pcmu"}, "voice": "cedar"}}
    assert created["max_output_tokens"] == 4096
    line.complete(response)
    assert line.model.request(line.create_response()).instructions == "Be brief."
    assert line.events[-1]["response"]["metadata"] is None


def test_null_leaves_a_setting_to_the_session(line):
    line.update(instructions="Be brief.")
    response = line.create_response(instructions=None, metadata=None, audio=None, max_output_tokens=None)
    assert line.model.request(response).instructions == "Be brief."


def test_own_input_replaces_the_conversation(line):
    line.user_says("one")
    line.user_says("two")
    own = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "three"}]}
    response = line.create_response(input=[{"type": "item_reference", "id": "item_2"}, own])
    texts = [item["content"][0]["text"] for item in line.model.request(response).items]
    assert texts == ["two", "three"]
    line.complete(response)
    assert line.model.request(line.create_response(input=[])).items == []


@pytest.mark.parametrize(
    ("settings", "code", "param"),
    [
        ({"modalities": ["text"]}, "unknown_parameter", "response.modalities"),
        ({"conversation": "other"}, "invalid_value", "response.conversation"),
        ({"metadata": {"a": 1}}, "invalid_type", "response.metadata.a"),
        ({"metadata": {str(n): "" for n in range(17)}}, "object_above_max_properties", "response.metadata"),
        ({"max_output_tokens": 5000}, "integer_above_max_value", "response.max_output_tokens"),
        ({"input": [{"type": "item_reference", "id": "nowhere"}]}, "item_reference_invalid_item_id", "response.input"),
    ],
)
def test_bad_settings_are_refused(line, settings, code, param):
    (error,) = line.send("response.create", response=settings)
    assert (error["error"]["code"], error["error"]["param"]) == (code, param)
    assert line.responses() == []


def test_another_voice_is_refused_once_the_assistant_has_spoken(line):
    line.reply()
    (error,) = line.send("response.create", response={"audio": {"output": {"voice": "cedar"}}})
    assert error["error"]["code"] == "cannot_update_voice"
    beside = line.create_response(conversation="none", audio={"output": {"voice": "cedar"}})
    assert beside.settings.voice_name == "cedar"


def test_a_custom_voice_is_known_by_its_id(line):
    assert line.create_response(audio={"output": {"voice": {"id": "voice_1"}}}).settings.voice_name == "voice_1"


@pytest.mark.parametrize("named", [False, True])
def test_a_cancelled_response_keeps_what_was_said(line, named):
    response = line.create_response()
    line.say(response, "Once upon", audio_ms=300)
    events = line.send("response.cancel", **({"response_id": response.id} if named else {}))
    done = _done(line)
    assert done["status"] == "cancelled"
    assert done["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    assert done["output"][0]["status"] == "incomplete"
    assert done["output"][0]["content"] == [{"type": "output_audio", "transcript": "Once upon"}]
    assert _types(events)[:2] == ["response.output_audio.done", "response.output_audio_transcript.done"]
    assert line.stopped() == [response]


def test_nothing_is_told_of_a_response_that_is_over(line):
    response = line.create_response()
    line.send("response.cancel")
    assert line.say(response, "more", audio_ms=100) == []
    assert line.take(line.model.call_function(response, "f", "{}")) == []
    assert line.complete(response) == []
    assert line.take(line.model.fail(response, "x", "y")) == []


def test_a_response_that_said_nothing_has_no_output(line):
    line.create_response()
    line.send("response.cancel")
    assert _done(line)["output"] == []


@pytest.mark.parametrize("fields", [{}, {"response_id": "resp_9"}])
def test_there_must_be_something_to_cancel(line, fields):
    (error,) = line.send("response.cancel", **fields)
    assert error["error"]["code"] == "response_cancel_not_active"
    assert error["error"]["message"] == "Cancellation failed: no active response found"


def test_cancelling_leaves_out_of_band_responses_alone(line):
    line.create_response(conversation="none")
    (error,) = line.send("response.cancel")
    assert error["error"]["code"] == "response_cancel_not_active"
    line.send("response.cancel", response_id="resp_1")
    assert _done(line)["status"] == "cancelled"


def test_speech_interrupts_a_response(line):
    response = line.create_response()
    line.say(response, "Once upon", audio_ms=300)
    events = line.hear(100, 0.9)
    assert _types(events)[:2] == ["input_audio_buffer.speech_started", "response.output_audio.done"]
    assert _done(line)["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert line.stopped() == [response]


def test_speech_does_not_interrupt_where_it_is_not_to(line):
    line.update(audio={"input": {"turn_detection": {"type": "server_vad", "interrupt_response": False}}})
    response = line.create_response()
    events = line.turn()
    assert line.stopped() == []
    assert events[-1]["error"]["code"] == "conversation_already_has_active_response"
    assert events[-1]["error"]["event_id"] is None
    line.complete(response)
    assert _done(line)["status"] == "completed"


def test_speech_leaves_out_of_band_responses_alone(line):
    line.create_response(conversation="none")
    line.hear(100, 0.9)
    assert line.stopped() == []


@pytest.mark.parametrize("audio_ms", [0, 1000])
def test_a_response_that_grows_too_long_is_incomplete(line, audio_ms):
    response = line.create_response(max_output_tokens=8)
    line.say(response, "Once upon a time ", audio_ms)
    line.say(response, "there was a princess.", audio_ms)
    done = _done(line)
    assert done["status"] == "incomplete"
    assert done["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
    assert line.stopped() == [response]


def test_a_reply_that_cannot_be_made_fails_its_response(line):
    response = line.create_response()
    line.take(line.model.fail(response, "reply_failed", "The endpoint does not answer."))
    error = {"type": "server_error", "code": "reply_failed", "message": "The endpoint does not answer."}
    assert _done(line)["status_details"] == {"type": "failed", "error": error}


def test_usage_counts_what_was_read_and_written(line):
    line.update(instructions="Be brief.")
    line.turn()
    response = line.responses()[0]
    line.say(response, "Hello there.", audio_ms=1000)
    line.complete(response)
    usage = _done(line)["usage"]
    assert usage["input_token_details"]["audio_tokens"] == 15
    assert usage["input_token_details"]["text_tokens"] == 3
    assert usage["output_token_details"] == {"text_tokens": 3, "audio_tokens": 20}
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] == 41
    (limit,) = line.events[-1]["rate_limits"]
    assert limit["limit"] - limit["remaining"] == 41


def test_a_reply_does_not_read_its_own_output(line):
    line.user_says("Hello")
    response = line.create_response()
    line.say(response, "Hi.", audio_ms=100)
    assert [item["id"] for item in line.model.request(response).items] == ["item_1"]
