"""offhook.session.interruptions: who may cut the assistant short, and how far that goes (B12–B14, A3, N14)."""

from __future__ import annotations

import asyncio
import math

import attrs
import pytest

from offhook.agent import RealtimeAgent
from offhook.audio.formats import PCM16_24K
from offhook.config import AudioConfig, AudioInput, SessionConfig, TurnDetection
from offhook.errors import ConfigError, Unsupported
from offhook.events import (
    AudioEvent,
    AudioInterrupted,
    ErrorEvent,
    OutputSpeechStarted,
    OutputSpeechStopped,
    SessionUpdated,
    SpeechStarted,
    SpeechStopped,
    TurnDone,
    TurnStarted,
)
from offhook.realtime.capabilities import REALTIME_CAPABILITIES
from offhook.session import RealtimeSession
from offhook.session.interruptions import MinSpeech
from offhook.testing import ScriptedTransport, expect, run_virtual

#: A service whose turn detection stays as it was at the start.
FIXED = attrs.evolve(REALTIME_CAPABILITIES, mutable_config=frozenset(), turn_model="turn", request_ids=False)


def detecting(**members):
    return SessionConfig(audio=AudioConfig(input=AudioInput(turn_detection=TurnDetection(**members))))


def told(it):
    """What each update said about turn detection."""
    updates = [frame["session"] for frame in it.far.sent if frame["type"] == "session.update"]
    return [update["audio"]["input"]["turn_detection"].get("interrupt_response") for update in updates]


def speech(it, kind="started"):
    it.far.say({"type": f"input_audio_buffer.speech_{kind}", "item_id": "u", "audio_start_ms": 0, "audio_end_ms": 0})


async def stopping(it):
    """What was sent to make the assistant stop, until now."""
    await it.settled()
    await it.session.transport.send_event({"type": "test"})  # what was decided before has gone out before
    return [kind for kind in it.far.kinds if kind in ("response.cancel", "conversation.item.truncate")]


def scripted(*steps, flags=REALTIME_CAPABILITIES, **options):
    transport = ScriptedTransport(steps, capabilities=flags, allow={"interrupt", "send_audio"})
    return transport, RealtimeSession(RealtimeAgent(name="A"), transport=transport, **options)


def interruptions(transport):
    return [command.name for command in transport.commands].count("interrupt")


# The application's own word.


@pytest.mark.parametrize("interrupt_response", [True, False, None])
async def test_a03_b12_b13_interrupt_cancels_flushes_and_truncates_whatever_speech_would_do(line, interrupt_response):
    """A3, B12, B13: a stop button works under ``interrupt_response`` true, too, and once."""
    config = detecting(**({} if interrupt_response is None else {"interrupt_response": interrupt_response}))
    async with line(config=config) as it:
        it.begins()
        it.sounds(200)
        await it.settled()
        await it.session.interrupt()
        await it.session.interrupt()
        assert await stopping(it) == ["response.cancel", "conversation.item.truncate"]
        [truncate] = await it.far.received("conversation.item.truncate")
        assert (truncate["item_id"], truncate["content_index"], truncate["audio_end_ms"]) == ("reply", 0, 0)
        assert [event.reason for event in it.heard.of(AudioInterrupted)] == ["client"]
        it.sounds(200)
        it.ends(status="cancelled")
        await it.settled()
        assert len(it.heard.of(AudioEvent)) == 1, "nothing of it is heard afterwards"


async def test_a03_interrupt_stops_what_still_plays_of_a_response_that_is_over(line):
    """A3, P6: there is nothing left to cancel, and the model is told how much was heard."""
    async with line(config=detecting(interrupt_response=True)) as it:
        it.begins()
        it.sounds(200)
        it.ends()
        await it.settled()
        it.session.played(60)
        await it.session.interrupt()
        assert await stopping(it) == ["conversation.item.truncate"]
        assert (await it.far.received("conversation.item.truncate"))[0]["audio_end_ms"] == 60


async def test_b14_with_interruptions_on_the_config_s_own_word_stands(line):
    """B14: true and unset leave the cancelling to the service, an explicit false leaves everything as it is."""
    for value in (True, False):
        async with line(config=detecting(interrupt_response=value)) as it:
            assert told(it) == [value]
            it.begins()
            it.sounds(200)
            speech(it)
            assert await stopping(it) == (["conversation.item.truncate"] if value else [])


