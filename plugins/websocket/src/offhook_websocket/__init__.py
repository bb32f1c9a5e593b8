"""The ``websocket`` transport: the Realtime API over a WebSocket, for servers, phone bridges and raw PCM16."""

from offhook_websocket.dialer import WebSocketChannel, WebSocketDialer
from offhook_websocket.options import WebSocketOptions
from offhook_websocket.transport import OpenAIRealtimeWebSocket

__all__ = ["OpenAIRealtimeWebSocket", "WebSocketChannel", "WebSocketDialer", "WebSocketOptions"]
