"""offhook.emitter: everyone hears everything in order, and nobody harms anybody else (P9)."""

from __future__ import annotations

import asyncio
import gc
import logging

import pytest
from attrs import define, field, frozen
from hypothesis import given
from hypothesis import strategies as st

from offhook import emitter as emitter_module
from offhook.audio.formats import PCM16_24K
from offhook.emitter import Emitter
from offhook.errors import ContractError, SlowConsumer
from offhook.events import AudioEvent, ErrorEvent, Event, RawEvent, SpeechStarted, TurnDone, TurnStarted
from offhook.hookspecs import RealtimeTransportEventTypes, hookimpl
from offhook.queues import MAX_CONTROL_EVENTS

PATIENCE_S = 5.0
STARTED = TurnStarted(turn_id="t")


@pytest.fixture
def emitter():
    return Emitter(RealtimeTransportEventTypes)


def turn(number):
    return TurnStarted(turn_id=str(number))


async def heard(iterator, count):
    async with asyncio.timeout(PATIENCE_S):
        return [await anext(iterator) for _ in range(count)]


# Listening.


def test_listeners_hear_in_the_order_they_were_registered(emitter):
    order = []
    emitter.on("turn_started", lambda _: order.append("first"))
    emitter.on("turn_started", lambda _: order.append("second"))
    emitter.emit(STARTED)
    assert order == ["first", "second"]


def test_on_gives_a_function_that_ends_it(emitter):
    events = []
    stop = emitter.on("turn_started", events.append)
    stop()
    stop()
    emitter.emit(STARTED)
    assert events == []
    assert not emitter.wants("turn_started")


def test_a_listener_that_stops_another_while_both_are_called_spares_the_third(emitter):
    events = []
    emitter.on("turn_started", lambda _: stop())
    stop = emitter.on("turn_started", lambda _: events.append("second"))
    emitter.on("turn_started", lambda _: events.append("third"))
    emitter.emit(STARTED)
    emitter.emit(STARTED)
    assert events == ["second", "third", "third"]


def test_p3_a_star_means_raw_events(emitter):
    """P3: raw_event is heard under ``"*"``."""
    events = []
    emitter.on("*", events.append)
    emitter.emit(RawEvent(payload={"type": "ping"}))
    emitter.emit(STARTED)
    assert [event.payload for event in events] == [{"type": "ping"}]


def test_an_event_of_a_newer_contract_is_heard_under_the_star_alone(emitter):
    """The contract's rules of evolution (b): unknown event names reach ``"*"`` and are ignored elsewhere."""

    @frozen(kw_only=True)
    class Decision(Event):
        hook = "decision"

    events = []
    emitter.on("*", events.append)
    emitter.emit(decision := Decision())
    [event] = events
    assert (event.direction, event.payload) == ("local", {"type": "decision", "event": decision})


def test_b05_a_name_of_the_wire_is_refused_and_points_to_the_star(emitter):
    """B5, as offhook has it: no event is named after a wire type."""
    with pytest.raises(ContractError, match=r"'response\.done' is no event.*'\*'"):
        emitter.on("response.done", print)


def test_a_misspelt_name_is_refused_with_the_nearest_one(emitter):
    with pytest.raises(ContractError, match="Did you mean 'audio_done'"):
        emitter.on("audio_don", print)
    with pytest.raises(ContractError, match="Did you mean 'audio_done'"):
        emitter.events("audio_don")


# Objects with hooks.


class Listener:
    def __init__(self):
        self.events = []

    @hookimpl
    def turn_started(self, event):
        self.events.append(event)

    @hookimpl
    def speech_started(self):
        self.events.append("speech")


def test_an_object_hears_through_its_hooks_until_it_is_unregistered(emitter):
    listener = Listener()
    emitter.register(listener)
    emitter.emit(STARTED)
    emitter.emit(SpeechStarted())
    emitter.unregister(listener)
    emitter.emit(STARTED)
    assert listener.events == [STARTED, "speech"]


def test_registering_twice_is_refused_and_the_first_registration_stays(emitter):
    listener = Listener()
    emitter.register(listener)
    with pytest.raises(ContractError, match="listens already"):
        emitter.register(listener)
    emitter.emit(STARTED)
    emitter.unregister(listener)
    emitter.emit(STARTED)
    assert listener.events == [STARTED]


