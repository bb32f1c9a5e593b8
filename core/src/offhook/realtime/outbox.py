"""Frames on their way out, in the order they were decided."""

from __future__ import annotations

import asyncio
from collections import deque

from offhook.realtime.channel import MessageChannel


class Outbox:
    """Sends frames one at a time, first decided first.

    Commands wait until their frame was handed over (backpressure is the caller's business); the receive loop only posts,
    so that a peer that does not read can never stop us from reading.
    """

    def __init__(self, channel: MessageChannel) -> None:
        self._channel = channel
        self._queue: deque[tuple[str, asyncio.Future[None] | None]] = deque()
        self._busy = False
        self._writer: asyncio.Task[None] | None = None

    def post(self, text: str) -> None:
        """Queue a frame; it leaves as soon as those before it have. A failure ends the connection by itself."""
        self._queue.append((text, None))
        self._start_writer()

    async def send(self, text: str) -> None:
        """Send a frame and return when it was handed over. Raises ``OSError`` once closed."""
        if self._busy or self._queue:
            sent = asyncio.get_running_loop().create_future()
            self._queue.append((text, sent))
            self._start_writer()
            await sent
            return
        # Nothing is before it: no task, no future.
        self._busy = True
        try:
            await self._channel.send(text)
        finally:
            self._busy = False
            if self._queue:
                self._start_writer()

    async def close(self) -> None:
        """Stop sending: what still waits fails with ``OSError``."""
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
        self._fail(ConnectionError("the connection was closed before the frame was sent"))

    def _start_writer(self) -> None:
        if not self._busy and (self._writer is None or self._writer.done()):
            self._writer = asyncio.create_task(self._write(), name="offhook outbox")

    async def _write(self) -> None:
        self._busy = True
        try:
            while self._queue:
                text, sent = self._queue[0]
                await self._channel.send(text)
                self._queue.popleft()
                if sent is not None and not sent.done():
                    sent.set_result(None)
        except OSError as error:
            self._fail(error)
        finally:
            self._busy = False

    def _fail(self, error: OSError) -> None:
        while self._queue:
            _, sent = self._queue.popleft()
            if sent is not None and not sent.done():
                sent.set_exception(error)
