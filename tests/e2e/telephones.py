"""Telephones that nobody here wrote, and an office that is called by them: an emulator, and whoever takes its webhooks."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
import uvicorn
from attrs import define, field
from listening import Listener
from wire import PATIENCE_S, Wire

from offhook.audio.wav import WavAudio, read_wav, write_wav
from offhook_emulator.replies.rules import Rules
from offhook_emulator.server import Emulator
from offhook_emulator.voice.protocols import Voice
from offhook_emulator.voice.scripted import ScriptedVoice
from offhook_sip import Calls, IncomingCall, SIPOptions, webhook_app

KEY: Final = "offline"
SECRET: Final = "whsec_b2ZmaG9vayBvZmZob29rIG9mZmhvb2s="
_SOFTPHONE: Final = Path(__file__).parent / "sip" / "softphone.py"
#: Debian's baresip plays a file to the far end, and writes down both ends. It hangs up where the file ends.
_CONFIG: Final = """poll_method epoll
sip_listen 127.0.0.1:{port}
audio_source aufile,{folder}/spoken.wav
audio_player aufile,{folder}/player.wav
audio_alert aufile,/dev/null
ausrc_srate 8000
auplay_srate 8000
audio_buffer 400-2000
module_path {modules}
module g711.so
module aufile.so
module sndfile.so
snd_path {folder}/recorded
module_tmp uuid.so
module_tmp account.so
module_app menu.so
"""
_ACCOUNT: Final = "<sip:debian@127.0.0.1:{port}>;regint=0;audio_codecs=PCMU;ptime=20\n"
_RATE_HZ: Final = 8000

OnCall = Callable[[IncomingCall], Awaitable[object]]


class Softphone:
    """``softphone.py`` in a process of its own."""

    def __init__(self, process: Process, recording: Path) -> None:
        self._process = process
        self._recording = recording
        self._events = Listener[dict[str, Any]](_objects(process))

    async def until(self, event: str, *, call: int = 1) -> dict[str, Any]:
        """Wait for an event of the telephone's first or second call; raises TimeoutError."""
        return await self._events.until(lambda told: told["event"] == event and told.get("call", call) == call)

    def do(self, command: str, *arguments: object) -> None:
        """Give it a command."""
        assert self._process.stdin
        self._process.stdin.write(f"{' '.join(map(str, [command, *arguments]))}\n".encode())

    async def until_quiet(self) -> None:
        """Wait until the last of what is being said was heard."""
        self.do("listen")
        await self.until("quiet")

    async def heard(self) -> WavAudio:
        """Wait until it has hung up; give all that was heard from when the call was answered."""
        async with asyncio.timeout(PATIENCE_S):
            assert await self._process.wait() == 0
        return read_wav(self._recording)


async def _objects(process: Process) -> AsyncIterator[dict[str, Any]]:
    assert process.stdout
    while line := await process.stdout.readline():
        yield json.loads(line)


@asynccontextmanager
async def softphone(uri: str, folder: Path, *options: str) -> AsyncGenerator[Softphone]:
    """Dial with baresip from PyPI."""
    recording = folder / "heard.wav"
    command = (sys.executable, str(_SOFTPHONE), uri, str(recording), *options)
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    try:
        yield Softphone(process, recording)
    finally:
        await _end(process)


class DebianPhone:
    """Debian's baresip in a process of its own."""

    def __init__(self, process: Process, folder: Path) -> None:
        self._process = process
        self._folder = folder

    async def until(self, words: str) -> str:
        """Wait for a line with ``words`` in it."""
        assert self._process.stdout
        async with asyncio.timeout(PATIENCE_S):
            while line := (await self._process.stdout.readline()).decode():
                if words in line:
                    return line
        raise AssertionError(f"baresip ended and never said {words!r}")

    async def heard(self) -> WavAudio:
        """Let it end, and give what it heard."""
        await _end(self._process)
        (recording,) = (self._folder / "recorded").glob("*dec.wav")
        return read_wav(recording)