def test_listeners_that_are_equal_are_still_two(emitter):
    @define
    class Equal:
        events: list = field(factory=list)

        @hookimpl
        def turn_started(self, event):
            self.events.append(event)

    first, second = Equal(), Equal()
    emitter.register(first)
    emitter.register(second)
    emitter.emit(STARTED)
    assert (first.events, second.events) == ([STARTED], [STARTED])


def test_unregistering_a_stranger_does_nothing(emitter):
    emitter.unregister(Listener())


def hooked(**methods):
    return type("Odd", (), {name: hookimpl(function) for name, function in methods.items()})()


async def _async(self, event): ...


def _sync(self, event): ...


def _other_argument(self, happening): ...


@pytest.mark.parametrize(
    ("listener", "complaint"),
    [
        (hooked(turn_startet=_sync), "turn_startet"),
        (hooked(turn_started=_other_argument), "happening"),
        (hooked(turn_started=_async), r"turn_started is an async function.*\.on\('turn_started', …\)"),
        (object(), "no @hookimpl method"),
    ],
)
def test_an_object_that_does_not_fit_is_refused_when_it_is_registered(emitter, listener, complaint):
    with pytest.raises(ContractError, match=complaint):
        emitter.register(listener)
    assert not emitter.wants("turn_started")


def test_a_wrapper_is_refused_because_it_would_never_run(emitter):
    class Wrapper:
        @hookimpl(wrapper=True)
        def turn_started(self, event):
            return (yield)

    with pytest.raises(ContractError, match="is a wrapper"):
        emitter.register(Wrapper())


# P9: one listener's failure is its own.


@pytest.mark.parametrize(
    "error", [RuntimeError("mine"), asyncio.CancelledError("not yours"), SystemExit(2), GeneratorExit()], ids=repr
)
def test_p09_a_listener_that_raises_is_logged_and_the_next_one_still_hears(emitter, caplog, error):
    """P9: a failure never reaches another listener, nor the one who emits; CancelledError is no exception."""

    def failing(_):
        raise error

    events = []
    emitter.on("turn_started", failing)
    emitter.on("turn_started", events.append)
    emitter.emit(STARTED)
    assert events == [STARTED]
    assert "listener_failed" in caplog.text
    assert "failing" in caplog.text


def test_p09_a_listener_that_blocks_is_named(emitter, caplog, monkeypatch):
    """P9: a listener that holds up the receive loop is named in a warning."""
    monkeypatch.setattr(emitter_module, "SLOW_LISTENER_S", -1.0)
    emitter.on("turn_started", Listener().turn_started)
    emitter.emit(STARTED)
    assert "listener_blocks_the_loop" in caplog.text
    assert "Listener.turn_started" in caplog.text


async def test_p09_async_listeners_run_in_tasks_of_their_own(emitter, caplog):
    """P9: a slow async listener holds up nobody, a failing one goes on with the next event."""
    release, events, seen = asyncio.Event(), [], asyncio.Event()

    async def slow(event):
        await release.wait()

    async def failing(event):
        events.append(event)
        if len(events) == 2:
            seen.set()
        raise RuntimeError("mine")

    emitter.on("turn_started", slow)
    emitter.on("turn_started", failing)
    emitter.emit(turn(1))
    emitter.emit(turn(2))
    async with asyncio.timeout(PATIENCE_S):
        await seen.wait()
    assert events == [turn(1), turn(2)]
    assert caplog.text.count("listener_failed") == 2
    release.set()


async def test_p09_an_async_listener_that_awaits_a_cancelled_future_goes_on(emitter, caplog):
    """P9: the cancellation of something a listener waits for is not the listener's own."""
    events, seen = [], asyncio.Event()
    gone = asyncio.get_running_loop().create_future()
    gone.cancel()

    async def waiting(event):
        events.append(event)
        if event == turn(2):
            seen.set()
            return
        await gone

    emitter.on("turn_started", waiting)
    emitter.emit(turn(1))
    emitter.emit(turn(2))
    async with asyncio.timeout(PATIENCE_S):
        await seen.wait()
    assert "listener_failed" in caplog.text