# Off, and after a while.


@pytest.mark.parametrize("policy", ["off", MinSpeech(ms=300)])
async def test_a_decision_of_ours_is_taken_from_the_service(line, policy):
    async with line(interruptions=policy, config=detecting(type="server_vad", threshold=0.4)) as it:
        assert told(it) == [False]
        detection = it.far.sent[0]["session"]["audio"]["input"]["turn_detection"]
        assert (detection["type"], detection["threshold"]) == ("server_vad", 0.4)


async def test_with_interruptions_off_speech_stops_nothing_and_interrupt_does(line):
    async with line(interruptions="off") as it:
        it.begins()
        it.sounds(200)
        speech(it)
        assert await stopping(it) == []
        assert it.heard.of(AudioInterrupted) == []
        await it.session.interrupt()
        assert await stopping(it) == ["response.cancel", "conversation.item.truncate"]


@pytest.mark.parametrize(("spoken_ms", "interrupted"), [(100, False), (299, False), (301, True), (2000, True)])
def test_n14_speech_interrupts_once_it_was_long_enough(spoken_ms, interrupted):
    """N14: a "mm-hm" stops nobody."""
    transport, session = scripted(interruptions=MinSpeech(ms=300))

    async def talk():
        async with session:
            transport.emit(TurnStarted(turn_id="t"), SpeechStarted())
            await asyncio.sleep(spoken_ms / 1000)
            transport.emit(SpeechStopped())
            await asyncio.sleep(5)
            assert interruptions(transport) == interrupted

    run_virtual(talk())


def test_two_short_words_are_not_one_long_one():
    transport, session = scripted(interruptions=MinSpeech(ms=300))

    async def talk():
        async with session:
            transport.emit(TurnStarted(turn_id="t"))
            for _ in range(3):
                transport.emit(SpeechStarted())
                await asyncio.sleep(0.2)
                transport.emit(SpeechStopped())
                await asyncio.sleep(0.05)
            assert interruptions(transport) == 0
            transport.emit(SpeechStarted())
            await asyncio.sleep(0.4)
            assert interruptions(transport) == 1

    run_virtual(talk())


def test_long_speech_interrupts_nobody_where_nobody_speaks():
    transport, session = scripted(interruptions=MinSpeech(ms=300))

    async def talk():
        async with session:
            transport.emit(SpeechStarted())
            await asyncio.sleep(1)
            assert interruptions(transport) == 0

    run_virtual(talk())


def test_an_interruption_that_fails_is_told():
    transport, session = scripted(interruptions=MinSpeech(ms=300))
    failures = []
    session.on("error", failures.append)

    async def refuse(*, heard_ms=None):
        raise RuntimeError("not now")

    async def talk():
        async with session:
            transport.interrupt = refuse
            transport.emit(TurnStarted(turn_id="t"), SpeechStarted())
            await asyncio.sleep(1)

    run_virtual(talk())
    assert [(failure.code, "not now" in failure.message) for failure in failures] == [("not_interrupted", True)]


@pytest.mark.parametrize("policy", ["never", None, 300])
def test_a_policy_is_one_of_three(line, policy):
    with pytest.raises(ConfigError, match=r"MinSpeech\(ms=…\)"):
        line(interruptions=policy)


@pytest.mark.parametrize("ms", [0, -1, math.nan])
def test_a_shortest_speech_takes_time(ms):
    with pytest.raises(ConfigError, match="above 0"):
        MinSpeech(ms=ms)


@pytest.mark.parametrize(
    ("policy", "flags", "named"),
    [
        (MinSpeech(ms=300), {"mutable_config": frozenset()}, "mutable_config"),
        (MinSpeech(ms=300), {"cancel": "none"}, "cancel=none"),
        (MinSpeech(ms=300), {"speech_events": frozenset()}, "speech_events"),
        ("off", {"mutable_config": frozenset(), "handles_audio": True}, "mutable_config"),
    ],
)
async def test_where_a_policy_cannot_be_kept_connecting_is_refused(line, wire, policy, flags, named):
    transport = wire.transport(capabilities=attrs.evolve(REALTIME_CAPABILITIES, **flags))
    with pytest.raises(Unsupported, match=named):
        await line(interruptions=policy, transport=transport).session.connect()
    assert wire.requests == []


