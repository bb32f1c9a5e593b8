"""Devices through ``sounddevice`` (PortAudio), for machines where ``miniaudio`` has no wheel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

import sounddevice as _library  # pyright: ignore[reportMissingTypeStubs]  # it has no type information

from offhook.audio.devices import DeviceInfo, Direction, unusable

sounddevice = cast("Any", _library)

_PERIOD_MS: Final = 10


def make_backend() -> SounddeviceBackend:
    """Give the backend."""
    return SounddeviceBackend()


class SounddeviceBackend:
    """See ``offhook.audio.devices.Backend``."""

    name = "sounddevice"

    def devices(self, direction: Direction) -> list[DeviceInfo]:
        """List what is there now."""
        default = sounddevice.default.device[direction]
        return [
            DeviceInfo(entry["name"], direction, handle=entry["index"], default=entry["index"] == default)
            for entry in sounddevice.query_devices()
            if entry[f"max_{direction}_channels"]
        ]

    def record(self, device: DeviceInfo | None, rate_hz: int, deliver: Callable[[bytes], None]) -> _OpenStream:
        """Record PCM16 mono."""

        def recorded(pcm: Any, *_: object) -> None:
            deliver(bytes(pcm))

        return _OpenStream("input", sounddevice.RawInputStream, device, rate_hz, recorded)

    def play(self, device: DeviceInfo | None, rate_hz: int, fill: Callable[[int], bytes]) -> _OpenStream:
        """Play PCM16 mono."""

        def wanted(pcm: Any, *_: object) -> None:
            pcm[:] = fill(len(pcm))

        return _OpenStream("output", sounddevice.RawOutputStream, device, rate_hz, wanted)


class _OpenStream:
    def __init__(
        self,
        direction: Direction,
        kind: Callable[..., Any],
        device: DeviceInfo | None,
        rate_hz: int,
        callback: Callable[..., None],
    ) -> None:
        self._stream: Any = None
        try:
            self._stream = kind(
                samplerate=rate_hz,
                blocksize=rate_hz * _PERIOD_MS // 1000,
                device=device.handle if device else None,
                channels=1,
                dtype="int16",
                latency="low",
                callback=callback,
            )
            self._stream.start()
        except (sounddevice.PortAudioError, ValueError) as error:
            self.close()
            raise unusable(direction, device, error) from error

    def close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
