"""The conformance suite on the ``cloudflare`` transport, on CPython: the runtime's socket is a few lines of Python here."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace

from offhook.testing.conformance import RealtimeDialectPeer, TransportConformance
from offhook_cloudflare import CloudflareOptions, CloudflareRealtimeTransportLayer


class JsError(Exception):
    """What ``pyodide.ffi.JsException`` is to the real runtime."""


class Socket:
    """The runtime's WebSocket: it takes everything that it is given, at once, and queues it for the other side."""

    binaryType = None  # noqa: N815  # JavaScript's name, as are those below

    def __init__(self, *, clogged):
        self.listeners = {}
        self.sent = asyncio.Queue()
        self.open = True
        self.clogged = clogged

    def addEventListener(self, name, proxy):  # noqa: N802
        self.listeners[name] = proxy

    def removeEventListener(self, name, proxy):  # noqa: N802
        assert self.listeners.pop(name) is proxy

    def accept(self):
        pass

    def send(self, data):
        if not self.open:
            raise JsError("WebSocket is closed")
        # What the other side does not read lies in the runtime's memory, which is not Python's.
        if not self.clogged or self.sent.empty():
            self.sent.put_nowait(data)

    def close(self, code, reason):
        self.end(code, reason)

    def end(self, code, reason=""):
        """Let it be closed, by either side."""
        if self.open:
            self.open = False
            self.sent.put_nowait(None)
            self.fire("close", code=code, reason=reason)

    def fire(self, name, **event):
        if name in self.listeners:
            self.listeners[name](SimpleNamespace(**event))


class Proxy:
    """A Python function in JavaScript's hands, until somebody destroys it."""

    def __init__(self, function):
        self.function = function

    def __call__(self, event):
        self.function(event)

    def destroy(self):
        self.function = None


class WorkerPeer(RealtimeDialectPeer):
    """A Realtime service behind the runtime's ``fetch``, and that runtime."""

    js_error = JsError
    proxy = Proxy

    def __init__(self, *, clogged=False):
        super().__init__(clogged=clogged)
        self.dropped = asyncio.Event()
        self.socket = None
        self.reading = set()

    async def fetch(self, url, headers):
        self.dropped.clear()
        admitted, dropped = asyncio.ensure_future(self.admitted()), asyncio.ensure_future(self.dropped.wait())
        try:
            await asyncio.wait({admitted, dropped}, return_when=asyncio.FIRST_COMPLETED)
            if dropped.done():
                raise JsError("Error: Network connection lost.")
            if not admitted.result():
                return SimpleNamespace(webSocket=None, status=401, text=self.refusal)
        finally:
            admitted.cancel()
            dropped.cancel()
        self.socket = Socket(clogged=self.clogged)
        task = asyncio.create_task(self.read(self.socket))
        self.reading.add(task)
        task.add_done_callback(self.reading.discard)
        return SimpleNamespace(webSocket=self.socket, status=101)

    async def refusal(self):
        return json.dumps({"error": {"message": "Incorrect API key provided"}})

    async def read(self, socket):
        while (data := await socket.sent.get()) is not None:
            await self.take(data)

    async def transmit(self, text):
        if self.socket is not None and self.socket.open:
            self.socket.fire("message", data=text)

    async def drop(self):
        self.dropped.set()
        if self.socket is not None:
            self.socket.end(1006)

    async def hang_up(self):
        self.socket.end(1000)

    async def stop(self):
        await super().stop()
        await self.drop()
        await asyncio.gather(*self.reading)


class TestCloudflare(TransportConformance):
    def peer(self):
        return WorkerPeer()

    def clogged_peer(self):
        return WorkerPeer(clogged=True)

    def transport(self, peer):
        return CloudflareRealtimeTransportLayer(CloudflareOptions(url="wss://service.example/v1"), runtime=peer)
