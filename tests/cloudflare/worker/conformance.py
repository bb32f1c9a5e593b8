"""The conformance suite on the ``cloudflare`` transport in the real runtime: its far end is in the test's process.

A Worker cannot listen. So the peer here has each step done over there, and is told what comes in, over a socket beside the
one under test. Only the handshakes are its own: whether one is held or refused is decided here when a connection has come.
"""

import asyncio
import contextlib
import itertools

from offhook.testing.conformance import Peer, Received, TransportConformance, outcomes
from offhook.wire.channel import DialRequest
from offhook.wire.codec import b64decode, b64encode, dumps, loads
from offhook_cloudflare import CloudflareDialer, CloudflareOptions, CloudflareRealtimeTransportLayer


def step(name):
    async def ask(self, *arguments):
        return await self.ask(name, *arguments)

    return ask


class RemotePeer(Peer):
    """A peer whose every step ``far_end`` does: ``DrivenPeer`` in ``test_conformance_workerd.py``."""

    def __init__(self, far_end, *, clogged=False):
        super().__init__(clogged=clogged)
        self.far_end = far_end
        self.url = ""
        self.channel = None
        self.numbers = itertools.count(1)
        self.asked = {}
        self.tasks = set()

    async def start(self):
        await super().start()
        address = f"{self.far_end}/{'clogged' if self.clogged else 'reading'}"
        self.channel = await CloudflareDialer(CloudflareOptions())(DialRequest(url=address, api_key="sk-control"))
        self.go(self.read())
        self.url = await self.ask("where")

    async def stop(self):
        await super().stop()
        await self.channel.close()
        await asyncio.gather(*self.tasks)

    # The steps.

    call, end_turn, interrupt, malformed = map(step, ("call", "end_turn", "interrupt", "malformed"))
    drop, hang_up, race, hear, caption = map(step, ("drop", "hang_up", "race", "hear", "caption"))

    async def say(self, audio):
        await self.ask("say", b64encode(audio))

    async def unknown(self):
        frame = {"type": "vendor.novelty", "number": next(self.numbers), "nested": {"list": [1, None, "ü"]}}
        await self.tell("transmit", dumps(frame))  # not ask: one rule wants thousands
        return frame

    # The line to the far end.

    async def ask(self, do, *arguments):
        """Have something done, and give what it gave."""
        number = next(self.numbers)
        answer = self.asked[number] = asyncio.get_running_loop().create_future()
        await self.tell(do, *arguments, number=number)
        return await answer

    async def tell(self, do, *arguments, number=None):
        await self.channel.send(dumps({"do": do, "arguments": arguments, "number": number}))

    async def read(self):
        async for text in self.channel:
            match loads(text):
                case {"number": number, "gave": gave}:
                    self.answer(number, gave)
                case {"received": members}:
                    self.note(Received(**members | {"data": b64decode(members["data"])}))
                case {"arrived": connection}:
                    self.go(self.judge(connection))
        for answer in self.asked.values():
            answer.cancel("the far end is gone; the test's log says why")

    def answer(self, number, gave):
        answer = self.asked.pop(number)
        if not answer.done():  # whoever asked may have lost patience
            answer.set_result(gave)

    async def judge(self, connection):
        admitted = await self.admitted()
        with contextlib.suppress(ConnectionError):  # nobody waits for it any more
            await self.tell("admit", connection, admitted)

    def go(self, work):
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


async def conformance(far_end):
    """Check every rule, and tell how each turned out, and why."""

    class Cloudflare(TransportConformance):
        def peer(self):
            return RemotePeer(far_end)

        def clogged_peer(self):
            return RemotePeer(far_end, clogged=True)

        def transport(self, peer):
            return CloudflareRealtimeTransportLayer(CloudflareOptions(url=peer.url))

    found = await outcomes(Cloudflare)
    return {name: [outcome.status, outcome.why] for name, outcome in found.items()}
