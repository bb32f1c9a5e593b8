"""The few things that a Worker's runtime gives. ``js`` and ``pyodide`` exist only there, so they are imported only there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Protocol

from offhook.errors import ConnectError


class Runtime(Protocol):
    """What the dialer needs of the runtime; tests give their own."""

    @property
    def js_error(self) -> type[Exception]:
        """The exception that JavaScript errors arrive as."""
        ...

    async def fetch(self, url: str, headers: Mapping[str, str]) -> Any:
        """Send a GET request; give the JavaScript ``Response``.

        Raises ``js_error`` where the network fails. Cancelling it aborts the request.
        """
        ...

    def proxy(self, listener: Callable[[Any], None]) -> Any:
        """Make a JavaScript function of ``listener``. It lives until its ``destroy()`` is called."""
        ...


class WorkerRuntime:
    """The runtime of the Worker that this Python runs in. Raises ``ConnectError`` anywhere else."""

    def __init__(self) -> None:
        try:
            self._js = import_module("js")
            self._ffi = import_module("pyodide.ffi")
        except ModuleNotFoundError as error:
            raise ConnectError(
                "the cloudflare transport dials with the fetch() of a Cloudflare Worker, and this Python does not run in "
                'one. Use transport "websocket" here (pip install offhook-websocket); it takes the same options.'
            ) from error

    @property
    def js_error(self) -> type[Exception]:
        """``pyodide.ffi.JsException``."""
        return self._ffi.JsException

    async def fetch(self, url: str, headers: Mapping[str, str]) -> Any:
        """Call the global ``fetch()``. Raises ``JsException``."""
        abort = self._js.AbortController.new()
        # A redirect is an answer like any other: following it would hand the key to wherever it points.
        init = {"method": "GET", "headers": dict(headers), "redirect": "manual", "signal": abort.signal}
        try:
            return await self._js.fetch(url, self._ffi.to_js(init, dict_converter=self._js.Object.fromEntries))
        except asyncio.CancelledError:
            abort.abort()
            raise

    def proxy(self, listener: Callable[[Any], None]) -> Any:
        """Call ``pyodide.ffi.create_proxy``."""
        return self._ffi.create_proxy(listener)
