"""One session over any connection that carries text frames both ways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Mapping
from typing import Any

from offhook_emulator.line.outbox import Outbox
from offhook_emulator.line.switchboard import Switchboard


async def hold_session(
    frames: AsyncIterable[str | bytes],
    outbox: Outbox,
    switchboard: Switchboard,
    *,
    model: str | None,
    config: Mapping[str, Any] | None = None,
) -> None:
    """Hold a session with a client, until its ``frames`` end or the session hangs up and they do.

    ``model`` is what the connection asked for, ``config`` the session to begin with. Raises ``Refused`` where that is
    refused.
    """
    detector = switchboard.voice.detector()
    realtime = switchboard.new_model(detector, model=model, config=config)
    async with asyncio.TaskGroup() as tasks:
        runner = switchboard.runner(realtime, detector, outbox, tasks)
        pump = tasks.create_task(outbox.pump())
        try:
            runner.start()
            async for frame in frames:
                await runner.receive(frame)
        finally:
            runner.close()
            pump.cancel()
