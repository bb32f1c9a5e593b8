"""Runs the webhook application on a port: what ``offhook calls serve`` does."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable

import uvicorn

from offhook.errors import OffhookError
from offhook_sip.app import WebhookApp


async def serve(app: WebhookApp, host: str, port: int, say: Callable[[str], object]) -> None:
    """Serve ``app`` until SIGINT or SIGTERM; calls that still run are ended then. ``port`` 0 picks a free one.

    ``say`` is given a line for people once webhooks are taken. Raises ``OffhookError`` where the port cannot be had.
    """
    listener = _listen(host, port)
    say(f"offhook calls: webhooks go to http://{_address(host)}:{listener.getsockname()[1]}")
    config = uvicorn.Config(app, lifespan="on", log_config=None, access_log=False)
    await uvicorn.Server(config).serve([listener])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            why, remedy = "is in use", "Choose another port, or port 0 to have a free one picked."
        else:
            why = f"cannot be had: {error.strerror or error}"
            remedy = "Use an address of this machine, such as 127.0.0.1, and a port above 1023."
        raise OffhookError(f"Port {port} on {host} {why}. {remedy}") from error


def _address(host: str) -> str:
    return f"[{host}]" if ":" in host else host
