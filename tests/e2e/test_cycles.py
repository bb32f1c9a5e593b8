"""200 connections, a third of them closed while they are made: nothing is left of them, here or at the service."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import threading
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import define, field, frozen
from leaks import nothing_left
from wire import PATIENCE_S

pytest.importorskip("aiortc", reason="the extra [webrtc] is not installed")

from telephones import KEY, placed_call

from offhook import ConnectOptions
from offhook.audio.devices import AudioDevices, DeviceInfo
from offhook.errors import ConnectCancelled
from offhook.hookspecs import RealtimeTransportLayer
from offhook_sip import Calls, OpenAIRealtimeSIP, SIPOptions
from offhook_webrtc import OpenAIRealtimeWebRTC, WebRTCOptions
from offhook_websocket import OpenAIRealtimeWebSocket, WebSocketOptions

CYCLES: Final = 200
FAR_EMULATOR: Final = Path(__file__).with_name("far_emulator.py")


class Service:
    """``far_emulator.py``."""

    def __init__(self, process: Process, url: str) -> None:
        self.url = url
        self._process = process

    async def holds(self) -> dict[str, Any]:
        """Ask what it holds."""
        assert self._process.stdin
        self._process.stdin.write(b"\n")
        return json.loads(await _line(self._process))

    async def until_it_holds(self, before: dict[str, Any]) -> None:
        """Wait until it holds what it held ``before``: it cannot know at once that a caller whom it expects is gone."""
        holds: dict[str, Any] = {}
        try:
            async with asyncio.timeout(PATIENCE_S):
                while (holds := await self.holds()) != before:
                    pass
        except TimeoutError:
            pytest.fail(f"the service holds {holds} instead of {before}")


async def _line(process: Process) -> bytes:
    assert process.stdout
    async with asyncio.timeout(PATIENCE_S):
        return await process.stdout.readline()


@asynccontextmanager
async def far_emulator() -> AsyncGenerator[Service]:
    process = await asyncio.create_subprocess_exec(sys.executable, str(FAR_EMULATOR), stdin=PIPE, stdout=PIPE)
    assert process.stdin
    try:
        yield Service(process, json.loads(await _line(process)))
    finally:
        process.stdin.close()
        await process.wait()


@define(eq=False)
class Sound:
    """A sound system: a thread for each device that is open. ``open`` are those that were not closed."""

    name = "fake"
    open: set[threading.Event] = field(factory=set)

    def devices(self, direction: str) -> list[DeviceInfo]:
        return []

    def record(self, device: DeviceInfo | None, rate_hz: int, deliver: Callable[[bytes], None]) -> Device:
        return Device(self, lambda: deliver(bytes(rate_hz // 50)))

    def play(self, device: DeviceInfo | None, rate_hz: int, fill: Callable[[int], bytes]) -> Device:
        return Device(self, lambda: fill(rate_hz // 50))


class Device:
    """Asks or gives every 10 ms, as sound cards do, until it is closed."""

    def __init__(self, sound: Sound, tick: Callable[[], object]) -> None:
        self._sound = sound
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(tick,), name="a sound card", daemon=True)
        sound.open.add(self._closed)
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self._thread.join()
        self._sound.open.discard(self._closed)

    def _run(self, tick: Callable[[], object]) -> None:
        while not self._closed.wait(0.01):
            tick()


@frozen
class Line:
    """Makes transports, and what each connection needs: ``call()`` gives the options to connect with."""

    make: Callable[[], RealtimeTransportLayer]
    call: Callable[[], AbstractAsyncContextManager[ConnectOptions]]


@asynccontextmanager
async def no_call() -> AsyncGenerator[ConnectOptions]:
    yield ConnectOptions()


@asynccontextmanager
async def websocket(service: Service) -> AsyncGenerator[Line]:
    options = WebSocketOptions(url=service.url, api_key=KEY)
    yield Line(lambda: OpenAIRealtimeWebSocket(options), no_call)


@asynccontextmanager
async def webrtc(service: Service) -> AsyncGenerator[Line]:
    sound = Sound()
    options = WebRTCOptions(url=service.url, api_key=KEY, devices=AudioDevices(sound))
    yield Line(lambda: OpenAIRealtimeWebRTC(options), no_call)
    assert not sound.open


@asynccontextmanager
async def sip(service: Service) -> AsyncGenerator[Line]:
    options = SIPOptions(url=service.url, api_key=KEY)
    async with Calls(options=options) as calls:

        @asynccontextmanager
        async def call() -> AsyncGenerator[ConnectOptions]:
            async with placed_call(service.url) as (call_id, _):
                await calls.accept(call_id, {"type": "realtime"})
                yield ConnectOptions(call_id=call_id)
                await calls.hangup(call_id)

        yield Line(lambda: OpenAIRealtimeSIP(options), call)


async def whole(transport: RealtimeTransportLayer, options: ConnectOptions) -> None:
    """Connect, and close."""
    async with asyncio.timeout(PATIENCE_S):
        await transport.connect(options)
        await transport.close()
    assert transport.status == "disconnected"


async def cut_short(
    transport: RealtimeTransportLayer, options: ConnectOptions, moment: random.Random, last: int
) -> bool:
    """Connect, and stop at some turn of the event loop before ``last``; tell whether that was before it was connected."""
    turns, gives_up = moment.randrange(1, last), moment.random() < 0.5
    async with asyncio.timeout(PATIENCE_S):
        connecting = asyncio.create_task(transport.connect(options))
        while turns and not connecting.done():
            await asyncio.sleep(0)
            turns -= 1
        if gives_up:
            connecting.cancel()
        await transport.close()
        (end,) = await asyncio.gather(connecting, return_exceptions=True)
    assert transport.status == "disconnected"
    assert end is None or isinstance(end, (ConnectCancelled, asyncio.CancelledError)), end
    return end is not None


async def turns_to_connect(transport: RealtimeTransportLayer, options: ConnectOptions) -> int:
    """Count the turns of the event loop that connecting takes."""
    connecting, turns = asyncio.create_task(transport.connect(options)), 0
    async with asyncio.timeout(PATIENCE_S):
        while not connecting.done():
            await asyncio.sleep(0)
            turns += 1
        await connecting
        await transport.close()
    return turns


async def cycle(line: Line, moment: random.Random) -> None:
    kept = line.make()
    async with line.call() as options:
        last = await turns_to_connect(kept, options)
    for number in range(CYCLES):
        # One that was used before, and one that was not.
        transport = line.make() if number % 2 else kept
        async with line.call() as options:
            if number % 3:
                await whole(transport, options)
                continue
            while not await cut_short(transport, options, moment, last):
                pass  # it was connected before that, and a third has to be stopped


@pytest.mark.timeout(300)
@pytest.mark.parametrize("wire", [websocket, webrtc, sip], ids=lambda wire: wire.__name__)
async def test_200_connections_a_third_of_them_closed_while_connecting_leave_nothing_behind(wire):
    async with far_emulator() as service:
        before = await service.holds()
        async with wire(service) as line, line.call() as options:
            await whole(line.make(), options)  # what is loaded once and kept is loaded now
        async with nothing_left(), wire(service) as line:
            await cycle(line, random.Random(3))
        await service.until_it_holds(before)
