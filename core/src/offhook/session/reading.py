"""``async for`` over a session: the first loop begins with the connection, and one that was left is taken up again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from offhook.emitter import EventIterator
from offhook.events import Event


class Reading:
    """The events of one connection that no loop has read.

    A loop takes them over, and gives back what it left unread. Another one beside it has events of its own, from its start.
    """

    def __init__(self, subscribe: Callable[[], EventIterator]) -> None:
        self._subscribe = subscribe
        self._unread: EventIterator | None = subscribe()
        self._over = False

    def end(self) -> None:
        """The connection is gone: no loop can get more than was left unread."""
        self._over = True

    def loop(self) -> AsyncIterator[Event]:
        """Give what one ``async for`` reads."""
        events, self._unread = self._unread, None
        if events is None and not self._over:
            events = self._subscribe()
        return _Loop(events, self._take_back)

    def _take_back(self, events: EventIterator) -> None:
        # With a gap in it there is nothing to go on with: the next loop starts afresh.
        if self._unread is None and not events.fell_behind:
            self._unread = events


class _Loop(AsyncIterator[Event]):
    def __init__(self, events: EventIterator | None, give_back: Callable[[EventIterator], None]) -> None:
        self._events = events
        self._give_back = give_back

    def __del__(self) -> None:
        # Python tells nobody that a loop was left, but it drops the iterator.
        if self._events is not None:
            self._give_back(self._events)

    def __anext__(self) -> Awaitable[Event]:
        # Handed on and not awaited here: a coroutine more for every event is felt.
        return self._events.__anext__() if self._events is not None else _nothing()


async def _nothing() -> Event:
    raise StopAsyncIteration