# One reply.


async def test_n14_a_reply_that_must_not_be_cut_is_shielded_until_it_was_heard(line):
    """N14: before it is asked for, and no longer than it is heard."""
    async with line(config=detecting(eagerness="low")) as it:
        reply = await it.session.respond("Read the terms", interruptible=False)
        assert told(it) == [None, False]
        assert it.far.kinds[1:] == ["session.update", "conversation.item.create", "response.create"]
        await it.heard.until(SessionUpdated, 2)
        it.begins()
        it.sounds(200)
        speech(it)
        assert await stopping(it) == []
        create = (await it.far.received("response.create"))[0]
        it.far.say({"type": "response.created", "response": {"id": "r", "metadata": create["response"]["metadata"]}})
        it.ends("r")
        await reply
        assert told(it) == [None, False], "it is still to be heard"
        it.session.played(200)
        await it.far.received("session.update", 3)
        detection = it.far.sent[-1]["session"]["audio"]["input"]["turn_detection"]
        assert detection == {"type": "semantic_vad", "eagerness": "low"}


async def test_a_shield_falls_with_the_last_reply_that_needs_it(line):
    async with line() as it:
        replies = [await it.session.respond(text, interruptible=False) for text in "ab"]
        for number, reply in enumerate(replies, 1):
            create = (await it.far.received("response.create", number))[-1]
            response = {"id": f"r{number}", "metadata": create["response"]["metadata"]}
            it.far.say({"type": "response.created", "response": response})
            it.ends(f"r{number}")
            await reply
        await it.far.received("session.update", 3)
        assert told(it) == [None, False, None]


async def test_a_shield_falls_when_the_reply_is_refused(line):
    async with line() as it:
        await it.session.respond(interruptible=False)
        create = (await it.far.received("response.create"))[0]
        it.far.say({"type": "error", "error": {"code": "x", "message": "no", "event_id": create["event_id"]}})
        await it.far.received("session.update", 3)
        assert it.session._parts.interrupting.allowed


def test_a_shield_that_could_not_be_taken_down_is_told():
    transport, session = scripted(
        expect("update_session_config"),
        expect("request_response", emit=[TurnStarted(turn_id="t", request_id="request_1")]),
    )
    failures = []
    session.on("error", failures.append)

    async def talk():
        async with session:
            reply = await session.respond(interruptible=False)
            await asyncio.sleep(0)
            transport.emit(TurnDone(turn_id="t"))
            await reply
            await asyncio.sleep(1)

    run_virtual(talk())
    assert [failure.code for failure in failures] == ["not_interrupted"]
    assert isinstance(failures[0], ErrorEvent)


async def test_min_speech_does_not_cut_a_shielded_reply(line):
    async with line(interruptions=MinSpeech(ms=1)) as it:
        await it.session.respond(interruptible=False)
        assert told(it) == [False], "the service knows already"
        it.begins()
        speech(it)
        await it.settled()
        await asyncio.wait({it.session._parts.interrupting._waiting})
        assert await stopping(it) == []


async def test_a_turn_of_the_user_s_own_does_not_cut_a_shielded_reply(line):
    async with line(turns="manual") as it:
        await it.session.respond(interruptible=False)
        it.begins()
        it.sounds(200)
        await it.settled()
        await it.session.begin_turn()
        assert await stopping(it) == []


# Where the config cannot be changed: what the user says meanwhile is not sent.


def test_off_keeps_the_user_unheard_while_the_assistant_speaks():
    transport, session = scripted(flags=FIXED, interruptions="off")

    async def talk():
        async with session:
            await session.send_audio(b"a")
            transport.emit(TurnStarted(turn_id="t"))
            await session.send_audio(b"b")
            transport.emit(AudioEvent(data=bytes(48_000), turn_id="t"), TurnDone(turn_id="t"))
            await session.send_audio(b"c")
            await asyncio.sleep(1.1)
            await session.send_audio(b"d")

    run_virtual(talk())
    assert [one.arguments["audio"] for one in transport.commands if one.name == "send_audio"] == [b"a", b"d"]


