"""The protocol: frames in, events out; commands in, frames out. No sockets."""

from __future__ import annotations

import base64
import json
import logging
from typing import Any

import pytest
from offhook_gemini_live import outgoing
from offhook_gemini_live.opening import Opening
from offhook_gemini_live.options import PCM16_16K
from offhook_gemini_live.protocol import GeminiLiveProtocol

from offhook import events as e
from offhook.config import UNSET
from offhook.items import FunctionCallItem, InputText, MessageItem, OutputAudio, OutputText
from offhook.wire import Send

HELLO = MessageItem(item_id="", role="user", content=(InputText("Hello"),))
CALL = {"toolCall": {"functionCalls": [{"id": "call_1", "name": "look_up", "args": {"fruit": "plum"}}]}}
GO = {"clientContent": {"turnComplete": True}}
STOP = {"clientContent": {"turnComplete": False}}
END = {"serverContent": {"turnComplete": True}}


def made(**opening: Any) -> GeminiLiveProtocol:
    return GeminiLiveProtocol("gemini-live", Opening(**{"setup": {}, "input_format": PCM16_16K, **opening}))


def hear(protocol: GeminiLiveProtocol, *frames: Any) -> list[Any]:
    """What follows from frames, their raw events apart."""
    effects = [effect for frame in frames for effect in protocol.receive(json.dumps(frame))]
    return [effect for effect in effects if not isinstance(effect, e.RawEvent)]


def of(effects: list[Any], *kinds: type[Any]) -> list[Any]:
    return [effect for effect in effects if isinstance(effect, kinds)]


def sent(effects: list[Any]) -> list[Any]:
    return [json.loads(effect.text) for effect in of(effects, Send)]


def content(**members: Any) -> dict[str, Any]:
    return {"serverContent": members}


def voice(data: bytes = b"\x01\x00", mime: str = "audio/pcm;rate=24000") -> dict[str, Any]:
    inline = {"mimeType": mime, "data": base64.b64encode(data).decode()}
    return content(modelTurn={"parts": [{"inlineData": inline}]})


# Receiving.


def test_every_frame_is_a_raw_event_first_even_one_of_a_kind_that_is_unknown():
    protocol = made()
    frame = {"novelty": {"a": [1, None]}, **voice(bytes(4800))}
    raw, *_ = protocol.receive(json.dumps(frame))
    assert (raw.payload, raw.audio_ms) == (frame, 100)
    assert [effect.payload for effect in protocol.receive('{"novelty":1}')] == [{"novelty": 1}]


@pytest.mark.parametrize("frame", ["", "[]", "null", '{"serverContent":'])
def test_what_is_no_frame_is_a_warning_and_nothing_else(frame, caplog):
    assert made().receive(frame) == []
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_a_malformed_member_costs_no_other_member_of_its_frame(caplog):
    frame = {
        "toolCallCancellation": {},
        "usageMetadata": {"totalTokenCount": 3},
        "serverContent": {"turnComplete": True},
    }
    frame["serverContent"]["modelTurn"] = {"parts": [{"inlineData": {"data": "no base64!"}}]}
    heard = hear(made(), frame)
    assert [event.usage.total_tokens for event in of(heard, e.UsageUpdate)] == [3]
    assert len(of(heard, e.TurnDone)) == 1
    assert len(caplog.records) == 2


def test_the_session_is_ready_once_and_its_config_holds_no_handle():
    protocol = made(setup={"model": "m", "sessionResumption": {"handle": "secret"}}, resumed=True)
    (ready,) = hear(protocol, {"setupComplete": {"sessionId": "s"}}, {"setupComplete": {}})
    assert (ready.session_id, ready.config, ready.restored) == ("s", {"model": "m"}, "full")
    assert (ready.input_format.rate_hz, ready.output_format.rate_hz) == (16_000, 24_000)


