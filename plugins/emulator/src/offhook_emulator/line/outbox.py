"""Frames on their way to the client, in order, with a bound on how many wait."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal, TypeAlias

import orjson

from offhook_emulator.model.effects import Hangup

#: Called for every frame with who sent it, ``"client"`` or ``"server"``, and the frame.
Observer: TypeAlias = Callable[[Literal["client", "server"], Mapping[str, Any]], None]

#: Bytes that may wait before whoever makes frames is asked to wait, too.
_ROOM: Final = 1024 * 1024


class Outbox:
    """Takes frames at once and sends them one after the other."""

    def __init__(
        self,
        send: Callable[[str], Awaitable[None]],
        hang_up: Callable[[int, str], Awaitable[None]],
        observer: Observer | None = None,
    ) -> None:
        self._send = send
        self._hang_up = hang_up
        self._observer = observer
        self._frames: deque[str | Hangup] = deque()
        self._size = 0
        self._filled = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._over = False

    @property
    def size(self) -> int:
        """Characters that wait to be sent."""
        return self._size

    def put(self, event: Mapping[str, Any]) -> None:
        """Queue a server event."""
        if self._observer:
            self._observer("server", event)
        if self._over:  # nobody takes it any more, and nobody may wait for that
            return
        frame = orjson.dumps(event).decode()
        self._frames.append(frame)
        self._count(len(frame))

    def end(self, hangup: Hangup) -> None:
        """Queue the end of the connection."""
        self._frames.append(hangup)
        self._filled.set()

    async def room(self) -> None:
        """Wait until the client has taken most of what it was sent, or is gone."""
        await self._has_room.wait()

    async def pump(self) -> None:
        """Send what is queued until the connection ends; ConnectionError means that it has."""
        try:
            while True:
                await self._filled.wait()
                self._filled.clear()
                while self._frames:
                    if await self._deliver(self._frames.popleft()):
                        return
        except ConnectionError:
            pass  # the reader learns of it as well, and ends the session
        finally:
            self._over = True
            self._has_room.set()

    async def _deliver(self, frame: str | Hangup) -> bool:
        if isinstance(frame, Hangup):
            await self._hang_up(frame.code, frame.reason)
            return True
        await self._send(frame)
        self._count(-len(frame))
        return False

    def _count(self, size: int) -> None:
        self._size += size
        self._filled.set()
        if self._size < _ROOM:
            self._has_room.set()
        else:
            self._has_room.clear()
