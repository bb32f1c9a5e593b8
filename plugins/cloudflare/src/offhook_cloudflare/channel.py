"""Carries messages over the WebSocket object of the Workers runtime, which speaks in events.

How that socket behaves (order of listeners and ``accept()``, closing, errors after the end) was measured in workerd
releases of 2024 and 2026, which differ; what is here holds on both.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from offhook_cloudflare.runtime import Runtime

#: RFC 6455: what is said where nobody said goodbye. Never sent.
_NO_GOODBYE: Final = 1006
#: Bytes of UTF-8 that fit into a close frame beside the code.
_MAX_REASON: Final = 123
#: How long the other side may take to answer a close.
_CLOSE_TIMEOUT_S: Final = 5.0


class WorkerChannel:
    """A ``MessageChannel`` over a socket that ``fetch()`` gave and nobody has accepted yet.

    The runtime has no backpressure: what arrives is queued here, what is sent is queued there.
    """

    def __init__(self, socket: Any, runtime: Runtime) -> None:
        self._socket = socket
        self._js_error = runtime.js_error
        self._received: asyncio.Queue[Any] = asyncio.Queue()
        self._ended = asyncio.Event()
        self._said_goodbye = False
        self._close_code: int | None = None
        self._close_reason = ""
        # Newer compatibility dates give Blobs unless told otherwise; older ones have no such attribute.
        if getattr(socket, "binaryType", None):
            socket.binaryType = "arraybuffer"
        self._proxies = {
            name: runtime.proxy(self._guarded(handler))
            for name, handler in (("message", self._on_message), ("close", self._on_close), ("error", self._on_error))
        }
        for name, proxy in self._proxies.items():
            socket.addEventListener(name, proxy)
        # Last: what happens between accept() and the first listener is lost.
        socket.accept()

    @property
    def close_code(self) -> int | None:
        """RFC 6455 close code; 1006 where the other side said no goodbye, ``None`` while open."""
        return self._close_code

    @property
    def close_reason(self) -> str:
        """What the other side said about the end, or the runtime where there was no goodbye."""
        return self._close_reason

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        """Iterate over the messages."""
        while (data := await self._received.get()) is not None:
            yield await _as_message(data)
        self._received.put_nowait(None)  # whoever asks again is told again
        self._let_go()

    async def send(self, text: str) -> None:
        """Hand one text message to the runtime. Raises ``ConnectionError`` once closed, or in another request."""
        if self._ended.is_set() or self._said_goodbye:
            raise ConnectionError("the WebSocket is closed")
        try:
            self._socket.send(text)
        except self._js_error as error:
            raise ConnectionError(f"the Worker's WebSocket takes nothing: {error}") from error

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close with a handshake, within 5 s; idempotent."""
        if not self._ended.is_set():
            self._say_goodbye(code, reason)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                    await self._ended.wait()
        finally:
            self._end(_NO_GOODBYE, "")
            self._let_go()

    # Listeners. None may raise: the runtime would kill the socket, and say nothing.

    def _guarded(self, handler: Callable[[Any], None]) -> Callable[[Any], None]:
        def listener(event: Any) -> None:
            try:
                handler(event)
            except Exception as error:  # noqa: BLE001  # see above
                self._end(_NO_GOODBYE, f"an event of the socket could not be read: {error}")
                self._say_goodbye(1000, "")

        return listener

    def _on_message(self, event: Any) -> None:
        self._received.put_nowait(event.data)

    def _on_close(self, event: Any) -> None:
        self._end(int(event.code), str(event.reason or ""))
        # Older compatibility dates leave the answer to us; newer ones have given it by now and ignore this.
        self._say_goodbye(1000, "")

    def _on_error(self, event: Any) -> None:
        # It comes after every close as well, when the other side drops the connection: _end() knows.
        self._end(_NO_GOODBYE, str(getattr(event, "message", None) or ""))

    # The end.

    def _say_goodbye(self, code: int, reason: str) -> None:
        if self._said_goodbye:
            return
        self._said_goodbye = True
        try:
            self._socket.close(_sendable(code), _cut(reason))
        except self._js_error as error:
            self._end(_NO_GOODBYE, str(error))

    def _end(self, code: int, reason: str) -> None:
        """Note how it ended; the first to say so is right."""
        if self._ended.is_set():
            return
        self._close_code, self._close_reason = code, reason
        self._ended.set()
        self._received.put_nowait(None)

    def _let_go(self) -> None:
        """Take the listeners off: a proxy is freed by nobody else."""
        while self._proxies:
            name, proxy = self._proxies.popitem()
            with contextlib.suppress(self._js_error):
                self._socket.removeEventListener(name, proxy)
            proxy.destroy()


async def _as_message(data: Any) -> str | bytes:
    if isinstance(data, str):
        return data
    # An ArrayBuffer, or a Blob that wants to be asked for one.
    buffer = await data.arrayBuffer() if hasattr(data, "arrayBuffer") else data
    return buffer.to_bytes()


def _sendable(code: int) -> int:
    """Give the code if a client may send it: 1000 and those of applications; the rest is the protocol's own."""
    return code if code == 1000 or 3000 <= code < 5000 else 1000  # noqa: PLR2004  # the numbers of RFC 6455, 7.4


def _cut(reason: str) -> str:
    return reason.encode()[:_MAX_REASON].decode(errors="ignore")
