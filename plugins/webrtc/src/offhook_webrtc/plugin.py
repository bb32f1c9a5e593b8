"""The entry point: what core asks when config names ``webrtc``."""

from __future__ import annotations

from typing import Final

from offhook.hookspecs import RealtimeTransportLayer, hookimpl
from offhook_webrtc.options import WebRTCOptions

#: (major, minor) of the contract this was written for.
SPEC_VERSION: Final = (1, 0)


@hookimpl
def transport_options() -> type[WebRTCOptions]:
    """Give the class that validates ``[transports.webrtc]``."""
    return WebRTCOptions


@hookimpl
def make_transport(options: WebRTCOptions) -> RealtimeTransportLayer:
    """Make a transport, disconnected."""
    # Here, and not at the top: aiortc costs a third of a second and 50 MiB, which a list of transports need not pay.
    from offhook_webrtc.transport import OpenAIRealtimeWebRTC  # noqa: PLC0415  # see above

    return OpenAIRealtimeWebRTC(options)