def test_history_goes_out_when_the_service_has_accepted():
    history = (HELLO, MessageItem(item_id="item_9", role="assistant", content=(OutputAudio(transcript="Hi"),)))
    turns = outgoing.history(history)
    heard = hear(made(history=history, turns=turns), {"setupComplete": {}})
    ids = [event.item.item_id for event in of(heard, e.ItemUpdate)]
    assert len(ids) == len(set(ids)) == 2
    assert all(item_id.startswith("local:") for item_id in ids)
    assert sent(heard) == [{"clientContent": {"turns": turns, "turnComplete": False}}]


def test_a_turn_begins_with_its_first_sign_and_empty_content_is_none():
    protocol = made()
    assert hear(protocol, content(), content(outputTranscription={}), content(interrupted=False)) == []
    thought = content(modelTurn={"parts": [{"text": "Hm", "thought": True}]})
    assert [type(event) for event in hear(protocol, thought)] == [e.TurnStarted]
    assert of(hear(protocol, voice()), e.TurnStarted) == []


def test_reasoning_is_neither_said_nor_written():
    heard = hear(made(), content(modelTurn={"parts": [{"text": "Hm", "thought": True}, {"text": "Plum."}]}), END)
    assert [event.text for event in of(heard, e.OutputTextDelta)] == ["Plum."]
    (done,) = of(heard, e.TurnDone)
    assert done.output[0].content == (OutputText("Plum."),)


def test_a_turn_that_nothing_came_of_is_still_begun_and_done():
    assert [type(event) for event in hear(made(), END)] == [e.TurnStarted, e.TurnDone]


@pytest.mark.parametrize(
    ("mime", "rate"), [("audio/pcm;rate=24000", 24_000), ("audio/pcm", 24_000), ("audio/pcm;rate=16000", 16_000)]
)
def test_audio_has_the_rate_that_it_names(mime, rate):
    (event,) = of(hear(made(), voice(mime=mime)), e.AudioEvent)
    assert event.format.rate_hz == rate


def test_after_an_interruption_nothing_of_that_turn_is_heard_and_the_next_one_is():
    protocol = made()
    heard = hear(protocol, voice(b"\1\0"), content(interrupted=True), voice(b"\2\0"), END, voice(b"\3\0"))
    assert [(event.data, event.epoch) for event in of(heard, e.AudioEvent)] == [(b"\1\0", 1), (b"\3\0", 2)]
    (cut,) = of(heard, e.AudioInterrupted)
    assert (cut.epoch, cut.reason, cut.heard_ms) == (1, "user_speech", None)
    assert of(heard, e.AudioDone) == []
    assert [(event.status, event.output[0].status) for event in of(heard, e.TurnDone)] == [("cancelled", "incomplete")]


def test_an_interruption_after_the_turn_still_flushes_what_is_being_played():
    (cut,) = of(hear(made(), voice(), END, content(interrupted=True)), e.AudioInterrupted)
    assert (cut.epoch, cut.item_id, cut.turn_id) == (1, None, None)


def test_audio_is_done_once_when_the_generation_is_complete_or_else_with_the_turn():
    done = content(generationComplete=True)
    assert len(of(hear(made(), voice(), done, END), e.AudioDone)) == 1
    assert len(of(hear(made(), voice(), END), e.AudioDone)) == 1
    assert of(hear(made(), done, END), e.AudioDone) == []


def test_the_users_words_are_final_when_the_turn_that_answers_them_is_over():
    heard = hear(made(), *(content(inputTranscription={"text": text}) for text in (" Hel", "lo")), voice(), END)
    deltas = of(heard, e.InputTranscriptDelta)
    assert [(delta.text, delta.final) for delta in deltas] == [("Hel", False), ("lo", False), ("", True)]
    assert len({delta.segment_id for delta in deltas}) == 1


