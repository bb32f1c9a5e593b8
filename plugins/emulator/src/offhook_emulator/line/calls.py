"""Calls: sessions that somebody is on the line of, and that any number of control channels listen to.

A call has one media line (WebRTC, SIP), which carries the audio, and control channels, which carry the events: the data
channel, and the sideband WebSockets that attach with ``?call_id=…``. Every channel is told every server event and may
send client events. The call ends when its line ends, when someone hangs up, or when the session expires; a channel may
come and go.

How a line is written::

    class SomeLine:                                          # a Line
        async def run(self, call):                           # cancelled when the call ends from this side
            while audio := await receive():                  # returns when the other side hangs up
                await call.hear(audio, PCMU)                 # any AudioFormat, as it arrives
        # every 20 ms, paced by the line itself:
                frame = call.pull()                          # 20 ms of PCM16 24 kHz mono, or b"": nothing to play

    call = Call(line, switchboard, config=session)           # raises Refused where the config is refused
    await switchboard.calls.start(call)                      # returns when it takes audio and events
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol

from offhook._log import logger
from offhook.audio.formats import AudioFormat
from offhook_emulator.line.channels import Channels
from offhook_emulator.model.effects import Hangup, Send
from offhook_emulator.model.ids import random_id

if TYPE_CHECKING:
    from offhook_emulator.line.outbox import Outbox
    from offhook_emulator.line.runner import SessionRunner
    from offhook_emulator.line.switchboard import Switchboard

_NORMAL: Final = 1000
_ENDED: Final = "The call has ended."


class Line(Protocol):
    """What carries the audio of one call."""

    async def run(self, call: Call) -> None:
        """Carry audio both ways, and return when the other side hangs up.

        It is cancelled when the call ends from this side; it then hangs up on the other side before it ends.
        """
        ...


class Call:
    """One session on a line. ``id`` is ``rtc_…``, its name for sidebands and REST.

    ``config`` is the session to begin with, ``model`` what the request asked for. Raises ``Refused`` where the config is.
    """

    def __init__(
        self,
        line: Line,
        switchboard: Switchboard,
        *,
        call_id: str | None = None,
        model: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        self.id = call_id or random_id("rtc")
        self.line = line
        self._switchboard = switchboard
        self._detector = switchboard.voice.detector()
        self._model = switchboard.new_model(self._detector, model=model, config=config, service_plays=True)
        self._channels = Channels(switchboard.observer)
        self._runner: SessionRunner | None = None
        self._running = asyncio.Event()

    def configure(self, config: Any) -> None:
        """Change the session before the call starts, as ``session.update`` would; raises ``Refused``."""
        self._model.session.update(config)

    # For the line

    async def hear(self, audio: bytes, audio_format: AudioFormat) -> None:
        """Take what the caller says, as it arrives."""
        if self._runner:
            await self._runner.hear(audio, audio_format)

    def pull(self) -> bytes:
        """Give the next 20 ms to play: PCM16 24 kHz mono, 960 bytes; empty where there is nothing to play.

        Call it every 20 ms, when the frame is due and not before: what was pulled counts as heard. After an interruption
        only the frame that was pulled last is still on its way.
        """
        return self._runner.pull() if self._runner else b""

    def tell(self, event: Mapping[str, Any]) -> None:
        """Tell all channels of something that the line itself has noticed: a key of the telephone, say."""
        self._channels.put(event)

    # For the channels

    @contextmanager
    def attached(self, channel: Outbox, *, greet: bool = False) -> Generator[None]:
        """Tell ``channel`` every server event while this lasts; with ``greet``, ``session.created`` first.

        When the call ends the channel is given its ``Hangup``. The recorded service greets the data channel only.
        """
        if greet:
            for effect in self._model.start():
                if isinstance(effect, Send):
                    self._channels.tell([channel], effect.event)
        self._channels.add(channel)
        try:
            yield
        finally:
            self._channels.discard(channel)

    async def receive(self, message: str | bytes) -> None:
        """Take one client event from any channel; returns when the next one may come."""
        if self._runner:
            await self._runner.receive(message)

    # For everyone

    @property
    def over(self) -> bool:
        """Whether it has ended, or is ending."""
        return self._channels.ended.is_set()

    def hang_up(self, reason: str = _ENDED) -> None:
        """End the call; idempotent. The line and the channels learn of it."""
        self._channels.end(Hangup(_NORMAL, reason))

    async def running(self) -> None:
        """Wait until it takes audio and events."""
        await self._running.wait()

    async def run(self) -> None:
        """Hold the call until it has ended and nothing of it is left. ``Calls.start`` does this."""
        async with asyncio.TaskGroup() as tasks:
            runner = self._runner = self._switchboard.runner(self._model, self._detector, self._channels, tasks)
            self._running.set()
            carrying = tasks.create_task(self._carry())
            try:
                await self._channels.ended.wait()
            finally:
                self.hang_up()  # where it is this task that was cancelled
                carrying.cancel()
                runner.close()

    async def _carry(self) -> None:
        try:
            await self.line.run(self)
        except Exception:  # noqa: BLE001 - whatever broke the line, the others on the call must learn that it is over
            logger().exception("the line broke", call_id=self.id)
        finally:
            self.hang_up()


class Calls:
    """The calls that a server holds."""

    def __init__(self) -> None:
        self._calls: dict[str, tuple[Call, asyncio.Task[None]]] = {}

    def get(self, call_id: str) -> Call | None:
        """Give the call of that id, or None where there is none, or none any more."""
        call, _ = self._calls.get(call_id, (None, None))
        return call if call and not call.over else None

    async def start(self, call: Call) -> None:
        """Hold the call in the background; returns when it takes audio and events. It is forgotten when it has ended."""
        task = asyncio.create_task(call.run(), name=f"offhook call {call.id}")
        self._calls[call.id] = call, task
        task.add_done_callback(lambda _task: self._calls.pop(call.id))
        await call.running()

    async def close(self) -> None:
        """Hang up all calls, and wait until nothing of them is left."""
        held = list(self._calls.values())
        for call, _ in held:
            call.hang_up("The server is shutting down.")
        if held:
            await asyncio.wait([task for _, task in held])
