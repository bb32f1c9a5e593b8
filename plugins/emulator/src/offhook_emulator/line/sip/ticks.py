"""The pace of a telephone: a frame every 20 ms."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from offhook.audio.formats import AudioFormat

FRAME_MS: Final = 20
#: What a telephone hears and says, as PCM16.
PHONE_FORMAT: Final = AudioFormat("audio/pcm", 8_000)
#: Ticks that are late by more than this, in seconds, are not made up for.
_TOO_LATE_S: Final = 0.2


async def ticks() -> AsyncIterator[None]:
    """Tick every 20 ms, without drift: a tick that comes late is followed by the next one sooner."""
    clock = asyncio.get_running_loop().time
    due = clock()
    while True:
        yield
        due += FRAME_MS / 1000
        now = clock()
        if now - due > _TOO_LATE_S:
            due = now
        await asyncio.sleep(max(due - now, 0))
