"""offhook.session.timing and playout: how fast each turn was, on a clock that is the test's."""

from __future__ import annotations

import asyncio
import gc
from decimal import Decimal

import attrs
import pytest

from offhook.agent import RealtimeAgent
from offhook.audio.formats import PCM16_24K
from offhook.events import (
    AudioDone,
    AudioEvent,
    AudioInterrupted,
    FunctionCall,
    FunctionCallCancelled,
    OutputSpeechStarted,
    OutputSpeechStopped,
    SpeechStarted,
    SpeechStopped,
    TurnDone,
    TurnStarted,
    Usage,
)
from offhook.items import MessageItem, OutputAudio, OutputText
from offhook.prices import Prices
from offhook.realtime.capabilities import REALTIME_CAPABILITIES
from offhook.session import RealtimeSession
from offhook.session.timing import _Record
from offhook.testing import ScriptedTransport, run_virtual
from offhook.tool import function_tool

#: The service plays, at the pace of speech, and says so.
LINE = attrs.evolve(REALTIME_CAPABILITIES, speech_events=frozenset({"input", "output"}), output_pacing="realtime")
NO_TURNS = attrs.evolve(LINE, turn_model="continuous", full_duplex=True)
SPOKEN = (MessageItem(item_id="i", role="assistant", content=(OutputAudio(),)),)


def sound(ms, turn="t1", epoch=1):
    return AudioEvent(data=bytes(PCM16_24K.size(ms)), turn_id=turn, epoch=epoch)


class Talk:
    """A session on a scripted transport, and the records that it told."""

    def __init__(self, flags=REALTIME_CAPABILITIES, tools=(), **options):
        self.transport = ScriptedTransport(strict=False, capabilities=flags)
        self.session = RealtimeSession(RealtimeAgent(name="A", tools=tools), transport=self.transport, **options)
        self.told = []
        self.session.on("turn_timing", self.told.append)

    def run(self, talk):
        async def main():
            async with self.session:
                await talk(self)

        run_virtual(main())
        return [(t.turn_id, t.first_audio_ms, t.first_played_ms, t.tool_ms, t.interrupt_ms) for t in self.told]

    def emit(self, *events):
        self.transport.emit(*events)

    @staticmethod
    async def wait(ms):
        await asyncio.sleep(ms / 1000)


def test_a_turn_is_timed_from_the_end_of_speech_to_audio_and_to_its_first_moment_in_the_loudspeaker():
    async def talk(it):
        it.emit(SpeechStarted(), SpeechStopped())
        await it.wait(300)
        it.emit(TurnStarted(turn_id="t1", response_id="r1"))
        await it.wait(200)
        it.emit(sound(100))
        await it.wait(40)
        it.session.played(20)
        it.emit(sound(100), TurnDone(turn_id="t1", response_id="r1"))
        assert it.told == [], "it is still to be heard"
        it.session.played(180)
        await it.wait(1)
        assert len(it.told) == 1

    it = Talk()
    assert it.run(talk) == [("t1", 500, 540, None, None)]
    assert it.told[0].response_id == "r1"


def test_without_reports_of_a_loudspeaker_nobody_knows_what_was_played():
    """The record is told when an ordinary one would have played all of it."""

    async def talk(it):
        it.emit(SpeechStopped(), TurnStarted(turn_id="t1"), sound(100), TurnDone(turn_id="t1"))
        await it.wait(99)
        assert it.told == []
        await it.wait(2)
        assert len(it.told) == 1

    assert Talk().run(talk) == [("t1", 0, None, None, None)]


def test_a_reply_to_what_was_written_answers_no_speech():
    async def talk(it):
        it.emit(SpeechStopped())
        await it.wait(100)
        it.emit(TurnStarted(turn_id="t1"), sound(10), TurnDone(turn_id="t1"))
        await it.wait(1000)
        it.emit(TurnStarted(turn_id="t2"), sound(10, "t2"), TurnDone(turn_id="t2"))
        await it.wait(1000)

    assert Talk().run(talk) == [("t1", 100, None, None, None), ("t2", None, None, None, None)]


