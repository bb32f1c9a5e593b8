"""The entry point: what core asks when config names ``gemini-live``."""

from __future__ import annotations

from typing import Final

from offhook.hookspecs import RealtimeTransportLayer, hookimpl
from offhook_gemini_live.options import GeminiLiveOptions
from offhook_gemini_live.transport import GeminiLive

#: (major, minor) of the contract this was written for.
SPEC_VERSION: Final = (1, 0)


@hookimpl
def transport_options() -> type[GeminiLiveOptions]:
    """Give the class that validates ``[transports.gemini-live]``."""
    return GeminiLiveOptions


@hookimpl
def make_transport(options: GeminiLiveOptions) -> RealtimeTransportLayer:
    """Make a transport, disconnected."""
    return GeminiLive(options)
