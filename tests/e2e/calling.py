"""A caller over WebRTC who is written with aiortc alone, and the emulators that such callers call."""

from __future__ import annotations

import asyncio
import json
from array import array
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from difflib import SequenceMatcher
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import httpx2
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame, AudioResampler
from listening import Listener
from wire import PATIENCE_S, Wire

from offhook_emulator.replies.rules import Rules
from offhook_emulator.server import Emulator
from offhook_emulator.voice.protocols import EAR_RATE_HZ, Voice
from offhook_emulator.voice.scripted import decode

if TYPE_CHECKING:
    from judges import Judge

KEY: Final = {"Authorization": "Bearer offline"}
_RATE_HZ: Final = 24_000
_FRAME: Final = _RATE_HZ // 50
#: What is quieter is what Opus makes of silence.
_AUDIBLE: Final = 500
_ALIKE: Final = 0.8


def is_foggy(heard: str) -> bool:
    """Say whether this is the answer "It is foggy in Paris.", as a transcriber hears it: small words are hard to tell."""
    alike = SequenceMatcher(None, heard.lower(), "it is foggy in paris.").ratio()
    return "foggy" in heard and alike > _ALIKE


@asynccontextmanager
async def emulated(voice: Voice, judge: Judge) -> AsyncGenerator[Wire]:
    """Start an emulator. At its end nothing may have been refused, and every frame it sent has to be a right one."""
    wire = Wire()
    async with Emulator(voice=voice, replies=Rules(), observer=wire.note) as server:
        wire.url = server.url
        yield wire
    assert wire.told("error") == []
    assert [what for sender, frame in wire.frames if sender == "server" for what in judge.complaints(frame)] == []


class _Mouth(MediaStreamTrack):
    """Sends what it is given to say at the pace of speech, and silence in between."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.waiting = bytearray()
        self._count = 0
        self._start = 0.0

    async def recv(self) -> AudioFrame:
        if self.readyState != "live":
            raise MediaStreamError
        now = asyncio.get_running_loop().time()
        self._start = self._start or now
        await asyncio.sleep(max(self._start + self._count / 50 - now, 0))
        frame = AudioFrame(format="s16", layout="mono", samples=_FRAME)
        frame.planes[0].update(bytes(self.waiting[: 2 * _FRAME]).ljust(2 * _FRAME, b"\0"))
        del self.waiting[: 2 * _FRAME]
        frame.sample_rate, frame.time_base = _RATE_HZ, Fraction(1, _RATE_HZ)
        frame.pts = self._count * _FRAME
        self._count += 1
        return frame


class Caller:
    """``heard`` is all that came from the other side, PCM16 16 kHz mono; ``events`` waits for what came on the channel."""

    def __init__(self) -> None:
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.heard = bytearray()
        self.closed = asyncio.Event()
        self._mouth = _Mouth()
        self._frames: deque[dict[str, Any]] = deque()
        self._arrived = asyncio.Event()
        self.events = Listener[dict[str, Any]](self._told())
        self.location = ""
        self.channel = self.peer.createDataChannel("oai-events")
        self.channel.on("message", self._take)
        self.peer.addTrack(self._mouth)
        self._listening: asyncio.Task[None] | None = None
        self.peer.on("track", self._listen)
        self.peer.on("connectionstatechange", self._on_state)

    @property
    def call_id(self) -> str:
        return self.location.rpartition("/")[2]

    async def call(self, url: str, session: Mapping[str, Any] | None) -> None:
        """Offer, be answered, and wait for the greeting. Raises HTTPStatusError where the offer is refused."""
        await self.peer.setLocalDescription(await self.peer.createOffer())
        sdp = self.peer.localDescription.sdp
        body: dict[str, Any] = {"content": sdp, "headers": {**KEY, "Content-Type": "application/sdp"}}
        if session is not None:
            files = {"sdp": (None, sdp, "application/sdp"), "session": (None, json.dumps(session), "application/json")}
            body = {"files": files, "headers": KEY}
        async with httpx2.AsyncClient() as client:
            response = await client.post(f"{url}/realtime/calls", **body)
        response.raise_for_status()
        assert response.status_code == 201
        self.location = response.headers["Location"]
        await self.peer.setRemoteDescription(RTCSessionDescription(response.text, "answer"))
        await self.until("session.created")

    async def until(self, kind: str, count: int = 1) -> dict[str, Any]:
        return await self.events.until(lambda event: event["type"] == kind, count)

    def send(self, kind: str, **fields: Any) -> None:
        self.channel.send(json.dumps({"type": kind, **fields}))

    def ask(self, text: str) -> None:
        content = [{"type": "input_text", "text": text}]
        self.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        self.send("response.create")

    def speak(self, pcm: bytes) -> None:
        """Say PCM16 24 kHz mono, at the pace of speech."""
        self._mouth.waiting += pcm

    async def until_quiet(self) -> None:
        """Wait until the last of what was said has arrived: 400 ms without a sound."""
        async with asyncio.timeout(PATIENCE_S):
            while _is_audible(self.heard[-EAR_RATE_HZ * 4 // 5 :]):
                self._arrived.clear()
                await self._arrived.wait()

    def read(self) -> list[str]:
        """Read what the scripted voice said."""
        return decode(array("h", self.heard))

    def audible_ms(self) -> float:
        """Measure from the first sound that was heard to the last one."""
        loud = [at for at, sample in enumerate(array("h", self.heard)) if abs(sample) > _AUDIBLE]
        return (loud[-1] - loud[0]) * 1000 / EAR_RATE_HZ if loud else 0.0

    async def close(self) -> None:
        await self.peer.close()
        if self._listening:
            self._listening.cancel()  # a track that was still connecting never ends
            await asyncio.wait([self._listening])

    def _take(self, message: str) -> None:
        self._frames.append(json.loads(message))
        self._arrived.set()

    async def _told(self) -> AsyncIterator[dict[str, Any]]:
        while True:
            while self._frames:
                yield self._frames.popleft()
            self._arrived.clear()
            await self._arrived.wait()

    def _on_state(self) -> None:
        if self.peer.connectionState == "closed":
            self.closed.set()

    def _listen(self, track: MediaStreamTrack) -> None:
        self._listening = asyncio.create_task(self._hear(track))

    async def _hear(self, track: MediaStreamTrack) -> None:
        resampler = AudioResampler(format="s16", layout="mono", rate=EAR_RATE_HZ)
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            assert isinstance(frame, AudioFrame)
            for part in resampler.resample(frame):
                self.heard += bytes(part.planes[0])[: 2 * part.samples]
            self._arrived.set()


@asynccontextmanager
async def calling(wire: Wire, *, session: Mapping[str, Any] | None = None) -> AsyncGenerator[Caller]:
    """Call an emulator: ``async with calling(wire) as caller``. ``session`` goes with the offer."""
    caller = Caller()
    try:
        async with asyncio.timeout(PATIENCE_S):
            await caller.call(wire.url, session)
        yield caller
    finally:
        await caller.close()


def _is_audible(pcm: bytes) -> bool:
    samples = array("h", pcm)
    return max(samples, default=0) > _AUDIBLE or min(samples, default=0) < -_AUDIBLE
