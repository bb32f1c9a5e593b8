"""P10: what a conversation costs, however long it is and whoever stops reading."""

# A suite of tests asserts.
# ruff: noqa: S101

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import sys
import threading
import tracemalloc
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Final

from offhook.errors import TransportError
from offhook.testing.conformance.line import Line
from offhook.testing.conformance.rules import SkippedByEnvironment, Suite, rule
from offhook.testing.conformance.waiting import turns

KIB: Final = 1024
MIB: Final = 1024 * KIB
_WARM_UP, _TURNS, _WINDOWS = 20, 100, 4
#: Turns between two waits. A wait sets a timer, and Pyodide keeps one that was cancelled (230 bytes) until its time.
_AT_ONCE: Final = 10
#: What so many turns may leave behind: less than a hundredth of what was said in them.
_FLAT: Final = 32 * KIB
#: Two minutes of PCM16 at 24 kHz are 5.5 MiB.
_UNREAD: Final = 12 * MIB
_UNREAD_PIECE_MS, _UNREAD_PIECES = 3_000, 140
_STUFFED: Final = 12 * MIB
_PARCEL, _PARCELS = "x" * (16 * KIB), 1_200
#: A sender that makes no progress for this part of the suite's patience is taken to wait.
_STALL: Final = 0.05


class BoundRules(Suite):
    """Memory, tasks and threads."""

    @rule()
    async def test_p10_memory_does_not_grow_with_the_number_of_turns(self, line: Line) -> None:
        """Speech, captions, a call and its output, frames that mean nothing; again and again."""
        await line.connect()
        line.on("function_call", lambda call: line.start(line.transport.send_function_call_output(call, "done", False)))
        await self._converse(line, _WARM_UP)
        with _traced() as growth:
            grown = [await self._grown(line, growth)]
            # Buffers of a fixed size may take their time to fill; what leaks never stops.
            while grown[-1] >= _FLAT and len(grown) < _WINDOWS:
                grown.append(await self._grown(line, growth))
        assert grown[-1] < _FLAT, f"each time, {_TURNS} turns left so many bytes behind: {grown}"

    @rule(handles_audio={False}, output_formats=bool)
    async def test_p10_a_reader_that_stops_costs_a_bounded_amount(self, line: Line) -> None:
        """Seven minutes of speech for an ``async for`` that does not come: the oldest is dropped."""
        await line.connect()
        events = line.transport.events("audio")
        piece = line.sound(_UNREAD_PIECE_MS, 7)
        with _traced() as growth:
            for _ in range(_UNREAD_PIECES):
                await line.peer.say(piece)
                await turns(1)
            await line.settle()
            grown = growth()
        assert grown < _UNREAD, f"speech that nobody read costs {grown // MIB} MiB"
        await line.soon(anext(events), "what was kept")

    @rule(clogged=True)
    async def test_p10_a_peer_that_does_not_read_costs_a_bounded_amount(self, line: Line) -> None:
        """Whoever sends waits, and what waits is little."""
        await line.connect()
        with _traced() as growth:
            sending = Sending(line)
            await sending.stalls()
            grown = growth()
        size = sending.parcels * len(_PARCEL) // MIB
        assert grown < _STUFFED, f"{size} MiB that nobody read cost {grown // MIB} MiB"
        if sending.took_all and sys.platform == "emscripten":
            raise SkippedByEnvironment(
                f"backpressure=False, JavaScript took {size} MiB and keeps them out of Python's sight"
            )

    @rule(clogged=True)
    async def test_p10_closing_does_not_wait_for_a_peer_that_does_not_read(self, line: Line) -> None:
        """``close()`` keeps its timeout, and whoever waits to send is told."""
        await line.connect()
        sending = Sending(line)
        await sending.stalls()
        await line.soon(line.transport.close(timeout_s=0.2), "close() to return, though the peer does not read")
        assert line.transport.status == "disconnected"
        await sending.fails()

    @rule()
    async def test_p10_no_task_and_no_thread_is_left_behind(self, line: Line) -> None:
        """After a close, a loss, a refusal and an attempt that was given up, and after each listener that is gone."""
        with _complaints() as complaints:
            await self._use_up(line)  # what is made once, and kept, is made here
            tasks, threads = _tasks(), _threads()
            await self._use_up(line)
            await line.peer.__aexit__(None, None, None)
            await _settled(tasks, line.patience_s)
            left = _tasks() - tasks
            assert not left, f"these tasks were left behind: {left}"
            assert _threads() <= threads, f"these threads were left behind: {_threads() - threads}"
            gc.collect()
            assert complaints == [], f"asyncio complains: {complaints}"

    async def _grown(self, line: Line, growth: Callable[[], int]) -> int:
        await self._converse(line, _WARM_UP)  # tracing itself has its first times
        start = growth()
        await self._converse(line, _TURNS)
        return growth() - start

    async def _converse(self, line: Line, count: int) -> None:
        for _ in range(0, count, _AT_ONCE):
            for number in range(_AT_ONCE):
                await self._turn(line, f"call_{number}")
            await line.settle()
            answered = lambda: len(line.peer.of("output")) >= _AT_ONCE  # noqa: E731
            await line.peer.until(answered, "the outputs", line.patience_s)
            line.forget()

    async def _turn(self, line: Line, call_id: str) -> None:
        await line.peer.say(line.sound(100, 5))
        if line.transport.capabilities.output_transcripts != "none":
            await line.peer.caption("a plum and a pear")
        await line.peer.call(call_id, "look_up", "{}")
        await line.peer.end_turn()

    async def _use_up(self, line: Line) -> None:
        async def listener(_: Any) -> None:
            pass

        line.peer.handshake = "accept"
        stop = line.transport.on("*", listener)
        await line.connect()
        await line.settle()
        await line.close()
        await line.connect()
        await line.peer.drop()
        await line.until_status("disconnected")
        line.peer.handshake = "refuse"
        with contextlib.suppress(TransportError):
            await line.connect()
        connecting = await line.held()
        await line.close()
        await line.soon(asyncio.gather(connecting, return_exceptions=True), "connect() to end after close()")
        stop()
        await turns(3)
        line.forget()


