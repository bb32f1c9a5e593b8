"""offhook.testing.clock: time that jumps where a program would only wait, and stands where others work."""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import pytest

from offhook._threads import awaited_threads, run_in_thread
from offhook.testing import Stuck, VirtualTimeLoop, run_virtual
from offhook.testing import clock as virtual

#: Far more than any machine needs here, and far less than what is waited for in virtual time.
SOON_S = 5.0


def now():
    return asyncio.get_running_loop().time()


def took_s(function):
    began = time.monotonic()
    function()
    return time.monotonic() - began


def test_an_hour_passes_at_once():
    async def main():
        await asyncio.sleep(3600)
        return now()

    assert took_s(lambda: run_virtual(main())) < SOON_S
    assert run_virtual(main()) == 3600.0


def test_time_begins_at_nought_and_stands_still_while_code_runs():
    async def main():
        began = now()
        time.sleep(0.02)  # noqa: ASYNC251  # code that takes its time is the point
        return began, now()

    assert run_virtual(main()) == (0.0, 0.0)


def test_timers_fire_in_order_each_at_its_own_time():
    async def main():
        fired = []

        async def fire(after_s):
            await asyncio.sleep(after_s)
            fired.append((after_s, now()))

        async with asyncio.TaskGroup() as tasks:
            for after_s in (30, 0.25, 10, 0.5):
                tasks.create_task(fire(after_s))
        return fired

    assert run_virtual(main()) == [(0.25, 0.25), (0.5, 0.5), (10, 10.0), (30, 30.0)]


def test_timeouts_are_in_virtual_time():
    async def main():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(60):
                await asyncio.Event().wait()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 60)
        return now()

    assert run_virtual(main()) == 120.0


def test_whoever_can_go_on_goes_on_before_time_does():
    async def main():
        ready = asyncio.Event()

        async def work():
            for _ in range(1000):
                await asyncio.sleep(0)
            ready.set()

        working = asyncio.create_task(work())
        async with asyncio.timeout(0.001):
            await ready.wait()
        await working
        return now()

    assert run_virtual(main()) == 0.0


@pytest.mark.parametrize("beside", ["a tool's thread", "to_thread", "run_in_executor"])
def test_no_timeout_overtakes_a_thread_that_is_awaited(beside):
    async def main():
        loop, work = asyncio.get_running_loop(), lambda: time.sleep(0.05)
        async with asyncio.timeout(30):
            match beside:
                case "a tool's thread":
                    await run_in_thread(work, name="tool")
                case "to_thread":
                    await asyncio.to_thread(work)
                case _:
                    await loop.run_in_executor(None, work)
        worked_s = now()
        await asyncio.sleep(1000)
        return worked_s, now() - worked_s

    worked_s, slept_s = run_virtual(main())
    assert 0.04 < worked_s < SOON_S
    assert slept_s == pytest.approx(1000)


def test_a_timeout_that_a_thread_deserves_it_gets():
    go_on = threading.Event()

    async def main():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await run_in_thread(lambda: go_on.wait(SOON_S), name="tool")
        # It still works, but nobody waits for it: it holds time up no longer.
        await asyncio.sleep(1000)
        return now()

    try:
        assert took_s(lambda: run_virtual(main())) < SOON_S
    finally:
        go_on.set()


def test_a_thread_pool_is_joined_before_time_goes_on(recwarn):
    async def main():
        # Left behind in the middle of its work.
        asyncio.get_running_loop().run_in_executor(None, time.sleep, 0.05)
        await asyncio.sleep(0)

    run_virtual(main())
    assert [str(warning.message) for warning in recwarn] == []


def test_a_socket_is_waited_for_in_real_time():
    async def main():
        here, there = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=here)
        threading.Timer(0.05, lambda: there.send(b"hello\n")).start()
        async with asyncio.timeout(30):
            line = await reader.readline()
        arrived_s = now()
        writer.close()
        await writer.wait_closed()
        there.close()
        await asyncio.sleep(1000)
        return line, arrived_s

    line, arrived_s = run_virtual(main())
    assert line == b"hello\n"
    assert arrived_s < SOON_S


def test_a_thread_that_is_unknown_can_still_wake_a_program_that_would_wait_for_ever():
    async def main():
        loop, woken = asyncio.get_running_loop(), asyncio.Event()
        threading.Timer(0.02, lambda: loop.call_soon_threadsafe(woken.set)).start()
        await woken.wait()
        return True

    assert run_virtual(main())


def test_a_program_that_would_wait_for_ever_is_told_where(monkeypatch):
    monkeypatch.setattr(virtual, "_STRANGERS_S", 0.0)

    async def main():
        asyncio.current_task().set_name("the one that waits")
        await asyncio.Event().wait()

    with pytest.raises(Stuck, match=r"What waits: the one that waits \(.*test_clock\.py:\d+\)"):
        run_virtual(main())


def test_it_is_a_loop_factory_for_other_runners():
    async def main():
        await asyncio.sleep(60)
        return now()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        assert runner.run(main()) == 60.0
        assert runner.run(main()) == 120.0


def test_what_the_program_raises_comes_out():
    async def main():
        await asyncio.sleep(1)
        raise KeyError("x")

    with pytest.raises(KeyError):
        run_virtual(main())


def test_functions_beside_a_loop_are_counted_while_they_are_awaited():
    go_on = threading.Event()

    async def main():
        loop = asyncio.get_running_loop()
        working = asyncio.create_task(run_in_thread(lambda: go_on.wait(SOON_S), name="tool"))
        await run_in_thread(lambda: None, name="tool")
        counted = [awaited_threads(loop)]
        working.cancel()
        await asyncio.wait({working})
        return [*counted, awaited_threads(loop)]

    try:
        assert run_virtual(main()) == [1, 0]
    finally:
        go_on.set()