def test_off_keeps_the_user_unheard_while_the_service_says_that_it_is_audible():
    flags = attrs.evolve(FIXED, speech_events=frozenset({"input", "output"}), output_pacing="realtime")
    transport, session = scripted(flags=flags, interruptions="off")

    async def talk():
        async with session:
            transport.emit(OutputSpeechStarted())
            await session.send_audio(b"a")
            transport.emit(OutputSpeechStopped())
            await session.send_audio(b"b")

    run_virtual(talk())
    assert [one.arguments["audio"] for one in transport.commands if one.name == "send_audio"] == [b"b"]


def test_a_shielded_reply_keeps_the_user_unheard_from_the_wish_on():
    transport, session = scripted(expect("request_response"), flags=FIXED)

    async def talk():
        async with session:
            reply = await session.respond(interruptible=False)
            await session.send_audio(b"a")
            transport.emit(TurnStarted(turn_id="t"), TurnDone(turn_id="t"))
            await reply
            await asyncio.sleep(0.01)
            await session.send_audio(b"b")

    run_virtual(talk())
    assert [one.arguments["audio"] for one in transport.commands if one.name == "send_audio"] == [b"b"]


def test_where_nothing_can_be_kept_from_the_service_a_shield_is_refused():
    transport, session = scripted(flags=attrs.evolve(FIXED, handles_audio=True))

    async def talk():
        async with session:
            with pytest.raises(Unsupported, match="interruptible=False"):
                await session.respond("Hello", interruptible=False)
            assert transport.commands[-1].name == "connect"

    run_virtual(talk())


# A shield, and what else happens under it.


async def test_n14_a_handoff_during_a_shielded_reply_leaves_the_shield_up(line):
    """N14: another agent's config says everything anew, but for what holds just now; after the reply speech counts again."""
    async with line() as it:
        reply = await it.session.respond("Read the terms", interruptible=False)
        await it.session.update_agent(RealtimeAgent(name="B", instructions="Be somebody else."))
        updates = [frame["session"] for frame in it.far.sent if frame["type"] == "session.update"]
        assert [update.get("instructions") for update in updates] == [None, None, "Be somebody else."]
        assert "turn_detection" not in updates[2].get("audio", {}).get("input", {})
        create = (await it.far.received("response.create"))[0]
        it.far.say({"type": "response.created", "response": {"id": "r", "metadata": create["response"]["metadata"]}})
        it.ends("r")
        await reply
        await it.far.received("session.update", 4)
        assert it.far.sent[-1]["session"]["audio"]["input"]["turn_detection"] == {"type": "semantic_vad"}


async def test_a_shield_falls_when_the_one_who_asked_for_it_is_cancelled(line):
    """Even in the moment in which the service is being told: it may know already."""
    async with line() as it:
        update, told_first = it.transport.update_session_config, asyncio.Event()

        async def slow(config):
            await update(config)
            told_first.set()
            await asyncio.Event().wait()

        it.transport.update_session_config = slow
        asking = asyncio.create_task(it.session.respond(interruptible=False))
        async with asyncio.timeout(5):
            await told_first.wait()
        it.transport.update_session_config = update
        asking.cancel()
        await asyncio.wait({asking})
        await it.far.received("session.update", 3)
        assert told(it) == [None, False, None]
        assert it.session._parts.interrupting.allowed


def test_long_speech_interrupts_even_if_the_end_of_what_was_said_before_got_lost():
    transport, session = scripted(interruptions=MinSpeech(ms=300))

    async def talk():
        async with session:
            transport.emit(SpeechStarted())
            await asyncio.sleep(0.4)
            transport.emit(TurnStarted(turn_id="t"), SpeechStarted())
            await asyncio.sleep(0.4)
            assert interruptions(transport) == 1

    run_virtual(talk())


def test_turns_of_the_user_s_own_are_heard_however_little_they_may_interrupt():
    """No turn detection listens, so what is said over the assistant is no interruption: it is answered after."""
    transport, session = scripted(expect("request_response"), flags=FIXED, interruptions="off", turns="manual")
    spoken = bytes(PCM16_24K.size(200))

    async def talk():
        async with session:
            transport.emit(TurnStarted(turn_id="t"))
            await session.begin_turn()
            await session.send_audio(spoken)
            await session.end_turn()

    run_virtual(talk())
    transport.assert_complete()
    assert [one.arguments["audio"] for one in transport.commands if one.name == "send_audio"] == [spoken, b""]
    assert interruptions(transport) == 0
