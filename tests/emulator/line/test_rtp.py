"""The audio of one call, over a session that carries nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest

from offhook.audio.formats import AudioFormat
from offhook_emulator.line import rtp
from offhook_emulator.line.rtp import RtpAudio, new_ports

FRAME = b"\x00\x20" * 480


class Session:
    on_audio: Callable[[bytes, int], None]
    on_dtmf: Callable[[str, int], None]

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, int]] = []
        self.remote: tuple[str, int] | None = None

    def send_audio_pcm(self, pcm: bytes, timestamp: int) -> None:
        self.sent.append((pcm, timestamp))

    def update_remote(self, remote: tuple[str, int]) -> None:
        self.remote = remote


class Call:
    """Plays without end, and counts."""

    def __init__(self) -> None:
        self.pulled = 0
        self.told: list[dict[str, Any]] = []
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()

    def pull(self) -> bytes:
        self.pulled += 1
        return FRAME

    async def hear(self, audio: bytes, audio_format: AudioFormat) -> None:
        assert audio_format == AudioFormat("audio/pcm", 8000)
        self.heard.put_nowait(audio)

    def tell(self, event: dict[str, Any]) -> None:
        self.told.append(event)


class Clock:
    """Ticks when it is told to."""

    def __init__(self) -> None:
        self._may = asyncio.Semaphore(0)
        self._done = asyncio.Event()
        self.waiting = 0

    async def ticks(self) -> AsyncIterator[None]:
        while True:
            self._done.set()
            await self._may.acquire()
            yield

    async def tick(self, count: int = 1) -> None:
        for _ in range(count):
            self._done.clear()
            self._may.release()
            await asyncio.wait_for(self._done.wait(), 10)


@pytest.fixture
def carried(monkeypatch: pytest.MonkeyPatch):
    @asynccontextmanager
    async def carry() -> AsyncIterator[tuple[RtpAudio, Session, Call, Clock]]:
        session, call, clock = Session(), Call(), Clock()
        monkeypatch.setattr(rtp, "ticks", clock.ticks)
        audio = RtpAudio(session)
        carrying = asyncio.create_task(audio.carry(call))
        await asyncio.wait_for(clock._done.wait(), 10)
        yield audio, session, call, clock
        carrying.cancel()
        await asyncio.wait([carrying])

    return carry


async def test_a_packet_of_20_ms_is_sent_for_every_tick(carried):
    async with carried() as (_, session, _call, clock):
        await clock.tick(5)
    assert {len(pcm) for pcm, _ in session.sent} == {320}
    stamps = [timestamp for _, timestamp in session.sent]
    assert len(stamps) >= 4
    assert {later - earlier for earlier, later in pairwise(stamps)} == {160}


async def test_on_hold_nothing_is_sent_and_nothing_is_taken_for_heard(carried):
    async with carried() as (audio, session, call, clock):
        await clock.tick(5)
        sent, pulled = len(session.sent), call.pulled
        audio.sending = False
        await clock.tick(5)
        assert (len(session.sent), call.pulled) == (sent, pulled)
        audio.sending = True
        await clock.tick()
    earlier, later = session.sent[-2:]
    assert later[1] - earlier[1] == 6 * 160  # time went on


async def test_what_the_caller_says_is_heard_in_order(carried):
    async with carried() as (_, session, call, _clock):
        for number in range(3):
            session.on_audio(bytes([number]) * 320, 0)
        heard = [await asyncio.wait_for(call.heard.get(), 10) for _ in range(3)]
    assert [frame[0] for frame in heard] == [0, 1, 2]


async def test_a_telephone_that_sends_nothing_is_silent(carried):
    async with carried() as (_, _session, call, _clock):
        assert await asyncio.wait_for(call.heard.get(), 10) == bytes(6400)


async def test_what_is_not_heard_in_time_is_lost_and_does_not_pile_up():
    session = Session()
    audio = RtpAudio(session)
    for _ in range(1000):
        session.on_audio(bytes(320), 0)
    assert audio._heard.qsize() == 250


async def test_keys_are_told_as_the_service_tells_them(carried):
    async with carried() as (_, session, call, _clock):
        for key in ("4", "#", "?"):
            session.on_dtmf(key, 160)
    assert [event["event"] for event in call.told] == ["4", "#"]
    assert {event["type"] for event in call.told} == {"input_audio_buffer.dtmf_event_received"}
    assert all(event.keys() == {"type", "event", "received_at"} for event in call.told)
    assert all(isinstance(event["received_at"], int) for event in call.told)


async def test_the_caller_may_move():
    session = Session()
    RtpAudio(session).redirect(("192.0.2.8", 7000))
    assert session.remote == ("192.0.2.8", 7000)


def test_ports_are_below_those_that_systems_give_away():
    starts = {new_ports()._min_port for _ in range(50)}
    assert len(starts) > 1
    assert all(start % 2 == 0 and 16_384 <= start < start + 4096 <= 32_768 for start in starts)
