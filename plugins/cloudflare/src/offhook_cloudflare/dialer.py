"""Opens a WebSocket with the ``fetch()`` of the Workers runtime."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from offhook.errors import ConnectError
from offhook.wire.channel import DialRequest, without_secrets
from offhook.wire.handshake import authorization, refusal
from offhook_cloudflare.channel import WorkerChannel
from offhook_cloudflare.options import CloudflareOptions
from offhook_cloudflare.runtime import Runtime, WorkerRuntime

_NO_KEY: Final = (
    "A Worker's secrets are on env: give api_key=env.OPENAI_API_KEY to the session, after "
    "`wrangler secret put OPENAI_API_KEY`; without a key, dial an `offhook emulator`, which takes any."
)
#: What makes an upgrade of a GET request. The runtime adds the key and the version.
_UPGRADE: Final = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-protocol": "realtime"}


class CloudflareDialer:
    """Opens WebSockets as the options say. ``runtime`` stands in for the Worker's own, in tests."""

    def __init__(self, options: CloudflareOptions, runtime: Runtime | None = None) -> None:
        self._options = options
        self._runtime = runtime

    async def __call__(self, request: DialRequest) -> WorkerChannel:
        """Connect. Raises ``AuthenticationError`` or ``ConnectError``, each with the next step."""
        runtime = self._runtime or WorkerRuntime()
        headers = _headers(request)
        try:
            async with asyncio.timeout(self._options.open_timeout_s):
                response = await runtime.fetch(_http(request.url), headers)
                socket = response.webSocket
                # None in older runtimes, a falsy object of its own in newer ones.
                if not socket:
                    body = await response.text()
                    raise refusal(request.url, response.status, body, call_id=request.call_id)
                return WorkerChannel(socket, runtime)
        except TimeoutError as error:
            raise ConnectError(f"{without_secrets(request.url)} did not answer in time. Check the url.") from error
        except runtime.js_error as error:
            raise ConnectError(_unreachable(error, request.url)) from error


def _http(url: str) -> str:
    """Give the address as ``fetch()`` takes it: it knows http and https alone."""
    parts = urlsplit(url)
    return parts._replace(scheme={"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)).geturl()


def _headers(request: DialRequest) -> Mapping[str, str]:
    # Lower case throughout: JavaScript joins the values of names that differ only in case.
    headers = authorization(request, remedy=_NO_KEY)
    return {**_UPGRADE, **{name.lower(): value for name, value in headers.items()}}


def _unreachable(error: Exception, url: str) -> str:
    # The runtime does not tell a refused connection from a forbidden one, so the next step names both.
    why = str(error).removeprefix("Error: ").rstrip(".")
    return (
        f"{without_secrets(url)} cannot be reached from this Worker: {why}. Check the url, and that the Worker has network "
        "permission: its globalOutbound must lead to the internet, and in a local workerd the network service must "
        'allow "private" for a server on this machine.'
    )
