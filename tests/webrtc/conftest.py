"""A Realtime service in this process: SDP over HTTP, real UDP, and the least of the dialect."""

from __future__ import annotations

import asyncio
import gc
import json
import math
import threading
from array import array
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiortc import RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from attrs import define, field, frozen
from av import AudioFrame, AudioResampler

from offhook_webrtc.options import WebRTCOptions
from offhook_webrtc.teardown import close_peer
from offhook_webrtc.tracks import InputGate, PacedTrack
from offhook_webrtc.transport import OpenAIRealtimeWebRTC

RATE_HZ = 24_000
PATIENCE_S = 15.0


def tone(hz: float, ms: int, rate_hz: int = RATE_HZ, peak: int = 12_000) -> bytes:
    """A sine as PCM16."""
    count = rate_hz * ms // 1000
    return array("h", (round(peak * math.sin(2 * math.pi * hz * n / rate_hz)) for n in range(count))).tobytes()


def pitch(pcm: bytes, rate_hz: int = RATE_HZ) -> float:
    """How many Hz the loud part of ``pcm`` has, by its zero crossings; 0 for silence."""
    samples = array("h", pcm)
    loud = [at for at, value in enumerate(samples) if abs(value) > 1_500]
    if not loud:
        return 0.0
    part = samples[loud[0] : loud[-1] + 1]
    crossings = sum(1 for a, b in pairwise(part) if a < 0 <= b)
    return crossings * rate_hz / len(part)


@frozen
class Request:
    """What came in over HTTP."""

    line: str
    headers: Mapping[str, str]
    body: str


@frozen
class Refusal:
    """What is answered instead of an answer."""

    status: int
    reason: str = ""
    body: str = ""


class Mouth:
    """What the service says; ``say`` adds to it."""

    def __init__(self) -> None:
        self._pcm = bytearray()

    def say(self, pcm: bytes) -> None:
        self._pcm += pcm

    def take(self, size: int) -> bytes:
        pcm = bytes(self._pcm[:size])
        del self._pcm[:size]
        return pcm


