"""The ``webrtc`` transport: the Realtime API over WebRTC, for a person at a microphone."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from offhook_webrtc.channel import PeerChannel
    from offhook_webrtc.dialer import WebRTCDialer
    from offhook_webrtc.options import IceServer, WebRTCOptions
    from offhook_webrtc.transport import OpenAIRealtimeWebRTC

__all__ = ["IceServer", "OpenAIRealtimeWebRTC", "PeerChannel", "WebRTCDialer", "WebRTCOptions"]

#: Where the public names are. They are fetched when asked for, since all but the options import aiortc.
_MODULES: Final = {
    "IceServer": "options",
    "OpenAIRealtimeWebRTC": "transport",
    "PeerChannel": "channel",
    "WebRTCDialer": "dialer",
    "WebRTCOptions": "options",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
