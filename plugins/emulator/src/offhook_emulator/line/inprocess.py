"""The in-process line: a client and its session in one program, without a socket between them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, Self

from offhook._log import logger
from offhook_emulator.line.outbox import Outbox
from offhook_emulator.line.session import hold_session
from offhook_emulator.line.switchboard import Switchboard

#: Frames that may wait for whoever reads them; whoever writes then waits as well.
_ROOM: Final = 256
_FAILED: Final = 1011


class InProcessChannel:
    """The client's end: a ``MessageChannel``. The session runs in a task of its own until either side closes.

    ``let_go`` is awaited after the session. ``model`` is what the connection asks for.
    """

    def __init__(self, switchboard: Switchboard, *, model: str | None, let_go: Callable[[], Awaitable[None]]) -> None:
        self.close_code: int | None = None
        self.close_reason = ""
        self._up, self._down = _Pipe(), _Pipe()
        self._let_go = let_go
        self._serving = asyncio.create_task(self._serve(switchboard, model), name="offhook emulator session")

    async def __aiter__(self) -> AsyncIterator[str]:
        """Give the frames of the session until it is over."""
        async for frame in self._down:
            yield frame

    async def send(self, text: str) -> None:
        """Hand a frame to the session, waiting while it has too many. Raises ``ConnectionError`` once closed."""
        await self._up.put(text)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """End the session, and wait until its work has ended."""
        self._end(code, reason)
        try:
            await asyncio.wait({self._serving})
        except asyncio.CancelledError:
            self._serving.cancel()
            raise

    async def _serve(self, switchboard: Switchboard, model: str | None) -> None:
        outbox = Outbox(self._down.put, self._hang_up, switchboard.observer)
        try:
            await hold_session(self._up, outbox, switchboard, model=model)
        except Exception:  # noqa: BLE001 - voices and replies are plugged in; the client is told that the session is over
            logger().exception("session failed")
            self._end(_FAILED, "The session failed. The log says why.")
        finally:
            await self._let_go()

    async def _hang_up(self, code: int, reason: str) -> None:
        self._end(code, reason)

    def _end(self, code: int, reason: str) -> None:
        if self.close_code is None:
            self.close_code, self.close_reason = code, reason
        self._up.clear()
        self._up.close()
        self._down.close()


class _Pipe:
    """Frames one way, in order, so many at most. What was put before it is closed can still be read."""

    def __init__(self) -> None:
        self._frames: deque[str] = deque()
        self._closed = False
        self._changed = asyncio.Event()

    async def put(self, frame: str) -> None:
        while len(self._frames) >= _ROOM and not self._closed:
            await self._wait()
        if self._closed:
            raise ConnectionError("the session is over")
        self._frames.append(frame)
        self._changed.set()

    def clear(self) -> None:
        self._frames.clear()

    def close(self) -> None:
        self._closed = True
        self._changed.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        while not self._frames:
            if self._closed:
                raise StopAsyncIteration
            await self._wait()
        self._changed.set()
        return self._frames.popleft()

    async def _wait(self) -> None:
        self._changed.clear()
        await self._changed.wait()
