"""Opens a WebSocket with the ``websockets`` library and carries messages over it."""

from __future__ import annotations

import asyncio
import errno
import logging
import ssl
from collections.abc import AsyncIterator, Mapping
from importlib.metadata import version
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidProxy, InvalidStatus, ProxyError, WebSocketException
from websockets.frames import Close, CloseCode

from offhook.errors import ConnectError
from offhook.wire.channel import DialRequest, without_secrets
from offhook.wire.handshake import authorization, refusal
from offhook_websocket.options import WebSocketOptions

#: Close codes that say that this side left, not that something failed.
_GOODBYES = frozenset({CloseCode.NORMAL_CLOSURE, CloseCode.GOING_AWAY})
#: How long the other side may take to close once it was asked to; twice that, and a dead one would be noticed too late.
_CLOSE_TIMEOUT_S = 5.0
#: What the library means by obeying the environment, and by going direct.
_PROXIES: Final[Mapping[str, Literal[True] | None]] = {"auto": True, "none": None}
#: At DEBUG the library writes down headers and frames: keys and speech. So that takes more than the root logger's level.
_LOGGER: Final = logging.getLogger("offhook.websocket")
_LOGGER.setLevel(logging.INFO)
_NO_KEY: Final = (
    "Set OPENAI_API_KEY, or api_key in [transports.websocket]; "
    'without a service, use transport "emulator" (pip install "offhook-emulator[speech]"), which needs none.'
)


class WebSocketChannel:
    """A ``MessageChannel`` over an open WebSocket."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        #: Why this side had to end it: a message too long, a ping without an answer.
        self._failure: Close | None = None

    @property
    def close_code(self) -> int | None:
        """RFC 6455 close code; 1006 where neither side said why, ``None`` while open."""
        return self._failure.code if self._failure else self._connection.close_code

    @property
    def close_reason(self) -> str:
        """What was said about the end."""
        return self._failure.reason if self._failure else self._connection.close_reason or ""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over the messages. Text stays bytes: JSON is parsed from them directly."""
        try:
            while True:
                yield await self._connection.recv(decode=False)
        except ConnectionClosed as closed:
            if closed.rcvd is None and closed.sent is not None and closed.sent.code not in _GOODBYES:
                self._failure = closed.sent

    async def send(self, text: str) -> None:
        """Send one text message, waiting while the other side does not read."""
        try:
            await self._connection.send(text)
        except ConnectionClosed as error:
            raise ConnectionError(f"the WebSocket is closed: {error}") from error

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close with a handshake, for which there is as long as the caller waits."""
        try:
            await self._connection.close(code, reason)
        except asyncio.CancelledError:
            self._connection.transport.abort()
            raise


class WebSocketDialer:
    """Opens WebSockets as the options say."""

    def __init__(self, options: WebSocketOptions) -> None:
        self._options = options

    async def __call__(self, request: DialRequest) -> WebSocketChannel:
        """Connect. Raises ``AuthenticationError`` or ``ConnectError``, each with the next step."""
        options = self._options
        try:
            connection = await connect(
                request.url,
                additional_headers=authorization(request, remedy=_NO_KEY),
                # Speech does not compress, and trying costs ten times the rest of the work.
                compression=None,
                max_size=options.max_size,
                open_timeout=options.open_timeout_s,
                ping_interval=options.ping_interval_s,
                ping_timeout=options.ping_timeout_s,
                close_timeout=_CLOSE_TIMEOUT_S,
                proxy=_PROXIES.get(options.proxy, options.proxy),
                user_agent_header=f"offhook/{version('offhook-websocket')}",
                logger=_LOGGER,
                **self._tls(request.url),
            )
        except InvalidStatus as error:
            answer = error.response
            body = bytes(answer.body or b"").decode(errors="replace")
            raise refusal(request.url, answer.status_code, body, call_id=request.call_id) from error
        except (InvalidProxy, ProxyError, ImportError) as error:
            raise ConnectError(_no_way_through(error)) from error
        except (OSError, WebSocketException) as error:
            raise ConnectError(_unreachable(error, request.url)) from error
        return WebSocketChannel(connection)

    def _tls(self, url: str) -> dict[str, Any]:
        if urlsplit(url).scheme != "wss":
            return {}
        if self._options.ssl is not None:
            return {"ssl": self._options.ssl}
        try:
            return {"ssl": ssl.create_default_context(cafile=self._options.ca_file)}
        except OSError as error:
            raise ConnectError(
                f"ca_file {self._options.ca_file!r} cannot be read: {error}. Give a file of PEM certificates."
            ) from error


def _no_way_through(error: Exception) -> str:
    # Never what it says: a proxy's address may hold a password.
    if isinstance(error, ImportError):
        return f"that kind of proxy needs a library that is not installed: {error}. Install it, or set proxy to 'none'."
    return (
        f"the proxy cannot be used ({type(error).__name__}). Set proxy in [transports.websocket] to a URL like "
        "http://user:password@host:3128, to 'auto' for the environment's, or to 'none'."
    )


def _unreachable(error: Exception, url: str) -> str:
    where = without_secrets(url)
    match error:
        case TimeoutError():
            return f"{where} did not answer in time. Check the url, the network and the proxy."
        case ssl.SSLCertVerificationError():
            why = error.verify_message
            return (
                f"{where} shows a certificate that is not trusted ({why}). Set ca_file to the authority's certificate."
            )
        case ssl.SSLError():
            return f"{where} does not speak TLS: {error.reason}. Check the url; without TLS it begins with ws://."
        case OSError() if f"[Errno {errno.ECONNREFUSED}]" in str(error):  # localhost is two addresses, and one error
            return f"nothing listens at {where}. Check the url; for a local server, start `offhook emulator`."
        case OSError():
            why = error.strerror or "it hung up"
            return f"{where} cannot be reached: {why}. Check the url, its ws:// or wss://, and the network."
        case _:
            return f"{where} does not speak WebSocket there: {error}. Check the url; it usually ends in /v1/realtime."
