"""How a connection ended, read from its close code. The service has no error frame: what was wrong stands there."""

from __future__ import annotations

import asyncio
from typing import Final

from attrs import evolve

from offhook.errors import AuthenticationError, ConfigRejected, ConnectCancelled, ConnectError
from offhook.events import ConnectionChange
from offhook.wire.channel import MessageChannel

#: RFC 6455. With 1007 and 1008 the service says that something was wrong with ours.
_NORMAL: Final = 1000
_GOING_AWAY: Final = 1001
_OUR_FAULT: Final = frozenset({1007, 1008})


def verdict(
    work: asyncio.Task[None], channel: MessageChannel | None, *, connecting: bool, expiring: bool
) -> tuple[ConnectionChange, ConnectError | None]:
    """Say how it ended, and what was wrong, if anything was.

    ``work`` is the task that dialled and received, ``connecting``: ``connect()`` has not returned, ``expiring``: the service
    had said that it was about to go.
    """
    code = channel.close_code if channel is not None else None
    change = ConnectionChange(status="disconnected", code=code, finalised=code == _NORMAL)
    if work.cancelled():
        cancelled = ConnectCancelled("the connection was given up before it was made. Call connect() to try again.")
        return evolve(change, reason="requested", code=None), cancelled if connecting else None
    error = _as_error(work.exception(), channel, connecting=connecting)
    if connecting:
        return evolve(change, reason="error"), error or ConnectError("the service hung up at once. Try again.")
    if expiring:
        return evolve(change, reason="expired", recoverable=True), None
    if error is None:
        return evolve(change, reason="remote_hangup", recoverable=code == _GOING_AWAY), None
    if code in _OUR_FAULT:
        return evolve(change, reason="error"), error
    return evolve(change, reason="lost", recoverable=True), error


def _as_error(raised: BaseException | None, channel: MessageChannel | None, *, connecting: bool) -> ConnectError | None:
    if isinstance(raised, ConnectError):
        return raised
    if isinstance(raised, TimeoutError):
        return ConnectError(
            "the service did not accept the setup in time. Check the url and the network, and try again."
        )
    if raised is not None or channel is None:
        return ConnectError(f"the connection broke ({type(raised).__name__}: {raised}). Connect again to go on.")
    return _refusal(channel.close_code, channel.close_reason, connecting=connecting)


def _refusal(code: int | None, said: str, *, connecting: bool) -> ConnectError | None:
    if code in (_NORMAL, _GOING_AWAY):
        return None
    why = f"close code {code}{f': {said}' if said else ''}".rstrip(".")
    if code not in _OUR_FAULT:
        return ConnectError(f"the connection was lost ({why}). Connect again to go on.")
    if "api key" in said.lower():
        return AuthenticationError(f"the service refused the key ({why}). Check GEMINI_API_KEY.", code=str(code))
    refused = ConfigRejected if connecting else ConnectError
    return refused(f"the service refused what it was sent ({why}). Mend it, and connect again.", code=str(code))
