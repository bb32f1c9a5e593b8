"""An emulator with the real voice for other people's clients, and a verdict on every frame it sent them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from microphone import spoken
from wire import Wire

from offhook_emulator.replies.rules import Rules
from offhook_emulator.server import Emulator

if TYPE_CHECKING:
    from judges import Judge

Emulate: TypeAlias = Callable[[], AbstractAsyncContextManager[Wire]]


@pytest.fixture(scope="session")
def voice() -> Iterator[Any]:
    """The models, loaded and warm."""
    pytest.importorskip("onnxruntime", reason="the extra [speech] is not installed")
    from offhook_emulator.voice.real import RealVoice

    voice = RealVoice()
    asyncio.run(asyncio.wait_for(voice.warm_up(), 60))
    yield voice
    voice.close()


@pytest.fixture(scope="session")
def judge(corpus: Path) -> Judge:
    """The published schema and the vendor's types."""
    for name in ("jsonschema", "openai"):
        pytest.importorskip(name, reason="the group 'peers' is not installed")
    from judges import Judge

    return Judge.of(corpus / "openai-openapi" / "openapi.json")


@pytest.fixture
def emulate(voice: Any, judge: Judge) -> Emulate:
    """Start an emulator: ``async with emulate() as wire``.

    When it ends, no client frame may have been refused, and every server frame has to be what the published schema and the
    vendor's SDK say it is.
    """

    @asynccontextmanager
    async def start() -> AsyncGenerator[Wire]:
        wire = Wire()
        async with Emulator(voice=voice, replies=Rules(), observer=wire.note) as server:
            wire.url = server.url
            yield wire
        assert wire.told("error") == []
        assert [what for sender, frame in wire.frames if sender == "server" for what in judge.complaints(frame)] == []

    return start


@pytest.fixture(scope="session")
def question(corpus: Path) -> list[bytes]:
    """A person who asks: What is the weather in Paris?"""
    return spoken(corpus / "livekit" / "weather_question.wav")


@pytest.fixture(scope="session")
def hello(corpus: Path) -> list[bytes]:
    """A person who says: Hello world."""
    return spoken(corpus / "livekit" / "hello_world.wav")
