"""offhook.session: hearing what a session tells, by callback and by loop, over one connection and the next."""

from __future__ import annotations

import asyncio

import pytest

from offhook.agent_events import AgentEnd, AgentStart
from offhook.errors import ContractError, SlowConsumer
from offhook.events import ConnectionChange, TurnDone, TurnStarted

PATIENCE_S = 5.0


async def all_of(events):
    async with asyncio.timeout(PATIENCE_S):
        return [event async for event in events]


async def until(events, hook):
    found = []
    async with asyncio.timeout(PATIENCE_S):
        async for event in events:
            found.append(event)
            if event.hook == hook:
                return found
    return found


async def test_a_loop_that_starts_late_misses_nothing(line):
    async with line() as it:
        it.begins()
        it.ends()
        await it.settled()
        told = [event for event in it.heard if event.hook != "raw_event"]
        await it.session.close()
    events = await all_of(it.session)
    assert events[: len(told)] == told
    assert [event.status for event in events if event.hook == "connection_change"] == [
        "connecting", "connected", "disconnecting", "disconnected",
    ]  # fmt: skip


async def test_a_loop_goes_on_where_the_one_before_was_left(line):
    async with line() as it:
        it.begins()
        first = await until(it.session, "turn_started")
        it.ends()
        await it.settled()  # nobody is reading
        it.far.hang_up(1006)
        second = await all_of(it.session)
    assert first + second == [event for event in it.heard if event.hook != "raw_event"]


async def test_two_loops_at_once_hear_everything_each(line):
    async with line() as it:
        early = asyncio.create_task(all_of(it.session))
        await asyncio.sleep(0)
        late = asyncio.create_task(all_of(it.session))
        await asyncio.sleep(0)
        it.begins()
        it.ends()
        await it.settled()
    turn = [TurnStarted, AgentStart, TurnDone, AgentEnd]
    assert [type(event) for event in await early if type(event) in turn] == turn
    assert [type(event) for event in await late if type(event) in turn] == turn


async def test_a_loop_that_was_waiting_before_the_connection_hears_it_from_the_start(line):
    it = line()
    waiting = asyncio.create_task(all_of(it.session))
    await asyncio.sleep(0)
    async with it:
        pass
    assert next(event for event in await waiting) == ConnectionChange(status="connecting")


async def test_a_loop_over_a_session_that_is_over_ends(line):
    async with line() as it:
        pass
    await all_of(it.session)
    assert await all_of(it.session) == []


async def test_a_loop_over_a_session_that_is_over_ends_even_while_another_still_reads(line):
    async with line() as it:
        reading = aiter(it.session)
    assert await all_of(it.session) == []
    assert (await anext(reading)).status == "connecting"


async def test_each_connection_has_a_loop_of_its_own(line):
    async with line() as it:
        left = await until(it.session, "session_ready")
        it.far.hang_up(1006)
        await all_of(it.session)
        await it.session.connect()
        again = await until(it.session, "session_ready")
    assert [event.hook for event in again] == [event.hook for event in left]


async def test_a_loop_that_fell_too_far_behind_is_told_and_the_next_starts_afresh(line, monkeypatch):
    from offhook import queues

    monkeypatch.setattr(
        queues.EventQueue.__init__, "__kwdefaults__", {"max_audio_ms": 1000.0, "max_control_events": 20}
    )
    async with line() as it:
        for number in range(50):
            it.begins(str(number))
            it.ends(str(number))
        await it.settled()
        with pytest.raises(SlowConsumer):
            await all_of(it.session)
        reading = asyncio.create_task(all_of(it.session))
        await asyncio.sleep(0)
        it.shows("a")
        await it.settled()
    assert [event.item.item_id for event in await reading if event.hook == "item_update"] == ["a"]


async def test_events_of_chosen_names_come_from_now_on(line):
    async with line() as it:
        it.begins()
        await it.settled()
        chosen = it.session.events("turn_done", "agent_end")
        it.ends()
        await it.settled()
    assert [event.hook for event in await all_of(chosen)] == ["turn_done", "agent_end"]


@pytest.mark.parametrize("when", ["before connecting", "after connecting"])
@pytest.mark.parametrize("how", ["on", "events"])
async def test_p3_the_star_gives_the_frames_as_they_came(line, when, how):
    it = line()
    it.session = type(it.session)(it.agent, transport=it.transport)  # without anyone else who wants frames
    frames = []

    def listen():
        if how == "on":
            it.session.on("*", lambda event: frames.append(event.payload))
            return None
        return it.session.events("*")

    events = listen() if when == "before connecting" else None
    await it.session.connect()
    if when == "after connecting":
        events = listen()
    it.far.say({"type": "one", "n": None})
    it.far.say({"type": "two"})
    it.far.hang_up(1000)
    await all_of(it.session)
    if events is not None:
        frames = [event.payload for event in await all_of(events)]
    assert frames[-2:] == [{"type": "one", "n": None}, {"type": "two"}]
    assert it.transport._emitter._table == {}


async def test_frames_that_nobody_wants_are_not_carried(line):
    it = line()
    session = type(it.session)(it.agent, transport=it.transport)
    async with session:
        assert not it.transport._emitter.wants("raw_event")
        session.on("*", lambda _: None)
        session.on("*", lambda _: None)
        assert len(it.transport._emitter._table["raw_event"]) == 1


async def test_listeners_stay_over_connections_until_they_are_stopped(line):
    it, heard = line(), []
    stop = it.session.on("turn_started", heard.append)
    for _ in range(2):
        async with it:
            it.begins()
            await it.settled()
    stop()
    async with it:
        it.begins()
        await it.settled()
    assert len(heard) == 2


async def test_an_async_listener_hears_everything_in_order_and_does_not_hold_up_the_session(line):
    heard, go_on, done = [], asyncio.Event(), asyncio.Event()

    async def listen(event):
        await go_on.wait()
        heard.append(event.turn_id)
        if len(heard) == 3:
            done.set()

    it = line()
    it.session.on("turn_started", listen)
    async with it:
        for number in range(3):
            it.begins(str(number))
            it.ends(str(number))
        await it.heard.until(TurnDone, 3)
        assert heard == []
        go_on.set()
        async with asyncio.timeout(PATIENCE_S):
            await done.wait()
    assert heard == ["0", "1", "2"]


async def test_p9_a_listener_that_fails_harms_nobody(line, caplog):
    it = line()

    def fail(_):
        raise RuntimeError("mine alone")

    it.session.on("turn_started", fail)
    after = []
    it.session.on("turn_started", after.append)
    async with it:
        it.begins()
        it.ends()
        await it.heard.until(AgentEnd)
    assert len(after) == 1
    assert "mine alone" in caplog.text


@pytest.mark.parametrize("how", ["on", "events"])
async def test_a_name_that_is_no_event_is_refused_with_the_nearest(line, how):
    session = line().session
    with pytest.raises(ContractError, match=r"'histroy_added' is no event. Did you mean 'history_added'"):
        session.on("histroy_added", print) if how == "on" else session.events("histroy_added")


async def test_a_wire_type_is_no_event_and_points_to_the_star(line):
    with pytest.raises(ContractError, match=r"Frames of the wire come under '\*'"):
        line().session.on("response.done", print)