def test_an_interruption_ends_the_users_words_and_its_own_are_new_ones():
    def words(text: str) -> Any:
        return content(inputTranscription={"text": text})

    heard = hear(
        made(), words("Hi"), voice(), content(interrupted=True), words("Stop"), END, words(" it"), voice(), END
    )
    said: dict[str, str] = {}
    for delta in of(heard, e.InputTranscriptDelta):
        said[delta.segment_id] = said.get(delta.segment_id, "") + delta.text
    assert list(said.values()) == ["Hi", "Stop it"]


def test_words_that_come_late_stand_before_the_turn_that_answers_them():
    protocol = made()
    (first,) = of(protocol.send_message(HELLO, respond=False), e.ItemUpdate)
    hear(protocol, voice())
    (late,) = of(hear(protocol, content(inputTranscription={"text": "Hi"})), e.ItemUpdate)
    assert late.previous_item_id == first.item.item_id
    (on_time,) = of(hear(made(), content(inputTranscription={"text": "Hi"})), e.ItemUpdate)
    assert on_time.previous_item_id is UNSET


def test_the_models_words_are_final_where_the_service_says_so_and_not_twice():
    finished = content(outputTranscription={"finished": True})
    deltas = of(hear(made(), content(outputTranscription={"text": "Hi"}), finished, END), e.AudioTranscriptDelta)
    assert [(delta.text, delta.final) for delta in deltas] == [("Hi", False), ("", True)]
    assert {delta.turn_id for delta in deltas} == {"turn_1"}


def test_a_call_has_its_item_first_and_its_arguments_as_text():
    item, call = hear(made(), CALL)[1:]
    assert call == e.FunctionCall(
        call_id="call_1",
        name="look_up",
        arguments='{"fruit":"plum"}',
        item_id="local:call_1",
        turn_id="turn_1",
        blocking=True,
    )
    assert isinstance(item.item, FunctionCallItem)
    assert (item.item.item_id, item.origin) == (call.item_id, "local")


def test_usage_is_told_before_its_turn_is_done_and_with_it():
    used = {"promptTokenCount": 10, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 10}]}
    used |= {"candidatesTokenCount": 4, "candidatesTokensDetails": [{"modality": "AUDIO"}], "totalTokenCount": 14}
    heard = hear(made(), {**END, "usageMetadata": {**used, "thoughtsTokenCount": 7}})
    update, done = of(heard, e.UsageUpdate, e.TurnDone)
    assert update.usage == done.usage
    assert (update.usage.input_details, update.usage.output_details) == ({"TEXT": 10}, {"AUDIO": 0, "THOUGHTS": 7})
    assert (update.usage.input_tokens, update.usage.output_tokens, update.usage.total_tokens) == (10, 4, 14)


def test_a_turn_of_an_interaction_that_goes_on_is_not_idle():
    heard = hear(made(), content(turnComplete=True, interactionStatus="IN_PROGRESS", turnCompleteReason="WHY"))
    assert [(event.idle, event.reason) for event in of(heard, e.TurnDone)] == [(False, "WHY")]


def test_speech_expiry_and_handles_are_told():
    protocol = made()
    heard = hear(
        protocol,
        {"voiceActivity": {"voiceActivityType": "ACTIVITY_START", "audioOffset": "1.5s"}},
        {"goAway": {"timeLeft": "9.5s"}},
        {"sessionResumptionUpdate": {"newHandle": "h1", "resumable": True}},
        {"sessionResumptionUpdate": {"resumable": False}},
    )
    assert heard == [
        e.SpeechStarted(at_ms=1500),
        e.SessionExpiring(time_left_ms=9500),
        e.ResumptionUpdate(handle=e.ResumeHandle(transport="gemini-live", value="h1"), resumable=True),
        e.ResumptionUpdate(),
    ]
    assert "h1" not in repr(heard)


# Commands.


def test_a_message_is_shown_under_an_id_of_ours_before_it_goes_out():
    shown, frame = made().send_message(MessageItem(item_id="item_7", role="user", content=HELLO.content), respond=True)
    assert shown.item.item_id == "local:item_1"
    assert json.loads(frame.text) == {
        "clientContent": {"turns": [{"role": "user", "parts": [{"text": "Hello"}]}], "turnComplete": True}
    }