@asynccontextmanager
async def debian_phone(uri: str, folder: Path, spoken: WavAudio) -> AsyncGenerator[DebianPhone]:
    """Dial with Debian's baresip, which says ``spoken`` at once."""
    if shutil.which("baresip") is None:
        pytest.skip("baresip is not installed: apt-get install -y --no-install-recommends baresip-core baresip")
    _configure(folder)
    write_wav(folder / "spoken.wav", spoken.at(_RATE_HZ).pcm + bytes(2 * _RATE_HZ * PATIENCE_S), _RATE_HZ)
    command = ("baresip", "-4", "-f", str(folder), "-e", f"/dial {uri}", "-t", str(PATIENCE_S))
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=asyncio.subprocess.STDOUT)
    try:
        yield DebianPhone(process, folder)
    finally:
        await _end(process)


def _configure(folder: Path) -> None:
    (modules,) = [*Path("/usr/lib").glob("baresip/modules"), *Path("/usr/lib").glob("*/baresip/modules")]
    port = free_port()
    (folder / "recorded").mkdir()
    (folder / "contacts").touch()
    (folder / "accounts").write_text(_ACCOUNT.format(port=port))
    (folder / "config").write_text(_CONFIG.format(port=port, folder=folder, modules=modules))


@define(eq=False, kw_only=True)
class Office:
    """``wire`` is what the sessions say, ``ringing`` gets every call that nobody was told to answer, ``calls`` acts on them."""

    emulator: Emulator
    wire: Wire
    calls: Calls
    options: SIPOptions
    ringing: asyncio.Queue[IncomingCall] = field(factory=asyncio.Queue[IncomingCall])

    @property
    def uri(self) -> str:
        """What to dial."""
        assert self.emulator.sip_uri
        return self.emulator.sip_uri

    async def rings(self) -> IncomingCall:
        """Wait for a call."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.ringing.get()


@asynccontextmanager
async def office(voice: Voice | None = None, **options: Any) -> AsyncGenerator[Office]:
    """Open an office, where every call that rings is put into ``ringing``."""
    ringing: asyncio.Queue[IncomingCall] = asyncio.Queue()
    app = webhook_app(ringing.put, secret=SECRET)
    wire = Wire()
    async with (
        served(app) as url,
        _emulator(voice, wire, webhook_url=url, webhook_secret=SECRET, **options) as emulator,
    ):
        wire.url = emulator.url
        sip = SIPOptions(url=emulator.url, api_key=KEY)
        async with Calls(options=sip) as calls:
            yield Office(emulator=emulator, wire=wire, calls=calls, options=sip, ringing=ringing)


def _emulator(voice: Voice | None, wire: Wire, **options: Any) -> Emulator:
    return Emulator(voice=voice or ScriptedVoice(), replies=Rules(), observer=wire.note, sip_port=0, **options)


@asynccontextmanager
async def placed_call(url: str, *, key: str = KEY) -> AsyncGenerator[tuple[str, httpx2.AsyncClient]]:
    """Let an emulator's caller without a telephone call; gives the call's id, and a client for ``/emulator/calls``."""
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(base_url=url.removesuffix("/v1"), headers=headers) as http:
        yield (await http.post("/emulator/calls")).json()["id"], http


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@asynccontextmanager
async def served(app: Any) -> AsyncGenerator[str]:
    """Serve an application in this process; gives its URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = _Server(uvicorn.Config(app, lifespan="auto", log_config=None, access_log=False))
    serving = asyncio.create_task(server.serve([listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


@asynccontextmanager
async def program(*command: object, cwd: Path, env: Mapping[str, str]) -> AsyncGenerator[asyncio.Queue[str]]:
    """Run a program; gives what it says, line by line, errors and all."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command), cwd=cwd, env={**os.environ, **env}, stdout=PIPE, stderr=asyncio.subprocess.STDOUT
    )
    lines: asyncio.Queue[str] = asyncio.Queue()
    reading = asyncio.create_task(_read(process, lines))
    try:
        yield lines
    finally:
        await _end(process)
        await reading


async def said(lines: asyncio.Queue[str], words: str) -> str:
    """Wait until a program says a line with ``words`` in it."""
    async with asyncio.timeout(PATIENCE_S):
        while words not in (line := await lines.get()):
            pass
    return line


async def _read(process: Process, lines: asyncio.Queue[str]) -> None:
    assert process.stdout
    while line := await process.stdout.readline():
        lines.put_nowait(line.decode().rstrip())


async def _end(process: Process) -> None:
    """End a program that was started here, kindly at first."""
    if process.stdin:
        process.stdin.close()
    if process.returncode is None:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 5)
        except TimeoutError:
            process.kill()
    await process.wait()


def free_port() -> int:
    """Give a port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
