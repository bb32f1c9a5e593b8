"""Opens a stream socket, and carries messages over it: one a line, because JSON has no line break of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from offhook.errors import ConnectError
from offhook.wire.channel import DialRequest

#: The longest line taken, in bytes: 15 MiB of audio are 20 MiB of base64.
_LIMIT = 24 * 1024 * 1024


class LineChannel:
    """A ``MessageChannel`` over a stream. A stream says that it ended, and never why."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.close_code: int | None = None
        self.close_reason = ""
        self._reader, self._writer = reader, writer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over the lines; half a line is no message."""
        while (line := await self._reader.readline()).endswith(b"\n"):
            yield line
        self.close_code = self.close_code or 1006  # no goodbye: it is lost

    async def send(self, text: str) -> None:
        """Send a line, waiting while the other side does not read. Raises ``OSError`` once closed."""
        self._writer.write(f"{text}\n".encode())
        await self._writer.drain()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close; what was sent still arrives, for as long as the caller waits."""
        self.close_code, self.close_reason = self.close_code or code, reason
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except asyncio.CancelledError:
            self._writer.transport.abort()
            raise


async def dial(request: DialRequest) -> LineChannel:
    """Connect. Raises ``ConnectError``."""
    where = urlsplit(request.url)
    try:
        if where.scheme == "unix":
            return LineChannel(*await asyncio.open_unix_connection(where.path, limit=_LIMIT))
        return LineChannel(*await asyncio.open_connection(where.hostname, where.port, limit=_LIMIT))
    except (OSError, ValueError) as error:
        raise ConnectError(f"nothing listens at {request.url} ({error}). Check url in [transports.lines].") from error
