"""What is measured: offhook's session, and openai-agents' session, each on a socket that gives prepared frames."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from typing import Any, Protocol

os.environ.setdefault("OPENAI_API_KEY", "unused")


class Subject(Protocol):
    """A session on a fake socket."""

    async def open(self) -> None:
        """Connect."""
        ...

    async def take(self, frames: list[str]) -> float:
        """Take the frames of a whole turn through to the application's ``async for``; give CPU seconds."""
        ...

    async def close(self) -> None:
        """Disconnect."""
        ...


class Socket:
    """Gives each batch of frames as soon as it is put; takes what is sent and forgets it."""

    def __init__(self) -> None:
        self.batches: asyncio.Queue[list[str] | None] = asyncio.Queue()
        self.close_code: int | None = None
        self.close_reason = ""

    async def send(self, message: object) -> None:
        """Acknowledge a config, forget everything else."""
        if isinstance(message, str) and '"session.update"' in message:
            updated = {"type": "session.updated", "event_id": "event_0", "session": json.loads(message)["session"]}
            self.batches.put_nowait([json.dumps(updated)])

    async def close(self, *_: object) -> None:
        """End the iteration."""
        if self.close_code is None:
            self.close_code = 1000
            self.batches.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[str]:
        while (batch := await self.batches.get()) is not None:
            for frame in batch:
                yield frame


class Offhook:
    """The whole event path: decode, protocol, hooks, session, history, bounded queue, ``async for``."""

    async def open(self) -> None:
        from offhook import RealtimeAgent, RealtimeSession
        from offhook.realtime.transport import OpenAIRealtimeBase

        async def dial(_: Any) -> Socket:
            return self._socket

        self._socket = Socket()
        transport = OpenAIRealtimeBase("benchmark", dial, url="ws://benchmark/v1")
        self._session = RealtimeSession(RealtimeAgent(name="a", instructions="hi"), transport=transport)
        await self._session.connect()
        self._events = aiter(self._session)

    async def take(self, frames: list[str]) -> float:
        began = time.process_time()
        self._socket.batches.put_nowait(frames)
        async for event in self._events:
            if event.hook == "agent_end":
                break
        return time.process_time() - began

    async def close(self) -> None:
        await self._session.close()


class OpenAIAgents:
    """openai-agents' model and session, iterated, as its documentation shows."""

    async def open(self) -> None:
        import agents
        from agents.realtime import RealtimeAgent, RealtimeRunner
        from agents.realtime.openai_realtime import OpenAIRealtimeWebSocketModel

        agents.set_tracing_disabled(True)
        socket = self._socket = Socket()

        class OfflineModel(OpenAIRealtimeWebSocketModel):
            async def _create_websocket_connection(self, **_: Any) -> Any:
                return socket

        runner = RealtimeRunner(RealtimeAgent(name="a", instructions="hi"), model=OfflineModel())
        self._session = await runner.run(model_config={"api_key": "unused"})
        await self._session.enter()
        self._events = aiter(self._session)

    async def take(self, frames: list[str]) -> float:
        began = time.process_time()
        self._socket.batches.put_nowait(frames)
        async for event in self._events:
            if event.type == "raw_model_event" and _ends_the_turn(event.data):
                break
        return time.process_time() - began

    async def close(self) -> None:
        await self._session.close()


def _ends_the_turn(data: Any) -> bool:
    return data.type == "raw_server_event" and data.data["type"] == "rate_limits.updated"
