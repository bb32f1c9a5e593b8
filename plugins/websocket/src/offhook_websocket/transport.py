"""``OpenAIRealtimeWebSocket``: the Realtime dialect over a WebSocket."""

from __future__ import annotations

import os

from offhook.realtime.transport import OpenAIRealtimeBase
from offhook_websocket.dialer import WebSocketDialer
from offhook_websocket.options import WebSocketOptions


class OpenAIRealtimeWebSocket(OpenAIRealtimeBase):
    """The ``websocket`` transport. Audio passes through it as bytes: you record, and you play.

    Tell it what was played (``played``), and an interruption is exact to the millisecond.
    """

    def __init__(self, options: WebSocketOptions | None = None) -> None:
        options = options or WebSocketOptions()
        super().__init__(
            "websocket",
            options.dialer or WebSocketDialer(options),
            url=options.url,
            model=options.model,
            api_key=options.api_key or _key_of_the_environment,
            headers=options.headers,
            ack_timeout_s=options.ack_timeout_s,
        )


def _key_of_the_environment() -> str:
    return os.environ.get("OPENAI_API_KEY", "")
