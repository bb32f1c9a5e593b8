"""The conformance suite on the ``cloudflare`` transport in the real runtime: its far end is in the test's process.

A Worker cannot listen, so the peer here passes what the suite asks of it on, over a socket beside the one under test. What
depends on the moment stays here: whether a handshake is held or refused is decided when a connection has come.
"""

import asyncio
import itertools

from offhook.testing.conformance import Peer, Received, TransportConformance, outcomes
from offhook.wire.channel import DialRequest
from offhook.wire.codec import b64decode, b64encode, dumps, loads
from offhook_cloudflare import CloudflareDialer, CloudflareOptions, CloudflareRealtimeTransportLayer
from scenarios import SCENARIOS


def step(name):
    async def ask(self, *arguments):
        return await self.ask(name, *arguments)

    return ask


class RemotePeer(Peer):
    """A peer whose every step is done by ``far_end``, which tells what comes in."""

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
        self.channel = await CloudflareDialer(CloudflareOptions())(DialRequest(url=self.far_end, api_key="sk-control"))
        self.go(self.read())
        self.url = await self.ask("open", self.clogged)

    async def stop(self):
        await super().stop()
        await self.channel.close()
        await asyncio.gather(*self.tasks)

    async def say(self, audio):
        await self.ask("say", b64encode(audio))

    call, end_turn, interrupt, unknown, malformed = map(step, "call end_turn interrupt unknown malformed".split())
    drop, hang_up, race, hear, caption = map(step, "drop hang_up race hear caption".split())

    async def ask(self, name, *arguments):
        """Have a step done, and give what it gave."""
        number = next(self.numbers)
        answer = self.asked[number] = asyncio.get_running_loop().create_future()
        await self.channel.send(dumps({"do": name, "arguments": arguments, "number": number}))
        return await answer

    async def read(self):
        async for text in self.channel:
            match loads(text):
                case {"number": number, "gave": gave}:
                    self.asked.pop(number).set_result(gave)
                case {"number": number, "raised": words}:
                    self.asked.pop(number).set_exception(AssertionError(f"the far end: {words}"))
                case {"received": members}:
                    self.note(Received(**members | {"data": b64decode(members["data"])}))
                case {"arrived": connection}:
                    self.go(self.judge(connection))
        for answer in self.asked.values():
            answer.set_exception(AssertionError("the far end is gone"))

    async def judge(self, connection):
        admitted = await self.admitted()
        try:
            await self.channel.send(dumps({"connection": connection, "admitted": admitted}))
        except ConnectionError:
            pass  # nobody waits any more

    def go(self, work):
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


async def conformance(far_end):
    """Check every rule; give the outcomes, and what the flags are."""

    class Cloudflare(TransportConformance):
        def peer(self):
            return RemotePeer(far_end)

        def clogged_peer(self):
            return RemotePeer(far_end, clogged=True)

        def transport(self, peer):
            return CloudflareRealtimeTransportLayer(CloudflareOptions(url=peer.url))

    import time
    from offhook.testing.conformance.rules import rules_of, _outcome
    found = {}
    for name, made in rules_of(Cloudflare).items():
        t = time.monotonic()
        found[name] = o = await _outcome(Cloudflare(), made)
        from attrs import evolve
        found[name] = evolve(o, why=f"{time.monotonic() - t:.2f} {o.why}")
    return {name: {"status": outcome.status, "why": outcome.why} for name, outcome in found.items()}


SCENARIOS["conformance"] = conformance  # each rule has a deadline of its own
