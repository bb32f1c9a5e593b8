"""What stands in for the Workers runtime in unit tests, and the real runtime for ``test_workerd.py``."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace

import pytest
from attrs import define, field


class JsError(Exception):
    """What ``pyodide.ffi.JsException`` is to the real runtime."""


@define(eq=False)
class FakeProxy:
    call: object
    destroyed: bool = False

    def destroy(self):
        self.destroyed = True


@define(eq=False, slots=False)
class FakeSocket:
    """The runtime's WebSocket, of newer compatibility dates unless ``binaryType`` is taken away.

    ``log`` holds what was done to it, in order. ``fire`` is what the other side and the runtime do.
    """

    log: list[tuple] = field(factory=list)
    listeners: dict[str, FakeProxy] = field(factory=dict)
    binaryType: str | None = "blob"  # noqa: N815  # JavaScript's name, as are those below
    raises: dict[str, Exception] = field(factory=dict)
    #: Whether a close is answered with a close event, as a peer that is alive would.
    answers: bool = True
    closing: asyncio.Event = field(factory=asyncio.Event)

    def _note(self, *entry):
        self.log.append(entry)
        if error := self.raises.get(entry[0]):
            raise error

    def addEventListener(self, name, proxy):  # noqa: N802
        self._note("listen", name)
        self.listeners[name] = proxy

    def removeEventListener(self, name, proxy):  # noqa: N802
        assert self.listeners.pop(name) is proxy
        self._note("unlisten", name)

    def accept(self):
        self._note("accept")

    def send(self, data):
        self._note("send", data)

    def close(self, code, reason):
        self._note("close", code, reason)
        self.closing.set()
        if self.answers:
            self.fire("close", code=code, reason=reason)

    def fire(self, name, **event):
        if name in self.listeners:
            self.listeners[name].call(SimpleNamespace(**event))

    def did(self, name):
        return [entry[1:] for entry in self.log if entry[0] == name]


@define(eq=False)
class FakeResponse:
    webSocket: object  # noqa: N815  # JavaScript's name
    status: int = 101
    body: str = ""

    async def text(self):
        return self.body


@define(eq=False)
class FakeRuntime:
    """Answers every ``fetch`` with ``answer``: a response, an exception to raise, or ``None`` for never."""

    answer: object = None
    asked: list[tuple[str, dict]] = field(factory=list)
    proxies: list[FakeProxy] = field(factory=list)
    js_error: type[Exception] = JsError
    dialling: asyncio.Event = field(factory=asyncio.Event)
    aborted: bool = False

    async def fetch(self, url, headers):
        self.asked.append((url, dict(headers)))
        self.dialling.set()
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.answer is None:
            try:
                await asyncio.Event().wait()
            finally:
                self.aborted = True
        return self.answer

    def proxy(self, listener):
        self.proxies.append(FakeProxy(listener))
        return self.proxies[-1]

    def refuse(self, status, body="", no_socket=None):
        self.answer = FakeResponse(no_socket, status, body if isinstance(body, str) else json.dumps(body))


@pytest.fixture
def socket():
    return FakeSocket()


@pytest.fixture
def runtime(socket):
    return FakeRuntime(FakeResponse(socket))
