"""The far end of the conformance suite on a WebSocket: a server of this machine."""

from __future__ import annotations

import contextlib
import http
import logging
import socket

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from offhook.testing.conformance import RealtimeDialectPeer


class WebSocketPeer(RealtimeDialectPeer):
    """A Realtime service that listens on a port."""

    url = ""
    server = connection = None

    async def start(self):
        await super().start()
        listening = socket.create_server(("127.0.0.1", 0))
        # Small, so that a service that does not read is felt soon.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        # asyncio forgets this one for sockets that it did not make itself, and each turn takes 40 ms.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Its own log holds the key, at DEBUG.
        quiet = logging.getLogger("the far end")
        quiet.setLevel(logging.CRITICAL)
        self.server = await serve(
            self.serve,
            sock=listening,
            process_request=self.greet,
            compression=None,
            max_size=None,
            max_queue=1,
            ping_interval=None,
            close_timeout=0.1,
            logger=quiet,
        )
        self.url = f"ws://127.0.0.1:{listening.getsockname()[1]}/v1"

    async def greet(self, connection, _):
        self.connection = connection
        if not await self.admitted():
            return connection.respond(http.HTTPStatus.UNAUTHORIZED, '{"error": {"message": "Incorrect API key"}}')
        return None

    async def serve(self, connection):
        with contextlib.suppress(ConnectionClosed):  # by the other side, or by drop()
            async for message in connection:
                await self.take(message)

    async def transmit(self, text):
        with contextlib.suppress(ConnectionClosed):  # nobody is there any more
            await self.connection.send(text)

    async def drop(self):
        self.connection.transport.abort()

    async def hang_up(self):
        await self.connection.close(1000)

    async def stop(self):
        await super().stop()
        self.server.close()
        await self.server.wait_closed()