def test_a_turn_without_speech_is_told_when_it_is_done():
    async def talk(it):
        it.emit(TurnStarted(turn_id="t1"), TurnDone(turn_id="t1"))
        assert len(it.told) == 1

    assert Talk().run(talk) == [("t1", None, None, None, None)]


def test_the_user_s_speech_goes_on_until_it_stops_for_good():
    async def talk(it):
        it.emit(SpeechStopped())
        await it.wait(500)
        it.emit(SpeechStarted())
        await it.wait(500)
        it.emit(SpeechStopped())
        await it.wait(50)
        it.emit(TurnStarted(turn_id="t1"), sound(10), TurnDone(turn_id="t1"))
        await it.wait(100)

    assert Talk().run(talk) == [("t1", 50, None, None, None)]


def test_tools_count_for_the_turn_that_follows_them_and_as_long_as_any_is_at_work():
    """The speech is answered by the turn that has audio, however many came before."""

    def look(name, wait_ms):
        @function_tool(name=name)
        async def run() -> str:
            await asyncio.sleep(wait_ms / 1000)
            return "seen"

        return run

    async def talk(it):
        it.emit(SpeechStopped(), TurnStarted(turn_id="t1"))
        it.emit(*(FunctionCall(call_id=name, name=name, arguments="{}", turn_id="t1") for name in ("one", "two")))
        it.emit(TurnDone(turn_id="t1"))
        await it.wait(1000)
        it.emit(TurnStarted(turn_id="t2"), sound(10, "t2"), TurnDone(turn_id="t2"))
        await it.wait(100)
        it.emit(TurnStarted(turn_id="t3"), TurnDone(turn_id="t3"))

    it = Talk(tools=[look("one", 300), look("two", 400)])
    assert it.run(talk) == [
        ("t1", None, None, None, None),
        ("t2", 1000, None, 400, None),
        ("t3", None, None, None, None),
    ]


def test_a_tool_that_was_withdrawn_does_not_work_for_ever():
    @function_tool
    async def hang() -> str:
        """Hang."""
        await asyncio.sleep(1000)
        return ""

    async def talk(it):
        it.emit(TurnStarted(turn_id="t1"), FunctionCall(call_id="c", name="hang", arguments="{}", turn_id="t1"))
        await it.wait(200)
        it.emit(FunctionCallCancelled(call_ids=("c",)), TurnDone(turn_id="t1"), TurnStarted(turn_id="t2"))
        it.emit(TurnDone(turn_id="t2"))

    assert Talk(tools=[hang]).run(talk)[1] == ("t2", None, None, 200, None)


@pytest.mark.parametrize("done_before", [True, False])
def test_the_reaction_to_speech_is_timed_until_it_is_silent(done_before):
    """Also of a turn that was all received, and was still being played."""

    async def talk(it):
        it.emit(TurnStarted(turn_id="t1"), sound(2000))
        if done_before:
            it.emit(TurnDone(turn_id="t1"))
        await it.wait(500)
        it.emit(SpeechStarted())
        await it.wait(250)
        it.emit(AudioInterrupted(epoch=1, reason="user_speech"), sound(500))
        if not done_before:
            it.emit(TurnDone(turn_id="t1", status="cancelled"))
        await it.wait(1)
        assert len(it.told) == 1, "what came too late is not waited for"

    assert Talk().run(talk) == [("t1", None, None, None, 250)]


def test_the_reaction_to_a_stop_button_is_timed():
    async def talk(it):
        it.emit(TurnStarted(turn_id="t1"), sound(2000))
        await it.session.interrupt()
        await it.wait(30)
        it.emit(AudioInterrupted(epoch=1), TurnDone(turn_id="t1"))

    assert Talk().run(talk) == [("t1", None, None, None, 30)]


