"""offhook.session.holdback: audio waits until the words up to it were checked, but no longer than was said."""

from __future__ import annotations

import asyncio

import pytest
from attrs import define, evolve

from offhook.capabilities import Capabilities
from offhook.errors import Unsupported
from offhook.events import AudioDone, AudioEvent, AudioInterrupted, ConnectionChange, ErrorEvent, TurnDone
from offhook.guardrail import GuardrailSettings, OutputGuardrail
from offhook.realtime.capabilities import REALTIME_CAPABILITIES
from offhook.session.events import AudioStart, AudioStopped, GuardrailTripped, TranscriptEvent
from offhook.session.holdback import HoldBack
from offhook.testing import ScriptedTransport, run_virtual

LONG_MS = 60_000
#: What a listener that plays the speech goes by.
SPEECH = ("audio_start", "audio", "audio_done", "audio_stopped", "turn_done", "agent_end")


def holding(line, *guards, ms=LONG_MS, debounce=0):
    settings = GuardrailSettings(hold_back_ms=ms, debounce_chars=debounce, feedback=None)
    return line(output_guardrails=[getattr(guard, "guardrail", guard) for guard in guards], guardrail_settings=settings)


def speech(line):
    return [event.hook for event in line.heard if event.hook in SPEECH]


# In a session.


async def test_n15_audio_waits_until_the_words_up_to_it_passed(line, new_judge):
    judge = new_judge()
    async with holding(line, judge) as it:
        it.begins()
        it.says("Hello")
        it.sounds()
        await judge.asked()
        await it.settled()
        assert speech(it) == []
        judge.rule(False)
        await it.heard.until(AudioEvent)
        assert speech(it) == ["audio_start", "audio"]


async def test_audio_of_words_that_passed_waits_for_nothing(line, new_judge):
    judge = new_judge()
    async with holding(line, judge) as it:
        it.begins()
        it.says("Hello")
        await judge.asked()
        judge.rule(False)
        await it.settled()
        await it.settled()
        it.sounds()
        it.sounds()
        await it.settled()
        assert len(it.heard.of(AudioEvent)) == 2


async def test_audio_that_comes_before_its_first_words_waits_for_them(line, new_judge):
    judge = new_judge()
    async with holding(line, judge) as it:
        it.begins()
        it.sounds()
        await it.settled()
        assert speech(it) == []
        it.says("Hello")
        await judge.asked()
        judge.rule(False)
        await it.heard.until(AudioEvent)


async def test_audio_of_later_words_waits_for_their_own_check(line, new_judge):
    judge = new_judge()
    async with holding(line, judge, debounce=5) as it:
        it.begins()
        it.says("Hello")
        it.sounds(100)
        it.says(", you")
        it.sounds(200)
        await judge.asked(2)
        judge.rule(False, 1)
        await it.heard.until(AudioEvent)
        await it.settled()
        assert [event.audio_ms for event in it.heard.of(AudioEvent)] == [100]
        judge.rule(False, 2)
        assert (await it.heard.until(AudioEvent, 2)).audio_ms == 200


async def test_nothing_of_a_trip_is_heard(line, new_judge):
    judge = new_judge()
    async with holding(line, judge) as it:
        it.begins()
        it.says("A secret")
        it.sounds()
        await judge.asked()
        judge.rule(True)
        await it.heard.until(GuardrailTripped)
        it.sounds()
        it.falls_silent()
        it.ends(status="cancelled")
        await it.heard.until(TurnDone)
        await it.settled()
        assert it.heard.of(AudioEvent) == it.heard.of(AudioStart) == []


async def test_where_the_assistant_cannot_be_stopped_the_rest_of_its_turn_is_left_out_all_the_same(
    line, wire, new_words
):
    words = new_words()
    wire.transport = lambda make=wire.transport: make(capabilities=evolve(REALTIME_CAPABILITIES, cancel="none"))
    async with holding(line, words) as it:
        it.begins()
        it.says("A secret")
        it.sounds()
        await it.heard.until(GuardrailTripped)
        it.sounds()
        it.falls_silent()
        it.ends()
        await it.heard.until(TurnDone)
        assert it.heard.of(AudioEvent) == []


async def test_the_end_of_a_turn_keeps_its_place_behind_the_audio(line, new_judge):
    judge = new_judge()
    async with holding(line, judge) as it:
        it.begins()
        it.says("Hello")
        it.sounds()
        it.falls_silent()
        it.ends()
        await judge.asked()
        await it.settled()
        assert speech(it) == []
        judge.rule(False)
        await it.heard.until(TurnDone)
        await it.settled()
        assert speech(it) == ["audio_start", "audio", "audio_done", "audio_stopped", "turn_done", "agent_end"]


