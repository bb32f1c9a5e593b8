"""A virtual clock: time jumps to the next timer when nothing is left to do, so that a long conversation takes milliseconds.

Everything that goes by the event loop's clock goes by it: ``asyncio.sleep``, timeouts, what the transports know of the
playback, the emulator's pace. ``time.monotonic()`` and other clocks are left alone.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar, TypeVarTuple

from offhook._threads import awaited_threads

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

#: How long, in real seconds, somebody whom the loop does not know of may take to wake a program that waits for ever.
_STRANGERS_S: Final = 2.0


class Stuck(RuntimeError):
    """Every task waits, no timer runs, and nobody is known who could wake one: the program would wait for ever."""


def run_virtual(main: Coroutine[Any, Any, T], *, debug: bool | None = None) -> T:
    """Run ``main`` like ``asyncio.run``, in virtual time, and give its result.

    Raises ``Stuck`` where ``main`` would wait for ever.
    """
    with asyncio.Runner(loop_factory=VirtualTimeLoop, debug=debug) as runner:
        return runner.run(main)


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose ``time()`` begins at 0, stands still while code runs, and jumps where it would only wait.

    For runners that take a ``loop_factory``: ``asyncio.run``, ``asyncio.Runner``, and the plugins of pytest. Where others
    could wake the loop, it waits for them in real time: threads that somebody awaits (plain tools, ``asyncio.to_thread``,
    ``run_in_executor``) and open sockets. So a tool of 10 real ms takes 10 virtual ms, and no timeout overtakes it. What the
    loop does not know of takes no time at all: threads of your own, and programs without pipes to them.
    """

    def __init__(self) -> None:
        self._clock = _Clock(self._someone_works)
        self._outside = 0
        super().__init__(self._clock)

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._clock.now

    def run_in_executor(self, executor: Any, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """Run ``func`` in a thread; time goes on like the real one until its result is there or is not wanted any more."""
        future = super().run_in_executor(executor, func, *args)
        self._outside += 1
        future.add_done_callback(self._came_back)
        return future

    async def shutdown_default_executor(self, *timeout: Any) -> None:
        """Wait for the executor's threads, in real time."""
        self._outside += 1
        try:
            await super().shutdown_default_executor(*timeout)
        finally:
            self._outside -= 1

    def _came_back(self, _future: asyncio.Future[Any]) -> None:
        self._outside -= 1

    def _someone_works(self) -> bool:
        return self._outside > 0 or awaited_threads(self) > 0


class _Clock(selectors.DefaultSelector):
    """The place where a loop waits, and so where its time passes."""

    def __init__(self, someone_works: Callable[[], bool]) -> None:
        super().__init__()
        self.now = 0.0
        self._someone_works = someone_works

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Give what is ready; where nothing is, let up to ``timeout`` seconds pass (``None``: until something is)."""
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        # The loop's own pipe, by which threads wake it, is always there.
        if len(self.get_map()) > 1 or self._someone_works():
            return self._wait(timeout)
        if timeout is None:
            return self._wait_for_strangers()
        self.now += timeout
        return []

    def _wait(self, timeout: float | None) -> list[tuple[selectors.SelectorKey, int]]:
        began = time.monotonic()
        ready = super().select(timeout)
        self.now += time.monotonic() - began
        return ready

    def _wait_for_strangers(self) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._wait(_STRANGERS_S)
        if not ready:
            raise Stuck(
                "every task waits, no timer runs, and no thread or socket is known that could wake one, so this would "
                f"never end. What waits: {'; '.join(sorted(map(_where, asyncio.all_tasks())))}. Look there for what was "
                "to happen, or put a timeout around it: in virtual time that costs nothing."
            )
        return ready


def _where(task: asyncio.Task[Any]) -> str:
    frame = next(iter(task.get_stack(limit=1)), None)
    return f"{task.get_name()} ({frame.f_code.co_filename}:{frame.f_lineno})" if frame else task.get_name()