async def test_an_object_with_an_async_call_is_an_async_listener(emitter):
    class Caller:
        def __init__(self):
            self.called = asyncio.get_running_loop().create_future()

        async def __call__(self, event):
            self.called.set_result(event)

    emitter.on("turn_started", caller := Caller())
    emitter.emit(STARTED)
    assert await asyncio.wait_for(caller.called, PATIENCE_S) == STARTED


async def test_p09_an_async_listener_that_falls_behind_for_good_is_ended_loudly(emitter, caplog):
    """P9, P10: too many control events end that subscription, and nothing else."""
    release, others = asyncio.Event(), []

    async def stuck(event):
        await release.wait()

    emitter.on("turn_started", stuck)
    emitter.on("turn_started", others.append)
    for number in range(MAX_CONTROL_EVENTS + 2):
        emitter.emit(turn(number))
    [task] = asyncio.all_tasks() - {asyncio.current_task()}
    release.set()
    await asyncio.wait_for(task, PATIENCE_S)
    assert "listener_too_slow" in caplog.text
    assert len(others) == MAX_CONTROL_EVENTS + 2


async def test_an_async_listener_finishes_with_one_connection_before_it_hears_the_next(emitter):
    release, events, seen = asyncio.Event(), [], asyncio.Event()

    async def slow(event):
        await release.wait()
        events.append(event)
        if event == turn(2):
            seen.set()

    emitter.on("turn_started", slow)
    emitter.emit(turn(1))
    await asyncio.sleep(0)
    emitter.end()
    emitter.emit(turn(2))
    await asyncio.sleep(0)
    release.set()
    async with asyncio.timeout(PATIENCE_S):
        await seen.wait()
    assert events == [turn(1), turn(2)]


async def test_an_async_listener_that_was_stopped_leaves_no_task(emitter):
    async def listener(event): ...

    stop = emitter.on("turn_started", listener)
    emitter.emit(STARTED)
    [task] = asyncio.all_tasks() - {asyncio.current_task()}
    stop()
    await asyncio.wait_for(task, PATIENCE_S)


# A10: nothing happens to the process.


def test_a10_an_error_that_nobody_hears_is_logged_and_harms_nothing(emitter, caplog):
    """A10: an ``error`` with no listener does not crash the process, and is not silent either."""
    emitter.emit(ErrorEvent(message="the service is unwell", code="server_error"))
    assert "unheard_error" in caplog.text
    assert "the service is unwell" in caplog.text
    caplog.clear()
    emitter.on("error", lambda _: None)
    emitter.emit(ErrorEvent(message="again"))
    assert caplog.records == []


# Iterating.


async def test_an_iterator_gives_what_it_asked_for_once_and_in_order(emitter):
    iterator = emitter.events("turn_started", "turn_done", "turn_started")
    emitter.emit(turn(1))
    emitter.emit(SpeechStarted())
    emitter.emit(TurnDone(turn_id="1"))
    assert await heard(iterator, 2) == [turn(1), TurnDone(turn_id="1")]


async def test_an_iterator_of_everything_leaves_raw_frames_out(emitter):
    iterator = emitter.events()
    assert not emitter.wants("raw_event")
    emitter.emit(RawEvent(payload={}))
    emitter.emit(STARTED)
    assert await heard(iterator, 1) == [STARTED]


async def test_p02_the_end_of_the_connection_ends_every_iterator_after_what_was_queued(emitter):
    """P2: close wakes every waiter."""
    waiting, late = emitter.events(), emitter.events("turn_started")
    pending = asyncio.create_task(anext(waiting, "the end"))
    await asyncio.sleep(0)
    emitter.end()
    assert await asyncio.wait_for(pending, PATIENCE_S) == "the end"
    assert await anext(late, "the end") == "the end"
    assert not emitter.wants("turn_started")


async def test_what_was_queued_before_the_end_is_still_given(emitter):
    iterator = emitter.events("turn_started")
    emitter.emit(turn(1))
    emitter.end()
    emitter.emit(turn(2))
    assert [event async for event in iterator] == [turn(1)]


