"""``CloudflareRealtimeTransportLayer``: the Realtime dialect over a WebSocket that a Worker opens with ``fetch()``."""

from __future__ import annotations

import os

from offhook.realtime.transport import OpenAIRealtimeBase
from offhook_cloudflare.dialer import CloudflareDialer
from offhook_cloudflare.options import CloudflareOptions
from offhook_cloudflare.runtime import Runtime


class CloudflareRealtimeTransportLayer(OpenAIRealtimeBase):
    """The ``cloudflare`` transport, for Python in a Cloudflare Worker. Audio passes through it as bytes.

    The socket belongs to the request (or Durable Object) that opened it: connect, talk and close in one of them.
    """

    def __init__(self, options: CloudflareOptions | None = None, *, runtime: Runtime | None = None) -> None:
        """Make a transport, disconnected. ``runtime`` stands in for the Worker's own, in tests."""
        options = options or CloudflareOptions()
        super().__init__(
            "cloudflare",
            options.dialer or CloudflareDialer(options, runtime),
            url=options.url,
            model=options.model,
            api_key=options.api_key or _key_of_the_environment,
            headers=options.headers,
            ack_timeout_s=options.ack_timeout_s,
        )


def _key_of_the_environment() -> str:
    return os.environ.get("OPENAI_API_KEY", "")
