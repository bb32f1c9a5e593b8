"""offhook.session.input_gate: what the user said is checked before a reply is asked for."""

from __future__ import annotations

import pytest
from attrs import evolve

from offhook.audio.formats import PCM16_24K
from offhook.config import AudioConfig, AudioInput, SessionConfig, TurnDetection
from offhook.errors import ConfigError, Unsupported
from offhook.events import ErrorEvent, InputTranscriptDelta, ItemUpdate
from offhook.guardrail import GuardrailSettings, InputGuardrail
from offhook.items import InputAudio, MessageItem
from offhook.realtime.capabilities import REALTIME_CAPABILITIES
from offhook.session.config import base_config
from offhook.session.events import GuardrailTripped
from offhook.session.input_gate import gated
from offhook.testing import ScriptedTransport, fail

WITHOUT_EDITING = evolve(REALTIME_CAPABILITIES, history="append")


def gate(line, wire, *guards, feedback=lambda _: "Refuse.", flags=WITHOUT_EDITING, **settings):
    return line(
        transport=wire.transport(capabilities=flags),
        input_guardrails=[getattr(guard, "guardrail", guard) for guard in guards],
        guardrail_settings=GuardrailSettings(feedback=feedback, **settings),
    )


def speaks(line, item="said"):
    """The user begins to speak."""
    line.far.say({"type": "input_audio_buffer.speech_started", "audio_start_ms": 0, "item_id": item})


def ends_turn(line, item="said"):
    """The service has found the end of the user's turn."""
    line.far.say({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 900, "item_id": item})
    line.shows(item, content=[{"type": "input_audio", "transcript": None}])


def is_written(line, text, item="said"):
    where = {"item_id": item, "content_index": 0}
    line.far.say({"type": "conversation.item.input_audio_transcription.completed", **where, "transcript": text})


def cannot_be_written(line, item="said"):
    kind = "conversation.item.input_audio_transcription.failed"
    line.far.say({"type": kind, "item_id": item, "content_index": 0, "error": {"code": "x", "message": "y"}})


# The config.


def test_the_service_is_told_to_leave_the_reply_to_us_and_nothing_else():
    base = base_config()
    detection = gated(base).audio.input.turn_detection
    assert detection == evolve(base.audio.input.turn_detection, create_response=False)


def test_what_the_application_chose_otherwise_is_kept():
    chosen = TurnDetection(type="server_vad", silence_duration_ms=300, create_response=True)
    config = base_config(SessionConfig(audio=AudioConfig(input=AudioInput(turn_detection=chosen))))
    assert gated(config).audio.input.turn_detection == evolve(chosen, create_response=False)


def test_where_the_application_ends_the_turns_there_is_nothing_to_switch_off():
    config = base_config(SessionConfig(audio=AudioConfig(input=AudioInput(turn_detection=None))))
    assert gated(config) == config


def test_without_transcription_there_is_nothing_to_check(line, new_words):
    config = SessionConfig(audio=AudioConfig(input=AudioInput(transcription=None)))
    with pytest.raises(ConfigError, match="transcription"):
        line(config=config, input_guardrails=[new_words(kind=InputGuardrail).guardrail])


async def test_the_config_reaches_the_service(line, wire, new_words):
    async with gate(line, wire, new_words(kind=InputGuardrail)) as it:
        [update] = await it.far.received("session.update")
    assert update["session"]["audio"]["input"]["turn_detection"]["create_response"] is False


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (evolve(REALTIME_CAPABILITIES, input_transcripts="none"), "input_transcripts"),
        (evolve(REALTIME_CAPABILITIES, request_response=False), "request_response"),
        (evolve(REALTIME_CAPABILITIES, mutable_config=frozenset({"instructions"})), "turn_detection"),
    ],
)
async def test_where_the_model_answers_by_itself_connecting_is_refused(line, new_words, flags, named):
    transport = ScriptedTransport(capabilities=flags)
    session = line(transport=transport, input_guardrails=[new_words(kind=InputGuardrail).guardrail]).session
    with pytest.raises(Unsupported, match=named):
        await session.connect()
    assert transport.commands == ()


# The verdict.


async def test_n15_a_reply_is_asked_for_once_the_words_have_passed(line, wire, new_judge):
    judge = new_judge(kind=InputGuardrail)
    async with gate(line, wire, judge) as it:
        speaks(it)
        ends_turn(it)
        is_written(it, "Hello.")
        assert await judge.asked() == "Hello."
        await it.settled()
        assert "response.create" not in it.far.kinds
        judge.rule(False)
        await it.far.received("response.create")
        await it.settled()
        assert it.far.kinds == ["session.update", "response.create"]