async def test_two_tasks_may_share_an_iterator_without_losing_one_another(emitter):
    iterator = emitter.events("turn_started")
    tasks = [asyncio.create_task(anext(iterator, None)) for _ in range(2)]
    await asyncio.sleep(0)
    emitter.emit(turn(1))
    emitter.emit(turn(2))
    async with asyncio.timeout(PATIENCE_S):
        assert await asyncio.gather(*tasks) == [turn(1), turn(2)]


async def test_p10_an_iterator_that_was_left_costs_nothing(emitter):
    """P10: leaving an ``async for`` once a turn, which nobody closes, leaves nothing behind."""
    for number in range(100):
        emitter_before = emitter.events("turn_started")
        emitter.emit(turn(number))
        async for _ in emitter_before:
            break
    del emitter_before
    gc.collect()
    assert not emitter.wants("turn_started")
    assert emitter._iterators == {}


async def test_p10_iterators_that_nobody_read_are_forgotten_with_the_connection(emitter):
    """P10: an iterator that is kept and never read does not outlive its connection in the emitter."""
    kept = [emitter.events() for _ in range(3)]
    emitter.end()
    assert emitter._iterators == {}
    assert emitter._table == {}
    assert [await anext(iterator, None) for iterator in kept] == [None] * 3


async def test_closing_an_iterator_ends_it_at_once(emitter):
    iterator = emitter.events("turn_started")
    await iterator.aclose()
    assert not emitter.wants("turn_started")
    assert await anext(iterator, None) is None


async def test_p10_too_many_control_events_end_an_iterator_with_slow_consumer(emitter):
    """P10: never with silent loss."""
    iterator, other = emitter.events("turn_started"), []
    emitter.on("turn_started", other.append)
    for number in range(MAX_CONTROL_EVENTS + 1):
        emitter.emit(turn(number))
    assert len(await heard(iterator, MAX_CONTROL_EVENTS)) == MAX_CONTROL_EVENTS
    with pytest.raises(SlowConsumer, match="Read faster"):
        await anext(iterator)
    assert len(other) == MAX_CONTROL_EVENTS + 1


async def test_p10_an_iterator_counts_the_audio_it_dropped(emitter):
    """P10: a consumer that stops reading costs a bounded amount, and is told what it missed."""
    iterator = emitter.events("audio")
    minute = AudioEvent(data=bytes(PCM16_24K.size(60_000)))
    for _ in range(5):
        emitter.emit(minute)
    assert iterator.dropped_audio_ms == 180_000
    assert len(await heard(iterator, 2)) == 2


@given(st.lists(st.sampled_from(["started", "done", "speech"])), st.integers(0, 3))
def test_every_listener_hears_its_events_in_order_whatever_the_others_do(kinds, failing):
    """P9: for any sequence and any number of failing neighbours."""
    emitter = Emitter(RealtimeTransportEventTypes)
    makers = {"started": turn, "done": lambda n: TurnDone(turn_id=str(n)), "speech": lambda n: SpeechStarted(at_ms=n)}
    events = [makers[kind](number) for number, kind in enumerate(kinds)]
    everything, starts = [], []
    logging.getLogger("offhook").setLevel(logging.CRITICAL)
    try:
        for _ in range(failing):
            emitter.on("turn_started", lambda _: 1 / 0)
        for name in ("turn_started", "turn_done", "speech_started"):
            emitter.on(name, everything.append)
        emitter.on("turn_started", starts.append)
        for event in events:
            emitter.emit(event)
    finally:
        logging.getLogger("offhook").setLevel(logging.NOTSET)
    assert everything == events
    assert starts == [event for event in events if isinstance(event, TurnStarted)]


async def test_p12_an_iterator_made_after_the_end_stops_at_once_until_the_next_connection_begins():
    emitter = Emitter(RealtimeTransportEventTypes)
    emitter.end()
    assert [event async for event in emitter.events("turn_started")] == []
    emitter.begin()
    events = emitter.events("turn_started")
    emitter.emit(TurnStarted(turn_id="1"))
    emitter.end()
    assert [event.turn_id async for event in events] == ["1"]