def test_a_reply_is_asked_for_when_the_model_is_free_and_wishes_coalesce():
    protocol = made()
    assert sent(protocol.request_response(own=False)) == [GO]
    assert sent(protocol.request_response(own=False) + protocol.request_response(own=False)) == []
    assert sent(hear(protocol, voice(), END)) == [GO]
    assert sent(hear(protocol, voice(), END)) == []


def test_a_wish_of_its_own_coalesces_with_no_other():
    protocol = made()
    hear(protocol, voice())
    assert sent(protocol.request_response(own=True) + protocol.request_response(own=True)) == []
    assert [len(sent(hear(protocol, END))) for _ in range(3)] == [1, 1, 0]


def test_interrupting_stops_the_service_once_and_flushes_at_once():
    protocol = made()
    hear(protocol, voice())
    effects = protocol.interrupt()
    assert [type(effect) for effect in effects] == [e.AudioInterrupted, Send]
    assert sent(effects) == [STOP]
    assert protocol.interrupt() == []
    assert of(hear(protocol, content(interrupted=True), voice()), e.AudioInterrupted, e.AudioEvent) == []


def test_interrupting_between_turns_flushes_and_says_nothing_to_a_service_that_is_silent():
    protocol = made()
    hear(protocol, voice(), END)
    assert [type(effect) for effect in protocol.interrupt()] == [e.AudioInterrupted]


def test_where_nothing_was_heard_there_is_nothing_to_flush():
    protocol = made()
    assert protocol.interrupt() == hear(protocol, content(interrupted=True)) == []
    hear(protocol, voice(), END, content(interrupted=True))
    assert protocol.interrupt() == []


def test_a_reply_that_was_asked_for_and_has_not_begun_can_be_stopped():
    protocol = made()
    protocol.send_message(HELLO, respond=True)
    assert sent(protocol.interrupt()) == [STOP]


def test_a_withdrawn_call_is_never_answered():
    protocol = made()
    (call,) = of(hear(protocol, CALL), e.FunctionCall)
    assert hear(protocol, {"toolCallCancellation": {"ids": ["call_1"]}}) == [
        e.FunctionCallCancelled(call_ids=("call_1",), reason="interrupted")
    ]
    assert protocol.send_function_call_output(call, "late", delivery=None, final=True) == []


def test_an_output_completes_its_item_and_names_its_function():
    protocol = made()
    (call,) = of(hear(protocol, CALL), e.FunctionCall)
    shown, frame = protocol.send_function_call_output(call, "purple", delivery="silent", final=False)
    assert (shown.item.item_id, shown.item.output) == (call.item_id, "purple")
    answer = {"id": "call_1", "name": "look_up", "response": {"output": "purple"}}
    assert json.loads(frame.text) == {
        "toolResponse": {"functionResponses": [{**answer, "scheduling": "SILENT", "willContinue": True}]}
    }


def test_speech_is_marked_where_the_client_ends_turns():
    protocol = made(manual_turns=True)
    effects = [*protocol.send_audio(b"\1\0", commit=False), *protocol.send_audio(b"\2\0", commit=True)]
    assert [next(iter(frame["realtimeInput"])) for frame in sent(effects)] == [
        "activityStart",
        "audio",
        "audio",
        "activityEnd",
    ]
    assert protocol.send_audio(b"", commit=True) == []


def test_where_the_service_ends_turns_a_commit_says_that_no_more_audio_comes():
    effects = made().send_audio(b"\1\0", commit=True)
    audio = {"data": "AQA=", "mimeType": "audio/pcm;rate=16000"}
    assert sent(effects) == [{"realtimeInput": {"audio": audio}}, {"realtimeInput": {"audioStreamEnd": True}}]
