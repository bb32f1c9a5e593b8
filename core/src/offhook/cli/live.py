"""A conversation by microphone and loudspeaker, without a terminal."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from attrs import frozen

from offhook import events as e
from offhook.audio import g711
from offhook.audio.devices import AudioDevices
from offhook.audio.formats import PCM16_24K, AudioFormat
from offhook.audio.streams import Microphone
from offhook.errors import NotConnected, Unsupported
from offhook.session import RealtimeSession


@frozen(kw_only=True)
class Devices:
    """What is spoken into and listened to. The names, or parts of them, choose; without, the system does."""

    audio: AudioDevices
    microphone: str | None = None
    speaker: str | None = None


async def converse(
    session: RealtimeSession, devices: Devices, show: Callable[[e.Event], object]
) -> e.ConnectionChange | None:
    """Connect ``session`` and talk until the other side hangs up; gives how it ended. Cancelling it hangs up.

    A transport that handles the audio has devices of its own; for any other they are opened here, in the session's
    formats. ``show`` is given every event as it comes. Raises ``AudioError``, ``Unsupported`` where nobody would hear the
    end of a turn, and whatever connecting raises.
    """
    flags = session.transport.capabilities
    if flags.turn_control == "client":
        raise Unsupported(
            f"a live conversation over {session.transport.name!r}",
            "turn_control=client",
            "It does not hear where you end. Ask from a file, --question FILE.wav, or choose another transport.",
        )
    carried = not flags.handles_audio
    end: e.ConnectionChange | None = None
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(session)
        async for event in session:
            match event:
                case e.SessionReady() if carried:
                    await stack.enter_async_context(_carrying(session, devices, event))
                case e.ConnectionChange(status="disconnected"):
                    end = event
                case _:
                    pass
            show(event)
    return end


@asynccontextmanager
async def _carrying(session: RealtimeSession, devices: Devices, ready: e.SessionReady) -> AsyncGenerator[None]:
    """Carry the sound between the devices and the session."""
    heard, spoken = ready.output_format or PCM16_24K, ready.input_format or PCM16_24K
    async with AsyncExitStack() as stack:
        # What it has played is what was heard: an interruption is then exact.
        speaker = await devices.audio.open_speaker(
            rate_hz=heard.rate_hz, device=devices.speaker, on_played=session.played
        )
        stack.push_async_callback(speaker.aclose)
        microphone = await devices.audio.open_microphone(rate_hz=spoken.rate_hz, device=devices.microphone)
        stack.push_async_callback(microphone.aclose)
        stack.callback(session.on("audio", lambda event: speaker.write(g711.decode(event.data, event.format.encoding))))
        stack.callback(session.on("audio_interrupted", lambda _: speaker.flush()))
        sending = asyncio.create_task(_send(session, microphone, spoken))
        try:
            yield
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


async def _send(session: RealtimeSession, microphone: Microphone, audio_format: AudioFormat) -> None:
    # Without a connection the session says so itself, to whoever listens to its events.
    with contextlib.suppress(NotConnected):
        async for frame in microphone:
            await session.send_audio(g711.encode(frame, audio_format.encoding))
