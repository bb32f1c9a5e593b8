"""P12, as far as a transport goes: a lost connection is reported, never silence."""

# A suite of tests asserts.
# ruff: noqa: S101

from __future__ import annotations

import asyncio
from typing import Any

from offhook.errors import ConnectError
from offhook.events import ErrorEvent
from offhook.testing.conformance.bounds import Sending
from offhook.testing.conformance.line import Line
from offhook.testing.conformance.rules import Suite, rule
from offhook.testing.conformance.waiting import turns


class LossRules(Suite):
    """The end that nobody here asked for. Recovering from it is the session's business."""

    @rule()
    async def test_p12_a_lost_connection_is_reported(self, line: Line) -> None:
        """By a fatal error that says why, and then by ``connection_change``."""
        await line.open()
        await line.peer.drop()
        change = await line.lost()
        assert change.reason not in {None, "requested"}, f"nobody here closed it, and it is told as {change.reason}"
        errors = [event for event in line.told(ErrorEvent) if event.fatal]
        assert errors, "a broken connection was told without an error"
        assert line.events.index(errors[0]) < line.events.index(change), "the error came after the end"
        assert line.transport.status == "disconnected"

    @rule()
    async def test_p12_a_polite_goodbye_of_the_service_is_reported(self, line: Line) -> None:
        """A service that hangs up is no reason for silence either."""
        await line.open()
        await line.peer.hang_up()
        change = await line.lost()
        assert change.reason not in {None, "requested"}, f"nobody here closed it, and it is told as {change.reason}"

    @rule()
    async def test_p12_a_loss_wakes_every_waiter(self, line: Line) -> None:
        """Every ``async for`` over events ends."""
        await line.connect()
        waiters = [line.start(_consume(line.transport.events(name))) for name in ("turn_done", "*")]
        await turns(3)
        await line.peer.drop()
        await line.soon(asyncio.gather(*waiters), "every `async for` over events to end with the connection")

    @rule()
    async def test_p12_a_loss_while_connecting_is_raised(self, line: Line) -> None:
        """By ``connect()``, as ``ConnectError``."""
        connecting = await line.held()
        await line.peer.drop()
        try:
            await line.soon(connecting, "connect() to raise, for its connection is lost")
        except ConnectError:
            return
        raise AssertionError("connect() returned, and its connection was lost")

    @rule(clogged=True)
    async def test_p12_a_command_that_waits_is_told_of_the_loss(self, line: Line) -> None:
        """Whoever waits to send does not wait for ever."""
        await line.connect()
        sending = Sending(line)
        await sending.stalls()
        await line.peer.drop()
        await sending.fails()

    @rule()
    async def test_p12_after_a_loss_the_transport_connects_again(self, line: Line) -> None:
        """It is the same transport, and a new connection."""
        await line.open()
        await line.peer.drop()
        await line.lost()
        await line.connect()
        await line.settle()


async def _consume(events: Any) -> None:
    async for _ in events:
        pass
