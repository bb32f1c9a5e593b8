"""A real browser, without a screen: Debian's Chromium, driven over its DevTools protocol."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import shutil
import subprocess
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from listening import Listener
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from wire import PATIENCE_S

_FOLDER: Final = Path(__file__).with_name("js")
_FLAGS: Final = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    # Addresses instead of .local names, which take the other side a second to look up.
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--remote-debugging-port=0",
)
_LISTENING: Final = re.compile(rb"DevTools listening on (ws://\S+)")


def chromium() -> str:
    """Give Chromium's path. Skips, with the reason, where there is none."""
    for name in ("chromium", "chromium-browser"):
        if path := shutil.which(name):
            return path
    pytest.skip("chromium is not on PATH: apt-get install chromium")


def bundle(script: str, folder: Path) -> str:
    """Make a script of ``js/`` and all that it imports into one; give its text."""
    bundled = folder / "page.js"
    command = [_FOLDER / "node_modules" / ".bin" / "esbuild", _FOLDER / script, "--bundle", "--format=esm"]
    options = ["--platform=browser", "--log-level=warning", f"--outfile={bundled}"]
    subprocess.run([*command, *options], check=True, timeout=60)
    return bundled.read_text()


@asynccontextmanager
async def serving(script: str) -> AsyncGenerator[str]:
    """Serve a page that runs ``script``, from an origin of its own; give its address."""
    files = {
        b"/": _response("text/html", "<!doctype html><title>a page</title><script type=module src=/page.js></script>"),
        b"/page.js": _response("text/javascript", script),
    }

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _method, path, _version = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0].split()
        writer.write(files.get(path) or b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


def _response(kind: str, text: str) -> bytes:
    body = text.encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}; charset=utf-8\r\ncontent-length: {len(body)}\r\nconnection: close"
    return f"{head}\r\n\r\n".encode() + body


class Page:
    """A page. ``told`` waits for the JSON that it writes to its console."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._console: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._session: dict[str, str] = {}
        self.told = Listener[dict[str, Any]](self._lines())

    async def open(self, address: str) -> None:
        """Open a tab there. Returns when its script has run."""
        target = await self._do("Target.createTarget", url="about:blank")
        attached = await self._do("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = {"sessionId": attached["sessionId"]}
        await self._do("Runtime.enable")
        await self._do("Page.enable")
        await self._do("Page.navigate", url=address)
        await self.evaluate(
            "new Promise((done) => { (function wait() { globalThis.page ? done() : setTimeout(wait, 10) })() })"
        )

    async def call(self, function: str, *arguments: Any) -> Any:
        """Call a function of ``page`` with JSON, and wait for what it gives."""
        return await self.evaluate(f"page.{function}({', '.join(json.dumps(argument) for argument in arguments)})")

    async def evaluate(self, expression: str) -> Any:
        """Evaluate JavaScript, and wait for what it gives. Raises AssertionError with what it throws."""
        found = await self._do("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]["exception"].get("description")
        return found["result"].get("value")

    async def until(self, event: str, count: int = 1) -> dict[str, Any]:
        """Wait for the page to tell of an event for the ``count``-th time."""
        return await self.told.until(lambda told: told["event"] == event, count)

    def all(self, event: str) -> list[dict[str, Any]]:
        """Give all that was told so far of an event."""
        while not self._console.empty():
            self.told.events.append(self._console.get_nowait())
        return [told for told in self.told.events if told["event"] == event]

    async def receive(self) -> None:
        """Take what the browser says, until it is gone."""
        try:
            async for message in self._connection:
                self._take(json.loads(message))
        except ConnectionClosed:
            pass

    def _take(self, message: dict[str, Any]) -> None:
        if "id" in message:
            self._answers.pop(message["id"]).set_result(message)
        elif message["method"] == "Runtime.consoleAPICalled":
            values = [argument.get("value", argument.get("description")) for argument in message["params"]["args"]]
            said = (
                values[0]
                if len(values) == 1 and message["params"]["type"] == "log"
                else json.dumps({"event": "complaint", "values": values})
            )
            self._console.put_nowait(json.loads(said))
        elif message["method"] == "Runtime.exceptionThrown":
            self._console.put_nowait({"event": "complaint", "values": [message["params"]["exceptionDetails"]]})

    async def _lines(self) -> AsyncIterator[dict[str, Any]]:
        while True:
            yield await self._console.get()

    async def _do(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._ids)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._connection.send(json.dumps({"id": number, "method": method, "params": params, **self._session}))
        async with asyncio.timeout(PATIENCE_S):
            message = await answer
        assert "error" not in message, message["error"]
        return message["result"]


@asynccontextmanager
async def browsing(address: str, *, microphone: Path, folder: Path) -> AsyncGenerator[Page]:
    """Open a page in a browser of its own, whose microphone hears a WAV file, once."""
    process = await asyncio.create_subprocess_exec(
        *(chromium(), *_FLAGS),
        f"--use-file-for-fake-audio-capture={microphone}%noloop",
        f"--user-data-dir={folder / 'profile'}",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "HOME": str(folder)},
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            url = await _debugger(process)
        async with connect(url, max_size=None, compression=None) as connection, asyncio.TaskGroup() as tasks:
            page = Page(connection)
            receiving = tasks.create_task(page.receive())
            quiet = tasks.create_task(_drain(process))
            await page.open(address)
            yield page
            receiving.cancel()
            quiet.cancel()
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _debugger(process: asyncio.subprocess.Process) -> str:
    assert process.stderr
    said = b""
    async for line in process.stderr:
        said += line
        if found := _LISTENING.search(line):
            return found[1].decode()
    raise AssertionError(f"Chromium did not start: {said.decode(errors='replace')}")


async def _drain(process: asyncio.subprocess.Process) -> None:
    assert process.stderr
    async for _ in process.stderr:
        pass
