"""A transport under test and its far end, with everything the transport told in order."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Final, TypeVar

from offhook.audio.formats import AudioFormat
from offhook.events import AudioEvent, ConnectionChange, Event, RawEvent, SessionReady, Status
from offhook.hookspecs import ConnectOptions, RealtimeTransportEventTypes, RealtimeTransportLayer, event_names
from offhook.testing.conformance.peer import Peer
from offhook.testing.conformance.waiting import News, soon, turns

T = TypeVar("T")
E = TypeVar("E", bound=Event)
#: How many turns of the event loop something is given before it is cut off: early moments closely, late ones roughly, so
#: that transports of every speed are cut off at many different awaits.
MOMENTS: Final = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 48, 96, 192, 384, 768)


class Line:
    """One transport, one far end, and the tools of the rules.

    Everything that may fail to happen is waited for with patience, and then reported by its name.
    """

    def __init__(
        self, transport: RealtimeTransportLayer, peer: Peer, options: ConnectOptions, patience_s: float
    ) -> None:
        self.transport = transport
        self.peer = peer
        self.options = options
        self.patience_s = patience_s
        #: What the transport told since ``record``, in order.
        self.events: list[Event] = []
        self._recording = False
        self._news = News()
        self._tasks: list[asyncio.Task[Any]] = []
        self._listening: list[Callable[[], None]] = []

    # Connecting.

    async def connect(self) -> None:
        """Connect."""
        await self.soon(self.transport.connect(self.options), "connect() to return")

    async def close(self) -> None:
        """Close."""
        await self.soon(self.transport.close(), "close() to return")

    async def open(self) -> Line:
        """Record, connect, and give this line."""
        self.record()
        await self.connect()
        return self

    async def held(self, returned: Callable[[], None] = lambda: None) -> asyncio.Task[None]:
        """Connect up to a handshake that the far end holds; gives the ``connect()`` that waits.

        ``returned`` is called the moment that it returns.
        """

        async def connect() -> None:
            await self.transport.connect(self.options)
            returned()

        self.peer.handshake = "hold"
        connecting = self.start(connect())
        await self.peer.arrived(self.patience_s)
        return connecting

    async def end(self) -> None:
        """Put everything away, whatever state it is in."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self.patience_s)
        with contextlib.suppress(Exception):  # how the rule turned out is what counts
            await soon(self.transport.close(timeout_s=1.0), "close()", self.patience_s)
        for stop in self._listening:
            stop()
        # Async listeners hear what is queued, and end.
        await turns(3)

    # What the transport tells.

    def record(self) -> None:
        """Take down every event from now on, frames too."""
        self._recording = True
        for name in sorted(event_names(RealtimeTransportEventTypes)):
            self.on(name, self._told)

    def on(self, name: str, listener: Callable[[Any], object]) -> None:
        """Listen until the line ends."""
        self._listening.append(self.transport.on(name, listener))

    def told(self, kind: type[E]) -> list[E]:
        """Give the recorded events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    async def until(self, kind: type[E], count: int = 1, where: Callable[[E], bool] = lambda _: True) -> E:
        """Wait for the ``count``-th event of a kind, and give it."""

        def found() -> list[E]:
            return [event for event in self.told(kind) if where(event)]

        await self._news.until(lambda: len(found()) >= count, f"event {kind.hook} number {count}", self.patience_s)
        return found()[count - 1]

    async def until_told(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until ``condition`` holds of what was recorded."""
        await self._news.until(condition, what, self.patience_s)

    async def settle(self) -> None:
        """Wait until everything that the far end sent so far has arrived: frames come in order."""
        if self._recording:
            frame = await self.peer.unknown()
            await self.until(RawEvent, where=lambda event: event.payload == frame)
            return
        news, arrived = News(), list[Mapping[str, Any]]()
        # From before it is sent: a far end in another process may say only later which frame it was.
        stop = self.transport.on("*", lambda event: (arrived.append(event.payload), news.tell()))
        frame = await self.peer.unknown()
        await news.until(lambda: frame in arrived, "a frame of the far end to arrive", self.patience_s)
        stop()

    async def flushed(self) -> None:
        """Wait until everything that the transport sent so far has reached the far end."""
        mark = f"mark {len(self.peer.received)}"
        await self.soon(self.transport.send_message(mark, respond=False), "send_message() to return")
        await self.peer.until(lambda: any(mark in m.text for m in self.peer.of("message")), repr(mark), self.patience_s)

    # Audio.

    @property
    def output_format(self) -> AudioFormat:
        """The format to speak in: the session's."""
        ready = self.told(SessionReady)
        known = ready[-1].output_format if ready else None
        return known or (*self.transport.capabilities.output_formats, AudioFormat())[0]

    def sound(self, ms: float, fill: int) -> bytes:
        """Give audio to speak, every byte of it ``fill``, so that one can tell whose it is."""
        return bytes([fill]) * self.output_format.size(ms)

    def heard(self) -> bytes:
        """Give all audio that the transport told."""
        return b"".join(event.data for event in self.told(AudioEvent))

    async def hears(self, audio: bytes) -> None:
        """Let the far end say ``audio``, and wait until the transport told all of it."""
        total = len(self.heard()) + len(audio)
        await self.peer.say(audio)
        await self.until_told(lambda: len(self.heard()) >= total, f"{len(audio)} bytes of audio to be told")

    # The end.

    async def lost(self) -> ConnectionChange:
        """Wait for the connection's end, and give how it was told."""
        return await self.until(ConnectionChange, where=lambda change: change.status == "disconnected")

    async def until_status(self, status: Status) -> None:
        """Wait for the transport to be in a status; also where nothing is recorded."""
        changed = asyncio.Event()
        stop = self.transport.on("connection_change", lambda event: changed.set() if event.status == status else None)
        if self.transport.status != status:
            await self.soon(changed.wait(), f"the transport to be {status}")
        stop()

    # Tools.

    def forget(self) -> None:
        """Let go of what was noted so far: what the suite remembers is not the transport's to answer for."""
        self._tasks = [task for task in self._tasks if not task.done()]
        self.events.clear()
        self.peer.received.clear()

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start something that the rule waits for later, or never."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.append(task)
        return task

    async def soon(self, work: Awaitable[T], what: str) -> T:
        """Await ``work``, with patience."""
        return await soon(work, what, self.patience_s)

    def _told(self, event: Event) -> None:
        self.events.append(event)
        self._news.tell()
