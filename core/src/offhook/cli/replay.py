"""``offhook replay``: a recorded conversation again, through a real session."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from offhook import events as e
from offhook.cli.screen import Screen
from offhook.errors import ConnectError
from offhook.items import InputText, MessageItem, OutputText
from offhook.recording import Recording, ReplayTransport, read_recording, recorded_agent
from offhook.session import RealtimeSession
from offhook.session.events import HistoryAdded, TranscriptEvent


def replay(
    file: Annotated[Path, typer.Argument(help="What offhook record wrote.")],
    *,
    speed: Annotated[
        float | None, typer.Option(help="1 is the pace at which it was recorded. Default: as fast as possible.")
    ] = None,
) -> None:
    """Show a recorded conversation as it happened. Nothing is connected to, and no tool really runs."""
    recording = read_recording(file)
    asyncio.run(show(recording, Screen(), speed=speed))


async def show(recording: Recording, screen: Screen, *, speed: float | None = None) -> None:
    """Replay every connection of ``recording`` through a session, and show what comes of it."""
    transport = ReplayTransport(recording, speed=speed)
    session = RealtimeSession(recorded_agent(recording), transport=transport)
    screen.say(_title(recording))
    with screen:
        for _ in recording.connections:
            await _connection(session, screen)


async def _connection(session: RealtimeSession, screen: Screen) -> None:
    try:
        async with session:
            async for event in session:
                for shown in (event, *_written(event)):
                    screen.show(shown)
    except ConnectError as error:  # it failed when it was recorded
        screen.show(e.ErrorEvent(message=str(error)))


def _title(recording: Recording) -> str:
    header = recording.header
    told = [f"over {header.transport}" if header.transport else "", header.model or "", header.started_at or ""]
    return f"recorded {', '.join(word for word in told if word)}".rstrip()


def _written(event: e.Event) -> list[TranscriptEvent]:
    """Give what was written, and not said, as the screen shows it."""
    match event:
        case HistoryAdded(item=MessageItem(role="user") as item):
            items = [item]
        case e.TurnDone():
            items = [item for item in event.output if isinstance(item, MessageItem)]
        case _:
            return []
    written = ((item.role, part) for item in items for part in item.content)
    return [
        TranscriptEvent(role="user" if role == "user" else "assistant", text=part.text, final=True)
        for role, part in written
        if isinstance(part, InputText | OutputText)
    ]
