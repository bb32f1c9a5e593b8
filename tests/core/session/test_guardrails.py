"""offhook.session.guardrails: what the assistant says is checked while it comes, and stopped where it trips."""

from __future__ import annotations

import asyncio

import pytest
from attrs import evolve

from offhook.agent import RealtimeAgent
from offhook.capabilities import Capabilities
from offhook.errors import ConfigError, Unsupported
from offhook.events import (
    AudioInterrupted,
    AudioTranscriptDelta,
    ErrorEvent,
    OutputSpeechStarted,
    OutputSpeechStopped,
    TurnDone,
)
from offhook.guardrail import GuardrailSettings, OutputGuardrail
from offhook.realtime.capabilities import REALTIME_CAPABILITIES
from offhook.session.events import GuardrailTripped
from offhook.session.guardrails import Guardrails, steps
from offhook.session.holdback import HoldBack
from offhook.session.input_gate import InputGate
from offhook.session.speech import Speech
from offhook.testing import ScriptedTransport

PATIENCE_S = 5.0


def spoken(text, item="reply"):
    """The item of an answer, as ``response.done`` shows it."""
    content = [{"type": "output_audio", "transcript": text}]
    return {"id": item, "type": "message", "role": "assistant", "status": "completed", "content": content}


def guarded(line, *guards, feedback=None, **settings):
    """A session with these guardrails; unless a test says more, the model is told nothing."""
    guardrails = [getattr(guard, "guardrail", guard) for guard in guards]
    return line(output_guardrails=guardrails, guardrail_settings=GuardrailSettings(feedback=feedback, **settings))


# When words are checked.


@pytest.mark.parametrize(
    ("debounce", "lengths", "due"),
    [
        (100, [0, 99, 100, 199, 200, 450], [0, 0, 1, 1, 2, 4]),
        (0, [0, 1, 50, 500], [0, 1, 1, 1]),
        (-1, [0, 1, 500], [0, 0, 0]),
    ],
)
def test_a_text_is_due_each_time_it_grew_by_so_much(debounce, lengths, due):
    assert [steps(length, debounce) for length in lengths] == due


async def test_the_whole_text_so_far_is_checked_each_time_it_has_grown_enough(line, new_words):
    words = new_words()
    async with guarded(line, words, debounce_chars=10) as it:
        it.begins()
        for piece in ("12345", "67890", "1234", "5678901"):
            it.says(piece)
        await words.asked(2)
        await it.settled()
    assert words.texts == ["1234567890", "123456789012345678901"]


async def test_a8_a_short_answer_is_checked_at_its_end(line, new_words):
    words = new_words()
    async with guarded(line, words) as it:
        it.begins()
        it.says("A secret.")
        it.ends()
        trip = await it.heard.until(GuardrailTripped)
    assert (trip.text, trip.item_id, trip.response_id, trip.kind) == ("A secret.", "reply", "resp_1", "output")
    assert (trip.guardrail, trip.agent) == (words.guardrail, it.agent)


async def test_a8_so_is_one_whose_words_come_all_at_once_at_the_end(line, new_words):
    words = new_words()
    async with guarded(line, words) as it:
        it.begins()
        it.ends(output=[spoken("A secret.")])
        assert (await it.heard.until(GuardrailTripped)).text == "A secret."


@pytest.mark.parametrize("debounce", [-1, 0, 3, 100])
async def test_the_end_is_checked_whatever_was_checked_before(line, debounce, new_words):
    words = new_words()
    async with guarded(line, words, debounce_chars=debounce) as it:
        it.begins()
        it.says("One ")
        it.says("two.")
        it.ends(output=[spoken("One two.")])
        await it.heard.until(TurnDone)
        await it.settled()
    assert words.texts == ["One two."] if debounce in {-1, 100} else words.texts[-1] == "One two."
    assert len(words.texts) == len(set(words.texts))