class Sending:
    """Somebody who sends more than a clogged peer will ever read."""

    def __init__(self, line: Line) -> None:
        self.parcels = 0
        self._line = line
        self._task = line.start(self._send())

    @property
    def took_all(self) -> bool:
        """Whether everything was taken, though nobody reads it."""
        return self.parcels == _PARCELS

    async def _send(self) -> None:
        while not self.took_all:
            await self._line.transport.send_message(_PARCEL, respond=False)
            self.parcels += 1
            if self.parcels % 8 == 0:
                await asyncio.sleep(0)

    async def stalls(self) -> None:
        """Wait until it cannot send any more, or sent everything."""
        before = -1
        while self.parcels > before and not self._task.done():
            before = self.parcels
            # Nobody can say that nothing will happen: only time can.
            await asyncio.wait({self._task}, timeout=_STALL * self._line.patience_s)

    async def fails(self) -> None:
        """See that it is told that the connection is over, unless everything was taken."""
        await self._line.soon(asyncio.wait({self._task}), "a command that waits to raise when the connection ends")
        error = self._task.exception()
        assert self.took_all or isinstance(error, TransportError), f"a command that waited ended so: {error!r}"


@contextmanager
def _traced() -> Generator[Callable[[], int]]:
    """Give a function that tells how many bytes more are allocated than at the beginning.

    Nothing is logged meanwhile: pytest keeps what is, and that is not the transport's memory.
    """
    disabled = logging.root.manager.disable
    logging.disable()
    ours = not tracemalloc.is_tracing()
    if ours:
        tracemalloc.start()
    gc.collect()
    start = tracemalloc.get_traced_memory()[0]

    def growth() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - start

    try:
        yield growth
    finally:
        logging.disable(disabled)
        if ours:
            tracemalloc.stop()


@contextmanager
def _complaints() -> Generator[list[str]]:
    """Give what asyncio complains of meanwhile. The event loop may be the caller's, who hears of it before and after."""
    complaints: list[str] = []
    loop = asyncio.get_running_loop()
    handler = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: complaints.append(str(context)))
    try:
        yield complaints
    finally:
        loop.set_exception_handler(handler)


async def _settled(before: set[asyncio.Task[Any]], patience_s: float) -> None:
    """Let what is about to end do so."""
    left = _tasks() - before
    if left:
        await asyncio.wait(left, timeout=min(patience_s, 1.0))


def _tasks() -> set[asyncio.Task[Any]]:
    return {task for task in asyncio.all_tasks() if not task.done()} - {asyncio.current_task()}  # type: ignore[arg-type]  # there is one


def _threads() -> set[str]:
    # The event loop's own pool keeps its threads: they are not the transport's.
    return {thread.name for thread in threading.enumerate() if not thread.name.startswith("asyncio_")}
