"""A Realtime service in memory, for transports that can be given a dialer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from offhook.errors import AuthenticationError, ConnectError
from offhook.testing.conformance.dialect import RealtimeDialectPeer
from offhook.wire.channel import DialRequest, MessageChannel

#: Messages that are on their way at once, each way; then whoever sends must wait.
_ROOM: Final = 64


class MemoryPeer(RealtimeDialectPeer):
    """The far end of an ``OpenAIRealtimeBase`` without a network: give ``peer.dial`` as its dialer."""

    def __init__(self, *, clogged: bool = False, service_plays: bool = False) -> None:
        super().__init__(clogged=clogged, service_plays=service_plays)
        self._server = MemoryServer(self.admitted, self.take)

    async def dial(self, request: DialRequest) -> MessageChannel:
        """Open a channel, as any dialer does."""
        return await self._server.dial(request)

    async def transmit(self, text: str) -> None:
        """Put a message into the channel; it is lost where there is none."""
        await self._server.transmit(text)

    async def drop(self) -> None:
        """End the channel as one that broke."""
        self._server.end(1006)

    async def hang_up(self) -> None:
        """End the channel as a service that is done."""
        self._server.end(1000)

    async def stop(self) -> None:
        """End whatever is open."""
        await super().stop()
        await self._server.stop()


class MemoryServer:
    """A server in memory, for a peer of any dialect: it asks ``admitted``, and gives each message to ``take``."""

    def __init__(self, admitted: Callable[[], Awaitable[bool]], take: Callable[[str], Awaitable[None]]) -> None:
        self._admitted = admitted
        self._take = take
        self._dropped = asyncio.Event()
        self._wire: _Wire | None = None
        self._reading: set[asyncio.Task[None]] = set()

    async def dial(self, request: DialRequest) -> MessageChannel:  # noqa: ARG002  # there is one place to dial
        """Open a channel. Raises ``AuthenticationError`` where it is not admitted, ``ConnectError`` where it is lost."""
        self._dropped.clear()
        if not await self._asked():
            raise AuthenticationError("the service refused the key. Check it, and what it may do.", status=401)
        wire = self._wire = _Wire()
        task = asyncio.create_task(self._read(wire), name="the far end in memory")
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)
        return wire

    async def transmit(self, text: str) -> None:
        """Put a message into the channel; it is lost where there is none."""
        if self._wire is not None:
            await self._wire.down.put(text)

    def end(self, code: int) -> None:
        """End the channel, and a handshake that is held, with a close code of RFC 6455."""
        self._dropped.set()
        if self._wire is not None:
            self._wire.end(code)

    async def stop(self) -> None:
        """End whatever is open, and wait until nobody reads any more."""
        self.end(1006)
        await asyncio.gather(*self._reading)

    async def _asked(self) -> bool:
        """Ask, for as long as nobody ends the connection."""
        admitted = asyncio.ensure_future(self._admitted())
        dropped = asyncio.ensure_future(self._dropped.wait())
        try:
            await asyncio.wait({admitted, dropped}, return_when=asyncio.FIRST_COMPLETED)
            if not admitted.done():
                raise ConnectError("the connection was lost while it was made. Try again.")
            return admitted.result()
        finally:
            admitted.cancel()
            dropped.cancel()

    async def _read(self, wire: _Wire) -> None:
        while (text := await wire.up.get()) is not None:
            await self._take(text)


class _Wire:
    """A channel, and both its queues."""

    def __init__(self) -> None:
        self.close_code: int | None = None
        self.close_reason = ""
        self.up, self.down = _Lane(), _Lane()

    async def __aiter__(self) -> AsyncIterator[str]:
        while (text := await self.down.get()) is not None:
            yield text

    async def send(self, text: str) -> None:
        if self.close_code is not None or not await self.up.put(text):
            raise ConnectionError("the channel is closed")

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self.end(code, reason)

    def end(self, code: int, reason: str = "") -> None:
        if self.close_code is None:
            self.close_code, self.close_reason = code, reason
            self.up.end()
            self.down.end()


class _Lane:
    """Messages one way: bounded, and over at once for whoever waits to send."""

    def __init__(self) -> None:
        self._texts: deque[str] = deque()
        self._moved = asyncio.Event()
        self._ended = False

    async def put(self, text: str) -> bool:
        """Wait for room, and tell whether the message was taken."""
        while len(self._texts) >= _ROOM and not self._ended:
            await self._move()
        if self._ended:
            return False
        self._texts.append(text)
        self._moved.set()
        return True

    async def get(self) -> str | None:
        """Give the next message, ``None`` after the last."""
        while not self._texts:
            if self._ended:
                return None
            await self._move()
        self._moved.set()
        return self._texts.popleft()

    def end(self) -> None:
        """What is in it can still be read."""
        self._ended = True
        self._moved.set()

    async def _move(self) -> None:
        self._moved.clear()
        await self._moved.wait()
