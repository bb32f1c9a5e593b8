"""The conformance suite on the ``cloudflare`` transport in the real Workers runtime, with our built wheels.

The suite runs inside the Worker (``worker/conformance.py``). The far end is here: that of ``websocket``, driven from there.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager

from attrs import asdict
from websocket_peer import WebSocketPeer
from websockets.asyncio.server import serve

from offhook.testing.conformance import SkippedByFlag, TransportConformance
from offhook.testing.conformance.rules import SKIPPED_BY_ENVIRONMENT, rules_of
from offhook.wire.codec import b64decode, b64encode, dumps, loads
from offhook_cloudflare import CloudflareRealtimeTransportLayer


class DrivenPeer(WebSocketPeer):
    """A far end that does what the suite in the Worker wants, and tells it what comes in. Whom to admit is decided there."""

    def __init__(self, tell, *, clogged):
        super().__init__(clogged=clogged)
        self.tell = tell
        self.verdicts = []

    async def obey(self, do, arguments, number):
        """Do a step; tell what it gave to whoever asked."""
        gave = await getattr(self, do)(*arguments)
        if number is not None:
            self.tell(number=number, gave=gave)

    async def where(self):
        return self.url

    async def say(self, audio):
        await super().say(b64decode(audio))

    def note(self, received):
        self.tell(received=asdict(received) | {"data": b64encode(received.data)})

    async def admitted(self):
        self.reset()
        verdict = asyncio.get_running_loop().create_future()
        self.verdicts.append(verdict)
        self.tell(arrived=len(self.verdicts) - 1)
        return await verdict

    async def admit(self, connection, verdict):
        if not self.verdicts[connection].done():  # it may be gone
            self.verdicts[connection].set_result(verdict)

    async def stop(self):
        for connection in range(len(self.verdicts)):
            await self.admit(connection, False)
        await super().stop()


async def drive(control):
    """Have a peer for as long as the Worker wants it."""
    outbox = asyncio.Queue()

    async def deliver():
        while True:
            await control.send(dumps(await outbox.get()))

    delivering = asyncio.create_task(deliver())
    try:
        clogged = control.request.path.endswith("clogged")
        async with DrivenPeer(lambda **told: outbox.put_nowait(told), clogged=clogged) as peer:
            async for text in control:
                await peer.obey(**loads(text))
    finally:
        delivering.cancel()


@asynccontextmanager
async def far_end():
    async with serve(drive, "127.0.0.1", 0, compression=None) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def unpromised():
    """Give the rules that the transport's flags take out, each with the flag."""
    flags = CloudflareRealtimeTransportLayer().capabilities
    found = {}
    for name, rule in rules_of(TransportConformance).items():
        try:
            rule.require(flags)
        except SkippedByFlag as skipped:
            found[name] = str(skipped)
    return found


async def test_every_rule_is_kept_inside_the_worker_or_skipped_by_a_flag_that_it_names(worker):
    began = time.monotonic()
    async with far_end() as url:
        found = await worker("conformance", far_end=url)
    took_s = time.monotonic() - began
    assert found.keys() == rules_of(TransportConformance).keys()
    assert {name: why for name, (status, why) in found.items() if status == "failed"} == {}
    skipped = {name: why for name, (status, why) in found.items() if status == "skipped"}
    # Nobody there can see what the runtime holds for a service that does not read.
    unseen = skipped.pop("test_p10_a_peer_that_does_not_read_costs_a_bounded_amount")
    assert unseen.startswith(f"{SKIPPED_BY_ENVIRONMENT}backpressure=False")
    assert skipped == unpromised()
    assert took_s < 30
