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


@pytest.fixture(autouse=True)
def nobody_answers(monkeypatch):
    """The service would begin to answer within a second."""
    monkeypatch.setattr("offhook.session.floor._ANSWER_COMES_S", 0.01)


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


async def test_a_pause_after_the_user_is_none_if_somebody_begins_to_answer(monkeypatch):
    monkeypatch.setattr("offhook.session.floor._ANSWER_COMES_S", 60)
    floor = Floor()
    waiting = asyncio.create_task(floor.wait_free())
    for event in (SpeechStarted(), SpeechStopped(), TurnStarted(turn_id="t")):
        tell(floor, event)
        await asyncio.sleep(0)
        assert not waiting.done()
    tell(floor, TurnDone(turn_id="t"))
    async with asyncio.timeout(5):
        await waiting


async def test_a_pause_that_was_over_before_anyone_could_use_it_is_none():
    floor = Floor()
    tell(floor, TurnStarted(turn_id="t1"))
    waiting = asyncio.create_task(floor.wait_free())
    await asyncio.sleep(0)
    tell(floor, TurnDone(turn_id="t1"))
    tell(floor, TurnStarted(turn_id="t2"))
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()


def test_a_user_who_is_being_answered_does_not_go_first_any_more():
    floor = Floor()
    tell(floor, SpeechStarted())
    assert floor.users
    tell(floor, TurnStarted(turn_id="t"))
    assert not floor.users
