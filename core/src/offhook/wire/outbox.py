"""Frames on their way out, in the order they were decided."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from offhook._log import logger
from offhook.listeners import name_of
from offhook.wire.channel import MessageChannel


class SentFrames:
    """Who is told of the frames that go out. One that fails is logged, and harms neither the others nor the frame (P9)."""

    def __init__(self) -> None:
        self._listeners: tuple[Callable[[str], object], ...] = ()

    def add(self, listener: Callable[[str], object]) -> Callable[[], None]:
        """Tell ``listener`` from now on; gives a function that ends it."""
        self._listeners = (*self._listeners, listener)
        return lambda: self._remove(listener)

    def tell(self, text: str) -> None:
        """Tell everyone of a frame."""
        for listener in self._listeners:
            try:
                listener(text)
            except Exception:  # noqa: BLE001  # see above
                logger().exception("listener_failed", listener=name_of(listener), on="sent")

    def _remove(self, listener: Callable[[str], object]) -> None:
        self._listeners = tuple(each for each in self._listeners if each is not listener)


class Outbox:
    """Sends frames one at a time, first decided first.

    Commands wait until their frames were handed over (backpressure is the caller's business); the receive loop only posts,
    so that a peer that does not read can never stop us from reading. A command that is cancelled while it waits has still
    decided its frames: all of them go out, because the protocol counts on them.
    """

    def __init__(self, channel: MessageChannel, sent: SentFrames | None = None) -> None:
        """``sent`` tells of each frame just before the channel takes it, so that no answer to it can be told first."""
        self._channel = channel
        self._sent = sent or SentFrames()
        self._queue: deque[tuple[str, asyncio.Future[None] | None]] = deque()
        self._busy = False
        self._writer: asyncio.Task[None] | None = None

    def post(self, text: str) -> None:
        """Queue a frame; it leaves as soon as those before it have. A failure ends the connection by itself."""
        self._queue.append((text, None))
        self._start_writer()

    async def send(self, texts: Sequence[str]) -> None:
        """Send frames and return when they were handed over. Raises ``OSError`` once closed."""
        if len(texts) == 1 and not self._busy and not self._queue:
            await self._send_now(texts[0])
        elif texts:
            sent = asyncio.get_running_loop().create_future()
            self._queue.extend((text, None) for text in texts[:-1])
            self._queue.append((texts[-1], sent))
            self._start_writer()
            await sent

    async def close(self) -> None:
        """Stop sending: what still waits fails with ``OSError``."""
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
        self._fail(ConnectionError("the connection was closed before the frame was sent"))

    async def _send_now(self, text: str) -> None:
        # Nothing is before it: no task, no future. Channels write before they wait, so cancelling loses nothing here.
        self._busy = True
        try:
            self._sent.tell(text)
            await self._channel.send(text)
        finally:
            self._busy = False
            if self._queue:
                self._start_writer()

    def _start_writer(self) -> None:
        if not self._busy and (self._writer is None or self._writer.done()):
            self._writer = asyncio.create_task(self._write(), name="offhook outbox")

    async def _write(self) -> None:
        self._busy = True
        try:
            while self._queue:
                text, sent = self._queue[0]
                self._sent.tell(text)
                await self._channel.send(text)
                self._queue.popleft()
                if sent is not None and not sent.done():
                    sent.set_result(None)
        except OSError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001  # no waiter may hang, whatever a channel raises
            logger().exception("send_failed")
            self._fail(error)
        finally:
            self._busy = False

    def _fail(self, error: Exception) -> None:
        while self._queue:
            _, sent = self._queue.popleft()
            if sent is not None and not sent.done():
                sent.set_exception(error)
