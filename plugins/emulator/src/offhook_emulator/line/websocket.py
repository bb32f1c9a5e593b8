"""The WebSocket line: events and audio in text frames, both ways."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ParamSpec

from attrs import frozen
from starlette.websockets import WebSocket, WebSocketDisconnect

from offhook_emulator.line.outbox import Observer, Outbox
from offhook_emulator.line.runner import SessionRunner
from offhook_emulator.model.model import RealtimeModel
from offhook_emulator.replies.protocol import Replies
from offhook_emulator.voice.protocols import Voice

_P = ParamSpec("_P")


@frozen(kw_only=True)
class Switchboard:
    """What every session of a server is made with. ``session_s`` is how long one may last, in seconds."""

    voice: Voice
    replies: Replies
    session_s: float = 3600
    observer: Observer | None = None


async def serve_session(
    websocket: WebSocket, switchboard: Switchboard, *, model: str | None, config: Mapping[str, Any] | None
) -> None:
    """Hold one session over an accepted WebSocket, until one side ends it.

    ``model`` is what the connection asked for, ``config`` the session that a client secret stands for.
    """
    detector = switchboard.voice.detector()
    realtime = RealtimeModel(
        clock=asyncio.get_running_loop().time,
        hop_ms=detector.hop_ms,
        model=model,
        lifetime_s=switchboard.session_s,
        expires_at=int(time.time() + switchboard.session_s),
    )
    if config:
        realtime.session.update(config)
    async with asyncio.TaskGroup() as tasks:
        outbox = Outbox(_sending(websocket.send_text), _sending(websocket.close), switchboard.observer)
        runner = SessionRunner(
            realtime,
            voice=switchboard.voice,
            detector=detector,
            replies=switchboard.replies,
            outbox=outbox,
            tasks=tasks,
            observer=switchboard.observer,
        )
        pump = tasks.create_task(outbox.pump())
        try:
            runner.start()
            await _read(websocket, runner)
        finally:
            runner.close()
            pump.cancel()


def _sending(send: Callable[_P, Awaitable[None]]) -> Callable[_P, Awaitable[None]]:
    async def send_or_raise(*args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            await send(*args, **kwargs)
        except WebSocketDisconnect as gone:
            raise ConnectionError("the client is gone") from gone

    return send_or_raise


async def _read(websocket: WebSocket, runner: SessionRunner) -> None:
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return
        text = message.get("text")
        await runner.receive(message["bytes"] if text is None else text)
