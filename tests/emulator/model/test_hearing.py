"""Turns: detected, committed by hand, cleared, and what they become."""

from __future__ import annotations

import base64

import pytest

from offhook_emulator.model.effects import Hear


def _types(events):
    return [event["type"] for event in events]


def test_a_spoken_turn_is_told_in_the_recorded_order(line):
    events = line.turn()
    assert _types(events) == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]
    item = {
        "id": "item_1",
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": [{"type": "input_audio", "transcript": None}],
    }
    assert events[3]["item"] == events[4]["item"] == item
    assert {event["item_id"] for event in events[:3]} == {"item_1"}
    assert events[2]["previous_item_id"] is None


def test_positions_are_on_the_timeline_of_all_audio(line):
    line.hear(2000, 0.0)
    events = line.turn()
    assert events[0]["audio_start_ms"] == 1700  # 300 ms of padding
    assert events[1]["audio_end_ms"] == 3500
    (transcribe,) = line.transcriptions()
    assert len(transcribe.audio) == 1800 * 32


def test_padding_does_not_reach_before_the_first_sample(line):
    assert line.turn()[0]["audio_start_ms"] == 0


def test_padding_does_not_reach_into_the_turn_before(line):
    line.turn()
    assert line.turn()[0]["audio_start_ms"] == 1500
    assert len(line.transcriptions()[1].audio) == 1500 * 32


def test_the_session_sets_threshold_padding_and_silence(line):
    line.update(
        audio={
            "input": {
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.95,
                    "prefix_padding_ms": 100,
                    "silence_duration_ms": 200,
                }
            }
        }
    )
    assert line.turn() == []
    assert _types(line.hear(100, 0.99))[0] == "input_audio_buffer.speech_started"
    assert _types(line.hear(200, 0.0))[0] == "input_audio_buffer.speech_stopped"


def test_one_append_may_hold_several_turns(line):
    probabilities = ([0.9] * 50 + [0.0] * 30) * 2
    events = line.take(line.model.hear(bytes(len(probabilities) * 640), probabilities))
    assert _types(events).count("input_audio_buffer.committed") == 2


def test_without_create_response_a_turn_gets_no_response(line):
    line.update(audio={"input": {"turn_detection": {"type": "server_vad", "create_response": False}}})
    assert _types(line.turn())[-1] == "conversation.item.done"


def test_without_turn_detection_audio_waits_for_a_commit(line):
    line.update(audio={"input": {"turn_detection": None}})
    assert line.turn() == []
    events = line.send("input_audio_buffer.commit")
    assert _types(events) == ["input_audio_buffer.committed", "conversation.item.added", "conversation.item.done"]
    (transcribe,) = line.transcriptions()
    assert (transcribe.item_id, len(transcribe.audio)) == ("item_1", 1500 * 32)


def test_a_commit_during_a_turn_ends_it(line):
    (started,) = line.hear(1000, 0.9)
    committed = line.send("input_audio_buffer.commit")[0]
    assert committed["item_id"] == started["item_id"]
    assert line.hear(1000, 0.0) == []


@pytest.mark.parametrize(("duration_ms", "message_end"), [(0, "0.00ms of audio."), (80, "80.00ms of audio.")])
def test_less_than_100_ms_cannot_be_committed(line, duration_ms, message_end):
    line.update(audio={"input": {"turn_detection": None}})
    line.hear(duration_ms, 0.0)
    (error,) = line.send("input_audio_buffer.commit")
    assert error["error"]["code"] == "input_audio_buffer_commit_empty"
    assert error["error"]["message"].endswith(message_end)


