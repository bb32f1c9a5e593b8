"""A service that says again what a recorded one said: a WebSocket server for one recorded stream."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator

from attrs import define, field
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from offhook.recording import Recording
from offhook.recording.counterpart import patient


@contextlib.asynccontextmanager
async def serving(recording: Recording) -> AsyncIterator[str]:
    """Serve the recording's first connection to every client that connects; gives the URL."""
    async with serve(lambda connection: _Replay(connection).run(recording), "127.0.0.1", 0) as server:
        host, port = next(iter(server.sockets)).getsockname()
        yield f"ws://{host}:{port}/v1"


@define(eq=False)
class _Replay:
    """Says each frame once the client has sent as much of each type as the recorded one had sent before it."""

    connection: ServerConnection
    _came: Counter[str] = field(init=False, factory=Counter)
    _awaited: Counter[str] = field(init=False, factory=Counter)
    _news: asyncio.Event = field(init=False, factory=asyncio.Event)

    async def run(self, recording: Recording) -> None:
        reading = asyncio.create_task(self._read())
        try:
            for frame in patient(recording.connections[0].frames):
                if frame.direction == "received":
                    await self.connection.send(json.dumps(frame.event))
                else:
                    await self._client_sent(frame.event["type"])
            await reading
        except ConnectionClosed:
            pass  # the client has heard enough
        finally:
            reading.cancel()

    async def _read(self) -> None:
        async for message in self.connection:
            self._came[json.loads(message)["type"]] += 1
            self._news.set()

    async def _client_sent(self, kind: str) -> None:
        self._awaited[kind] += 1
        while self._came[kind] < self._awaited[kind]:
            self._news.clear()
            await self._news.wait()
