"""The conformance suite on the ``cloudflare`` transport in the real Workers runtime, with our built wheels.

The suite runs inside the Worker (``worker/conformance.py``). Its far end is here: the WebSocket suite's, driven from there.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from pathlib import Path

from attrs import asdict
from websockets.asyncio.server import serve

from offhook.wire.codec import b64decode, b64encode, dumps, loads

sys.path.insert(0, str(Path(__file__).parent.parent / "websocket"))
from websocket_peer import WebSocketPeer


class DrivenPeer(WebSocketPeer):
    """A far end that does what it is told to, and tells what comes in. Whom to admit it asks."""

    def __init__(self, tell, *, clogged):
        super().__init__(clogged=clogged)
        self.tell = tell
        self.verdicts = []

    async def admitted(self):
        self.reset()
        self.verdicts.append(asyncio.get_running_loop().create_future())
        self.tell(arrived=len(self.verdicts) - 1)
        return await self.verdicts[-1]

    def note(self, received):
        self.tell(received=asdict(received) | {"data": b64encode(received.data)})

    async def say(self, audio):
        await super().say(b64decode(audio))

    async def stop(self):
        for verdict in self.verdicts:
            if not verdict.done():
                verdict.set_result(False)
        await super().stop()


async def drive(control):
    """Have one peer, for as long as the Worker wants it."""
    outbox = asyncio.Queue()

    async def write():
        while True:
            await control.send(dumps(await outbox.get()))

    writing = asyncio.create_task(write())
    peer = None
    try:
        async for text in control:
            match loads(text):
                case {"connection": number, "admitted": admitted}:
                    if not peer.verdicts[number].done():
                        peer.verdicts[number].set_result(admitted)
                case {"do": "open", "arguments": [clogged], "number": number}:
                    peer = DrivenPeer(lambda **told: outbox.put_nowait(told), clogged=clogged)
                    await peer.start()
                    outbox.put_nowait({"number": number, "gave": peer.url})
                case {"do": step, "arguments": arguments, "number": number}:
                    try:
                        gave = await getattr(peer, step)(*arguments)
                        outbox.put_nowait({"number": number, "gave": gave})
                    except Exception as error:
                        outbox.put_nowait({"number": number, "raised": repr(error)})
    finally:
        writing.cancel()
        if peer is not None:
            await peer.stop()


@asynccontextmanager
async def far_end():
    async with serve(drive, "127.0.0.1", 0, compression=None, max_size=None, ping_interval=None) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def test_every_rule_is_kept_or_skipped_by_a_flag(worker):
    async with far_end() as url:
        found = await worker("conformance", far_end=url)
    for name, outcome in sorted(found.items(), key=lambda i: float(i[1]["why"].split()[0]))[-14:]:
        print(name, outcome)
    assert [(name, outcome["why"]) for name, outcome in found.items() if outcome["status"] == "failed"] == []
