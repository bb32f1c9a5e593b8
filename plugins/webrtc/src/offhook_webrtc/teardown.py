"""Closing a peer connection so that nothing of it stays behind, whenever it happens."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable
from typing import Final, TypeVar

from aiortc import RTCPeerConnection

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
    """Close ``peer`` and wait for what it had started."""
    await peer.close()
    await _ended(peer)
    # A handshake that was all but through when it was closed starts sender and receiver all the same.
    for transceiver in peer.getTransceivers():
        await transceiver.stop()
    await _ended(*_parts(peer))


def _parts(peer: RTCPeerConnection) -> list[object]:
    parts: list[object] = [peer]
    transports = [transceiver.receiver.transport for transceiver in peer.getTransceivers()]
    for transceiver in peer.getTransceivers():
        parts += [transceiver.sender, transceiver.receiver]
    if peer.sctp is not None:
        parts.append(peer.sctp)
        transports.append(peer.sctp.transport)
    for transport in transports:
        parts += [transport, transport.transport]
    return parts


async def _ended(*owners: object) -> None:
    """Wait until no task runs a method of one of these."""
    mine = {id(owner) for owner in owners}
    tasks = {task for task in asyncio.all_tasks() if id(_owner(task)) in mine}
    if tasks:
        await asyncio.wait(tasks, timeout=_SETTLING_S)


def _owner(task: asyncio.Task[object]) -> object:
    coroutine = task.get_coro()
    return inspect.getcoroutinelocals(coroutine).get("self") if inspect.iscoroutine(coroutine) else None
