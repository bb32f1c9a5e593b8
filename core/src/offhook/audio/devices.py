"""Microphones and loudspeakers of this machine: listed, chosen by name, opened, and closed again.

Sound is PCM16 mono, little endian. A backend is a library with callbacks in threads of its own: ``miniaudio`` (from
``offhook[devices]``), or ``sounddevice`` where that is what is installed. Nothing is imported before it is needed.

::

    devices = audio_devices()
    microphone = await devices.open_microphone(rate_hz=24_000)
    async for frame in microphone: ...
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Final, Literal, Protocol, TypeVar

from attrs import field, frozen

from offhook._threads import run_in_thread
from offhook.audio.streams import Microphone, Speaker, Stream
from offhook.errors import AudioError

Direction = Literal["input", "output"]

#: Module of each backend, best first: PulseAudio through miniaudio needs a fifth of the time it takes PortAudio.
_BACKENDS: Final = {"miniaudio": "offhook.audio.device_miniaudio", "sounddevice": "offhook.audio.device_sounddevice"}
_WORDS: Final = {"input": "microphone", "output": "loudspeaker"}
#: A minute of speech arrives within seconds, and is played in a minute: room for two.
_MAX_QUEUED_MS: Final = 120_000.0

S = TypeVar("S", Microphone, Speaker)


@frozen
class DeviceInfo:
    """A device that could be opened. ``handle`` is the backend's own name for it; ``default`` is the system's choice."""

    name: str
    direction: Direction
    handle: Any = field(default=None, repr=False, eq=False)
    default: bool = False


class Backend(Protocol):
    """A library that reaches devices. Its methods block, and raise ``AudioError``."""

    @property
    def name(self) -> str:
        """The library's name."""
        ...

    def devices(self, direction: Direction) -> Sequence[DeviceInfo]:
        """List what is there now."""
        ...

    def record(self, device: DeviceInfo | None, rate_hz: int, deliver: Callable[[bytes], None]) -> Stream:
        """Record from ``device`` (``None``: the system's choice), calling ``deliver`` in a thread."""
        ...

    def play(self, device: DeviceInfo | None, rate_hz: int, fill: Callable[[int], bytes]) -> Stream:
        """Play on ``device`` what ``fill`` gives, in a thread, when asked for so many bytes."""
        ...


