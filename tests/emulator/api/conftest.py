"""The application in memory: REST and WebSocket clients that open no socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from offhook_emulator.api.app import build_app
from offhook_emulator.api.keys import Keys
from offhook_emulator.line.switchboard import Switchboard
from offhook_emulator.replies.rules import Rules
from offhook_emulator.voice.scripted import ScriptedVoice

HOST = "emulator"


class Socket:
    """One WebSocket. ``status`` and ``body`` are of a refused handshake; ``closed`` is what the server closed with."""

    def __init__(self) -> None:
        self.subprotocol: str | None = None
        self.status: int | None = None
        self.body: dict[str, Any] = {}
        self.closed: tuple[int, str] | None = None
        self.answered, self.ended = asyncio.Event(), asyncio.Event()
        self._from_server: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._to_server: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._to_server.put_nowait({"type": "websocket.connect"})
        self.receive = self._to_server.get

    async def deliver(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "websocket.accept":
                self.subprotocol = message.get("subprotocol")
                self.answered.set()
            case "websocket.http.response.start":
                self.status = message["status"]
            case "websocket.http.response.body":
                self.body = json.loads(message["body"])
                self.answered.set()
            case "websocket.send":
                self._from_server.put_nowait(json.loads(message["text"]))
            case "websocket.close":
                self.closed = message["code"], message["reason"]
                self.ended.set()
                self.hang_up()

    def hang_up(self) -> None:
        self._to_server.put_nowait({"type": "websocket.disconnect", "code": 1005})

    def send(self, event_type: str, **fields: Any) -> None:
        self._to_server.put_nowait({"type": "websocket.receive", "text": json.dumps({"type": event_type, **fields})})

    def send_bytes(self, data: bytes) -> None:
        self._to_server.put_nowait({"type": "websocket.receive", "bytes": data})

    async def until(self, event_type: str) -> dict[str, Any]:
        """The next frame of that type."""
        async with asyncio.timeout(10):
            while True:
                frame = await self._from_server.get()
                if frame["type"] == event_type:
                    return frame


class Server:
    """An application, and the clients of it."""

    def __init__(self, accepted: Sequence[str] = (), session_s: float = 3600) -> None:
        self.now = 1_700_000_000.0
        keys = Keys(accepted, clock=lambda: self.now)
        self.switchboard = Switchboard(voice=ScriptedVoice(), replies=Rules(), session_s=session_s)
        self.app = build_app(keys, self.switchboard)
        self.transport = httpx2.ASGITransport(app=self.app)

    @asynccontextmanager
    async def connect(
        self,
        path: str = "/v1/realtime",
        *,
        query: str = "model=gpt-realtime",
        headers: dict[str, str] | None = None,
        subprotocols: Sequence[str] = (),
    ) -> AsyncIterator[Socket]:
        socket = Socket()
        headers = {"authorization": "Bearer key"} if headers is None else headers
        scope = {
            "type": "websocket",
            "path": path,
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in {"host": HOST, **headers}.items()],
            "subprotocols": list(subprotocols),
            "extensions": {"websocket.http.response": {}},
            "scheme": "ws",
        }
        serving = asyncio.create_task(self.app(scope, socket.receive, socket.deliver))
        async with asyncio.timeout(30):
            await socket.answered.wait()
            yield socket
            socket.hang_up()
            await serving

    async def request(self, method: str, path: str, **options: Any) -> tuple[int, dict[str, Any]]:
        """Status and body of a REST request."""
        options.setdefault("headers", {"authorization": "Bearer key"})
        async with httpx2.AsyncClient(transport=self.transport, base_url=f"http://{HOST}") as client:
            response = await client.request(method, path, **options)
        return response.status_code, response.json()


@pytest.fixture
def new_server() -> type[Server]:
    """Makes applications: ``new_server(["the-key"])``."""
    return Server
