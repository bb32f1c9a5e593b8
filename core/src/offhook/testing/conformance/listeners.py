"""P9: what one listener does to another, and to the receive loop. Nothing."""

# A suite of tests asserts.
# ruff: noqa: S101

from __future__ import annotations

import asyncio
from typing import Any

from offhook.errors import SlowConsumer
from offhook.testing.conformance.line import Line
from offhook.testing.conformance.rules import Suite, rule

#: More events than anyone keeps for a reader that does not come.
_FLOOD = 5_000


class ListenerRules(Suite):
    """One listener's failure, and one async consumer's slowness, never reaches another, nor the receive loop."""

    @rule()
    async def test_p09_a_listener_that_raises_harms_nobody(self, line: Line) -> None:
        """Neither those after it, nor the connection, nor itself: it hears the next event too."""
        heard: list[str] = []

        def raises(_: Any) -> None:
            heard.append("it")
            raise RuntimeError("a listener that raises")

        line.on("*", raises)
        line.on("connection_change", raises)
        await line.open()
        before = len(heard)
        await line.settle()
        await line.settle()
        assert len(heard) >= before + 2, "a listener that raised once was not called again"
        assert line.transport.status == "connected"

    @rule()
    async def test_p09_a_slow_async_listener_delays_nobody(self, line: Line) -> None:
        """One that never comes back from its first event, and an ``async for`` that is never asked for its second."""
        release = asyncio.Event()

        async def slow(_: Any) -> None:
            await release.wait()

        line.on("*", slow)
        await line.open()
        events = line.transport.events("*")
        for _ in range(3):
            await line.settle()
        await line.flushed()
        await line.soon(anext(events), "an event for the other reader")
        release.set()

    @rule()
    async def test_p09_a_reader_that_falls_too_far_behind_is_told_so(self, line: Line) -> None:
        """It ends with ``SlowConsumer``: what it missed is never missed in silence."""
        await line.connect()
        events = line.transport.events("*")
        for number in range(_FLOOD):
            await line.peer.unknown()
            if number % 500 == 0:
                await line.settle()
        await line.settle()
        read = 0
        try:
            while read < _FLOOD:
                await line.soon(anext(events), "the next event")
                read += 1
        except SlowConsumer:
            return
        except StopAsyncIteration:
            pass
        assert read >= _FLOOD, f"a slow reader got {read} of {_FLOOD} frames, and was not told"
