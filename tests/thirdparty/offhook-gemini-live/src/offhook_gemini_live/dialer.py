"""Opens the WebSocket, and carries frames over it as an ``offhook`` message channel."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from offhook.errors import ConnectError
from offhook.wire import DialRequest, authorization, refusal, without_secrets

#: At DEBUG the library writes down headers and frames: keys and speech. So that takes more than the root logger's level.
_LOGGER: Final = logging.getLogger("offhook.gemini_live")
_LOGGER.setLevel(logging.INFO)
_NO_KEY: Final = "Set GEMINI_API_KEY, or api_key in [transports.gemini-live] of offhook.toml."


class Channel:
    """A ``MessageChannel`` over an open WebSocket."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    @property
    def close_code(self) -> int | None:
        """RFC 6455 close code; ``None`` while open."""
        return self._connection.close_code

    @property
    def close_reason(self) -> str:
        """What the service said about the end: it has no error frame, so this is where errors stand."""
        return self._connection.close_reason or ""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over the frames. The service sends JSON in binary messages."""
        try:
            while True:
                yield await self._connection.recv(decode=False)
        except ConnectionClosed:
            return

    async def send(self, text: str) -> None:
        """Send a frame, waiting while the other side does not read. Raises ``OSError`` once closed."""
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


async def dial(request: DialRequest, *, max_size: int, open_timeout_s: float = 10.0) -> Channel:
    """Connect. Raises ``AuthenticationError`` or ``ConnectError``, each with the next step."""
    where = without_secrets(request.url)
    try:
        return Channel(
            await connect(
                request.url,
                # In a header: what stands in the query is written into logs on the way.
                additional_headers=authorization(request, remedy=_NO_KEY, key_header="x-goog-api-key"),
                compression=None,
                max_size=max_size,
                open_timeout=open_timeout_s,
                # While it thinks, the service answers no ping for half a minute.
                ping_timeout=None,
                logger=_LOGGER,
            )
        )
    except InvalidStatus as error:
        body = bytes(error.response.body or b"").decode(errors="replace")
        raise refusal(request.url, error.response.status_code, body) from error
    except (OSError, WebSocketException) as error:
        raise ConnectError(
            f"{where} cannot be reached ({type(error).__name__}). Check the url and the network."
        ) from error
