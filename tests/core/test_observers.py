"""offhook.observers: what others have listen, and how little it can harm."""

from __future__ import annotations

import gc
import logging
import sys

import pytest

from offhook import observers as module
from offhook.discovery import Listed
from offhook.emitter import Emitter
from offhook.events import AudioEvent, ErrorEvent, RawEvent, TurnStarted
from offhook.hookspecs import RealtimeTransportEventTypes
from offhook.loopback import Loopback
from offhook.observers import MOST_FAILURES, list_observers, observe, observe_session
from offhook.plugins import make_transport
from offhook.session.events import AudioStart, RealtimeSessionEventTypes
from offhook.settings import Settings, load_settings

STARTED = TurnStarted(turn_id="t")

#: Keeps what it hears, for each transport, in ``made``.
GOOD = """
made = []

class Observer:
    def __init__(self):
        self.heard = []
        made.append(self)

    @hookimpl
    def turn_started(self, event):
        self.heard.append(event)

    @hookimpl
    def raw_event(self, event):
        self.heard.append(event)

    @hookimpl
    def audio_start(self, event):
        self.heard.append(event)
"""
RAISES = """
calls = []

class Observer:
    @hookimpl
    def turn_started(self, event):
        calls.append(event)
        raise RuntimeError("what an observer does wrong")
"""


@pytest.fixture
def transport():
    return Loopback()


def made(name="good"):
    return sys.modules[f"{name}_observer"].made


# Who is put on.


def test_every_transport_that_is_made_by_its_name_has_an_observer_of_its_own(site):
    site.transport("acme")
    site.observer("good", GOOD)
    for _ in range(2):
        make_transport("acme", settings=Settings())._emit(STARTED)
    assert [observer.heard for observer in made()] == [[STARTED], [STARTED]]


def test_an_observer_hears_its_events_raw_frames_among_them(site, transport):
    site.observer("good", GOOD)
    observe(transport, Settings())
    for event in (STARTED, frame := RawEvent(payload={"type": "ping"}), AudioEvent(data=b"")):
        transport._emit(event)
    assert made()[0].heard == [STARTED, frame]


def test_where_nobody_observes_nothing_listens(site, transport):
    observe(transport, Settings())
    assert not any(transport._emitter.wants(name) for name in ("raw_event", "turn_started", "error", "audio"))


def test_a_function_without_arguments_may_share_one_observer_among_transports(site):
    site.observer("good", f"{GOOD}\nshared = Observer()\nObserver = lambda: shared")
    for transport in (Loopback(), Loopback()):
        observe(transport, Settings())
        transport._emit(STARTED)
    assert [observer.heard for observer in made()] == [[STARTED, STARTED]]


def test_observing_twice_is_observing_once(site, transport):
    site.observer("good", GOOD)
    observe(transport, Settings())
    observe(transport, Settings())
    transport._emit(STARTED)
    assert [observer.heard for observer in made()] == [[STARTED]]


def test_two_distributions_with_one_name_both_observe(site, transport):
    site.observer("good", GOOD)
    site.install("another", observers={"good": "good_observer:Observer"})
    observe(transport, Settings())
    transport._emit(STARTED)
    assert [observer.heard for observer in made()] == [[STARTED], [STARTED]]


# Sessions.


def test_the_same_observer_hears_what_a_session_adds_and_nothing_twice(site, transport):
    site.observer("good", GOOD)
    observe(transport, Settings())
    session = Emitter(RealtimeSessionEventTypes)
    observe_session(transport, session.on)
    session.emit(STARTED)  # passed on by the session: the transport told it already
    session.emit(started := AudioStart(agent=None))
    [observer] = made()
    assert observer.heard == [started]


def test_a_session_over_a_transport_that_nobody_observes_has_no_observers(site, transport):
    site.observer("good", GOOD)
    session = Emitter(RealtimeSessionEventTypes)
    observe_session(transport, session.on)
    assert not session.wants("audio_start")


def test_p10_an_observed_transport_that_is_gone_leaves_nothing(site):
    """P10: nothing is kept for a transport longer than the transport."""
    site.observer("good", GOOD)
    gc.collect()  # those of other tests
    before = len(module._LISTENING)
    transport = Loopback()
    observe(transport, Settings())
    assert len(module._LISTENING) == before + 1
    del transport
    gc.collect()
    assert len(module._LISTENING) == before


# Blocking.


@pytest.mark.parametrize("word", ["good", "offhook-good", "Offhook_Good"])
def test_an_observer_is_blocked_by_name_or_distribution_before_its_import(site, transport, word):
    site.observer("good", GOOD)
    observe(transport, Settings(block=(word,)))
    assert "good_observer" not in sys.modules


def test_the_environment_blocks_an_observer(site, tmp_path):
    site.transport("acme")
    site.observer("good", GOOD)
    settings = load_settings(environ={"OFFHOOK_BLOCK": "good"}, cwd=tmp_path)
    make_transport("acme", settings=settings)
    assert "good_observer" not in sys.modules
    [row] = list_observers(settings)
    assert (row.state, row.reason) == ("blocked", "'good', OFFHOOK_BLOCK")


