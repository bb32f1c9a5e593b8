"""One session in memory: a voice and replies that do what the test says, and a client that waits for frames."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from offhook_emulator.line.outbox import Outbox
from offhook_emulator.line.runner import SessionRunner
from offhook_emulator.model.model import RealtimeModel
from offhook_emulator.replies.protocol import CallFunction, ReplyRequest, Say

LOUD, QUIET = b"\x00\x40", b"\x00\x00"


class FakeVoice:
    """Loud is speech. Each word takes 100 ms to say, and waits for ``may_speak``; transcribing waits for ``may_write``."""

    def __init__(self) -> None:
        self.speech_to_text = self.text_to_speech = self
        self.transcript: str | Exception = "Hello."
        self.may_write, self.may_speak = asyncio.Event(), asyncio.Event()
        self.may_write.set()
        self.may_speak.set()
        self.heard: list[int] = []
        self.spoken: list[tuple[str, str, float]] = []
        self.stopped = asyncio.Event()

    def detector(self) -> FakeVoice:
        return self

    hop_ms = 20

    def push(self, pcm: bytes) -> list[float]:
        return [float(any(pcm[at : at + 640])) for at in range(0, len(pcm) - 639, 640)]

    async def transcribe(self, pcm: bytes) -> str:
        await self.may_write.wait()
        self.heard.append(len(pcm))
        if isinstance(self.transcript, Exception):
            raise self.transcript
        return self.transcript

    async def speak(self, text: str, *, voice: str = "marin", speed: float = 1.0) -> AsyncIterator[bytes]:
        self.spoken.append((text, voice, speed))
        try:
            for _ in text.split():
                await self.may_speak.wait()
                yield bytes(4800)
        finally:
            self.stopped.set()


class FakeReplies:
    """Gives ``pieces``, or raises what is among them; keeps the requests."""

    def __init__(self) -> None:
        self.pieces: list[Say | CallFunction | Exception] = [Say("Hello there.")]
        self.requests: list[ReplyRequest] = []

    async def reply(self, request: ReplyRequest) -> AsyncIterator[Say | CallFunction]:
        self.requests.append(request)
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece


class Caller:
    """The client's end."""

    def __init__(self, lifetime_s: float) -> None:
        self.voice, self.replies = FakeVoice(), FakeReplies()
        self.seen: list[tuple[str, Any]] = []
        self.closed: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()
        self.frames: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.model = RealtimeModel(clock=asyncio.get_running_loop().time, hop_ms=20, lifetime_s=lifetime_s)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Caller]:
        async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
            outbox = Outbox(self._take, self._hang_up, self._observe)
            self._runner = SessionRunner(
                self.model,
                voice=self.voice,
                detector=self.voice,
                replies=self.replies,
                outbox=outbox,
                tasks=tasks,
                observer=self._observe,
            )
            pump = tasks.create_task(outbox.pump())
            self._runner.start()
            try:
                yield self
            finally:
                self._runner.close()
                pump.cancel()

    def _observe(self, sender: str, frame: Any) -> None:
        self.seen.append((sender, frame.get("type")))

    async def _take(self, text: str) -> None:
        self.frames.put_nowait(json.loads(text))

    async def _hang_up(self, code: int, reason: str) -> None:
        self.closed.set_result((code, reason))

    async def send(self, event_type: str, **fields: Any) -> None:
        await self._runner.receive(json.dumps({"type": event_type, **fields}))

    async def send_frame(self, frame: str | bytes) -> None:
        await self._runner.receive(frame)

    async def until(self, event_type: str) -> list[dict[str, Any]]:
        """Every frame up to the next of that type."""
        frames = []
        async with asyncio.timeout(10):
            while not frames or frames[-1]["type"] != event_type:
                frames.append(await self.frames.get())
        return frames

    async def say(self, speech_ms: int = 600, silence_ms: int = 600) -> None:
        """Speak up, in one append."""
        pcm = LOUD * (24 * speech_ms) + QUIET * (24 * silence_ms)
        await self.send("input_audio_buffer.append", audio=base64.b64encode(pcm).decode())

    async def ask(self, text: str = "Hello", **settings: Any) -> None:
        """Write a message and request a response."""
        content = [{"type": "input_text", "text": text}]
        await self.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        await self.send("response.create", response=settings)


@pytest.fixture
def call():
    """Makes a session: ``async with call() as caller``."""

    def make(lifetime_s: float = 3600):
        return Caller(lifetime_s).session()

    return make
