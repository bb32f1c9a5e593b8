"""Turns against an emulator: a reply that is waited for, push to talk, and who may interrupt."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
from wire import Wire

from offhook import (
    AudioConfig,
    AudioInput,
    AudioInterrupted,
    MinSpeech,
    Prices,
    RealtimeAgent,
    RealtimeSession,
    SessionConfig,
    SpeechStopped,
    TranscriptEvent,
    TurnDetection,
    TurnTiming,
)
from offhook.audio.formats import PCM16_24K
from offhook.audio.frames import silence
from offhook.errors import ReplyFailed, TurnError
from offhook.plugins import make_transport
from offhook.settings import Settings
from offhook.testing import run_virtual
from offhook_emulator.replies.script import Script
from offhook_emulator.server import Emulator
from offhook_emulator.voice.scripted import ScriptedVoice

SERVER_VAD: Final = SessionConfig(audio=AudioConfig(input=AudioInput(turn_detection=TurnDetection(type="server_vad"))))
PRICES: Final = Prices(input_text=4, input_audio=32, output_text=16, output_audio=64)
FRAME_MS: Final = 20
LONG: Final = "Once upon a time there was a fox, who lived in a deep wood, and he was very fond of plums, my dear."
REPLIES: Final = [
    {"when": "weather", "say": "It is foggy."},
    {"when": "name", "say": "I am Ann."},
    {"when": "story", "say": LONG},
    {"when": "*", "say": "Good day."},
]


async def speech(text: str) -> bytes:
    return b"".join([piece async for piece in ScriptedVoice().text_to_speech.speak(text)])


def frames(pcm: bytes) -> list[bytes]:
    size = PCM16_24K.size(FRAME_MS)
    return [pcm[start : start + size] for start in range(0, len(pcm), size)]


# Over a socket.


@asynccontextmanager
async def call(**options: Any) -> AsyncGenerator[tuple[RealtimeSession, Wire]]:
    wire = Wire()
    agent = RealtimeAgent(name="Ann")
    async with Emulator(voice=ScriptedVoice(), replies=Script.of(REPLIES), observer=wire.note) as server:
        session = RealtimeSession(
            agent, transport="websocket", url=server.url, api_key="any", settings=Settings(), **options
        )
        async with session:
            yield session, wire


async def test_a_reply_is_waited_for_over_a_socket_and_costs_what_it_costs() -> None:
    async with call(prices=PRICES) as (session, wire), asyncio.timeout(30):
        results = [await (await session.respond(text)) for text in ("What is the weather?", "What is your name?")]
        assert [(result.status, result.text) for result in results] == [
            ("completed", "It is foggy."),
            ("completed", "I am Ann."),
        ]
        assert session.cost == sum(PRICES.cost(result.usage) for result in results if result.usage)
        assert wire.told("error") == []


async def test_a_reply_that_the_service_refuses_raises_over_a_socket() -> None:
    async with call() as (session, _), asyncio.timeout(30):
        reply = await session.respond(max_output_tokens="plenty")
        with pytest.raises(ReplyFailed, match="max_output_tokens"):
            await reply
        assert (await (await session.respond("Hello"))).text == "Good day."


async def test_n29_push_to_talk_over_a_socket() -> None:
    """The first word was said before the key was down; a turn that was taken back was never heard."""
    question = frames(await speech("What is the weather?"))
    async with call(turns="manual", pre_roll_ms=300) as (session, wire), asyncio.timeout(30):
        heard = session.events("transcript")
        for pcm in frames(silence(PCM16_24K, 1000)) + question[:10]:
            await session.send_audio(pcm)
        assert wire.sent("input_audio_buffer.append") == []
        await session.begin_turn()
        for pcm in question[10:]:
            await session.send_audio(pcm)
        await session.end_turn()
        said: dict[str, str] = {}
        while len(said) < 2:
            event = await anext(heard)
            if isinstance(event, TranscriptEvent) and event.final:
                said[event.role] = event.text
        assert said == {"user": "What is the weather?", "assistant": "It is foggy."}

        await session.begin_turn()
        await session.send_audio(question[0])
        with pytest.raises(TurnError, match="20 ms"):
            await session.end_turn()
        await session.cancel_turn()
        await wire.until_told("input_audio_buffer.cleared")
        assert [len(wire.sent(f"input_audio_buffer.{kind}")) for kind in ("commit", "clear")] == [1, 1]
        assert wire.told("error") == []


# In virtual time.


async def hold(session: RealtimeSession, text: str, pause_ms: int = 1500) -> None:
    """Speak at the pace of speech."""
    for pcm in frames(await speech(text) + silence(PCM16_24K, pause_ms)):
        await asyncio.sleep(FRAME_MS / 1000)
        await session.send_audio(pcm)


def talk(main: Any, **options: Any) -> None:
    transport = make_transport("emulator", settings=Settings(), voice="scripted", replies=REPLIES)
    session = RealtimeSession(RealtimeAgent(name="A"), transport=transport, config=SERVER_VAD, **options)

    async def run() -> None:
        async with session:
            await main(session)

    run_virtual(run())


def test_a02_n02_a_reply_asked_for_as_the_user_stops_speaking_is_the_one_that_was_asked_for() -> None:
    """A2, N2: the service begins its own in that moment, and wins."""

    async def main(session: RealtimeSession) -> None:
        asked: asyncio.Queue[Any] = asyncio.Queue()

        async def ask(_: SpeechStopped) -> None:
            asked.put_nowait(await session.respond("What is your name?"))

        session.on("speech_stopped", ask)
        _, reply = await asyncio.gather(hold(session, "What is the weather?"), asked.get())
        assert (await reply).text == "I am Ann."

    talk(main)


@pytest.mark.parametrize(
    ("policy", "words", "interrupted"),
    [
        ("on", "Hm.", True),
        ("off", "Stop this at once, please, I have heard enough.", False),
        (MinSpeech(ms=1000), "Hm.", False),
        (MinSpeech(ms=1000), "Stop this at once, please, I have heard enough.", True),
    ],
)
def test_n14_who_may_interrupt_is_as_it_was_chosen(policy: Any, words: str, interrupted: bool) -> None:
    async def main(session: RealtimeSession) -> None:
        told: list[AudioInterrupted] = []
        session.on("audio_interrupted", told.append)
        story = await session.respond("Tell me a story.")
        await asyncio.sleep(1)
        await hold(session, words)
        await story
        assert bool(told) == interrupted

    talk(main, interruptions=policy)


def test_n14_a_reply_that_must_not_be_cut_is_heard_to_its_end_and_the_next_can_be_cut_again() -> None:
    async def main(session: RealtimeSession) -> None:
        told: list[AudioInterrupted] = []
        session.on("audio_interrupted", told.append)
        for interruptible in (False, True):
            story = await session.respond("Tell me a story.", interruptible=interruptible)
            await asyncio.sleep(1)
            await hold(session, "Hm.")
            assert bool(told) == interruptible
            await story
            await asyncio.sleep(20)

    talk(main)


def test_n18_every_turn_says_how_fast_it_was() -> None:
    async def main(session: RealtimeSession) -> None:
        told: list[TurnTiming] = []
        session.on("turn_timing", told.append)
        await hold(session, "What is the weather?")
        await asyncio.sleep(20)
        [timing] = told
        assert timing.first_audio_ms is not None
        assert 0 <= timing.first_audio_ms < 5000
        assert (timing.tool_ms, timing.interrupt_ms, timing.first_played_ms) == (None, None, None)
        assert timing.cost is not None
        assert timing.cost > 0

    talk(main, prices=PRICES)
