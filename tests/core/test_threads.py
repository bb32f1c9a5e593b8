"""Plain functions beside the loop, and in it where there are no threads."""

from __future__ import annotations

import asyncio
import contextvars
import subprocess
import sys
import threading

import pytest

from offhook._threads import run_in_thread

PATIENCE_S = 5.0
CALLER = contextvars.ContextVar("CALLER", default="nobody")


@pytest.fixture(params=["threads", "no threads"])
def threads(request, monkeypatch):
    """A platform with threads, and one like WebAssembly."""
    if request.param == "no threads":

        def start(_thread):
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(threading.Thread, "start", start)
    return request.param == "threads"


async def test_result_comes_back_from_a_thread_where_there_are_threads(threads):
    ran_in = await run_in_thread(threading.current_thread, name="tool")
    assert (ran_in is not threading.current_thread()) == threads


async def test_context_is_that_of_the_caller(threads):
    CALLER.set("me")
    assert await run_in_thread(CALLER.get, name="tool") == "me"


@pytest.mark.parametrize(("error", "raised"), [(KeyError("x"), KeyError), (StopIteration(), RuntimeError)])
async def test_error_is_the_callers(threads, error, raised):
    def fail():
        raise error

    with pytest.raises(raised):
        await run_in_thread(fail, name="tool")


@pytest.mark.parametrize("error", [SystemExit(1), asyncio.CancelledError()])
async def test_what_ends_a_program_or_a_task_ends_neither_there(threads, error):
    def fail():
        raise error

    with pytest.raises(type(error)):
        await run_in_thread(fail, name="tool")


async def test_a_blocking_function_does_not_block_the_loop():
    go_on = threading.Event()
    running = asyncio.create_task(run_in_thread(lambda: go_on.wait(PATIENCE_S), name="tool"))
    await asyncio.sleep(0)
    # Were the loop blocked, nobody would come to this line before the function gave up.
    go_on.set()
    assert await running


async def test_a_caller_that_is_cancelled_leaves_the_function_behind():
    go_on, ended = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def hang():
        go_on.wait(PATIENCE_S)
        loop.call_soon_threadsafe(ended.set)
        raise ValueError("nobody hears this")

    running = asyncio.create_task(run_in_thread(hang, name="tool"))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    go_on.set()
    async with asyncio.timeout(PATIENCE_S):
        await ended.wait()


def test_a_function_that_hangs_does_not_keep_the_program_from_ending():
    program = """
import asyncio, threading
from offhook._threads import run_in_thread

async def main():
    task = asyncio.create_task(run_in_thread(threading.Event().wait, name="tool"))
    await asyncio.sleep(0)
    task.cancel()

asyncio.run(main())
print("ended")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "ended", "")
