"""Plain functions beside the loop, and in it where there are no threads."""

from __future__ import annotations

import contextvars
import threading

import pytest

from offhook._threads import run_in_thread

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
