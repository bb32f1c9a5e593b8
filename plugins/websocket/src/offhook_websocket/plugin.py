"""The entry point: what core asks when config names ``websocket``."""

from __future__ import annotations

from typing import Final

from offhook.hookspecs import RealtimeTransportLayer, hookimpl
from offhook_websocket.options import WebSocketOptions
from offhook_websocket.transport import OpenAIRealtimeWebSocket

#: (major, minor) of the contract this was written for.
SPEC_VERSION: Final = (1, 0)


@hookimpl
def transport_options() -> type[WebSocketOptions]:
    """Give the class that validates ``[transports.websocket]``."""
    return WebSocketOptions


@hookimpl
def make_transport(options: WebSocketOptions) -> RealtimeTransportLayer:
    """Make a transport, disconnected."""
    return OpenAIRealtimeWebSocket(options)