def test_clearing_forgets_audio_and_the_turn_under_way(line):
    line.hear(1000, 0.9)
    assert _types(line.send("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]
    assert line.hear(1000, 0.0) == []


def test_long_silence_is_not_kept(line):
    line.hear(60_000, 0.0)
    line.send("input_audio_buffer.commit")
    assert len(line.transcriptions()[0].audio) == 10_000 * 32


def test_a_changed_instruction_does_not_end_the_turn_under_way(line):
    line.hear(1000, 0.9)
    line.update(instructions="Be brief.")
    assert _types(line.hear(500, 0.0))[0] == "input_audio_buffer.speech_stopped"


def test_switching_turn_detection_off_forgets_the_turn_under_way(line):
    line.hear(1000, 0.9)
    line.update(audio={"input": {"turn_detection": None}})
    assert line.hear(500, 0.0) == []


def test_appended_bytes_are_to_be_heard(line):
    assert line.send("input_audio_buffer.append", audio=base64.b64encode(b"\1\2").decode()) == []
    assert line.effects[-1] == Hear(b"\1\2")


def test_the_output_buffer_is_the_clients_own_over_websocket(line):
    (error,) = line.send("output_audio_buffer.clear")
    assert "WebRTC" in error["error"]["message"]


def test_a_transcript_is_told_word_by_word_and_then_whole(line):
    line.update(audio={"input": {"transcription": {"model": "gpt-4o-mini-transcribe"}}})
    line.turn()
    events = line.take(line.model.transcribed("item_1", 0, "Hello, my name is Ann."))
    assert [event["delta"] for event in events[:-1]] == ["Hello,", " my", " name", " is", " Ann."]
    completed = events[-1]
    assert completed["type"] == "conversation.item.input_audio_transcription.completed"
    assert completed["transcript"] == "Hello, my name is Ann."
    assert completed["usage"]["type"] == "tokens"
    assert completed["usage"]["input_tokens"] == 15


def test_other_transcription_models_bill_by_duration(line):
    line.update(audio={"input": {"transcription": {"model": "whisper-1"}}})
    line.turn(speech_ms=2500)
    completed = line.take(line.model.transcribed("item_1", 0, "Hello."))[-1]
    assert completed["usage"] == {"type": "duration", "seconds": 3}


def test_a_transcript_that_nobody_asked_for_is_known_to_the_reply_only(line):
    line.turn()
    assert line.take(line.model.transcribed("item_1", 0, "Hello.")) == []
    assert line.model.request(line.responses()[0]).items[0]["content"][0]["transcript"] == "Hello."
    (retrieved,) = line.send("conversation.item.retrieve", item_id="item_1")
    assert retrieved["item"]["content"][0]["transcript"] is None


def test_a_transcript_stays_with_its_item(line):
    line.update(audio={"input": {"transcription": {"model": "whisper-1"}}})
    line.turn()
    line.model.transcribed("item_1", 0, "Hello.")
    (retrieved,) = line.send("conversation.item.retrieve", item_id="item_1")
    assert retrieved["item"]["content"][0]["transcript"] == "Hello."


def test_a_failed_transcription_is_told(line):
    line.update(audio={"input": {"transcription": {"model": "whisper-1"}}})
    line.turn()
    (failed,) = line.take(line.model.transcription_failed("item_1", 0))
    assert failed["type"] == "conversation.item.input_audio_transcription.failed"
    assert failed["error"]["message"] == "Input transcription failed for item 'item_1'."


def test_the_transcript_of_a_deleted_item_is_not_told(line):
    line.update(audio={"input": {"transcription": {"model": "whisper-1"}}})
    line.turn()
    line.send("conversation.item.delete", item_id="item_1")
    assert line.take(line.model.transcribed("item_1", 0, "Hello.")) == []
    assert line.take(line.model.transcription_failed("item_1", 0)) == []


def test_retrieved_speech_comes_in_the_format_of_the_input(line):
    line.update(audio={"input": {"turn_detection": None, "format": {"type": "audio/pcmu"}}})
    line.hear(1000, 0.0)
    line.send("input_audio_buffer.commit")
    (retrieved,) = line.send("conversation.item.retrieve", item_id="item_1")
    assert base64.b64decode(retrieved["item"]["content"][0]["audio"]) == b"\xff" * 8000
