"""An emulator in a process of its own, so that what a client leaves behind and what its service does are told apart.

Prints its URL, and then, for every line that it is given, what it holds: JSON, a line each.
"""

from __future__ import annotations

import asyncio
import json
import sys

from aioice import ice
from attrs import asdict
from leaks import Belongings, hear_complaints

from offhook_emulator.line import webrtc
from offhook_emulator.replies.rules import Rules
from offhook_emulator.server import Emulator
from offhook_emulator.voice.scripted import ScriptedVoice

#: How long it waits for a caller who was answered and does not come, and how often it asks one who came whether they are
#: still there: a caller who stops in the middle of the handshake cannot say goodbye. Half a minute, and every five seconds,
#: would do the same, later.
CONNECT_S, CONSENT_S = 2.0, 0.3


def holds(emulator: Emulator) -> dict[str, object]:
    """Look for calls, and for all else that an emulator could forget."""
    calls = sorted(emulator._switchboard.calls._calls)
    ringing = sorted(emulator._telephony._exchange._ringing)
    return {"calls": calls, "ringing": ringing, **asdict(Belongings.now())}


async def main() -> None:
    webrtc._CONNECT_S, ice.CONSENT_INTERVAL = CONNECT_S, CONSENT_S
    complaints = hear_complaints()
    asked = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(asked), sys.stdin)
    async with Emulator(voice=ScriptedVoice(), replies=Rules()) as emulator:
        print(json.dumps(emulator.url), flush=True)
        while await asked.readline():
            print(json.dumps({**holds(emulator), "complaints": complaints}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
