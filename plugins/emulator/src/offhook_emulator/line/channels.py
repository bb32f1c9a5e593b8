"""One session's frames on several control channels: what ``Outbox`` is for one client, this is for all of a call."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Final

from offhook_emulator.line.outbox import Observer, Outbox
from offhook_emulator.model.effects import Hangup

#: Bytes that may wait for one channel. A caller is on the line: nobody waits for a channel that does not read.
_MAX_WAITING: Final = 32 * 1024 * 1024
_TOO_SLOW: Final = Hangup(1008, "The events of this call were not read for too long.")


class Channels:
    """Takes frames at once and hands each to every channel. ``ended`` is set once the call is over."""

    def __init__(self, observer: Observer | None = None) -> None:
        self._observer = observer
        self._channels: set[Outbox] = set()
        self._hangup: Hangup | None = None
        self.ended = asyncio.Event()

    def add(self, channel: Outbox) -> None:
        """Tell ``channel`` everything from now on. Where the call is over that is all there is to tell."""
        if self._hangup:
            channel.end(self._hangup)
        else:
            self._channels.add(channel)

    def discard(self, channel: Outbox) -> None:
        """Tell ``channel`` nothing more."""
        self._channels.discard(channel)

    def put(self, event: Mapping[str, Any]) -> None:
        """Queue a server event for every channel."""
        self.tell(list(self._channels), event)

    def tell(self, channels: Iterable[Outbox], event: Mapping[str, Any]) -> None:
        """Queue a server event for some channels only."""
        if self._observer:
            self._observer("server", event)
        for channel in channels:
            channel.put(event)
            if channel.size > _MAX_WAITING:
                self.discard(channel)
                channel.end(_TOO_SLOW)

    def end(self, hangup: Hangup) -> None:
        """Queue the end of the call for every channel. The first reason is the one that counts."""
        if self._hangup:
            return
        self._hangup = hangup
        for channel in self._channels:
            channel.end(hangup)
        self.ended.set()

    async def room(self) -> None:
        """Give the others their turn."""
        await asyncio.sleep(0)