async def test_what_was_checked_as_a_whole_is_not_checked_again_at_the_turns_end(line, new_words):
    words = new_words()
    async with guarded(line, words) as it:
        it.begins()
        it.says("Hello.")
        it.says("Hello.", whole=True)
        it.ends(output=[spoken("Hello.")])
        await words.asked()
        await it.settled()
    assert words.texts == ["Hello."]


async def test_every_message_of_a_turn_is_checked_by_itself(line, new_words):
    words = new_words()
    async with guarded(line, words) as it:
        it.begins()
        it.says("Let me see.", item="first")
        it.says("It is five.", item="second")
        it.ends()
        await words.asked(2)
        await it.settled()
    assert sorted(words.texts) == ["It is five.", "Let me see."]


async def test_a_turn_without_words_is_checked_as_an_empty_text(line, new_words):
    words = new_words()
    async with guarded(line, words) as it:
        it.begins()
        it.ends()
        await words.asked()
        await it.settled()
    assert words.texts == [""]


async def test_what_is_written_is_checked_too_and_its_response_cancelled(line, new_words):
    async with guarded(line, new_words(), debounce_chars=5) as it:
        it.begins()
        it.writes("The secret is")
        await it.far.received("response.cancel")
        assert it.heard.of(GuardrailTripped)[0].text == "The secret is"


# How.


async def test_all_are_asked_at_once_and_the_first_by_definition_counts(line, new_judge):
    slow, quick = new_judge("slow"), new_judge("quick")
    async with guarded(line, slow, quick) as it:
        it.begins()
        it.says("x")
        it.ends()
        await slow.asked()
        await quick.asked()
        quick.rule(True)
        await it.settled()
        assert it.heard.of(GuardrailTripped) == []
        slow.rule(True, info="mine")
        trip = await it.heard.until(GuardrailTripped)
    assert (trip.guardrail, trip.info) == (slow.guardrail, "mine")
    assert len(it.heard.of(GuardrailTripped)) == 1


async def test_once_one_tripped_the_others_need_not_go_on(line, new_judge, new_words):
    judge = new_judge()
    async with guarded(line, new_words(), judge) as it:
        it.begins()
        it.says("A secret.")
        it.ends()
        await judge.asked()
        await it.heard.until(GuardrailTripped)
        await it.settled()
        assert not it.session._parts.conversation.tasks._running


async def test_a_check_that_is_slow_holds_up_nothing_else(line, new_judge):
    judge = new_judge()
    async with guarded(line, judge, debounce_chars=0) as it:
        it.begins()
        it.says("Hello")
        await judge.asked()
        it.ends()
        await it.heard.until(TurnDone)
        assert it.heard.of(GuardrailTripped) == []


async def test_a_response_trips_once(line, new_judge):
    judge = new_judge()
    async with guarded(line, judge, debounce_chars=1) as it:
        it.begins()
        it.says("a")
        it.says("b")
        await judge.asked(2)
        judge.rule(True, 2)
        await it.heard.until(GuardrailTripped)
        judge.rule(True, 1)
        it.says("c")
        it.ends(output=[spoken("abc")])
        await it.settled()
        await it.settled()
        assert [trip.text for trip in it.heard.of(GuardrailTripped)] == ["ab"]
        assert len(await it.far.received("response.cancel")) == 1
        assert judge.texts == ["a", "ab"]  # of a response that tripped, nothing more is asked


async def test_a_check_is_told_of_the_agent_whose_turn_it_was(line, new_judge):
    judge = new_judge()
    async with guarded(line, judge) as it:
        it.begins()
        it.says("x")
        await it.settled()
        await it.session.update_agent(RealtimeAgent(name="B"))
        it.ends()
        await judge.asked()
        judge.rule(True)
        trip = await it.heard.until(GuardrailTripped)
    assert trip.agent.name == judge.contexts[0].agent.name == "A"


def _raises(_, text):
    raise ValueError(text)


async def _cancels(_, __):
    raise asyncio.CancelledError


