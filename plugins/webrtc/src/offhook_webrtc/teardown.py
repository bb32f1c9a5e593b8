"""Closing a peer connection so that nothing of it stays behind, whenever it happens."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable
from itertools import chain
from typing import Any, Final, TypeVar

from aiortc import RTCDtlsTransport, RTCPeerConnection

T = TypeVar("T")

#: Tasks of a closed peer end by themselves, within a tick of the ICE checks (20 ms).
_SETTLING_S: Final = 2.0


async def finish(work: Awaitable[T]) -> T:
    """Await ``work`` to its end. A cancellation meanwhile does not reach it, and is raised when it is done.

    aiortc and aioice can be closed at any moment, but not be cancelled at any moment: sockets would stay open.
    """
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        task.exception()  # seen; the cancellation matters more
        raise asyncio.CancelledError
    return task.result()


async def close_peer(peer: RTCPeerConnection) -> None:
    """Close ``peer``, wait for what it had started, and stop what was about to start.

    Checks and handshakes that were all but through when they were stopped go on to the next step, which nobody stops.
    """
    connecting = _tasks_of(peer)  # now, for they may end meanwhile with an error that somebody has to look at
    await peer.close()
    await _end(connecting | _tasks_of(peer))
    transports = _transports(peer)
    for transceiver in peer.getTransceivers():
        await transceiver.stop()
    for transport in transports:
        await transport.stop()
        await transport.transport.stop()
    ends = [(transceiver.sender, transceiver.receiver) for transceiver in peer.getTransceivers()]
    await _end(_tasks_of(peer, peer.sctp, *chain(*ends), *transports, *(each.transport for each in transports)))


def _transports(peer: RTCPeerConnection) -> list[RTCDtlsTransport]:
    transports = {transceiver.receiver.transport for transceiver in peer.getTransceivers()}
    return [*transports, *({peer.sctp.transport} - transports if peer.sctp is not None else ())]


def _tasks_of(*owners: object) -> set[asyncio.Task[Any]]:
    """Give the tasks that run a method of one of these."""
    mine = {id(owner) for owner in owners if owner is not None}
    return {task for task in asyncio.all_tasks() if id(_owner(task)) in mine}


def _owner(task: asyncio.Task[Any]) -> object:
    coroutine = task.get_coro()
    return inspect.getcoroutinelocals(coroutine).get("self") if inspect.iscoroutine(coroutine) else None


async def _end(tasks: set[asyncio.Task[Any]]) -> None:
    """Wait until they have ended. What they raise now is only that they were stopped."""
    if tasks:
        done, _ = await asyncio.wait(tasks, timeout=_SETTLING_S)
        await asyncio.gather(*done, return_exceptions=True)
