"""Waiting for what must happen, and saying so when it did not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


class News:
    """Whoever waits for something looks again when told that there is news."""

    def __init__(self) -> None:
        self._told = asyncio.Event()

    def tell(self) -> None:
        """There is news."""
        self._told.set()

    async def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until ``condition`` holds, for as long as it takes."""
        while not condition():
            self._told.clear()
            await self._told.wait()

    async def until(self, condition: Callable[[], bool], what: str, patience_s: float) -> None:
        """Wait until ``condition`` holds. Raises ``AssertionError`` naming ``what`` after ``patience_s`` seconds."""
        await soon(self.wait_for(condition), what, patience_s)


async def soon(work: Awaitable[T], what: str, patience_s: float) -> T:
    """Await ``work``. Raises ``AssertionError`` naming ``what`` if that takes longer than ``patience_s`` seconds."""
    over = asyncio.timeout(patience_s)
    try:
        async with over:
            return await work
    except TimeoutError:
        if not over.expired():
            raise
        raise AssertionError(f"waited {patience_s:g} s in vain for {what}") from None


async def turns(count: int) -> None:
    """Let everyone else on the event loop run ``count`` times."""
    for _ in range(count):
        await asyncio.sleep(0)
