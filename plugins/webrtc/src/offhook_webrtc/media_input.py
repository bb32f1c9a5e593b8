"""What the model hears: the microphone, a recording, a stream of PCM16, or a track of the caller's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, cast

from aiortc.mediastreams import MediaStreamTrack

from offhook.audio.devices import audio_devices
from offhook.audio.formats import PCM16_24K, AudioFormat
from offhook.audio.wav import read_wav
from offhook.errors import AudioError
from offhook_webrtc.options import AudioTrack, WebRTCOptions
from offhook_webrtc.tracks import FRAME_MS, BorrowedTrack, InputGate, PacedTrack

#: What is fetched ahead of an iterator: the frame that is due next, and one in case the next is late.
_AHEAD_MS: Final = 2 * FRAME_MS


@asynccontextmanager
async def open_input(
    options: WebRTCOptions, gate: InputGate, failed: Callable[[Exception], None]
) -> AsyncGenerator[MediaStreamTrack | None]:
    """Open what ``options.input`` names, and give the track to send, or ``None``.

    ``failed`` is told when the source breaks during the call; silence is sent from then on. Raises ``AudioError``.
    """
    match options.input:
        case None:
            yield None
        case "microphone":
            devices = options.devices or await asyncio.to_thread(audio_devices)  # it imports a library
            microphone = await devices.open_microphone(
                rate_hz=PCM16_24K.rate_hz, frame_ms=FRAME_MS, device=options.input_device
            )
            try:
                async with _pumped(microphone, PCM16_24K.rate_hz, gate, failed) as track:
                    yield track
            finally:
                await microphone.aclose()
        case Path() | str() as path:
            recording = await asyncio.to_thread(read_wav, path)
            yield PacedTrack(_Recording(recording.pcm), recording.rate_hz, gate)
        case AsyncIterable() as chunks:
            async with _pumped(chunks, options.input_rate_hz, gate, failed) as track:
                yield track
        case track:
            yield BorrowedTrack(_audio(track), gate)


@asynccontextmanager
async def _pumped(
    chunks: AsyncIterable[bytes], rate_hz: int, gate: InputGate, failed: Callable[[Exception], None]
) -> AsyncGenerator[PacedTrack]:
    pump = _Pump(chunks, AudioFormat("audio/pcm", rate_hz).size(_AHEAD_MS), failed)
    running = asyncio.create_task(pump.run(), name="offhook audio input")
    try:
        yield PacedTrack(pump, rate_hz, gate)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


class _Recording:
    """PCM that is all there already."""

    def __init__(self, pcm: bytes) -> None:
        self._pcm = pcm
        self._at = 0

    def take(self, size: int) -> bytes:
        pcm = self._pcm[self._at : self._at + size]
        self._at += len(pcm)
        return pcm


class _Pump:
    """Fetches from an iterator, a little ahead of what is taken."""

    def __init__(self, chunks: AsyncIterable[bytes], ahead: int, failed: Callable[[Exception], None]) -> None:
        self._chunks = chunks
        self._ahead = ahead
        self._failed = failed
        self._pcm = bytearray()
        self._wanted = asyncio.Event()

    def take(self, size: int) -> bytes:
        pcm = bytes(self._pcm[:size])
        del self._pcm[:size]
        if len(self._pcm) < self._ahead:
            self._wanted.set()
        return pcm

    async def run(self) -> None:
        try:
            # Not before the first frame is asked for: who speaks then is heard from the first word.
            await self._wanted.wait()
            async for chunk in self._chunks:
                self._pcm += chunk
                while len(self._pcm) >= self._ahead:
                    self._wanted.clear()
                    await self._wanted.wait()
        except Exception as error:  # noqa: BLE001  # whatever the iterator raises, the call goes on
            self._failed(error)


def _audio(track: object) -> AudioTrack:
    kind = getattr(track, "kind", None)
    if kind != "audio":
        what = f"a track of kind {kind!r}" if kind else f"{type(track).__name__}"
        raise AudioError(
            f"input is {what}, which the model cannot hear. Give an audio track, the path of a WAV file, "
            'an asynchronous iterator of PCM16 bytes, "microphone" or None.'
        )
    return cast("AudioTrack", track)
