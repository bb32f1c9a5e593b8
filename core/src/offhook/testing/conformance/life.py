"""P1 and P2: how a connection begins and ends, whatever happens on the way."""

# A suite of tests asserts, and says its numbers where they count.
# ruff: noqa: S101, PLR2004

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from offhook.errors import AlreadyConnected, AuthenticationError, ConnectCancelled, ConnectError
from offhook.events import ConnectionChange, SessionReady, Status
from offhook.testing.conformance.line import MOMENTS, Line
from offhook.testing.conformance.rules import Suite, rule
from offhook.testing.conformance.waiting import turns
from offhook.transport import LIFE_CYCLE


class LifeRules(Suite):
    """Connecting and closing."""

    # P1: connect() resolves exactly once, or raises and leaves the transport reusable; closing meanwhile cancels it.

    @rule()
    async def test_p01_connect_resolves_when_the_service_took_the_session(self, line: Line) -> None:
        """Not while the handshake is held, and not before ``session_ready``, which comes once."""
        line.record()
        ready: list[int] = []
        connecting = await line.held(lambda: ready.append(len(line.told(SessionReady))))
        await turns(20)
        assert not connecting.done(), "connect() returned while the service held the handshake"
        assert line.transport.status == "connecting"
        line.peer.handshake = "accept"
        await line.soon(connecting, "connect() to return")
        assert ready == [1], "connect() returned before session_ready"
        assert line.transport.status == "connected"
        await line.settle()
        assert len(line.told(SessionReady)) == 1, "session_ready came twice"

    @rule()
    async def test_p01_a_refused_key_raises_and_the_transport_connects_again(self, line: Line) -> None:
        """A key that is refused is an ``AuthenticationError``; the same transport connects when it is right."""
        line.peer.handshake = "refuse"
        error = await _failure(line, line.transport.connect(line.options))
        assert isinstance(error, AuthenticationError), f"a refused key must raise AuthenticationError, not {error!r}"
        assert line.transport.status == "disconnected"
        line.peer.handshake = "accept"
        await line.connect()
        assert line.transport.status == "connected"

    @rule()
    async def test_p01_an_overlapping_connect_is_refused_and_harms_nothing(self, line: Line) -> None:
        """``AlreadyConnected`` while connecting and while connected; the connection that is there goes on."""
        connecting = await line.held()
        assert isinstance(await _failure(line, line.transport.connect(line.options)), AlreadyConnected)
        line.peer.handshake = "accept"
        await line.soon(connecting, "the first connect() to return")
        assert isinstance(await _failure(line, line.transport.connect(line.options)), AlreadyConnected)
        await line.settle()

    @rule()
    async def test_p01_closing_while_connecting_cancels_it(self, line: Line) -> None:
        """``connect()`` raises ``ConnectCancelled`` though the service never answers, and can be called again."""
        connecting = await line.held()
        await line.close()
        error = await _failure(line, connecting)
        assert isinstance(error, ConnectCancelled), f"connect() must raise ConnectCancelled, not {error!r}"
        assert line.transport.status == "disconnected"
        line.peer.handshake = "accept"
        await line.connect()

    @rule()
    async def test_p01_closing_at_any_moment_of_connecting_leaves_it_reusable(self, line: Line) -> None:
        """Early, late, and just when it is made."""
        for moment in MOMENTS:
            connecting = line.start(line.transport.connect(line.options))
            await turns(moment)
            over = connecting.done()
            await line.close()
            await line.soon(asyncio.wait({connecting}), "connect() to end after close()")
            assert line.transport.status == "disconnected", f"closed after {moment} turns, it is not disconnected"
            if over:
                break
        await line.connect()
        await line.settle()

    @rule()
    async def test_p01_cancelling_connect_at_any_moment_leaves_it_reusable(self, line: Line) -> None:
        """Whoever stops waiting for ``connect()`` gave it up: nothing is connected, and nothing is in the way."""
        for moment in (0, *MOMENTS):
            connecting = line.start(line.transport.connect(line.options))
            await turns(moment)
            over = connecting.done()
            connecting.cancel()
            await line.soon(asyncio.wait({connecting}), "a cancelled connect() to end")
            if over:
                await line.close()
                break
            assert connecting.cancelled(), f"connect() swallowed its cancellation after {moment} turns"
            assert line.transport.status == "disconnected", f"cancelled after {moment} turns, it is not disconnected"
        await line.connect()
        await line.settle()

    # P2: connection_change follows the life cycle and nothing else; close() is idempotent and wakes every waiter.

    @rule()
    async def test_p02_the_status_follows_the_life_cycle_and_nothing_else(self, line: Line) -> None:
        """Connected and closed, lost, refused, given up: each step is in the table, and told when it is so."""
        seen: list[tuple[Status, Status]] = []
        line.on("connection_change", lambda event: seen.append((event.status, line.transport.status)))
        await line.connect()
        await line.close()
        await line.connect()
        await line.peer.drop()
        await line.until_status("disconnected")
        line.peer.handshake = "refuse"
        await _failure(line, line.transport.connect(line.options))
        connecting = await line.held()
        await line.close()
        await _failure(line, connecting)
        assert [told for told, is_so in seen if told != is_so] == [], (
            "connection_change told another status than it has"
        )
        told = [status for status, _ in seen]
        steps = list(zip(["disconnected", *told], told, strict=False))
        wrong = [step for step in steps if step[1] not in LIFE_CYCLE[step[0]]]  # type: ignore[index]  # a Status each
        assert wrong == [], f"these steps are not in the life cycle: {wrong}"
        assert told.count("connecting") == told.count("disconnected") == 4, f"four connections came to this: {told}"
        assert told.count("connected") == 2, f"two of the four were made, and this was told: {told}"

    @rule()
    async def test_p02_close_is_idempotent(self, line: Line) -> None:
        """Before any connection, twice at once, and again afterwards: the end is told once, as requested."""
        line.record()
        await line.close()
        assert line.events == [], "close() without a connection told something"
        await line.connect()
        await line.soon(asyncio.gather(line.transport.close(), line.transport.close()), "two close() at once")
        await line.close()
        ends = [change for change in line.told(ConnectionChange) if change.status == "disconnected"]
        assert [change.reason for change in ends] == ["requested"], f"it was closed once, and told as {ends}"

    @rule()
    async def test_p02_close_wakes_every_waiter(self, line: Line) -> None:
        """Every ``async for`` over events ends, whatever it waits for."""
        await line.connect()
        waiters = [
            line.start(_consume(line.transport.events())),
            line.start(_consume(line.transport.events("turn_done"))),
            line.start(_consume(line.transport.events("*"))),
        ]
        await turns(3)
        await line.close()
        await line.soon(asyncio.gather(*waiters), "every `async for` over events to end after close()")

    @rule()
    async def test_p02_cancelling_close_at_any_moment_still_ends_it(self, line: Line) -> None:
        """A ``close()`` that somebody stops waiting for can be asked for again, and the transport be used again."""
        for moment in (0, *MOMENTS[:6]):
            await line.connect()
            closing = line.start(line.transport.close())
            await turns(moment)
            closing.cancel()
            await line.soon(asyncio.wait({closing}), "a cancelled close() to end")
            await line.close()
            assert line.transport.status == "disconnected"


async def _failure(line: Line, work: Coroutine[Any, Any, None] | asyncio.Task[None]) -> Exception:
    try:
        await line.soon(work, "connect() to fail")
    except (ConnectError, AlreadyConnected) as error:
        return error
    raise AssertionError("connect() returned, and was to fail")


async def _consume(events: Any) -> None:
    async for _ in events:
        pass
