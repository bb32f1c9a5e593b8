"""offhook.queues: in order, bounded, and never losing a control event in silence (P9, P10)."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.audio.formats import PCM16_24K
from offhook.errors import SlowConsumer
from offhook.events import AudioEvent, RawEvent, TurnStarted
from offhook.queues import EventQueue

PATIENCE_S = 5.0


def audio(ms, number=0):
    return AudioEvent(data=bytes(PCM16_24K.size(ms)), epoch=number)


def turn(number):
    return TurnStarted(turn_id=str(number))


async def drained(queue):
    events = []
    queue.end()
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                events.append(await queue.get())
    except StopAsyncIteration:
        return events


async def test_audio_and_control_come_out_in_the_order_they_went_in():
    queue = EventQueue()
    events = [turn(1), audio(20, 2), audio(20, 3), turn(4), audio(20, 5)]
    for event in events:
        queue.put(event)
    assert await drained(queue) == events


async def test_a_reader_that_waits_is_woken_by_the_next_event():
    queue = EventQueue()
    reader = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.put(turn(1))
    assert await asyncio.wait_for(reader, PATIENCE_S) == turn(1)


async def test_a_reader_that_gives_up_loses_nothing():
    queue = EventQueue()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.get(), 0)
    reader = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.put(turn(1))
    reader.cancel()
    await asyncio.wait({reader})
    assert reader.cancelled()
    assert await drained(queue) == [turn(1)]


async def test_several_readers_are_all_woken_at_the_end():
    queue = EventQueue()
    readers = [asyncio.create_task(anext_of(queue)) for _ in range(3)]
    await asyncio.sleep(0)
    queue.end()
    assert await asyncio.wait_for(asyncio.gather(*readers), PATIENCE_S) == [None] * 3


async def anext_of(queue):
    try:
        return await queue.get()
    except StopAsyncIteration:
        return None


async def test_p10_the_oldest_audio_goes_first_and_is_counted():
    """P10: audio is bounded by its duration; what is between stays."""
    queue = EventQueue(max_audio_ms=100)
    for event in (audio(60, 1), turn(2), audio(60, 3), audio(40, 4), turn(5)):
        queue.put(event)
    assert queue.dropped_audio_ms == 60
    assert await drained(queue) == [turn(2), audio(60, 3), audio(40, 4), turn(5)]


async def test_p10_a_raw_frame_that_carries_audio_counts_as_audio():
    """P10: base64 weighs as much as what it says."""
    queue = EventQueue(max_audio_ms=100)
    first, second = (RawEvent(payload={"n": n}, audio_ms=80.0) for n in range(2))
    queue.put(first)
    queue.put(second)
    assert await drained(queue) == [second]


async def test_a_piece_longer_than_the_bound_is_kept_while_it_is_the_only_one():
    queue = EventQueue(max_audio_ms=100)
    queue.put(audio(500, 1))
    assert queue.dropped_audio_ms == 0
    queue.put(audio(500, 2))
    assert await drained(queue) == [audio(500, 2)]


async def test_p10_too_many_control_events_end_the_queue_with_slow_consumer_after_what_it_holds():
    """P10: losing a control event in silence would be worse than ending."""
    queue = EventQueue(max_control_events=2)
    for number in range(4):
        queue.put(turn(number))
    assert [await queue.get(), await queue.get()] == [turn(0), turn(1)]
    with pytest.raises(SlowConsumer, match="more than 2 events"):
        await queue.get()


async def test_reading_makes_room():
    queue = EventQueue(max_audio_ms=100, max_control_events=1)
    for number in range(10):
        queue.put(turn(number))
        queue.put(audio(100, number))
        assert [await queue.get(), await queue.get()] == [turn(number), audio(100, number)]
    assert queue.dropped_audio_ms == 0


async def test_nothing_enters_after_the_end():
    queue = EventQueue()
    queue.end()
    queue.put(turn(1))
    assert await drained(queue) == []


EVENTS = st.lists(st.one_of(st.integers(1, 80).map(float), st.none()), max_size=60)


@given(EVENTS, st.integers(20, 200))
def test_order_is_kept_and_audio_is_bounded_for_any_sequence(lengths, bound):
    """P10: what comes out is what went in, without the oldest audio, and never more of it than the bound."""
    queue = EventQueue(max_audio_ms=bound)
    events = [turn(n) if ms is None else audio(ms, n) for n, ms in enumerate(lengths)]
    for event in events:
        queue.put(event)
        held = [entry for _, entry, _ms in queue._audio]
        assert sum(entry.audio_ms for entry in held) <= bound or len(held) == 1
    out = asyncio.run(drained(queue))
    kept = [event for event in events if event in out]
    assert out == kept
    assert [event for event in out if event.audio_ms == 0] == [event for event in events if event.audio_ms == 0]
    audible = [event for event in events if event.audio_ms]
    assert [event for event in out if event.audio_ms] == audible[len(audible) - sum(e.audio_ms > 0 for e in out) :]
    total = sum(event.audio_ms for event in audible)
    assert queue.dropped_audio_ms == pytest.approx(total - sum(event.audio_ms for event in out))
