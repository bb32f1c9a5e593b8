"""The queues between a device's thread and the event loop."""

from __future__ import annotations

import asyncio
import threading

import pytest

from offhook.audio.streams import Microphone, Speaker


class Stream:
    closed = 0

    def close(self):
        self.closed += 1


def microphone():
    return Microphone(rate_hz=1_000, frame_ms=20)


def in_a_thread(function, *arguments):
    """Run as a device would."""
    thread = threading.Thread(target=function, args=arguments)
    thread.start()
    thread.join()


async def test_a_microphone_gives_whole_frames_whatever_comes_from_the_device():
    mic = microphone()
    in_a_thread(mic.deliver, b"a" * 30)
    in_a_thread(mic.deliver, b"b" * 50)
    assert [await anext(mic), await anext(mic)] == [b"a" * 30 + b"b" * 10, b"b" * 40]


async def test_a_reader_that_waits_is_woken_from_the_device_s_thread():
    mic = microphone()
    reading = asyncio.create_task(anext(mic))
    await asyncio.sleep(0)
    in_a_thread(mic.deliver, b"a" * 40)
    assert await asyncio.wait_for(reading, 5) == b"a" * 40


async def test_a_reader_that_falls_behind_is_brought_back_to_the_present_and_what_it_missed_is_counted():
    mic = microphone()
    for number in range(6):
        mic.deliver(bytes([number]) * 40)
    assert mic.dropped_ms == 80
    assert [await anext(mic), await anext(mic)] == [bytes([4]) * 40, bytes([5]) * 40]


async def test_closing_ends_the_iteration_and_lets_go_of_the_device_once():
    mic, stream = microphone(), Stream()
    mic.attach(stream)
    reading = asyncio.create_task(anext(mic))
    await asyncio.sleep(0)
    await mic.aclose()
    await mic.aclose()
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(reading, 5)
    assert stream.closed == 1


async def test_a_device_that_delivers_after_the_end_disturbs_nobody():
    mic = microphone()
    await mic.aclose()
    in_a_thread(mic.deliver, b"a" * 40)
    with pytest.raises(StopAsyncIteration):
        await anext(mic)


def test_a_device_that_outlives_the_loop_disturbs_nobody():
    async def make():
        return microphone()

    mic = asyncio.run(make())
    mic.deliver(b"a" * 40)


def speaker(max_queued_ms=1_000.0, on_played=None):
    return Speaker(rate_hz=1_000, max_queued_ms=max_queued_ms, on_played=on_played)


async def test_a_speaker_plays_in_order_and_silence_where_there_is_nothing():
    out = speaker()
    assert out.fill(4) == bytes(4)
    out.write(b"ab" * 3)
    out.write(b"cd" * 3)
    assert (out.fill(4), out.fill(4), out.fill(8)) == (b"abab", b"abcd", b"cdcd" + bytes(4))
    assert out.played_ms == 6
    assert out.queued_ms == 0


async def test_flushing_throws_away_what_waits_and_says_how_much():
    out = speaker()
    out.write(bytes(200))
    out.fill(40)
    assert out.flush() == 80
    assert out.queued_ms == 0
    assert out.played_ms == 20


async def test_too_much_drops_the_oldest_and_counts_it():
    out = speaker(max_queued_ms=50)
    for number in range(6):
        out.write(bytes([number]) * 40)
    assert out.dropped_ms == 80
    assert out.fill(2) == bytes([4]) * 2


async def test_half_a_sample_is_not_played():
    out = speaker()
    out.write(b"abc")
    assert out.fill(4) == b"ab" + bytes(2)


async def test_what_was_played_is_reported_in_the_loop_and_adds_up():
    told = []
    reported = asyncio.Event()

    def take(ms):
        told.append((ms, threading.current_thread()))
        reported.set()

    out = speaker(on_played=take)
    out.write(bytes(120))
    in_a_thread(lambda: (out.fill(40), out.fill(40)))
    await asyncio.wait_for(reported.wait(), 5)
    assert told == [(40.0, threading.main_thread())]
    reported.clear()
    in_a_thread(out.fill, 80)
    await asyncio.wait_for(reported.wait(), 5)
    assert [ms for ms, _ in told] == [40.0, 20.0]


async def test_a_closed_speaker_reports_no_more_and_lets_go_of_the_device_once():
    told = []
    out, stream = speaker(on_played=told.append), Stream()
    out.attach(stream)
    out.write(bytes(40))
    out.fill(40)
    await out.aclose()
    await out.aclose()
    await asyncio.sleep(0)
    assert told == []
    assert stream.closed == 1