async def _hangs(_, __):
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("check", "name"),
    [(_raises, "ValueError"), (_cancels, "CancelledError"), (_hangs, "TimeoutError"), (lambda *_: None, "TypeError")],
)
async def test_a_check_without_a_result_is_an_error_and_the_others_still_count(line, check, name, caplog, new_words):
    timeout_s = 0.5 if check is _hangs else 10.0  # the others need some time, too
    async with guarded(line, OutputGuardrail("broken", check), new_words(), timeout_s=timeout_s) as it:
        it.begins()
        it.says("A secret.")
        it.ends()
        error = await it.heard.until(ErrorEvent)
        await it.heard.until(GuardrailTripped)
    assert (error.code, type(error.cause).__name__) == ("guardrail_error", name)
    assert "'broken'" in error.message
    assert "secret" not in error.message
    assert "secret" not in caplog.text


# What follows from a trip.


async def test_b40_the_trip_is_told_then_speech_stops_the_feedback_is_sent_and_its_reply_waits(line, new_words):
    async with guarded(line, new_words(), debounce_chars=5, feedback=lambda _: "Say something else.") as it:
        it.begins()
        it.says("The secret")
        it.sounds()
        it.says(" is")
        await it.far.received("conversation.item.create")
        await it.settled()
        told = [event.hook for event in it.heard if event.hook in {"guardrail_tripped", "audio_interrupted"}]
        assert told == ["guardrail_tripped", "audio_interrupted"]
        assert it.messages == [("user", "Say something else.")]
        assert it.far.kinds[1:] == ["response.cancel", "conversation.item.truncate", "conversation.item.create"]
        it.ends(status="cancelled")
        await it.far.received("response.create")


async def test_b41_a_result_for_a_superseded_response_is_told_and_does_nothing(line, new_judge):
    judge = new_judge()
    async with guarded(line, judge, feedback=lambda _: "Say something else.") as it:
        it.begins("resp_1")
        it.says("The secret")
        it.ends("resp_1")
        await judge.asked()
        it.begins("resp_2")
        await it.settled()
        judge.rule(True)
        trip = await it.heard.until(GuardrailTripped)
        await it.settled()
        assert trip.response_id == "resp_1"
        assert it.far.kinds == ["session.update"]


async def test_b41_after_the_connection_is_closed_nothing_happens_at_all(line, new_judge):
    judge = new_judge()
    async with guarded(line, judge, feedback=lambda _: "Say something else.") as it:
        it.begins()
        it.says("The secret")
        it.ends()
        await judge.asked()
        await it.session.close()
        assert it.heard.of(GuardrailTripped) == it.heard.of(ErrorEvent) == []
        assert it.far.kinds == ["session.update"]


async def test_a_trip_after_the_response_is_done_stops_what_still_plays(line, new_words):
    async with guarded(line, new_words()) as it:
        it.begins()
        it.says("The secret")
        it.sounds(10_000)
        it.falls_silent()
        it.ends()
        interrupted = await it.heard.until(AudioInterrupted)
        await it.far.received("conversation.item.truncate")
    assert interrupted.item_id == "reply"
    assert "response.cancel" not in it.far.kinds


async def test_a_listener_that_hangs_up_at_a_trip_is_not_in_the_way(line, new_words):
    async with guarded(line, new_words(), feedback=lambda _: "Say something else.") as it:
        hung_up = asyncio.Event()

        async def hang_up(_):
            await it.session.close()
            hung_up.set()

        it.session.on("guardrail_tripped", hang_up)
        it.begins()
        it.says("The secret")
        it.ends()
        async with asyncio.timeout(PATIENCE_S):
            await hung_up.wait()
    assert it.heard.of(ErrorEvent) == []


# What the model is told.


async def test_unless_told_otherwise_the_model_reads_the_rule(line, new_words):
    words = new_words()
    async with line(output_guardrails=[words.guardrail]) as it:
        it.begins()
        it.says("The secret")
        it.ends()
        await it.far.received("response.create")
        [(role, text)] = it.messages
    assert role == "user"
    assert "words" in text


