"""How a connection ended that we did not end, and what that means."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from attrs import frozen

from offhook.errors import ConnectError
from offhook.events import ErrorEvent

#: RFC 6455 close codes with which a peer ends a connection on purpose.
_NORMAL: Final = 1000
_GOING_AWAY: Final = 1001
#: What to do about a lost connection, where trying again is not all.
_ADVICE: Final[Mapping[int | None, str]] = MappingProxyType(
    {1009: "A message was longer than one side takes: raise the transport's max_size, or send shorter ones"}
)


@frozen(kw_only=True)
class End:
    """What is known of an end that the other side, or the network, brought about."""

    #: The channel's close code; ``None`` where the channel broke instead of ending.
    code: int | None = None
    #: What the other side said about it; often empty.
    said: str = ""
    #: What the channel raised, if it broke.
    cause: BaseException | None = None
    #: The last error that was told on this connection.
    last_error: ErrorEvent | None = None
    #: The service had said that it was about to go (``SessionExpiring``).
    expiring: bool = False
    #: ``connect()`` still waits: the service had not accepted the session.
    connecting: bool = False

    @property
    def goodbye(self) -> bool:
        """Whether the other side ended it on purpose."""
        return self.code in (_NORMAL, _GOING_AWAY)

    @property
    def what(self) -> str:
        """What happened, as part of a sentence."""
        if self.cause is not None:
            return f"the connection broke ({type(self.cause).__name__}: {self.cause})"
        if self.goodbye:
            return f"it closed the connection (close code {self.code})"
        return f"the connection was lost (close code {self.code}{f': {self.said}' if self.said else ''})"


@frozen(kw_only=True)
class Ending:
    """What an end means.

    ``error`` is raised by a ``connect()`` that waits, and told as a fatal error otherwise; ``None``: nothing was wrong.
    ``reason`` and ``recoverable`` (connecting again may help) are those of ``ConnectionChange``.
    """

    reason: Literal["expired", "content", "remote_hangup", "lost", "error"]
    error: ConnectError | None = None
    recoverable: bool = False


def usual_ending(end: End) -> Ending:
    """Say what most services mean: 1000 hangs up, 1001 goes away and may be back, everything else is a loss."""
    if end.connecting:
        return Ending(reason="error", error=_never_began(end))
    if end.expiring:
        return Ending(reason="expired", recoverable=True)
    if end.goodbye:
        return Ending(reason="remote_hangup", recoverable=end.code == _GOING_AWAY)
    error = ConnectError(f"{end.what}. {_ADVICE.get(end.code, 'Connect again to go on')}.")
    error.__cause__ = end.cause
    return Ending(reason="lost", error=error, recoverable=True)


def _never_began(end: End) -> ConnectError:
    if (last := end.last_error) is not None:
        return ConnectError(
            f"the service refused the session: {last.message} Check the model and the config.", code=last.code
        )
    error = ConnectError(f"the service ended the connection before the session began: {end.what}. Try again.")
    error.__cause__ = end.cause
    return error


def as_connect_error(raised: BaseException) -> ConnectError:
    """Give what ``connect()`` raises, whatever it was that the attempt to connect raised."""
    if isinstance(raised, ConnectError):
        return raised
    error = ConnectError(
        f"the connection could not be made: {type(raised).__name__}: {raised}. Check the transport's options."
    )
    error.__cause__ = raised
    return error
