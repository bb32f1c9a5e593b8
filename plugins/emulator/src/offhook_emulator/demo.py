"""``offhook demo``: the main job, offline: real speech in, a tool called, a spoken answer out."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from attrs import evolve

from offhook.audio.wav import read_wav
from offhook.cli.conversation import Conversation, Report
from offhook.cli.media import Question, transport_for
from offhook.cli.screen import Screen
from offhook.cli.talk import AGENT, Output, hold
from offhook.config import AudioConfig, AudioInput, SessionConfig, TurnDetection
from offhook.session import RealtimeSession
from offhook_emulator.replies import replies_from
from offhook_emulator.server import Emulator
from offhook_emulator.voice import voice_from
from offhook_emulator.voice.protocols import Voice

#: A short question, spoken by the demo's own voice.
QUESTION = Path(__file__).with_name("question.wav")
#: Half a second of silence ends the question: every latency in the table contains it.
TURNS = TurnDetection(type="server_vad", silence_duration_ms=500)


def demo(
    *,
    transport: Annotated[str, typer.Option(help="The transport's name.")] = "websocket",
    question: Annotated[Path, typer.Option(help="A WAV file with a question: any rate, mono or stereo.")] = QUESTION,
    output: Output = None,
    voice: Annotated[str, typer.Option(help="What the emulator hears and speaks with: real or scripted.")] = "real",
) -> None:
    """Hold a spoken conversation offline: a question, a tool call, an answer to hear."""
    speaking = voice_from(voice)
    try:
        asyncio.run(converse(speaking, transport, question, output, Screen()))
    finally:
        speaking.close()


async def converse(voice: Voice, transport: str, question: Path, output: Path | None, screen: Screen) -> Report:
    """Start an emulator, and hold the conversation with it over the transport of that name."""
    conversation = Conversation(Question(read_wav(question)))
    chosen = transport_for(transport, conversation.ends)  # a wrong name is told before the voice is loaded
    screen.say("loading the voice …")
    await voice.warm_up()
    async with Emulator(voice=voice, replies=replies_from("rules")) as emulator:
        screen.say(
            f"emulator at {emulator.url}, transport {transport}, a turn ends after {TURNS.silence_duration_ms} ms"
        )
        session = RealtimeSession(
            evolve(AGENT, voice="marin"),
            transport=chosen,
            url=emulator.url,
            api_key="offline",
            config=SessionConfig(audio=AudioConfig(input=AudioInput(turn_detection=TURNS))),
        )
        return await hold(conversation, session, output, screen)
