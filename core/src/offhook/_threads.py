"""Running a plain function beside the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable
from typing import TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")

#: Per loop, how many functions run beside it whose result somebody awaits.
_awaited: WeakKeyDictionary[asyncio.AbstractEventLoop, int] = WeakKeyDictionary()


def awaited_threads(loop: asyncio.AbstractEventLoop) -> int:
    """Say how many functions run beside ``loop`` and are awaited: a virtual clock must not run ahead of them."""
    return _awaited.get(loop, 0)


async def run_in_thread(function: Callable[[], T], *, name: str) -> T:
    """Run ``function`` in a thread of its own and give its result.

    A function that hangs cannot be stopped, only left behind; a daemon thread lets the program end all the same, which
    the default executor would not. Context variables are those of the caller. Where there are no threads (WebAssembly: a
    Cloudflare Worker, a browser), it runs here, and the loop waits for it.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def settle(result: T | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]  # a T, since there was no error

    def run() -> None:
        result: T | None = None
        error: BaseException | None = None
        try:
            result = context.run(function)
        except (StopIteration, GeneratorExit) as stopped:
            # A future refuses the one, and the other would close every coroutine that waits here.
            error = RuntimeError(f"the function raised {stopped!r}")
        except BaseException as raised:  # noqa: BLE001  # it belongs to whoever awaits
            error = raised
        # The loop may be gone by now: nobody waits any more.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, result, error)

    try:
        threading.Thread(target=run, name=name, daemon=True).start()
    except RuntimeError:  # can't start new thread
        run()
    _awaited[loop] = awaited_threads(loop) + 1
    try:
        return await done
    finally:
        _awaited[loop] -= 1