@define(eq=False)
class Call:
    """The service's end of a call."""

    peer: RTCPeerConnection
    mouth: Mouth = field(factory=Mouth)
    received: list[dict[str, Any]] = field(factory=list)
    heard: bytearray = field(factory=bytearray)
    channel: RTCDataChannel | None = None
    changed: asyncio.Condition = field(factory=asyncio.Condition)
    tasks: set[asyncio.Task[Any]] = field(factory=set)

    def send(self, kind: str, **members: Any) -> None:
        assert self.channel is not None
        self.channel.send(json.dumps({"type": kind, "event_id": "event_1", **members}))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until ``condition`` holds of what came in."""
        async with asyncio.timeout(PATIENCE_S), self.changed:
            await self.changed.wait_for(condition)

    async def until_received(self, kind: str) -> dict[str, Any]:
        await self.until(lambda: any(event["type"] == kind for event in self.received))
        return next(event for event in self.received if event["type"] == kind)

    async def next_sound(self) -> None:
        """Wait for the next 20 ms of the caller, who sends at the pace of speech."""
        heard = len(self.heard)
        await self.until(lambda: len(self.heard) > heard)

    async def until_heard(self, hz: float) -> None:
        """Wait until the caller was heard at this pitch."""
        await self.until(lambda: abs(pitch(bytes(self.heard[-RATE_HZ // 5 :])) - hz) < hz / 20)

    def notify(self) -> None:
        async def tell() -> None:
            async with self.changed:
                self.changed.notify_all()

        self.spawn(tell())

    def spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def aclose(self) -> None:
        """Hang up."""
        await close_peer(self.peer)
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def listen(self, track: MediaStreamTrack) -> None:
        resampler = AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            assert isinstance(frame, AudioFrame)
            for part in resampler.resample(frame):
                self.heard += bytes(part.planes[0])[: 2 * part.samples]
            self.notify()


@define(eq=False)
class Service:
    """Answers offers, accepts configs, plays and records."""

    base: str = ""
    requests: list[Request] = field(factory=list)
    calls: list[Call] = field(factory=list)
    #: Answered instead of an SDP answer.
    refusal: Refusal | None = None
    #: Nothing is answered until it is set.
    may_answer: asyncio.Event = field(factory=asyncio.Event)
    #: Set when an offer has come in.
    offered: asyncio.Event = field(factory=asyncio.Event)
    accepts_config: bool = True
    #: Takes what comes over the data channel, in place of the little that this service knows.
    takes: Callable[[Call, dict[str, Any]], None] | None = None
    location: str | None = "/v1/realtime/calls/rtc_local123"
    #: Changes the answer on its way out.
    edit: Callable[[str], str] = lambda sdp: sdp
    connected: asyncio.Condition = field(factory=asyncio.Condition)
    closed: bool = False

    @property
    def url(self) -> str:
        return f"{self.base}/v1"

    async def call(self, number: int = 0) -> Call:
        """Wait for the call of that number, its data channel open."""
        async with asyncio.timeout(PATIENCE_S), self.connected:
            await self.connected.wait_for(lambda: len(self.calls) > number and self.calls[number].channel is not None)
        return self.calls[number]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await _read(reader)
            self.requests.append(request)
            self.offered.set()
            await self.may_answer.wait()
            if self.closed:
                return
            refusal = self.refusal
            if refusal is not None:
                _write(writer, refusal.status, refusal.reason, {}, refusal.body)
            else:
                where = {"Location": self.location} if self.location else {}
                _write(writer, 201, "Created", where, self.edit(await self._answer(_sdp_of(request))))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the caller is gone
        finally:
            writer.close()

    async def _answer(self, offer: str) -> str:
        peer = RTCPeerConnection()
        call = Call(peer)
        self.calls.append(call)

        def opened(channel: RTCDataChannel) -> None:
            call.channel = channel
            channel.on("message", lambda message: self._receive(call, json.loads(message)))
            call.spawn(self._tell())

        peer.on("datachannel", opened)
        peer.on("track", lambda track: call.spawn(call.listen(track)))
        peer.addTrack(PacedTrack(call.mouth, RATE_HZ, InputGate()))
        await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await peer.setLocalDescription()
        return peer.localDescription.sdp

    def _receive(self, call: Call, event: dict[str, Any]) -> None:
        if self.takes is not None:
            self.takes(call, event)
            return
        call.received.append(event)
        call.notify()
        if event["type"] == "session.update" and self.accepts_config:
            call.send("session.updated", session={"id": "sess_1", **event["session"]})
        elif event["type"] == "output_audio_buffer.clear":
            call.send("output_audio_buffer.cleared", response_id="resp_1")

    async def _tell(self) -> None:
        async with self.connected:
            self.connected.notify_all()

    async def aclose(self) -> None:
        """Hang up on everyone."""
        self.closed = True
        self.may_answer.set()
        for call in self.calls:
            await call.aclose()


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    line, *rest = head.strip().split("\r\n")
    headers = {name.lower(): value for name, value in (entry.split(": ", 1) for entry in rest)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(line, headers, body.decode())


def _write(writer: asyncio.StreamWriter, status: int, reason: str, headers: dict[str, str], body: str) -> None:
    lines = [f"HTTP/1.1 {status} {reason}", f"Content-Length: {len(body.encode())}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", body]).encode())


def _sdp_of(request: Request) -> str:
    start = request.body.index("v=0")
    end = request.body.find("\r\n--", start)
    return request.body[start:] if end < 0 else request.body[start : end + 2]


@asynccontextmanager
async def service() -> AsyncIterator[Service]:
    """A service on a free port."""
    it = Service()
    it.may_answer.set()
    server = await asyncio.start_server(it.serve, "127.0.0.1", 0)
    it.base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield it
    finally:
        await it.aclose()
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def nothing_left_behind() -> AsyncIterator[None]:
    """Whatever is opened inside is gone afterwards: tasks, file descriptors, threads, peer connections."""
    before = _possessions()
    yield
    try:
        async with asyncio.timeout(5):
            while _possessions() != before:  # noqa: ASYNC110  # the operating system tells nobody what it took back
                await asyncio.sleep(0.02)
    except TimeoutError:
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        pytest.fail(f"left behind: {_possessions()} instead of {before}; tasks: {tasks}; {threading.enumerate()}")


def _possessions() -> dict[str, int]:
    gc.collect()
    peers = [thing for thing in gc.get_objects() if isinstance(thing, RTCPeerConnection)]
    return {
        "tasks": len(asyncio.all_tasks()),
        "file descriptors": len(list(Path("/proc/self/fd").iterdir())),
        # The event loop's own workers stay, and aiortc encodes in them.
        "threads": sum(1 for thread in threading.enumerate() if not thread.name.startswith("asyncio_")),
        "peers": sum(1 for peer in peers if peer.connectionState != "closed"),
    }


def transport(service: Service, **options: Any) -> OpenAIRealtimeWebRTC:
    """A transport to ``service``: silent and deaf unless told otherwise."""
    options = {"input": None, "output": None, "api_key": "sk-test", "proxy": "none", **options}
    return OpenAIRealtimeWebRTC(WebRTCOptions(url=service.url, **options))


@frozen
class Kit:
    """What the tests of this folder need."""

    service = staticmethod(service)
    transport = staticmethod(transport)
    nothing_left_behind = staticmethod(nothing_left_behind)
    tone = staticmethod(tone)
    pitch = staticmethod(pitch)
    refusal = Refusal


@pytest.fixture
def kit() -> Kit:
    """The tools above: test modules cannot import each other."""
    return Kit()