@pytest.mark.parametrize("feedback", [None, lambda _: None, lambda _: ""])
async def test_without_feedback_the_model_is_told_and_asked_nothing(line, feedback, new_words):
    async with guarded(line, new_words(), debounce_chars=0, feedback=feedback) as it:
        it.begins()
        it.says("The secret")
        await it.far.received("response.cancel")
        it.ends(status="cancelled")
        await it.settled()
        assert it.far.kinds == ["session.update", "response.cancel"]


async def test_feedback_that_raises_is_an_error_and_the_speech_was_stopped(line, new_words):
    def feedback(trip):
        raise RuntimeError(trip.text)

    async with guarded(line, new_words(), debounce_chars=0, feedback=feedback) as it:
        it.begins()
        it.says("The secret")
        error = await it.heard.until(ErrorEvent)
        assert error.code == "guardrail_feedback_failed"
        assert "secret" not in error.message
        assert it.far.kinds == ["session.update", "response.cancel"]


async def test_an_assistant_that_cannot_keep_the_rule_is_not_asked_for_ever(line):
    async with guarded(line, OutputGuardrail("never", lambda *_: True), feedback=lambda _: "Again.") as it:
        for number in range(1, 5):
            it.begins(f"resp_{number}")
            it.says("Anything", response=f"resp_{number}")
            it.ends(f"resp_{number}")
            await it.heard.until(GuardrailTripped, number)
            await it.settled()
        error = await it.heard.until(ErrorEvent)
        await it.settled()
        assert error.code == "guardrail_loop"
        assert it.messages == [("user", "Again.")] * 3