async def test_words_that_trip_are_told_and_the_model_refuses(line, wire, new_words):
    words = new_words(kind=InputGuardrail)
    async with gate(line, wire, words) as it:
        speaks(it)
        ends_turn(it)
        is_written(it, "Tell me the secret.")
        trip = await it.heard.until(GuardrailTripped)
        await it.far.received("response.create")
        await it.settled()
        assert it.messages == [("system", "Refuse.")]
        assert it.far.kinds.count("response.create") == 1
    assert (trip.kind, trip.text, trip.item_id, trip.guardrail) == (
        "input", "Tell me the secret.", "said", words.guardrail,
    )  # fmt: skip


async def test_without_feedback_a_trip_is_met_with_silence(line, wire, new_words):
    async with gate(line, wire, new_words(kind=InputGuardrail), feedback=None) as it:
        ends_turn(it)
        is_written(it, "Tell me the secret.")
        await it.heard.until(GuardrailTripped)
        await it.settled()
        assert it.far.kinds == ["session.update"]


async def test_what_tripped_is_taken_out_of_the_conversation_where_it_can_be(line, wire, new_words):
    async with gate(line, wire, new_words(kind=InputGuardrail), flags=REALTIME_CAPABILITIES) as it:
        ends_turn(it)
        is_written(it, "Tell me the secret.")
        [delete] = await it.far.received("conversation.item.delete")
        await it.far.received("response.create")
        assert delete["item_id"] == "said"
        assert it.far.kinds.index("conversation.item.delete") < it.far.kinds.index("conversation.item.create")
    assert it.heard.of(ErrorEvent) == []


async def test_what_cannot_be_taken_out_is_an_error_and_the_model_refuses_all_the_same(line, new_words):
    transport = ScriptedTransport([fail("reset_history", RuntimeError("no"))], strict=False)
    async with line(transport=transport, input_guardrails=[new_words(kind=InputGuardrail).guardrail]) as it:
        item = MessageItem(item_id="said", role="user", content=(InputAudio(),))
        words = InputTranscriptDelta(segment_id="s", text="secret", final=True, item_id="said")
        transport.emit(ItemUpdate(item=item), words)
        error = await it.heard.until(ErrorEvent)
        await transport.received("send_message")
    assert error.code == "guardrail_not_enforced"


async def test_each_turn_is_judged_once(line, wire, new_words):
    words = new_words(kind=InputGuardrail)
    async with gate(line, wire, words) as it:
        ends_turn(it)
        is_written(it, "Hello.")
        is_written(it, "Hello again.")
        it.shows("said", stage="done", content=[{"type": "input_audio", "transcript": None}])
        await it.far.received("response.create")
        await it.settled()
        assert words.texts == ["Hello."]
        assert it.far.kinds.count("response.create") == 1
        assert [turn.wait for turn in it.session._parts.input_gate._turns.values()] == [None]


async def test_what_is_shown_again_after_a_reconnection_waits_for_no_words(line, new_words):
    transport = ScriptedTransport(strict=False)
    async with line(transport=transport, input_guardrails=[new_words(kind=InputGuardrail).guardrail]) as it:
        item = MessageItem(item_id="said", role="user", content=(InputAudio(),))
        transport.emit(ItemUpdate(item=item, replayed=True))
        assert not it.session._parts.conversation.tasks._running


async def test_a_refusal_does_not_talk_over_a_user_who_speaks_on(line, wire, new_judge):
    judge = new_judge(kind=InputGuardrail)
    async with gate(line, wire, judge) as it:
        ends_turn(it)
        is_written(it, "Tell me the secret.")
        await judge.asked()
        speaks(it, "more")
        await it.settled()
        judge.rule(True)
        await it.far.received("conversation.item.create")
        await it.settled()
        assert "response.create" not in it.far.kinds


async def test_while_the_user_speaks_on_the_reply_waits_for_what_comes(line, wire, new_judge):
    judge = new_judge(kind=InputGuardrail)
    async with gate(line, wire, judge) as it:
        ends_turn(it)
        is_written(it, "Hello.")
        await judge.asked()
        speaks(it, "more")
        await it.settled()
        judge.rule(False)
        await it.settled()
        await it.settled()
        assert "response.create" not in it.far.kinds
        ends_turn(it, "more")
        is_written(it, "How are you?", "more")
        await judge.asked(2)
        judge.rule(False, 2)
        await it.far.received("response.create")


async def test_a_cough_after_words_that_passed_does_not_lose_the_reply(line, wire, new_judge):
    judge = new_judge(kind=InputGuardrail)
    async with gate(line, wire, judge) as it:
        ends_turn(it)
        is_written(it, "Hello.")
        await judge.asked()
        speaks(it, "cough")
        await it.settled()
        judge.rule(False)
        await it.settled()
        ends_turn(it, "cough")
        is_written(it, "", "cough")
        await it.far.received("response.create")
        assert it.messages == []


async def test_what_the_application_writes_passes_unchecked(line, wire, new_words):
    words = new_words(kind=InputGuardrail)
    async with gate(line, wire, words) as it:
        await it.session.send_message("The secret?")
        it.shows("typed")
        await it.far.received("response.create")
        await it.settled()
        assert words.texts == []


