"""offhook.session.floor: who is speaking, and whom a pause wakes."""

from __future__ import annotations

import asyncio

import pytest

from offhook.events import OutputSpeechStarted, OutputSpeechStopped, SpeechStarted, SpeechStopped, TurnDone, TurnStarted
from offhook.session.floor import Floor

BEGIN_AND_END = [
    (SpeechStarted(), SpeechStopped()),
    (OutputSpeechStarted(), OutputSpeechStopped()),
    (TurnStarted(turn_id="t"), TurnDone(turn_id="t")),
]


def tell(floor, event):
    getattr(floor, event.hook)(event)


@pytest.mark.parametrize(("begin", "end"), BEGIN_AND_END)
async def test_whoever_waits_for_a_pause_is_woken_by_it(begin, end):
    floor = Floor()
    assert floor.free
    tell(floor, begin)
    waiting = asyncio.create_task(floor.wait_free())
    await asyncio.sleep(0)
    assert not floor.free
    assert not waiting.done()
    tell(floor, end)
    async with asyncio.timeout(5):
        await waiting


@pytest.mark.parametrize(("begin", "end"), BEGIN_AND_END)
def test_the_floor_is_free_only_when_everybody_is_silent(begin, end):
    floor = Floor()
    others = [pair for pair in BEGIN_AND_END if pair != (begin, end)]
    for event in (begin, *(first for first, _ in others), *(last for _, last in others)):
        tell(floor, event)
    assert not floor.free
    tell(floor, end)
    assert floor.free


def test_the_late_end_of_an_earlier_turn_does_not_free_the_floor():
    floor = Floor()
    for event in (TurnStarted(turn_id="t1"), TurnStarted(turn_id="t2"), TurnDone(turn_id="t1")):
        tell(floor, event)
    assert not floor.free