# What is wrong with one is its own.


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("import a_module_that_is_missing", "cannot be imported from bad_observer:Observer: ModuleNotFoundError"),
        ("import sys; sys.exit(3)", "SystemExit"),
        ("", "cannot be imported"),
        ("Observer = 5", "must name a class, or a function without arguments, and bad_observer:Observer is 5"),
        ("class Observer:\n    def __init__(self, name): pass", "cannot be made: TypeError"),
        ("class Observer: pass", "has no @hookimpl method"),
        ("class Observer:\n    @hookimpl\n    def turn_startd(self, event): pass", "unknown hook 'turn_startd'"),
        (
            "class Observer:\n    @hookimpl\n    def turn_started(self, evnt): pass",
            "does not fit the hook specifications",
        ),
        ("class Observer:\n    @hookimpl\n    async def turn_started(self, event): pass", "is an async function"),
    ],
)
def test_an_observer_that_cannot_be_had_is_told_and_left_out_and_all_else_works(site, caplog, source, complaint):
    site.transport("acme")
    site.observer("bad", source)
    site.observer("good", GOOD)
    make_transport("acme", settings=Settings())._emit(STARTED)
    assert made()[0].heard == [STARTED]
    assert "observer_left_out" in caplog.text
    assert "(offhook-bad 1.0)" in caplog.text
    assert complaint in caplog.text
    bad, good = list_observers(Settings())
    assert (bad.state, good.state) == ("broken", "loaded")
    assert complaint in str(bad.reason)


def test_a_row_of_the_list_says_whose_it_is(site):
    site.observer("good", GOOD)
    assert list_observers(Settings()) == (
        Listed(name="good", distribution="offhook-good", version="1.0", value="good_observer:Observer", state="loaded"),
    )


def test_p09_an_observer_that_raises_is_told_and_reaches_nobody(site, transport, caplog):
    """P9: one listener's failure never reaches another."""
    site.observer("bad", RAISES)
    site.observer("good", GOOD)
    observe(transport, Settings())
    heard = []
    transport.on("turn_started", heard.append)
    transport._emit(STARTED)
    assert heard == made()[0].heard == [STARTED]
    assert "observer_failed" in caplog.text
    assert "bad (offhook-bad 1.0)" in caplog.text
    assert "what an observer does wrong" in caplog.text


def test_an_observer_that_keeps_failing_is_taken_off_that_transport_and_no_other(site, transport, caplog):
    site.observer("bad", RAISES)
    observe(transport, Settings())
    for _ in range(MOST_FAILURES + 5):
        transport._emit(STARTED)
    assert len(sys.modules["bad_observer"].calls) == MOST_FAILURES
    assert caplog.text.count("observer_taken_off") == 1
    other = Loopback()
    observe(other, Settings())
    other._emit(STARTED)
    assert len(sys.modules["bad_observer"].calls) == MOST_FAILURES + 1


def test_an_observer_that_blocks_the_loop_is_taken_off(site, transport, caplog, monkeypatch):
    monkeypatch.setattr(module, "SLOW_LISTENER_S", -1.0)  # whatever it takes is too long
    site.observer("good", GOOD)
    observe(transport, Settings())
    for _ in range(MOST_FAILURES + 5):
        transport._emit(STARTED)
    assert len(made()[0].heard) == MOST_FAILURES
    assert "observer_taken_off" in caplog.text


def test_what_an_observer_hears_is_in_no_log(site, transport, caplog):
    caplog.set_level(logging.DEBUG)
    site.observer("bad", RAISES.replace("turn_started", "error"))
    observe(transport, Settings())
    transport.on("error", lambda _: None)
    transport._emit(ErrorEvent(message="words of somebody"))
    assert "observer_failed" in caplog.text
    assert "words of somebody" not in caplog.text


def test_an_error_that_only_observers_hear_is_told_as_unheard(site, transport, caplog):
    site.observer("good", GOOD.replace("turn_started", "error"))
    observe(transport, Settings())
    transport._emit(ErrorEvent(message="somebody has to know"))
    assert "unheard_error" in caplog.text
    caplog.clear()
    stop = transport.on("error", lambda _: None)
    transport._emit(ErrorEvent(message="somebody knows"))
    assert "unheard_error" not in caplog.text
    stop()
    transport._emit(ErrorEvent(message="nobody knows again"))
    assert "nobody knows again" in caplog.text
    assert len(made()[0].heard) == 3


def test_every_event_of_the_contract_can_be_observed(site, transport):
    names = sorted(name for name in dir(RealtimeTransportEventTypes) if not name.startswith("_"))
    hooks = "".join(f"    @hookimpl\n    def {name}(self, event): pass\n" for name in names)
    site.observer("all", f"class Observer:\n{hooks}")
    observe(transport, Settings())
    assert all(transport._emitter.wants(name) for name in names)