async def test_words_and_errors_overtake_the_audio(line, new_judge):
    judge = new_judge()
    async with holding(line, judge) as it:
        it.begins()
        it.says("Hello")
        it.sounds()
        it.says(" you")
        it.far.say({"type": "error", "error": {"type": "server_error", "message": "x"}})
        await it.settled()
        assert [event.text for event in it.heard.of(TranscriptEvent)] == ["Hello", "Hello you"]
        assert len(it.heard.of(ErrorEvent)) == 1
        assert speech(it) == []


async def test_at_the_bound_audio_is_heard_unchecked(line, new_judge):
    async with holding(line, new_judge(), ms=10) as it:
        it.begins()
        it.says("Hello")
        it.sounds()
        it.falls_silent()
        await it.heard.until(AudioStopped)
        assert speech(it) == ["audio_start", "audio", "audio_done", "audio_stopped"]


async def test_a_check_without_a_result_lets_audio_go_on_no_sooner_than_the_bound(line):
    def broken(_, __):
        raise RuntimeError

    async with holding(line, OutputGuardrail("broken", broken), ms=50) as it:
        it.begins()
        it.says("Hello")
        it.sounds()
        await it.heard.until(ErrorEvent)
        await it.settled()
        assert speech(it) == []
        await it.heard.until(AudioEvent)


async def test_p5_an_interruption_drops_what_waits_and_tells_its_end_before(line, new_judge):
    judge = new_judge()
    async with holding(line, judge) as it:
        it.begins()
        it.says("Hello")
        it.sounds()
        it.falls_silent()
        await judge.asked()
        await it.settled()
        await it.session.interrupt()
        await it.heard.until(AudioInterrupted)
        judge.rule(False)
        await it.settled()
        told = [event.hook for event in it.heard if event.hook in {*SPEECH, "audio_interrupted"}]
        assert told == ["audio_done", "audio_stopped", "audio_interrupted"]


async def test_what_waits_when_the_connection_is_lost_is_not_heard(line, new_judge):
    judge = new_judge()
    async with holding(line, judge) as it:
        it.begins()
        it.says("Hello")
        it.sounds()
        it.falls_silent()
        await judge.asked()
        it.far.hang_up(1006)
        await it.heard.until(ConnectionChange, 3)
        assert it.heard.of(AudioEvent) == []
        assert it.heard.index(it.heard.of(AudioDone)[0]) < it.heard.index(it.heard.of(ConnectionChange)[-1])


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (evolve(REALTIME_CAPABILITIES, handles_audio=True), "handles_audio"),
        (evolve(REALTIME_CAPABILITIES, output_transcripts="none"), "output_transcripts"),
        (Capabilities(), "output_transcripts"),
    ],
)
async def test_where_audio_or_words_are_out_of_reach_connecting_is_refused(line, new_words, flags, named):
    transport = ScriptedTransport(capabilities=flags)
    session = line(
        transport=transport,
        output_guardrails=[new_words().guardrail],
        guardrail_settings=GuardrailSettings(hold_back_ms=100),
    ).session
    with pytest.raises(Unsupported, match=named):
        await session.connect()
    assert transport.commands == ()


async def test_without_hold_back_audio_takes_the_way_it_always_took(line, new_words):
    async with line(output_guardrails=[new_words().guardrail]) as it:
        assert it.session._parts.conversation.emit == it.session._emitter.emit


# By itself, in virtual time.


@define
class Fake:
    """What a claim looks like."""

    cleared: bool = False
    blocked: bool = False


def test_each_piece_waits_from_when_it_came():
    async def main():
        loop, told = asyncio.get_running_loop(), []
        hold = HoldBack(lambda event: told.append((loop.time(), event.epoch)), lambda _: Fake(), 0.5)
        for epoch in range(3):
            hold.tell(AudioEvent(data=b"", epoch=epoch))
            await asyncio.sleep(0.2)
        await asyncio.sleep(5)
        return told

    assert [(round(at, 3), epoch) for at, epoch in run_virtual(main())] == [(0.5, 0), (0.7, 1), (0.9, 2)]


def test_a_piece_that_is_cleared_does_not_overtake_one_that_is_not():
    async def main():
        told, claims = [], [Fake(), Fake(cleared=True)]
        hold = HoldBack(lambda event: told.append(event.epoch), lambda event: claims[event.epoch], 60)
        hold.tell(AudioEvent(data=b"", epoch=0))
        hold.tell(AudioEvent(data=b"", epoch=1))
        hold.release()
        before = tuple(told)
        claims[0].cleared = True
        hold.release()
        return before, tuple(told)

    assert run_virtual(main()) == ((), (0, 1))


def test_a_piece_that_is_blocked_lets_the_next_one_through():
    async def main():
        told, claims = [], [Fake(), Fake(cleared=True)]
        hold = HoldBack(lambda event: told.append(event.epoch), lambda event: claims[event.epoch], 60)
        hold.tell(AudioEvent(data=b"", epoch=0))
        hold.tell(AudioEvent(data=b"", epoch=1))
        claims[0].blocked = True
        hold.release()
        return told

    assert run_virtual(main()) == [1]
