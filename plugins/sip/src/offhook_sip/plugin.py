"""The entry point: what core asks when config names ``sip``."""

from __future__ import annotations

from typing import Final

from offhook.hookspecs import RealtimeTransportLayer, hookimpl
from offhook_sip.options import SIPOptions
from offhook_sip.transport import OpenAIRealtimeSIP

#: (major, minor) of the contract this was written for.
SPEC_VERSION: Final = (1, 0)


@hookimpl
def transport_options() -> type[SIPOptions]:
    """Give the class that validates ``[transports.sip]``."""
    return SIPOptions


@hookimpl
def make_transport(options: SIPOptions) -> RealtimeTransportLayer:
    """Make a transport, disconnected."""
    return OpenAIRealtimeSIP(options)
