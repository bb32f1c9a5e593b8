"""The conformance suite on the ``webrtc`` transport, against a service of this process, over real UDP."""

from __future__ import annotations

import asyncio
import json

import pytest

from offhook.testing.conformance import RealtimeDialectPeer, TransportConformance


class WebRTCPeer(RealtimeDialectPeer):
    """The service of this folder's tests, with its doors and its ears in the suite's hands."""

    def __init__(self, kit, *, clogged=False):
        super().__init__(clogged=clogged, service_plays=True)
        self.kit = kit
        self.running = kit.service()
        self.service = self.reader = None
        self.dropped = asyncio.Event()

    async def start(self):
        await super().start()
        self.service = await self.running.__aenter__()
        self.service.may_answer = self  # it waits at this door before it answers an offer
        self.service.takes = self.receive
        self.inbox = asyncio.Queue()
        self.reader = asyncio.create_task(self.read())

    async def wait(self):
        """Open the door, or refuse the key, or let the caller's connection break."""
        self.dropped.clear()
        admitted, dropped = asyncio.ensure_future(self.admitted()), asyncio.ensure_future(self.dropped.wait())
        try:
            await asyncio.wait({admitted, dropped}, return_when=asyncio.FIRST_COMPLETED)
            if dropped.done():
                raise ConnectionResetError
            body = json.dumps({"error": {"message": "Incorrect API key provided"}})
            self.service.refusal = None if admitted.result() else self.kit.refusal(401, "Unauthorized", body)
        finally:
            admitted.cancel()
            dropped.cancel()

    def set(self):
        """The door is not the service's to open."""

    def receive(self, call, event):
        call.heard.clear()  # what the caller says costs memory, and nobody asks here
        self.inbox.put_nowait(json.dumps(event))

    async def read(self):
        while (message := await self.inbox.get()) is not None:
            await self.take(message)

    @property
    def call_open(self):
        """The newest call, whose data channel is open, or nothing."""
        call = self.service.calls[-1] if self.service.calls else None
        return call if call and call.channel and call.channel.readyState == "open" else None

    async def transmit(self, text):
        if call := self.call_open:
            call.channel.send(text)
            if self.clogged:  # what follows the answer to the config is neither read nor acknowledged
                call.peer.sctp._handle_data = ignore
            await asyncio.sleep(0)  # aiortc sends in a task of its own

    async def drop(self):
        self.dropped.set()
        for call in self.service.calls:
            await call.aclose()
        self.service.calls.clear()

    async def hang_up(self):
        self.call_open.channel.close()

    async def stop(self):
        self.dropped.set()
        await super().stop()
        self.inbox.put_nowait(None)
        await self.reader
        await self.running.__aexit__(None, None, None)


async def ignore(_):
    """Take a packet, and do nothing with it."""


class TestWebRTC(TransportConformance):
    patience_s = 10.0

    @pytest.fixture(autouse=True)
    def _tools(self, kit):
        self.kit = kit

    def peer(self):
        return WebRTCPeer(self.kit)

    def clogged_peer(self):
        return WebRTCPeer(self.kit, clogged=True)

    def transport(self, peer):
        return self.kit.transport(peer.service)