# What cannot be checked is not answered.


@pytest.mark.parametrize("happens", [cannot_be_written, lambda it: is_written(it, " ")], ids=["failed", "empty"])
async def test_without_words_the_user_is_asked_to_say_it_again(line, wire, new_words, happens):
    words = new_words(kind=InputGuardrail)
    async with gate(line, wire, words) as it:
        ends_turn(it)
        happens(it)
        await it.far.received("response.create")
        await it.settled()
        [(role, text)] = it.messages
        assert role == "system"
        assert "say it again" in text
        assert it.far.kinds.count("response.create") == 1
    assert words.texts == []


async def test_without_a_transcript_in_time_so_too_and_one_that_comes_later_counts_no_more(line, wire, new_words):
    words = new_words(kind=InputGuardrail)
    async with gate(line, wire, words, transcript_wait_ms=10) as it:
        ends_turn(it)
        error = await it.heard.until(ErrorEvent)
        await it.far.received("response.create")
        is_written(it, "Hello.")
        await it.settled()
        await it.settled()
        assert error.code == "input_not_checked"
        assert words.texts == []
        assert it.far.kinds.count("response.create") == 1


async def test_so_too_if_a_check_gave_no_result(line, wire):
    def broken(_, text):
        raise RuntimeError(text)

    async with gate(line, wire, InputGuardrail("broken", broken)) as it:
        ends_turn(it)
        is_written(it, "Hello.")
        error = await it.heard.until(ErrorEvent)
        await it.far.received("response.create")
        assert error.code == "guardrail_error"
        assert "say it again" in it.messages[0][1]


async def test_without_feedback_nobody_asks(line, wire, new_words):
    async with gate(line, wire, new_words(kind=InputGuardrail), feedback=None) as it:
        ends_turn(it)
        cannot_be_written(it)
        await it.settled()
        await it.settled()
        assert it.far.kinds == ["session.update"]


async def test_nobody_is_asked_while_they_speak(line, wire, new_words):
    async with gate(line, wire, new_words(kind=InputGuardrail)) as it:
        ends_turn(it)
        speaks(it, "more")
        cannot_be_written(it)
        await it.settled()
        await it.settled()
        assert it.far.kinds == ["session.update"]


async def test_p10_many_turns_leave_nothing_behind(line, wire, new_words):
    words = new_words("never said", kind=InputGuardrail)
    async with gate(line, wire, words) as it:
        for number in range(100):
            ends_turn(it, f"said_{number}")
            is_written(it, "Hello.", f"said_{number}")
        await words.asked(100)
        await it.settled()
        await it.settled()
        assert len(it.session._parts.input_gate._turns) <= 64
        assert not it.session._parts.conversation.tasks._running


# Turns of the application's own.


async def says(it, item="said", *, ms=200, **end):
    """The user says something while the key is down."""
    await it.session.begin_turn()
    await it.session.send_audio(bytes(PCM16_24K.size(ms)))
    await it.session.end_turn(**end)
    it.shows(item, content=[{"type": "input_audio", "transcript": None}])


def manual(line, *guards):
    return line(turns="manual", input_guardrails=[guard.guardrail for guard in guards])


async def test_a_turn_that_needs_no_answer_is_checked_and_not_answered(line, new_words):
    words = new_words(kind=InputGuardrail)
    async with manual(line, words) as it:
        await says(it, "one", respond=False)
        await says(it, "two", respond=False)
        await says(it, "three")
        is_written(it, "the secret", "one")
        await it.heard.until(GuardrailTripped)
        is_written(it, "Hello.", "two")
        await words.asked(2)
        await it.settled()
        assert "response.create" not in it.far.kinds
        is_written(it, "Hello.", "three")
        await it.far.received("response.create")
        await it.settled()
        assert it.far.kinds.count("response.create") == 1


async def test_p08_a_reply_that_waited_for_a_turn_which_was_taken_back_is_asked_for(line, new_words):
    """P8: what passed is owed an answer, be it that nothing more was said."""
    words = new_words(kind=InputGuardrail)
    async with manual(line, words) as it:
        await says(it)
        await it.session.begin_turn()
        is_written(it, "Hello.")
        await words.asked()
        await it.settled()
        assert "response.create" not in it.far.kinds
        await it.session.cancel_turn()
        await it.far.received("response.create")
        await it.session.begin_turn()
        await it.session.cancel_turn()
        await it.settled()
        assert it.far.kinds.count("response.create") == 1


async def test_what_is_to_be_said_of_a_trip_waits_for_a_turn_that_may_be_taken_back(line, new_words):
    words = new_words(kind=InputGuardrail)
    async with manual(line, words) as it:
        await says(it)
        await it.session.begin_turn()
        is_written(it, "the secret")
        await it.far.received("conversation.item.create")
        await it.settled()
        assert "response.create" not in it.far.kinds
        await it.session.cancel_turn()
        await it.far.received("response.create")
