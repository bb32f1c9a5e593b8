"""Frames go out in order, and whoever makes them waits for a slow client."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from offhook_emulator.line.outbox import Outbox
from offhook_emulator.model.effects import Hangup


class Client:
    def __init__(self) -> None:
        self.frames = []
        self.closed: tuple[int, str] | None = None
        self.reads = asyncio.Event()
        self.reads.set()

    async def send(self, frame: str) -> None:
        await self.reads.wait()
        self.frames.append(orjson.loads(frame))

    async def close(self, code: int, reason: str) -> None:
        self.closed = code, reason


async def test_frames_go_out_in_order_and_a_hangup_after_them():
    client, seen = Client(), []
    outbox = Outbox(client.send, client.close, lambda sender, frame: seen.append((sender, frame)))
    for number in range(3):
        outbox.put({"n": number})
    outbox.end(Hangup(1001, "over"))
    await asyncio.wait_for(outbox.pump(), 5)
    assert client.frames == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert client.closed == (1001, "over")
    assert seen == [("server", frame) for frame in client.frames]


async def test_there_is_no_room_while_a_megabyte_waits():
    client = Client()
    client.reads.clear()
    outbox = Outbox(client.send, client.close)
    pump = asyncio.create_task(outbox.pump())
    outbox.put({"audio": "x" * 2_000_000})
    waiting = asyncio.create_task(outbox.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    client.reads.set()
    await asyncio.wait_for(waiting, 5)
    pump.cancel()


async def test_nobody_waits_for_a_client_that_is_gone():
    async def send(_frame: str) -> None:
        raise ConnectionError

    outbox = Outbox(send, Client().close)
    outbox.put({"audio": "x" * 2_000_000})
    await asyncio.wait_for(outbox.pump(), 5)
    await asyncio.wait_for(outbox.room(), 5)
    size = outbox.size
    outbox.put({"audio": "x" * 2_000_000})
    await asyncio.wait_for(outbox.room(), 5)
    assert outbox.size == size


async def test_a_frame_that_cannot_be_written_is_an_error_of_ours():
    outbox = Outbox(Client().send, Client().close)
    with pytest.raises(TypeError):
        outbox.put({"x": object()})
