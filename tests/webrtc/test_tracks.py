"""The tracks by themselves, and work that cannot be cut short."""

from __future__ import annotations

import asyncio
from array import array

import pytest
from aiortc.mediastreams import MediaStreamError

from offhook_webrtc.teardown import finish
from offhook_webrtc.tracks import InputGate, PacedTrack, RelayedTrack, pcm_frame

FRAME = bytes(range(1, 161)) * 2  # 20 ms at 8 kHz


class Source:
    def __init__(self, pcm):
        self.pcm = pcm

    def take(self, size):
        pcm, self.pcm = self.pcm[:size], self.pcm[size:]
        return pcm


def channels(frame):
    samples = array("h", bytes(frame.planes[0])[: 4 * frame.samples])
    return samples[0::2].tobytes(), samples[1::2].tobytes()


async def test_frames_are_20_ms_on_both_channels_and_silence_fills_what_is_missing():
    track = PacedTrack(Source(FRAME + FRAME[:100]), 8_000, InputGate())
    frames = [await track.recv() for _ in range(3)]
    assert [channels(frame)[0] for frame in frames] == [FRAME, FRAME[:100] + bytes(220), bytes(320)]
    assert all(left == right for left, right in map(channels, frames))
    assert [frame.pts for frame in frames] == [0, 160, 320]
    assert {(frame.samples, frame.sample_rate) for frame in frames} == {(160, 8_000)}


async def test_frames_come_at_the_pace_of_speech():
    loop, track = asyncio.get_running_loop(), PacedTrack(Source(b""), 8_000, InputGate())
    await track.recv()
    began = loop.time()
    for _ in range(5):
        await track.recv()
    assert loop.time() - began >= 0.099


async def test_nothing_is_taken_before_the_gate_is_ready_and_all_of_it_is_lost_while_muted():
    gate = InputGate(ready=False)
    source = Source(FRAME * 3)
    track = PacedTrack(source, 8_000, gate)
    assert channels(await track.recv())[0] == bytes(320)
    assert source.pcm == FRAME * 3
    gate.ready = gate.muted = True
    assert channels(await track.recv())[0] == bytes(320)
    assert source.pcm == FRAME * 2
    gate.muted = False
    assert channels(await track.recv())[0] == FRAME


async def test_a_stopped_track_gives_no_more():
    track = PacedTrack(Source(b""), 8_000, InputGate())
    track.stop()
    with pytest.raises(MediaStreamError):
        await track.recv()


async def test_a_reader_that_is_too_slow_for_the_remote_track_loses_the_oldest():
    track = RelayedTrack()
    for number in range(60):
        track.put(pcm_frame(FRAME, 8_000, pts=number))
    assert (await track.recv()).pts == 10
    track.flush()
    reading = asyncio.create_task(track.recv())
    await asyncio.sleep(0)
    track.stop()
    with pytest.raises(MediaStreamError):
        await asyncio.wait_for(reading, 5)


async def test_what_must_be_finished_is_finished_before_a_cancellation_is_heard():
    may_end, done = asyncio.Event(), []

    async def work():
        await may_end.wait()
        done.append("work")

    task = asyncio.create_task(finish(work()))
    for _ in range(3):
        await asyncio.sleep(0)
        task.cancel()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)
    assert done == ["work"]


async def test_what_is_finished_gives_its_result_or_its_error():
    async def give():
        return 1

    async def fail():
        raise LookupError

    assert await finish(give()) == 1
    with pytest.raises(LookupError):
        await finish(fail())