class AudioDevices:
    """The devices of one backend."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    @property
    def backend(self) -> str:
        """Name of the library that reaches them."""
        return self._backend.name

    def list(self, direction: Direction) -> Sequence[DeviceInfo]:
        """List the microphones (``input``) or loudspeakers (``output``) that are there now; may block for a moment."""
        return self._backend.devices(direction)

    async def open_microphone(
        self, *, rate_hz: int = 24_000, frame_ms: int = 20, device: str | None = None
    ) -> Microphone:
        """Start recording frames of ``frame_ms`` at ``rate_hz``.

        ``device`` is a name or a part of one; without it the system chooses. Raises ``AudioError``.
        """
        microphone = Microphone(rate_hz=rate_hz, frame_ms=frame_ms)
        return await self._open(
            microphone, lambda: self._backend.record(self._find("input", device), rate_hz, microphone.deliver)
        )

    async def open_speaker(
        self,
        *,
        rate_hz: int = 24_000,
        device: str | None = None,
        max_queued_ms: float = _MAX_QUEUED_MS,
        on_played: Callable[[float], None] | None = None,
    ) -> Speaker:
        """Start a loudspeaker that plays what is written to it, at ``rate_hz``, and silence otherwise.

        ``max_queued_ms`` bounds what may wait to be played (the oldest goes). ``on_played`` is called in the event loop with
        the milliseconds played since the last call: hand it a transport's ``played``. Raises ``AudioError``.
        """
        speaker = Speaker(rate_hz=rate_hz, max_queued_ms=max_queued_ms, on_played=on_played)
        return await self._open(
            speaker, lambda: self._backend.play(self._find("output", device), rate_hz, speaker.fill)
        )

    def tapped(self, *, recorded: Callable[[bytes], object], played: Callable[[bytes], object]) -> AudioDevices:
        """Give the same devices, and let two listeners have all that is recorded and played through them, too.

        They are called with PCM16 mono, some 10 ms at a time, in the devices' threads: they must not block.
        """
        return AudioDevices(_Tapped(self._backend, recorded, played))

    async def _open(self, opened: S, start: Callable[[], Stream]) -> S:
        # Drivers may take their time, and must not take the event loop's.
        starting = asyncio.ensure_future(run_in_thread(start, name="offhook audio device"))
        try:
            opened.attach(await asyncio.shield(starting))
        except asyncio.CancelledError:
            # A driver cannot be interrupted: what it opens all the same is closed again.
            starting.add_done_callback(_close_late)
            raise
        return opened

    def _find(self, direction: Direction, name: str | None) -> DeviceInfo | None:
        return None if name is None else choose(self.list(direction), direction, name)


@frozen
class _Tapped:
    """A backend whose sound goes past two listeners."""

    _backend: Backend
    _recorded: Callable[[bytes], object]
    _played: Callable[[bytes], object]

    @property
    def name(self) -> str:
        return self._backend.name

    def devices(self, direction: Direction) -> Sequence[DeviceInfo]:
        return self._backend.devices(direction)

    def record(self, device: DeviceInfo | None, rate_hz: int, deliver: Callable[[bytes], None]) -> Stream:
        def delivered(pcm: bytes) -> None:
            self._recorded(pcm)
            deliver(pcm)

        return self._backend.record(device, rate_hz, delivered)

    def play(self, device: DeviceInfo | None, rate_hz: int, fill: Callable[[int], bytes]) -> Stream:
        def filled(size: int) -> bytes:
            pcm = fill(size)
            self._played(pcm)
            return pcm

        return self._backend.play(device, rate_hz, filled)


def audio_devices(backend: str | None = None) -> AudioDevices:
    """Give the devices of ``backend`` (``miniaudio`` or ``sounddevice``), or of the first one that is installed.

    Raises ``AudioError`` where the library is missing.
    """
    if backend is not None and backend not in _BACKENDS:
        raise AudioError(f"there is no audio backend {backend!r}. Use one of: {', '.join(_BACKENDS)}.")
    problems: list[str] = []
    for name, module in _BACKENDS.items():
        if backend in {None, name}:
            try:
                return AudioDevices(import_module(module).make_backend())
            except (ImportError, OSError) as error:
                problems.append(f"{name}: {error}")
    raise AudioError(
        "no library that reaches microphones and loudspeakers can be used "
        f'({"; ".join(problems)}). Run: pip install "offhook[devices]"'
    )


def choose(devices: Sequence[DeviceInfo], direction: Direction, name: str) -> DeviceInfo:
    """Give the one device of that name, or else the one whose name has it as a part; case does not matter.

    Raises ``AudioError`` that lists what is there.
    """
    wanted, word = name.casefold(), _WORDS[direction]
    for matches in (
        [device for device in devices if device.name.casefold() == wanted],
        [device for device in devices if wanted in device.name.casefold()],
    ):
        if len(matches) == 1:
            return matches[0]
        if matches:
            several = ", ".join(device.name for device in matches)
            raise AudioError(f"{name!r} fits more than one {word}: {several}. Give more of the name.")
    there = ", ".join(device.name for device in devices) or "none"
    raise AudioError(f"there is no {word} called {name!r}. There are: {there}. A part of the name is enough.")


def unusable(direction: Direction, device: DeviceInfo | None, why: object) -> AudioError:
    """Say that a device could not be opened, and what to do about it. For backends."""
    word = _WORDS[direction]
    what = f"the {word} {device.name!r}" if device else f"a {word}"
    instead = "a WAV file as input" if direction == "input" else "output to a WAV file or none"
    return AudioError(
        f"{what} could not be opened ({why}). Check that one is connected and that this program may use it "
        f"(privacy settings; on Linux a running PulseAudio or PipeWire), or choose {instead}."
    )


def _close_late(starting: asyncio.Future[Stream]) -> None:
    if not starting.cancelled() and starting.exception() is None:
        starting.result().close()
