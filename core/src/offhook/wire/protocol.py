"""What a dialect is to the connection: a protocol without I/O, whose decisions are effects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from attrs import frozen

from offhook.events import Event
from offhook.wire.codec import dumps


@frozen
class Send:
    """A frame to send, as text."""

    text: str


#: What a protocol decides: events to tell and frames to send, in order.
Effects: TypeAlias = list[Event | Send]


def sends(frames: Iterable[Mapping[str, Any]]) -> Effects:
    """Give the effects of sending ``frames`` as JSON. Raises ``TypeError`` for what is no JSON."""
    return [Send(dumps(frame)) for frame in frames]


class WireProtocol(Protocol):
    """One connection's worth of a dialect: no sockets, no tasks, no clock.

    Frames go in; effects come out, in order. A transport makes one for each connection, so that nothing of an old
    connection can leak into a new one. What can be said are methods of the dialect's own, which give effects too.

    The connection itself goes by three events: ``SessionReady`` says that the service accepted the session, an
    ``ErrorEvent`` before it may refuse it, and ``SessionExpiring`` makes an expiry of the end that follows.
    """

    def receive(self, frame: str | bytes, now: float, *, raw: bool = True) -> Sequence[Event | Send]:
        """Take a frame of the service, at ``now`` (seconds), and give what follows from it.

        ``raw``: whether anyone wants the ``RawEvent``, which comes first for every frame (P3). A malformed frame gives a
        warning, and never an exception: that would end the connection (P4).
        """
        ...

    def stop_waiting(self) -> Sequence[Event | Send]:
        """Go on without the word of the service on the session, which is late; ``SessionReady`` is among the effects.

        Where there is no going on without it, give nothing: ``connect()`` then fails.
        """
        ...
