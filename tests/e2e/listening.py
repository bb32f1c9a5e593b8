"""Waiting for what a client tells, in whatever order it tells it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Generic, TypeVar

from wire import PATIENCE_S

T = TypeVar("T")


class Listener(Generic[T]):
    """Takes a client's events one by one, and remembers them: what was told before it was waited for counts, too."""

    def __init__(self, source: AsyncIterable[T]) -> None:
        self.events: list[T] = []
        self._source: AsyncIterator[T] = aiter(source)

    async def until(self, wanted: Callable[[T], bool], count: int = 1) -> T:
        """Wait for the ``count``-th event that is wanted, counted from the beginning.

        Raises TimeoutError where it does not come, StopAsyncIteration where the client has no more to tell.
        """
        async with asyncio.timeout(PATIENCE_S):
            while len(found := [event for event in self.events if wanted(event)]) < count:
                self.events.append(await anext(self._source))
        return found[count - 1]

    async def all(self, wanted: Callable[[T], bool]) -> list[T]:
        """Listen to the end of the conversation; give all that was ever told and is wanted."""
        async with asyncio.timeout(PATIENCE_S):
            async for event in self._source:
                self.events.append(event)
        return [event for event in self.events if wanted(event)]
