"""What becomes of the remote track: it is always read, at once, and given to whoever is to have it."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final, Protocol, Self, cast

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame, AudioResampler

from offhook._log import logger
from offhook.audio.devices import audio_devices
from offhook.audio.formats import PCM16_24K
from offhook.audio.streams import Speaker
from offhook.errors import AudioError
from offhook_webrtc.options import PcmCallback, TrackConsumer, WebRTCOptions
from offhook_webrtc.tracks import RelayedTrack

_RATE_HZ: Final = PCM16_24K.rate_hz
#: Speech comes at the pace at which it is played: what waits longer than this is delay.
_MAX_QUEUED_MS: Final = 200.0
#: A hole longer than this is a new beginning, not silence.
_MAX_GAP_MS: Final = 60_000.0


class Sink(Protocol):
    """Takes what is heard."""

    def play(self, pcm: bytes, gap_ms: float) -> None:
        """Take PCM16 mono at 24 kHz that comes ``gap_ms`` after the end of what came before. Must not block."""
        ...

    def flush(self) -> None:
        """Forget what was taken and not heard yet."""
        ...


class MediaOutput:
    """Reads the remote track and feeds the sinks."""

    def __init__(self, sinks: list[Sink], on_track: TrackConsumer | None) -> None:
        self._sinks = sinks
        self._on_track = on_track
        self._relay: RelayedTrack | None = None
        self._tasks: set[asyncio.Task[object]] = set()

    def attach(self, track: MediaStreamTrack) -> None:
        """Read ``track`` from now on, if it is the first."""
        if track.kind != "audio" or self._tasks:
            return
        if self._on_track is not None:
            self._relay = RelayedTrack()
            self._spawn(_consume(self._on_track, self._relay))
        self._spawn(self._read(track))

    def flush(self) -> None:
        """Silence now: the user interrupted."""
        for sink in self._sinks:
            sink.flush()
        if self._relay is not None:
            self._relay.flush()

    async def aclose(self) -> None:
        """Stop reading."""
        if self._relay is not None:
            self._relay.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[Any, Any, object]) -> None:
        self._tasks.add(asyncio.create_task(work, name="offhook audio output"))

    async def _read(self, track: MediaStreamTrack) -> None:
        decoder = _Decoder()
        while True:
            try:
                frame = cast("object", await track.recv())  # pyright: ignore[reportUnknownMemberType]  # av's Packet
            except MediaStreamError:
                return
            if not isinstance(frame, AudioFrame):
                continue
            if self._relay is not None:
                self._relay.put(frame)
            if self._sinks:
                self._play(*decoder.decode(frame))

    def _play(self, pcm: bytes, gap_ms: float) -> None:
        for sink in self._sinks if pcm else ():
            try:
                sink.play(pcm, gap_ms)
            except Exception:  # noqa: BLE001  # P9: its failure is its own
                logger().exception("audio_output_failed", sink=type(sink).__name__)


@asynccontextmanager
async def open_output(options: WebRTCOptions, on_audio: Callable[[bytes], None] | None) -> AsyncGenerator[MediaOutput]:
    """Open what ``options.output`` names. ``on_audio`` is given all that is heard, too. Raises ``AudioError``."""
    async with AsyncExitStack() as stack:
        sinks: list[Sink] = []
        match options.output:
            case None:
                pass
            case "speaker":
                devices = options.devices or await asyncio.to_thread(audio_devices)  # it imports a library
                speaker = await devices.open_speaker(
                    rate_hz=_RATE_HZ, device=options.output_device, max_queued_ms=_MAX_QUEUED_MS
                )
                stack.push_async_callback(speaker.aclose)
                sinks.append(_SpeakerSink(speaker))
            case Path() | str() as path:
                sinks.append(stack.enter_context(_WavSink(Path(path))))
            case callback:
                sinks.append(_CallbackSink(callback))
        if on_audio is not None:
            sinks.append(_CallbackSink(lambda pcm, _: on_audio(pcm)))
        output = MediaOutput(sinks, options.on_track)
        stack.push_async_callback(output.aclose)
        yield output


async def _consume(consumer: TrackConsumer, track: RelayedTrack) -> None:
    try:
        result = consumer(track)
        if result is not None:
            await result
    except MediaStreamError:
        pass  # how a track says that it is over
    except Exception:  # noqa: BLE001  # P9: its failure is its own
        logger().exception("track_consumer_failed")


class _Decoder:
    """Frames of whatever codec into PCM16 mono at 24 kHz, and the holes between them."""

    def __init__(self) -> None:
        self._resampler = AudioResampler(format="s16", layout="mono", rate=_RATE_HZ)
        self._expected: int | None = None

    def decode(self, frame: AudioFrame) -> tuple[bytes, float]:
        gap_ms = 0.0
        if frame.pts is not None:
            if self._expected is not None:
                gap_ms = (frame.pts - self._expected) * 1000 / frame.sample_rate
            self._expected = frame.pts + frame.samples
        pcm = b"".join(bytes(part.planes[0])[: 2 * part.samples] for part in self._resampler.resample(frame))
        return pcm, gap_ms if 0 < gap_ms <= _MAX_GAP_MS else 0.0


class _SpeakerSink:
    def __init__(self, speaker: Speaker) -> None:
        self._speaker = speaker

    def play(self, pcm: bytes, gap_ms: float) -> None:  # noqa: ARG002  # it played silence while nothing came
        self._speaker.write(pcm)

    def flush(self) -> None:
        self._speaker.flush()


class _CallbackSink:
    def __init__(self, callback: PcmCallback) -> None:
        self._callback = callback

    def play(self, pcm: bytes, gap_ms: float) -> None:  # noqa: ARG002  # what was lost is not made up
        self._callback(pcm, _RATE_HZ)

    def flush(self) -> None:
        """Hold nothing back."""


class _WavSink:
    """Writes as it hears, so that a long call costs no memory; holes become silence, so that it is as long as it was."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("wb")
        except OSError as error:
            raise AudioError(
                f"{path} cannot be written: {error.strerror}. Give a file name in a folder that you may write to."
            ) from error
        self._wav = wave.open(self._file)  # noqa: SIM115  # closed by __exit__
        self._wav.setnchannels(1)
        self._wav.setsampwidth(2)
        self._wav.setframerate(_RATE_HZ)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._file:
            self._wav.close()

    def play(self, pcm: bytes, gap_ms: float) -> None:
        self._wav.writeframesraw(bytes(PCM16_24K.size(gap_ms)) + pcm)

    def flush(self) -> None:
        """Keep it: what is written was heard."""
