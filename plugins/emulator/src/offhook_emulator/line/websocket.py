"""The WebSocket line: events and audio in text frames, both ways."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ParamSpec, Protocol

from starlette.websockets import WebSocket, WebSocketDisconnect

from offhook_emulator.line.calls import Call
from offhook_emulator.line.outbox import Outbox
from offhook_emulator.line.switchboard import Switchboard

_P = ParamSpec("_P")


class _Receiver(Protocol):
    async def receive(self, message: str | bytes) -> None: ...


async def serve_session(
    websocket: WebSocket, switchboard: Switchboard, *, model: str | None, config: Mapping[str, Any] | None
) -> None:
    """Hold one session over an accepted WebSocket, until one side ends it.

    ``model`` is what the connection asked for, ``config`` the session that a client secret stands for.
    """
    detector = switchboard.voice.detector()
    realtime = switchboard.new_model(detector, model=model, config=config)
    async with asyncio.TaskGroup() as tasks:
        outbox = Outbox(_sending(websocket.send_text), _sending(websocket.close), switchboard.observer)
        runner = switchboard.runner(realtime, detector, outbox, tasks)
        pump = tasks.create_task(outbox.pump())
        try:
            runner.start()
            await _read(websocket, runner)
        finally:
            runner.close()
            pump.cancel()


async def serve_sideband(websocket: WebSocket, call: Call) -> None:
    """Serve an accepted WebSocket as one more channel of a call, until the client or the call ends it."""
    channel = Outbox(_sending(websocket.send_text), _sending(websocket.close))
    async with asyncio.TaskGroup() as tasks:
        pump = tasks.create_task(channel.pump())
        try:
            with call.attached(channel):
                await _read(websocket, call)
        finally:
            pump.cancel()


def _sending(send: Callable[_P, Awaitable[None]]) -> Callable[_P, Awaitable[None]]:
    async def send_or_raise(*args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            await send(*args, **kwargs)
        except WebSocketDisconnect as gone:
            raise ConnectionError("the client is gone") from gone

    return send_or_raise


async def _read(websocket: WebSocket, receiver: _Receiver) -> None:
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return
        text = message.get("text")
        await receiver.receive(message["bytes"] if text is None else text)
