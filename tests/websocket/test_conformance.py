"""The conformance suite on the ``websocket`` transport, against a WebSocket server of this machine."""

from __future__ import annotations

from websocket_peer import WebSocketPeer

from offhook.testing.conformance import TransportConformance
from offhook_websocket import OpenAIRealtimeWebSocket, WebSocketOptions


class TestWebSocket(TransportConformance):
    def peer(self):
        return WebSocketPeer()

    def clogged_peer(self):
        return WebSocketPeer(clogged=True)

    def transport(self, peer):
        return OpenAIRealtimeWebSocket(WebSocketOptions(url=peer.url, proxy="none"))
