"""The WebSocket line: events and audio in text frames, both ways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, ParamSpec

from starlette.websockets import WebSocket, WebSocketDisconnect

from offhook_emulator.line.calls import Call
from offhook_emulator.line.outbox import Outbox
from offhook_emulator.line.session import hold_session
from offhook_emulator.line.switchboard import Switchboard

_P = ParamSpec("_P")


async def serve_session(
    websocket: WebSocket, switchboard: Switchboard, *, model: str | None, config: Mapping[str, Any] | None
) -> None:
    """Hold one session over an accepted WebSocket, until one side ends it.

    ``model`` is what the connection asked for, ``config`` the session that a client secret stands for.
    """
    outbox = Outbox(_sending(websocket.send_text), _sending(websocket.close), switchboard.observer)
    await hold_session(_frames(websocket), outbox, switchboard, model=model, config=config)


async def serve_sideband(websocket: WebSocket, call: Call) -> None:
    """Serve an accepted WebSocket as one more channel of a call, until the client or the call ends it."""
    channel = Outbox(_sending(websocket.send_text), _sending(websocket.close))
    async with asyncio.TaskGroup() as tasks:
        pump = tasks.create_task(channel.pump())
        try:
            with call.attached(channel):
                async for frame in _frames(websocket):
                    await call.receive(frame)
        finally:
            pump.cancel()


def _sending(send: Callable[_P, Awaitable[None]]) -> Callable[_P, Awaitable[None]]:
    async def send_or_raise(*args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            await send(*args, **kwargs)
        except WebSocketDisconnect as gone:
            raise ConnectionError("the client is gone") from gone

    return send_or_raise


async def _frames(websocket: WebSocket) -> AsyncIterator[str | bytes]:
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return
        text = message.get("text")
        yield message["bytes"] if text is None else text
