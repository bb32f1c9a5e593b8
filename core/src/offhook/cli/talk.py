"""``offhook talk``: talk with whatever service the config names, or ask it one spoken question."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Annotated, Any

import typer

from offhook.agent import RealtimeAgent
from offhook.audio.formats import PCM16_24K
from offhook.audio.wav import read_wav, write_wav
from offhook.cli.conversation import Conversation, Report
from offhook.cli.devices import quiet_devices
from offhook.cli.levels import Level
from offhook.cli.live import Devices, converse
from offhook.cli.media import Question, transport_for
from offhook.cli.screen import Screen
from offhook.errors import OffhookError
from offhook.events import Event, SessionReady
from offhook.hookspecs import RealtimeTransportLayer
from offhook.session import RealtimeSession
from offhook.settings import load_settings
from offhook.tool import function_tool


class ConversationLost(OffhookError):
    """The conversation ended, and nobody had hung up."""


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

_SPEAK = "Speak; Ctrl-C hangs up. Use headphones: what the microphone hears of the loudspeaker is taken for you."

Transport = Annotated[str | None, typer.Option(help="The transport's name. Default: the one in offhook.toml.")]
Output = Annotated[Path | None, typer.Option(help="Write the answer here: WAV, 24 kHz mono PCM16.")]
Device = "The {}'s name, or a part of it: see offhook devices. Default: the system's choice."


def talk(
    *,
    transport: Transport = None,
    url: Annotated[str | None, typer.Option(help="The service. Default: the one in the transport's table.")] = None,
    question: Annotated[
        Path | None, typer.Option(help="Ask this and no more: a WAV file, any rate, mono or stereo.")
    ] = None,
    output: Output = None,
    microphone: Annotated[str | None, typer.Option(help=Device.format("microphone"))] = None,
    speaker: Annotated[str | None, typer.Option(help=Device.format("loudspeaker"))] = None,
) -> None:
    """Talk with the configured service by microphone and loudspeaker, or ask it one question from a file."""
    if question is None:
        if output is not None:
            raise typer.BadParameter("--output keeps the answer to --question FILE.wav, which is not given.")
        _talk(transport, url, microphone, speaker)
        return
    if microphone is not None or speaker is not None:
        raise typer.BadParameter("with --question nothing is recorded or played: leave out --microphone and --speaker.")
    conversation = Conversation(Question(read_wav(question)))
    session = _session(transport_for(transport, conversation.ends), url)
    asyncio.run(hold(conversation, session, output, Screen()))


async def hold(conversation: Conversation, session: RealtimeSession, output: Path | None, screen: Screen) -> Report:
    """Ask the question, show the conversation, and write the answer."""
    with screen:
        report = await conversation.hold(session, screen.show)
    screen.report(report)
    if output is not None:
        write_wav(output, report.answer, PCM16_24K.rate_hz)
        screen.say(f"the answer is in {output} ({report.audio_out_ms / 1000:.1f} s, 24 kHz mono)")
    return report


def _session(transport: RealtimeTransportLayer, url: str | None) -> RealtimeSession:
    # Beside a transport that is made already, a session reads no config file unless it is given.
    return RealtimeSession(AGENT, transport=transport, url=url, settings=load_settings())


def _talk(transport: str | None, url: str | None, microphone: str | None, speaker: str | None) -> None:
    you, agent = Level(), Level()
    audio = quiet_devices().tapped(recorded=you.hear, played=agent.hear)
    chosen: dict[str, Any] = {"input_device": microphone, "output_device": speaker}
    needed = {option: name for option, name in chosen.items() if name is not None}
    session = _session(transport_for(transport, needed, {"devices": audio}), url)
    devices = Devices(audio=audio, microphone=microphone, speaker=speaker)
    # Ctrl-C is how it ends.
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_live(session, devices, Screen(meters={"user": you, "assistant": agent})))


async def _live(session: RealtimeSession, devices: Devices, screen: Screen) -> None:
    def show(event: Event) -> None:
        if isinstance(event, SessionReady):
            screen.say(_SPEAK)
        screen.show(event)

    with screen:
        end = await converse(session, devices, show)
    if end is not None and end.reason != "remote_hangup":
        raise ConversationLost(f"the conversation is over ({end.reason or 'unknown'}). Run the command again to go on.")
    screen.say("the service hung up.")
