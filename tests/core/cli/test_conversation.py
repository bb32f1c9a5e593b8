"""offhook.cli.conversation: one spoken question and its answer, over transports of either kind."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from offhook.agent import RealtimeAgent
from offhook.audio import g711
from offhook.audio.formats import PCM16_24K, PCMU
from offhook.audio.wav import WavAudio
from offhook.cli import conversation as module
from offhook.cli.conversation import Conversation, NoAnswer
from offhook.cli.media import Question
from offhook.events import AudioEvent, AudioInterrupted, OutputSpeechStarted, OutputSpeechStopped
from offhook.loopback import Loopback
from offhook.session import RealtimeSession


@pytest.fixture
def asking(kit):
    """``async with asking(flags) as it``: a question of 60 ms is asked; ``it.phone`` is its other end."""

    @asynccontextmanager
    async def ask(**flags):
        phone, shown = kit.Phone(**flags), kit.Shown()
        conversation = Conversation(Question(WavAudio(kit.tone(60), 24_000)))
        session = RealtimeSession(RealtimeAgent(name="A"), transport=phone)
        report = asyncio.create_task(conversation.hold(session, shown.add))
        await asyncio.wait_for(phone.connected.wait(), kit.PATIENCE_S)
        yield SimpleNamespace(phone=phone, shown=shown, conversation=conversation, report=report)
        if not report.done():
            await asyncio.wait_for(report, kit.PATIENCE_S)
        assert phone.status == "disconnected"

    return ask


async def test_the_question_goes_out_in_the_session_s_format_and_the_answer_is_reported_at_24_khz(kit, asking):
    async with asking(input_format=PCMU, output_format=PCMU) as it:
        await it.phone.until(lambda: len(it.phone.sent) >= 5)
        it.phone.say(AudioEvent(data=g711.encode(kit.tone(100, 8_000), "audio/pcmu"), format=PCMU), kit.turn_done())
    report = it.report.result()
    assert {len(frame) for frame in it.phone.sent} == {160}
    assert report.audio_in_ms >= 80
    assert report.audio_out_ms == 100
    assert len(report.answer) == PCM16_24K.size(100)
    assert report.first_audio_ms >= 0
    assert report.total_ms >= report.connect_ms >= 0
    assert [event.hook for event in it.shown.events if isinstance(event, AudioEvent)] == ["audio"]


async def test_a_turn_that_calls_a_function_or_says_nothing_is_not_the_end(kit, asking):
    async with asking() as it:
        await it.phone.until(lambda: it.phone.sent)
        it.phone.say(kit.turn_done(), AudioEvent(data=kit.tone(20)), kit.turn_done(calls=True))
        it.phone.say(AudioEvent(data=kit.tone(40)), kit.turn_done())
    assert it.report.result().audio_out_ms == 60


async def test_an_answer_that_was_interrupted_does_not_count(kit, asking):
    async with asking() as it:
        await it.phone.until(lambda: it.phone.sent)
        it.phone.say(AudioEvent(data=kit.tone(500)), AudioInterrupted(epoch=1), kit.turn_done())
        it.phone.say(AudioEvent(data=kit.tone(40), epoch=2), kit.turn_done())
    assert it.report.result().audio_out_ms == 40


@pytest.mark.parametrize("flags", [{}, {"handles_audio": True}])
async def test_a_service_that_hangs_up_has_not_answered(asking, flags):
    async with asking(**flags) as it:
        it.phone.hang_up("lost")
        with pytest.raises(NoAnswer, match="ended the conversation before it answered"):
            await it.report


@pytest.mark.parametrize("flags", [{}, {"handles_audio": True}])
async def test_patience_ends(asking, monkeypatch, flags):
    monkeypatch.setattr(module, "PATIENCE_S", 0.05)
    async with asking(**flags) as it:
        with pytest.raises(NoAnswer, match="Check that the question is speech"):
            await it.report


async def test_where_the_service_hears_no_pauses_the_end_of_the_question_is_told(kit):
    conversation, shown = Conversation(Question(WavAudio(kit.tone(60), 24_000))), kit.Shown()
    session = RealtimeSession(RealtimeAgent(name="A"), transport=Loopback())
    report = await asyncio.wait_for(conversation.hold(session, shown.add), kit.PATIENCE_S)
    assert report.answer.startswith(kit.tone(60))  # it repeats what it is told


# Over a transport that handles the audio


async def asked(it):
    """Take the question as such a transport does, until it is over."""
    async for _ in it.conversation.ends["input"]:
        if it.conversation.ends["input"].taken_ms >= 80:
            return


async def test_the_question_is_taken_from_one_end_and_the_answer_given_to_the_other(kit, asking):
    async with asking(**kit.HANDLED) as it:
        await asked(it)
        listen = it.conversation.ends["output"]
        it.phone.say(OutputSpeechStarted(utterance_id="turn_1"), kit.turn_done())
        for pcm in (bytes(960), kit.tone(40), bytes(960), kit.tone(20)):
            listen(pcm, 24_000)
        it.phone.say(OutputSpeechStopped(utterance_id="turn_1"))
        # The last of the sound comes after the event.
        listen(kit.tone(20), 24_000)
        listen(bytes(PCM16_24K.size(200)), 24_000)
    report = it.report.result()
    assert it.phone.sent == []
    assert report.answer == kit.tone(40) + bytes(960) + kit.tone(20) + kit.tone(20)
    assert report.audio_in_ms == 80
    assert report.first_audio_ms >= 0


async def test_audio_that_comes_through_the_contract_as_well_counts_once(kit, asking):
    async with asking(**kit.HANDLED) as it:
        it.phone.say(OutputSpeechStarted(utterance_id="turn_1"), AudioEvent(data=kit.tone(20)))
        for pcm in (kit.tone(20), bytes(PCM16_24K.size(200))):
            it.conversation.ends["output"](pcm, 24_000)
        it.phone.say(kit.turn_done(), OutputSpeechStopped(utterance_id="turn_1"))
    assert it.report.result().audio_out_ms == 20


async def test_only_the_end_of_the_answer_itself_is_the_end(kit, asking):
    async with asking(**kit.HANDLED) as it:
        listen = it.conversation.ends["output"]
        listen(kit.tone(20), 24_000)
        it.phone.say(kit.turn_done(calls=True), kit.turn_done(turn_id="turn_2"))
        it.phone.say(OutputSpeechStopped(utterance_id="turn_1"))
        listen(kit.tone(20), 24_000)
        it.phone.say(OutputSpeechStopped(utterance_id="turn_2"))
        listen(bytes(PCM16_24K.size(200)), 24_000)
    assert it.report.result().answer == kit.tone(20) * 2


async def test_after_an_interruption_the_next_answer_is_waited_for(kit, asking):
    async with asking(**kit.HANDLED) as it:
        listen = it.conversation.ends["output"]
        listen(kit.tone(100), 24_000)
        it.phone.say(kit.turn_done(), AudioInterrupted(epoch=1), OutputSpeechStopped(utterance_id="turn_1"))
        it.phone.say(kit.turn_done(turn_id="turn_2"), OutputSpeechStarted(utterance_id="turn_2"))
        await it.shown.until(OutputSpeechStarted)
        listen(kit.tone(20), 24_000)
        it.phone.say(OutputSpeechStopped(utterance_id="turn_2"))
        listen(bytes(PCM16_24K.size(200)), 24_000)
    assert it.report.result().answer == kit.tone(20)


async def test_where_nobody_tells_of_the_end_a_pause_is_waited_for(kit, asking):
    async with asking(handles_audio=True) as it:
        listen = it.conversation.ends["output"]
        listen(kit.tone(20), 24_000)
        it.phone.say(kit.turn_done())
        for pcm in (bytes(PCM16_24K.size(500)), kit.tone(20), bytes(PCM16_24K.size(1000))):
            listen(pcm, 24_000)
    assert it.report.result().answer == kit.tone(20) + bytes(PCM16_24K.size(500)) + kit.tone(20)


async def test_silence_that_never_comes_is_not_waited_for_where_the_end_was_told(kit, asking):
    async with asking(**kit.HANDLED) as it:
        it.conversation.ends["output"](kit.tone(20), 24_000)
        it.phone.say(kit.turn_done(), OutputSpeechStopped())
    assert it.report.result().answer == kit.tone(20)
