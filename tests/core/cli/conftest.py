"""A telephone without a wire, and devices without sound, for what the command line does with them."""

from __future__ import annotations

import asyncio
import math
from array import array
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from offhook.audio.devices import AudioDevices, DeviceInfo
from offhook.audio.formats import PCM16_24K
from offhook.capabilities import Capabilities
from offhook.events import ConnectionChange, Event, SessionReady, TurnDone
from offhook.items import FunctionCallItem, MessageItem, OutputAudio
from offhook.transport import TransportBase

PATIENCE_S = 10.0
#: What a transport that handles the audio tells, and does.
HANDLED = {"handles_audio": True, "output_pacing": "realtime", "speech_events": frozenset({"input", "output"})}

#: A plugin whose transport handles the audio, and keeps the options it was made with.
HANDLES = """
from typing import Any

from attrs import evolve, frozen

from offhook.hookspecs import hookimpl
from offhook.loopback import Loopback

SPEC_VERSION = (1, 0)


@frozen(kw_only=True)
class Options:
    url: str = "ws://nowhere"
    {options}


@hookimpl
def transport_options():
    return Options


@hookimpl
def make_transport(options):
    transport = Loopback()
    transport._capabilities = evolve(transport.capabilities, handles_audio=True)
    transport.options = options
    return transport
"""


def handles(options: str) -> str:
    """The source of that plugin, with ``options`` beside its url."""
    return HANDLES.replace("{options}", options)


def tone(ms: float, rate_hz: int = 24_000, peak: int = 12_000) -> bytes:
    """A sound that nobody takes for silence, as PCM16 mono."""
    count = int(rate_hz * ms / 1000)
    return array("h", (round(peak * math.sin(2 * math.pi * 440 * at / rate_hz)) for at in range(count))).tobytes()


class Phone(TransportBase):
    """A transport whose far end is the test: ``say`` lets it tell something, ``sent`` is what it was sent."""

    def __init__(self, *, input_format=PCM16_24K, output_format=PCM16_24K, **flags):
        super().__init__("phone", Capabilities(**{"turn_model": "response", "truncate": "client", **flags}))
        self.ready = SessionReady(input_format=input_format, output_format=output_format)
        self.sent: list[bytes] = []
        self.heard_ms = 0.0
        self.connected = asyncio.Event()
        self._news = asyncio.Event()

    async def connect(self, options=None):
        self._change(ConnectionChange(status="connecting"))
        self._change(ConnectionChange(status="connected"))
        self._emit(self.ready)
        self.connected.set()

    async def close(self, *, timeout_s=5.0):
        if self._status == "connected":
            self._change(ConnectionChange(status="disconnecting", reason="requested"))
            self._change(ConnectionChange(status="disconnected", reason="requested"))

    async def send_audio(self, audio, *, commit=False):
        self._require_connected("send_audio()")
        self.sent.append(audio)
        self._news.set()

    def played(self, ms):
        self.heard_ms += ms
        self._news.set()

    def say(self, *events: Event) -> None:
        for event in events:
            self._emit(event)

    def hang_up(self, reason) -> None:
        self._change(ConnectionChange(status="disconnected", reason=reason))

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something was sent, or played, that makes ``condition`` hold."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._news.clear()
                await self._news.wait()


class Shown:
    """What was shown, for ``show``: ``until`` waits for it."""

    def __init__(self):
        self.events = list[Event]()
        self._news = asyncio.Event()

    def add(self, event):
        self.events.append(event)
        self._news.set()

    async def until(self, kind):
        async with asyncio.timeout(PATIENCE_S):
            while kind not in map(type, self.events):
                self._news.clear()
                await self._news.wait()


def turn_done(*, calls=False, turn_id="turn_1") -> TurnDone:
    """The end of a turn that says something, and may call a function."""
    said = MessageItem(item_id="said", role="assistant", content=(OutputAudio(transcript="Yes."),))
    call = FunctionCallItem(item_id="call", call_id="call_1", name="look", arguments="{}")
    return TurnDone(turn_id=turn_id, output=(said, call) if calls else (said,))


class Stream:
    def __init__(self):
        self.closed = False

    def close(self):
        self.closed = True


class Backend:
    """One microphone and one loudspeaker: ``deliver`` speaks into the one, ``fill`` listens to the other."""

    name = "fake"

    def __init__(self, names=None):
        self.names = {"input": ["Mic"], "output": ["Speaker"]} if names is None else names
        self.streams: list[Stream] = []
        self.rates: dict[str, int] = {}

    def devices(self, direction):
        return [DeviceInfo(name, direction, default=not at) for at, name in enumerate(self.names[direction])]

    def record(self, device, rate_hz, deliver):
        self.deliver = deliver
        return self._opened("input", rate_hz)

    def play(self, device, rate_hz, fill):
        self.fill = fill
        return self._opened("output", rate_hz)

    def _opened(self, direction, rate_hz):
        self.rates[direction] = rate_hz
        self.streams.append(Stream())
        return self.streams[-1]


@pytest.fixture
def kit() -> SimpleNamespace:
    """What is above."""
    return SimpleNamespace(
        Backend=Backend,
        HANDLED=HANDLED,
        PATIENCE_S=PATIENCE_S,
        Phone=Phone,
        Shown=Shown,
        handles=handles,
        tone=tone,
        turn_done=turn_done,
    )


@pytest.fixture
def backend() -> Backend:
    return Backend()


@pytest.fixture
def devices(backend) -> AudioDevices:
    return AudioDevices(backend)
