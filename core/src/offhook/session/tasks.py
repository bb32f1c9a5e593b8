"""The tasks of one connection. Whatever is under way was started here, so closing is cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from attrs import define, field

from offhook._log import logger

T = TypeVar("T")
#: How long a task may take to clean up when the session is closed.
_GRACE_S: Final = 5.0


@define(eq=False)
class Tasks:
    """Starts tasks, and ends all of them."""

    _running: set[asyncio.Task[Any]] = field(init=False, factory=set["asyncio.Task[Any]"])

    def start(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Run ``work`` in a task of its own."""
        task = asyncio.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def cancel(self) -> None:
        """Ask all tasks to stop, but for the one that asks: a tool may close its own session."""
        for task in self._running - {_current()}:
            task.cancel()

    async def wait_stopped(self) -> None:
        """Return when all have stopped. One that ignores its cancellation is left behind."""
        stopping = self._running - {_current()}
        if stopping:
            _, late = await asyncio.wait(stopping, timeout=_GRACE_S)
            for task in late:
                logger().warning("task_does_not_stop", task=task.get_name(), waited_s=_GRACE_S)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # asyncio complains about one that nobody looked at


def _current() -> asyncio.Task[Any] | None:
    return asyncio.current_task()