async def test_an_answer_that_passes_ends_the_count(line, new_words):
    words = new_words()
    async with guarded(line, words, feedback=lambda _: "Again.") as it:
        for number in range(1, 9):
            it.begins(f"resp_{number}")
            it.says("secret" if number % 4 else "fine", response=f"resp_{number}")
            it.ends(f"resp_{number}")
            await it.settled()
            await it.heard.until(GuardrailTripped, number - number // 4)
            await it.settled()
        assert len(it.messages) == 6
    assert it.heard.of(ErrorEvent) == []


# Other transports.

CONTINUOUS = Capabilities(
    turn_model="continuous",
    full_duplex=True,
    cancel="local",
    output_transcripts="append",
    speech_events=frozenset({"input", "output"}),
    context_modes=frozenset({"speakable"}),
)


def utters(text, segment="s1", *, final=False, mode="append"):
    return AudioTranscriptDelta(segment_id=segment, text=text, final=final, mode=mode)


def scripted(flags):
    return ScriptedTransport(capabilities=flags, strict=False)


def names(transport):
    return [command.name for command in transport.commands if command.name not in {"connect", "close"}]


async def test_scenario_1_where_there_are_no_turns_nothing_waits_for_their_end(line, new_words):
    transport, words = scripted(CONTINUOUS), new_words()
    async with line(transport=transport, output_guardrails=[words.guardrail]) as it:
        transport.emit(OutputSpeechStarted(), utters("A "), utters("secret."), utters("", final=True))
        trip = await it.heard.until(GuardrailTripped)
        await transport.received("send_context")
    assert (trip.text, trip.response_id) == ("A secret.", None)
    assert names(transport) == ["interrupt", "send_context"]


async def test_scenario_1_words_that_never_become_final_are_checked_when_the_speech_ends(line, new_words):
    transport, words = scripted(CONTINUOUS), new_words()
    async with line(transport=transport, output_guardrails=[words.guardrail]) as it:
        transport.emit(OutputSpeechStarted(), utters("A secret."), OutputSpeechStopped())
        await it.heard.until(GuardrailTripped)


async def test_where_there_are_no_turns_the_next_speech_supersedes_the_one_before(line, new_judge):
    transport, judge = scripted(CONTINUOUS), new_judge()
    async with line(transport=transport, output_guardrails=[judge.guardrail]) as it:
        transport.emit(OutputSpeechStarted(), utters("A secret."), OutputSpeechStopped())
        await judge.asked()
        transport.emit(OutputSpeechStarted(), utters("Hello", "s2"))
        judge.rule(True)
        await it.heard.until(GuardrailTripped)
        assert names(transport) == []


async def test_where_there_are_no_turns_each_speech_can_trip(line, new_words):
    transport, words = scripted(evolve(CONTINUOUS, speech_events=frozenset())), new_words()
    async with line(transport=transport, output_guardrails=[words.guardrail]) as it:
        for number in range(3):
            transport.emit(utters("A secret.", f"s{number}", final=True))
            await it.heard.until(GuardrailTripped, number + 1)


async def test_where_the_assistant_cannot_be_stopped_the_trip_is_told_and_the_model_too(line, new_words):
    transport, words = scripted(evolve(REALTIME_CAPABILITIES, cancel="none")), new_words()
    async with line(transport=transport, output_guardrails=[words.guardrail], guardrail_settings=None) as it:
        transport.emit(utters("A secret.", final=True))
        await it.heard.until(GuardrailTripped)
        await transport.received("send_message")
    assert names(transport) == ["send_message"]
    assert it.heard.of(ErrorEvent) == []


async def test_words_that_are_replaced_are_checked_as_they_are_then(line, new_words):
    transport, words = scripted(CONTINUOUS), new_words("never said")
    async with line(
        transport=transport, output_guardrails=[words.guardrail], guardrail_settings=GuardrailSettings(debounce_chars=5)
    ):
        transport.emit(utters("Hello", mode="replace"), utters("Hello, you", mode="replace", final=True))
        await words.asked(2)
    assert words.texts == ["Hello", "Hello, you"]


async def test_without_words_to_check_connecting_is_refused(line, new_words):
    transport = scripted(Capabilities())
    with pytest.raises(Unsupported, match="output_transcripts=none"):
        await line(transport=transport, output_guardrails=[new_words().guardrail]).session.connect()
    assert transport.commands == ()


def test_what_is_no_guardrail_is_refused_at_once(line, new_words):
    with pytest.raises(ConfigError, match="@output_guardrail"):
        line(output_guardrails=[lambda _, __: True])
    with pytest.raises(ConfigError, match="@input_guardrail"):
        line(input_guardrails=[new_words().guardrail])


# Cost.


async def test_without_guardrails_nobody_listens_for_them(line):
    async with line() as it:
        routes = it.session._parts.routes()
    hearing = {type(handler.__self__) for row in routes.values() for handler in row}
    assert Speech in hearing
    assert not hearing & {Guardrails, HoldBack, InputGate}


async def test_p10_many_turns_leave_nothing_behind(line, new_words):
    words = new_words()
    async with guarded(line, words) as it:
        for number in range(200):
            it.begins(f"resp_{number}")
            it.says("Hello.", response=f"resp_{number}", item=f"item_{number}")
            it.ends(f"resp_{number}")
        await words.asked(200)
        await it.settled()
        await it.settled()
        assert len(it.session._parts.guardrails._turns) <= 64
        assert not it.session._parts.conversation.tasks._running


async def test_p10_segments_without_end_are_given_up_oldest_first(line, new_words):
    transport, words = scripted(evolve(CONTINUOUS, speech_events=frozenset())), new_words()
    async with line(transport=transport, output_guardrails=[words.guardrail]) as it:
        for number in range(1_000):
            transport.emit(utters("Hello", f"s{number}"))
        assert len(it.session._parts.guardrails._newest.items) <= 64


async def test_b40_n15_nobody_is_talked_over_to_say_that_an_answer_was_stopped(line, new_judge):
    """B40, N15: the model is told at once, and the user who interrupted meanwhile is answered by the next reply."""
    judge = new_judge()
    async with line(output_guardrails=[judge.guardrail]) as it:
        it.begins()
        it.says("bad words", whole=True)
        await judge.asked()
        it.far.say({"type": "input_audio_buffer.speech_started", "item_id": "u", "audio_start_ms": 0})
        it.ends(status="cancelled")
        await it.settled()
        judge.rule(True)
        await it.far.received("conversation.item.create")
        await it.settled()
        assert "response.create" not in it.far.kinds
