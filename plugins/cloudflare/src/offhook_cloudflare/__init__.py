"""The ``cloudflare`` transport: the Realtime API out of a Cloudflare Python Worker."""

from offhook_cloudflare.channel import WorkerChannel
from offhook_cloudflare.dialer import CloudflareDialer
from offhook_cloudflare.options import CloudflareOptions
from offhook_cloudflare.runtime import Runtime, WorkerRuntime
from offhook_cloudflare.transport import CloudflareRealtimeTransportLayer

__all__ = [
    "CloudflareDialer",
    "CloudflareOptions",
    "CloudflareRealtimeTransportLayer",
    "Runtime",
    "WorkerChannel",
    "WorkerRuntime",
]
