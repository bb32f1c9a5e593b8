"""Both directions of an emulator's sockets, as its observer sees them: to wait for, and to judge afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from attrs import define, field

Frame: TypeAlias = Mapping[str, Any]
Side: TypeAlias = Literal["client", "server"]
#: Whatever has not come after this many seconds will not come. The machine may be busy with something else.
PATIENCE_S = 30


@define(eq=False)
class Wire:
    """``note`` is the observer. ``frames`` holds all frames of all sessions, each with who sent it."""

    url: str = ""
    frames: list[tuple[Side, Frame]] = field(factory=list[tuple[Side, Frame]], init=False)
    _changed: asyncio.Event = field(factory=asyncio.Event, init=False)

    def note(self, sender: Side, frame: Frame) -> None:
        """Take a frame, and wake whoever waits for it."""
        self.frames.append((sender, frame))
        self._changed.set()

    def sent(self, kind: str) -> list[Frame]:
        """Give the client's frames of a type."""
        return self._of("client", kind)

    def told(self, kind: str) -> list[Frame]:
        """Give the server's frames of a type."""
        return self._of("server", kind)

    async def until_told(self, kind: str, count: int = 1) -> Frame:
        """Wait for the server's ``count``-th frame of a type. Raises TimeoutError."""
        async with asyncio.timeout(PATIENCE_S):
            while len(found := self.told(kind)) < count:
                self._changed.clear()
                await self._changed.wait()
        return found[count - 1]

    def _of(self, who: Side, kind: str) -> list[Frame]:
        return [frame for sender, frame in self.frames if sender == who and frame["type"] == kind]
