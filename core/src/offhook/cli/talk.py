"""``offhook talk``: ask a spoken question of whatever service the config names, and hear the answer."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from offhook.agent import RealtimeAgent
from offhook.audio.formats import PCM16_24K
from offhook.audio.wav import WavAudio, read_wav, write_wav
from offhook.cli.conversation import Report, ask
from offhook.cli.screen import Screen
from offhook.session import RealtimeSession
from offhook.tool import function_tool


@function_tool
def get_weather(city: str) -> str:
    """Say what the weather is like in a city.

    Args:
        city: The city, in English.
    """
    return f"It is sunny in {city}, with a light breeze and twenty one degrees."


#: Who answers unless the application says otherwise; its tool shows that tools work.
AGENT = RealtimeAgent(
    name="Weather line",
    instructions="You tell people what the weather is like. Ask the tool, then answer in one sentence.",
    tools=[get_weather],
)

Question = Annotated[Path, typer.Option(help="A WAV file with a spoken question: any rate, mono or stereo.")]
Transport = Annotated[str | None, typer.Option(help="The transport's name. Default: the one in offhook.toml.")]
Output = Annotated[Path | None, typer.Option(help="Write the answer here: WAV, 24 kHz mono PCM16.")]


def talk(
    question: Question,
    transport: Transport = None,
    url: Annotated[str | None, typer.Option(help="The service. Default: the one in the transport's table.")] = None,
    output: Output = None,
) -> None:
    """Ask a spoken question of the configured service, or of an emulator, and hear the answer."""
    session = RealtimeSession(AGENT, transport=transport, url=url)
    asyncio.run(hold(session, read_wav(question), output, Screen()))


async def hold(session: RealtimeSession, question: WavAudio, output: Path | None, screen: Screen) -> Report:
    """Ask the question, show the conversation, and write the answer."""
    report = await ask(session, question, screen.show)
    screen.report(report)
    if output is not None:
        write_wav(output, report.answer, PCM16_24K.rate_hz)
        screen.say(f"the answer is in {output} ({report.audio_out_ms / 1000:.1f} s, 24 kHz mono)")
    return report
