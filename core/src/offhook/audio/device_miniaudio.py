"""Devices through ``miniaudio``, which opens PulseAudio, ALSA, CoreAudio or WASAPI at run time and converts rates itself."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Final, cast

import miniaudio as _library  # pyright: ignore[reportMissingTypeStubs]  # it has no type information

from offhook.audio.devices import DeviceInfo, Direction, unusable

miniaudio = cast("Any", _library)

#: How much the device hands over at once. Twice as much costs twice the delay, half as much costs dropouts.
_PERIOD_MS: Final = 10


def make_backend() -> MiniaudioBackend:
    """Give the backend."""
    return MiniaudioBackend()


class MiniaudioBackend:
    """See ``offhook.audio.devices.Backend``."""

    name = "miniaudio"

    def devices(self, direction: Direction) -> list[DeviceInfo]:
        """List what is there now; without a sound system, nothing is."""
        try:
            context = _Devices()
            found = context.get_captures() if direction == "input" else context.get_playbacks()
        except miniaudio.MiniaudioError:
            return []
        if context.backend == "Null":
            return []
        return [DeviceInfo(each["name"], direction, handle=each["id"], default=each["default"]) for each in found]

    def record(self, device: DeviceInfo | None, rate_hz: int, deliver: Callable[[bytes], None]) -> _OpenDevice:
        """Record PCM16 mono."""
        return _OpenDevice("input", miniaudio.CaptureDevice, device, rate_hz, _into(deliver))

    def play(self, device: DeviceInfo | None, rate_hz: int, fill: Callable[[int], bytes]) -> _OpenDevice:
        """Play PCM16 mono."""
        return _OpenDevice("output", miniaudio.PlaybackDevice, device, rate_hz, _out_of(fill))


class _Devices(miniaudio.Devices):
    """Tells, too, which device is the system's choice: the library knows, and keeps it to itself."""

    def _get_info(self, device_type: Any, device_info: Any) -> dict[str, Any]:
        # Of an untyped base nothing is known.
        known = super()._get_info(device_type, device_info)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        return {**known, "default": bool(device_info.isDefault)}


class _OpenDevice:
    def __init__(
        self,
        direction: Direction,
        kind: Callable[..., Any],
        device: DeviceInfo | None,
        rate_hz: int,
        callback: Generator[bytes, Any, None],
    ) -> None:
        self._device: Any = None
        try:
            self._device = kind(
                nchannels=1,
                sample_rate=rate_hz,
                buffersize_msec=_PERIOD_MS,
                device_id=device.handle if device else None,
                app_name="offhook",
            )
            next(callback)
            self._device.start(callback)
        except miniaudio.MiniaudioError as error:
            self.close()
            # It raises words and a number.
            raise unusable(direction, device, ", ".join(map(str, error.args))) from error
        if self._device.backend == "Null":
            # What the library falls back to where there is nothing: it swallows what it is given.
            self.close()
            raise unusable(direction, device, "there is no sound system")

    def close(self) -> None:
        device, self._device = self._device, None
        if device is None:
            return
        device.close()
        # The library forgets the context, which is a connection to the sound server: five file descriptors each time.
        miniaudio.lib.ma_context_uninit(device._context)  # noqa: SLF001  # it has no public name


def _into(deliver: Callable[[bytes], None]) -> Generator[bytes, bytearray, None]:
    while True:
        deliver(bytes((yield b"")))


def _out_of(fill: Callable[[int], bytes]) -> Generator[bytes, int, None]:
    pcm = b""
    while True:
        samples = yield pcm
        pcm = fill(2 * samples)