def test_speech_while_nobody_speaks_is_no_wish_for_silence():
    async def talk(it):
        it.emit(TurnStarted(turn_id="t1"), SpeechStarted())
        await it.wait(30)
        it.emit(AudioInterrupted(epoch=1), TurnDone(turn_id="t1"))

    assert Talk().run(talk) == [("t1", None, None, None, None)]


def test_where_the_service_is_heard_directly_audible_is_what_counts():
    """Its audio may pass through here too; and its turn may be over before anything is heard."""

    async def talk(it):
        it.emit(SpeechStopped(), TurnStarted(turn_id="t1"), sound(10), TurnDone(turn_id="t1", output=SPOKEN))
        await it.wait(400)
        assert it.told == []
        it.emit(OutputSpeechStarted())
        await it.wait(2000)
        it.emit(OutputSpeechStopped())
        await it.wait(1)
        assert len(it.told) == 1

    assert Talk(LINE).run(talk) == [("t1", 400, 400, None, None)]


def test_where_there_are_no_turns_each_utterance_is_timed():
    async def talk(it):
        for _ in range(2):
            it.emit(SpeechStarted(), SpeechStopped())
            await it.wait(120)
            it.emit(OutputSpeechStarted(), sound(100, None), OutputSpeechStopped())
            await it.wait(10)

    assert Talk(NO_TURNS).run(talk) == [(None, 120, 120, None, None)] * 2


def test_without_turns_and_without_word_of_speech_audio_is_what_counts():
    async def talk(it):
        for epoch in (1, 2):
            it.emit(SpeechStopped())
            await it.wait(120)
            it.emit(sound(100, None, epoch), AudioDone())
            await it.wait(200)

    flags = attrs.evolve(NO_TURNS, speech_events=frozenset({"input"}))
    assert Talk(flags).run(talk) == [(None, 120, None, None, None)] * 2


def test_an_interruption_ends_an_utterance():
    async def talk(it):
        it.emit(OutputSpeechStarted(), SpeechStarted())
        await it.wait(80)
        it.emit(AudioInterrupted(epoch=1))
        assert len(it.told) == 1

    assert Talk(NO_TURNS).run(talk) == [(None, None, None, None, 80)]


def test_what_is_not_over_when_the_next_turn_begins_or_the_session_ends_is_told_as_far_as_it_is_known():
    async def talk(it):
        it.emit(TurnStarted(turn_id="t1"), sound(5000), TurnDone(turn_id="t1"), TurnStarted(turn_id="t2"))
        assert len(it.told) == 1

    assert [turn for turn, *_ in Talk().run(talk)] == ["t1", "t2"]


def test_a_loudspeaker_that_reports_no_more_is_not_waited_for_for_ever():
    async def talk(it):
        it.emit(TurnStarted(turn_id="t1"), sound(1000))
        it.session.played(100)
        it.emit(TurnDone(turn_id="t1"))
        await it.wait(5900)
        assert it.told == []
        await it.wait(200)
        assert len(it.told) == 1

    Talk().run(talk)


def test_a_loudspeaker_that_is_late_is_told_from_one_turn_to_the_next():
    """What it reports belongs to the turn that it plays, and not to the newest."""

    async def talk(it):
        it.emit(SpeechStopped(), TurnStarted(turn_id="t1"), sound(100), TurnDone(turn_id="t1"))
        it.session.played(60)
        it.emit(SpeechStopped(), TurnStarted(turn_id="t2"), sound(100, "t2"))
        await it.wait(70)
        it.session.played(40)
        await it.wait(70)
        it.session.played(1)
        it.emit(TurnDone(turn_id="t2"))

    assert Talk().run(talk) == [("t1", 0, 0, None, None), ("t2", 0, 140, None, None)]


