"""offhook.session.turns: push to talk: what belongs to a turn is sent, and nothing else but the moments before it."""

from __future__ import annotations

import asyncio
import base64

import attrs
import pytest

from offhook.agent import RealtimeAgent
from offhook.audio.formats import PCM16_24K
from offhook.config import AudioConfig, AudioInput, SessionConfig, TurnDetection
from offhook.errors import ConfigError, NotConnected, TurnError, Unsupported
from offhook.events import SpeechStarted, SpeechStopped, TurnStarted
from offhook.realtime.capabilities import REALTIME_CAPABILITIES
from offhook.session import RealtimeSession
from offhook.testing import ScriptedTransport, expect, run_virtual

#: A transport that records by itself, and a line that nobody else can mute.
MICROPHONE = attrs.evolve(REALTIME_CAPABILITIES, handles_audio=True, input_formats=(), mute="local", truncate="server")


def tone(ms, byte=1):
    return bytes([byte, 0]) * (PCM16_24K.size(ms) // 2)


def sent(it):
    """Give all audio that came to the far end."""
    return b"".join(
        base64.b64decode(frame["audio"]) for frame in it.far.sent if frame["type"] == "input_audio_buffer.append"
    )


def kinds(it):
    """Give what came to the far end after the config, audio as one."""
    names = [frame["type"].removeprefix("input_audio_buffer.") for frame in it.far.sent[1:]]
    return [name for at, name in enumerate(names) if name != "append" or names[at - 1 : at] != ["append"]]


async def test_the_service_looks_for_no_turns(line):
    """Whatever else the config says about them."""
    detection = AudioConfig(input=AudioInput(turn_detection=TurnDetection(eagerness="low")))
    async with line(turns="manual", config=SessionConfig(audio=detection)) as it:
        heard = it.far.sent[0]["session"]["audio"]["input"]
        assert heard["turn_detection"] is None
        assert heard["transcription"] is not None


async def test_a_turn_is_its_audio_a_commit_and_the_wish_for_a_reply(line):
    async with line(turns="manual") as it:
        await it.session.begin_turn()
        for _ in range(10):
            await it.session.send_audio(tone(20))
        await it.session.end_turn()
        assert kinds(it) == ["append", "commit", "response.create"]
        assert sent(it) == tone(200)


async def test_a_turn_need_not_be_answered(line):
    async with line(turns="manual") as it:
        await it.session.begin_turn()
        await it.session.send_audio(tone(200))
        await it.session.end_turn(respond=False)
        assert kinds(it) == ["append", "commit"]


@pytest.mark.parametrize(("pre_roll_ms", "kept_ms"), [(300, 300), (30, 30), (0, 0), (5000, 1000)])
async def test_the_last_moments_before_a_turn_belong_to_it_and_nothing_older(line, pre_roll_ms, kept_ms):
    async with line(turns="manual", pre_roll_ms=pre_roll_ms) as it:
        for number in range(50):
            await it.session.send_audio(tone(20, number + 1))
        assert kinds(it) == []
        await it.session.begin_turn()
        await it.session.send_audio(tone(20, 99))
        before = b"".join(tone(20, number + 1) for number in range(50))
        assert sent(it) == before[len(before) - PCM16_24K.size(kept_ms) :] + tone(20, 99)


async def test_p10_what_is_kept_between_turns_does_not_grow(line):
    async with line(turns="manual") as it:
        for _ in range(1000):
            await it.session.send_audio(tone(20))
        assert len(it.session._parts.turns._kept) == PCM16_24K.size(300)


async def test_what_was_kept_for_one_turn_is_not_in_the_next(line):
    async with line(turns="manual") as it:
        await it.session.send_audio(tone(100, 1))
        for _ in range(2):
            await it.session.begin_turn()
            await it.session.send_audio(tone(100, 2))
            await it.session.end_turn(respond=False)
        assert sent(it) == tone(100, 1) + tone(100, 2) + tone(100, 2)


@pytest.mark.parametrize("ms", [0, 20, 99])
async def test_a_turn_that_no_service_takes_is_refused_before_it_is_committed_and_goes_on(line, ms):
    """``input_audio_buffer_commit_empty`` of the API: under 100 ms."""
    async with line(turns="manual") as it:
        await it.session.begin_turn()
        await it.session.send_audio(tone(ms))
        with pytest.raises(TurnError, match=f"{ms} ms of audio.*under 100 ms.*cancel_turn"):
            await it.session.end_turn()
        assert "commit" not in kinds(it)
        await it.session.send_audio(tone(100))
        await it.session.end_turn()
        assert kinds(it)[-2:] == ["commit", "response.create"]


async def test_what_was_kept_counts_as_audio_of_the_turn(line):
    async with line(turns="manual") as it:
        await it.session.send_audio(tone(150))
        await it.session.begin_turn()
        await it.session.end_turn()
        assert kinds(it) == ["append", "commit", "response.create"]


async def test_a_turn_can_be_taken_back(line):
    async with line(turns="manual") as it:
        await it.session.begin_turn()
        await it.session.send_audio(tone(200))
        await it.session.cancel_turn()
        assert kinds(it) == ["append", "clear"]
        await it.session.send_audio(tone(20))
        assert kinds(it) == ["append", "clear"]


async def test_where_the_service_does_not_forget_a_turn_cannot_be_taken_back(line, wire):
    transport = wire.transport(capabilities=attrs.evolve(REALTIME_CAPABILITIES, clear_audio=False))
    async with line(turns="manual", transport=transport) as it:
        await it.session.begin_turn()
        with pytest.raises(Unsupported, match=r"clear_audio.*end_turn\(respond=False\)"):
            await it.session.cancel_turn()
        await it.session.send_audio(tone(100))
        await it.session.end_turn()


async def test_a_turn_interrupts_an_assistant_that_speaks(line):
    async with line(turns="manual") as it:
        it.begins()
        it.sounds(200)
        await it.settled()
        await it.session.begin_turn()
        assert kinds(it) == ["response.cancel", "conversation.item.truncate"]


async def test_a_turn_interrupts_nobody_where_nobody_speaks(line):
    async with line(turns="manual") as it:
        await it.session.begin_turn()
        assert kinds(it) == []


async def test_a_turn_is_told_as_speech_of_the_user(line):
    """So that whoever waits for a pause waits for its end."""
    async with line(turns="manual") as it:
        await it.session.begin_turn()
        assert it.session._parts.floor.user_speaks
        await it.session.send_audio(tone(100))
        await it.session.end_turn(respond=False)
        assert not it.session._parts.floor.user_speaks
        assert [type(event) for event in it.heard if isinstance(event, (SpeechStarted, SpeechStopped))] == [
            SpeechStarted,
            SpeechStopped,
        ]
        assert it.heard.of(SpeechStarted)[0].derived


@pytest.mark.parametrize("operation", ["begin_turn", "end_turn", "cancel_turn"])
async def test_turns_of_the_service_are_not_the_application_s_to_tell(line, operation):
    async with line() as it:
        with pytest.raises(TurnError, match=rf'{operation}\(\) needs.*turns="manual"'):
            await getattr(it.session, operation)()


@pytest.mark.parametrize("operation", ["end_turn", "cancel_turn"])
async def test_only_what_has_begun_can_end(line, operation):
    async with line(turns="manual") as it:
        with pytest.raises(TurnError, match="none has begun"):
            await getattr(it.session, operation)()


async def test_a_turn_begins_once(line):
    async with line(turns="manual") as it:
        await it.session.begin_turn()
        with pytest.raises(TurnError, match="has begun already"):
            await it.session.begin_turn()


async def test_a_commit_is_not_a_way_around_the_turn(line):
    async with line(turns="manual") as it:
        with pytest.raises(TurnError, match="end_turn"):
            await it.session.send_audio(tone(200), commit=True)


async def test_b16_audio_that_would_only_be_kept_needs_a_connection_too(line):
    """B16: every command raises, audio too."""
    it = line(turns="manual")
    for operation in ("begin_turn", "end_turn", "cancel_turn"):
        with pytest.raises(NotConnected):
            await getattr(it.session, operation)()
    async with it:
        pass
    with pytest.raises(NotConnected):
        await it.session.send_audio(tone(20))
    with pytest.raises(NotConnected):
        await it.session.begin_turn()


async def test_a_turn_that_cannot_be_opened_has_not_begun(line):
    async with line(turns="manual") as it:
        await it.session.send_audio(tone(20))
        it.far.close_code = 1006
        with pytest.raises(NotConnected):
            await it.session.begin_turn()
        assert it.session._parts.turns._began is None


@pytest.mark.parametrize("flags", [{"turn_control": "server"}, {"handles_audio": True, "input_formats": ()}])
async def test_where_turns_cannot_be_told_connecting_is_refused(line, wire, flags):
    transport = wire.transport(capabilities=attrs.evolve(REALTIME_CAPABILITIES, **flags))
    with pytest.raises(Unsupported, match='turns="manual"'):
        await line(turns="manual", transport=transport).session.connect()
    assert wire.requests == []


def test_turns_are_manual_or_not(line):
    with pytest.raises(ConfigError, match="sometimes"):
        line(turns="sometimes")


def test_a_microphone_of_the_transport_is_open_only_within_a_turn():
    """Its audio is not seen here: what came before is cleared away, and its length is the time that passed."""
    transport = ScriptedTransport(
        [
            expect("mute", muted=True),
            expect("clear_audio"),
            expect("mute", muted=False),
            expect("mute", muted=True),
            expect("send_audio", audio=b"", commit=True),
            expect("request_response"),
            expect("clear_audio"),
            expect("mute", muted=False),
            expect("mute", muted=True),
            expect("clear_audio"),
        ],
        capabilities=MICROPHONE,
    )

    async def talk():
        async with RealtimeSession(RealtimeAgent(name="A"), transport=transport, turns="manual") as session:
            await transport.received("mute")
            await session.begin_turn()
            with pytest.raises(TurnError, match="under 100 ms"):
                await session.end_turn()
            await asyncio.sleep(0.2)
            await session.end_turn()
            await session.begin_turn()
            await session.cancel_turn()

    run_virtual(talk())
    transport.assert_complete()


def refusing(name):
    """A session on a transport where one command fails."""
    transport = ScriptedTransport(strict=False)

    async def refuse(*_, **__):
        raise RuntimeError("not now")

    session = RealtimeSession(RealtimeAgent(name="A"), transport=transport, turns="manual")
    return transport, session, lambda: setattr(transport, name, refuse)


@pytest.mark.parametrize(
    ("command", "operation"), [("interrupt", "begin_turn"), ("send_audio", "end_turn"), ("clear_audio", "cancel_turn")]
)
async def test_whatever_becomes_of_a_turn_nobody_waits_for_the_user_to_stop(command, operation):
    transport, session, break_it = refusing(command)
    heard = []
    for name in ("speech_started", "speech_stopped"):
        session.on(name, heard.append)
    async with session:
        transport.emit(TurnStarted(turn_id="t"))
        if operation != "begin_turn":
            await session.begin_turn()
            await session.send_audio(tone(200))
        break_it()
        with pytest.raises(RuntimeError, match="not now"):
            await getattr(session, operation)()
        assert [type(event) for event in heard] == [SpeechStarted, SpeechStopped]
        assert not session._parts.floor.user_speaks
        assert session._parts.turns._began is None
