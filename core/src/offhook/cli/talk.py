"""``offhook talk``: talk with whatever service the config names, or ask it one spoken question."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
from attrs import frozen

from offhook.agent import RealtimeAgent
from offhook.audio.formats import PCM16_24K
from offhook.audio.wav import check_writable, read_wav, write_wav
from offhook.cli.conversation import Conversation, Report
from offhook.cli.levels import Level
from offhook.cli.live import Devices, converse
from offhook.cli.media import Question, transport_for
from offhook.cli.quiet import quiet_devices
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
Url = Annotated[str | None, typer.Option(help="The service. Default: the one in the transport's table.")]
AskedQuestion = Annotated[Path | None, typer.Option(help="Ask this and no more: a WAV file, any rate, mono or stereo.")]
_DEVICE = "The {}'s name, or a part of it: see offhook devices. Default: the system's choice."
MicrophoneName = Annotated[str | None, typer.Option(help=_DEVICE.format("microphone"))]
SpeakerName = Annotated[str | None, typer.Option(help=_DEVICE.format("loudspeaker"))]

Around: TypeAlias = contextlib.AbstractContextManager[object]


@frozen(kw_only=True)
class Chosen:
    """With whom to talk, and by what."""

    transport: str | None = None
    url: str | None = None
    question: Path | None = None
    microphone: str | None = None
    speaker: str | None = None


def talk(
    *,
    transport: Transport = None,
    url: Url = None,
    question: AskedQuestion = None,
    output: Output = None,
    microphone: MicrophoneName = None,
    speaker: SpeakerName = None,
) -> None:
    """Talk with the configured service by microphone and loudspeaker, or ask it one question from a file."""
    if question is None and output is not None:
        raise typer.BadParameter("--output keeps the answer to --question FILE.wav, which is not given.")
    chosen = Chosen(transport=transport, url=url, question=question, microphone=microphone, speaker=speaker)
    conduct(chosen, output=output)


def conduct(
    chosen: Chosen, *, output: Path | None = None, around: Callable[[RealtimeSession], Around] = contextlib.nullcontext
) -> None:
    """Hold the conversation that was chosen, within the context that ``around`` gives for its session."""
    if chosen.question is None:
        _talk(chosen, around)
        return
    if chosen.microphone is not None or chosen.speaker is not None:
        raise typer.BadParameter("with --question nothing is recorded or played: leave out --microphone and --speaker.")
    conversation = Conversation(Question(read_wav(chosen.question)))
    session = _session(transport_for(chosen.transport, conversation.ends), chosen.url)
    with around(session):
        asyncio.run(hold(conversation, session, output, Screen()))


async def hold(conversation: Conversation, session: RealtimeSession, output: Path | None, screen: Screen) -> Report:
    """Ask the question, show the conversation, and write the answer."""
    if output is not None:
        check_writable(output)  # before anything is asked, and paid for
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


def _talk(chosen: Chosen, around: Callable[[RealtimeSession], Around]) -> None:
    you, agent = Level(), Level()
    audio = quiet_devices().tapped(recorded=you.hear, played=agent.hear)
    named: dict[str, Any] = {"input_device": chosen.microphone, "output_device": chosen.speaker}
    needed = {option: name for option, name in named.items() if name is not None}
    session = _session(transport_for(chosen.transport, needed, {"devices": audio}), chosen.url)
    devices = Devices(audio=audio, microphone=chosen.microphone, speaker=chosen.speaker)
    # Ctrl-C is how it ends.
    with around(session), contextlib.suppress(KeyboardInterrupt):
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
