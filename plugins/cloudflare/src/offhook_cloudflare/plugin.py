"""The entry point: what core asks when config names ``cloudflare``."""

from __future__ import annotations

from typing import Final

from offhook.hookspecs import RealtimeTransportLayer, hookimpl
from offhook_cloudflare.options import CloudflareOptions
from offhook_cloudflare.transport import CloudflareRealtimeTransportLayer

#: (major, minor) of the contract this was written for.
SPEC_VERSION: Final = (1, 0)


@hookimpl
def transport_options() -> type[CloudflareOptions]:
    """Give the class that validates ``[transports.cloudflare]``."""
    return CloudflareOptions


@hookimpl
def make_transport(options: CloudflareOptions) -> RealtimeTransportLayer:
    """Make a transport, disconnected."""
    return CloudflareRealtimeTransportLayer(options)