def test_a_turn_of_the_application_s_own_is_answered_from_its_end():
    async def talk(it):
        await it.session.begin_turn()
        await it.session.send_audio(bytes(PCM16_24K.size(200)))
        await it.session.end_turn()
        await it.wait(150)
        it.emit(TurnStarted(turn_id="t1"), sound(10), TurnDone(turn_id="t1"))
        await it.session.begin_turn()
        await it.session.cancel_turn()
        await it.wait(150)
        it.emit(TurnStarted(turn_id="t2"), sound(10, "t2"), TurnDone(turn_id="t2"))

    assert [first for _, first, *_ in Talk(turns="manual").run(talk)] == [150, None]


def test_a_record_has_what_the_turn_used_and_what_that_costs():
    prices = Prices(input_text=4, input_audio=32, output_text=16, output_audio=64)
    usage = Usage(requests=1, input_tokens=1_000_000, total_tokens=1_000_000)

    async def talk(it):
        it.emit(TurnStarted(turn_id="t1"), TurnDone(turn_id="t1", usage=usage))

    it = Talk(prices=prices)
    it.run(talk)
    assert (it.told[0].usage, it.told[0].cost) == (usage, Decimal(4))


def test_p10_a_thousand_turns_leave_one_record():
    """P10: whether or not anyone reports what was played."""

    async def talk(it):
        for number in range(1000):
            turn = f"t{number}"
            it.emit(SpeechStopped(), TurnStarted(turn_id=turn), sound(20, turn), TurnDone(turn_id=turn))
            await it.wait(20)
        gc.collect()
        assert sum(isinstance(one, _Record) for one in gc.get_objects()) <= 1
        assert len(it.session._parts.playout._queue) <= 1

    assert len(Talk().run(talk)) == 1000


def test_turns_that_overlap_are_timed_each_by_itself():
    """A response outside of the conversation, and one that the service begins meanwhile: one record each."""

    async def talk(it):
        it.emit(TurnStarted(turn_id="aside"), sound(10, "aside"), SpeechStopped(), TurnStarted(turn_id="t1"))
        await it.wait(50)
        for _ in range(5):
            it.emit(sound(10, "t1"), sound(10, "aside"))
        it.emit(TurnDone(turn_id="aside", usage=Usage(requests=1)), sound(10, "t1"))
        it.emit(TurnDone(turn_id="t1", usage=Usage(requests=2)))
        await it.wait(1000)

    it = Talk()
    assert it.run(talk) == [("aside", None, None, None, None), ("t1", 50, None, None, None)]
    assert [timing.usage.requests for timing in it.told] == [1, 2]


def test_audio_that_comes_after_its_turn_was_told_makes_no_turn_of_its_own():
    async def talk(it):
        it.emit(TurnStarted(turn_id="t1"), TurnDone(turn_id="t1"), TurnStarted(turn_id="t2"), sound(10, "t1"))
        it.emit(TurnDone(turn_id="t2"))
        await it.wait(100)

    assert [turn for turn, *_ in Talk().run(talk)] == ["t1", "t2"]


def test_p10_turns_that_never_end_are_told_in_the_end():
    async def talk(it):
        for number in range(100):
            it.emit(TurnStarted(turn_id=f"t{number}"))
        assert len(it.session._parts.timing._records) <= 8

    assert len(Talk().run(talk)) == 100


def test_what_was_answered_in_writing_is_answered():
    """The sound of a later turn is no late answer to it."""

    async def talk(it):
        written = (MessageItem(item_id="i", role="assistant", content=(OutputText("Yes."),)),)
        it.emit(SpeechStopped(), TurnStarted(turn_id="t1"), TurnDone(turn_id="t1", output=written))
        await it.wait(60_000)
        it.emit(TurnStarted(turn_id="t2"), sound(10, "t2"), TurnDone(turn_id="t2"))
        await it.wait(100)

    assert [first for _, first, *_ in Talk().run(talk)] == [None, None]
