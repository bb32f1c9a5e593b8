"""The entry point: what core asks when config names ``lines``."""

from __future__ import annotations

from attrs import frozen

from offhook.hookspecs import RealtimeTransportLayer, hookimpl
from offhook.realtime.transport import OpenAIRealtimeBase
from offhook_lines.dialer import dial

#: (major, minor) of the contract this was written for.
SPEC_VERSION = (1, 0)


@frozen(kw_only=True)
class LinesOptions:
    """The ``[transports.lines]`` table."""

    #: ``tcp://host:port`` or ``unix:///path``.
    url: str = "tcp://127.0.0.1:9000"


class Lines(OpenAIRealtimeBase):
    """The Realtime dialect over ``dial``."""

    def address(self, url: str, *, model: str | None, call_id: str | None) -> str:
        """Give the address as it is: the dialect's own are those of WebSockets."""
        return url


@hookimpl
def transport_options() -> type[LinesOptions]:
    """Give the class that validates ``[transports.lines]``."""
    return LinesOptions


@hookimpl
def make_transport(options: LinesOptions) -> RealtimeTransportLayer:
    """Make a transport, disconnected."""
    return Lines("lines", dial, url=options.url)
