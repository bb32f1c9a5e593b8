"""offhook.session.calls: which calls are open, and which were seen before."""

from __future__ import annotations

import pytest

from offhook.events import FunctionCall
from offhook.session.calls import Answer, Arrival, Calls


def call(call_id="call_1", name="look", arguments="{}"):
    return FunctionCall(call_id=call_id, name=name, arguments=arguments)


def test_a_call_is_new_then_known_then_answered():
    calls = Calls()
    assert calls.arrive(call()) is Arrival.NEW
    assert calls.arrive(call()) is Arrival.KNOWN
    assert calls.answered("call_1", Answer("seen"))
    assert calls.arrive(call()) is Arrival.ANSWERED
    assert calls.answer_to("call_1") == Answer("seen")


def test_a_withdrawn_call_is_not_answered_and_not_run_again():
    calls = Calls()
    calls.arrive(call())
    assert calls.withdraw("call_1") == call()
    assert calls.withdraw("call_1") is None
    assert not calls.answered("call_1", Answer("late"))
    assert calls.arrive(call()) is Arrival.KNOWN


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"a": 1, "b": 2}', '{"b":2,"a":1.0}'),
        ('{"a": [{"x": 1.0}]}', '{"a":[{"x":1}]}'),
        ("", "{}"),
        ("{malformed", "{malformed"),
    ],
)
def test_b32_the_same_call_may_be_spelt_in_several_ways(one, other):
    calls = Calls()
    calls.arrive(call(arguments=one))
    assert calls.arrive(call(arguments=other)) is Arrival.KNOWN


@pytest.mark.parametrize(
    "other", [call(arguments='{"a": 2}'), call(name="fly", arguments='{"a": 1}'), call(arguments='{"a": "1"}')]
)
def test_b32_another_call_under_the_same_id_is_a_conflict(other):
    calls = Calls()
    calls.arrive(call(arguments='{"a": 1}'))
    assert calls.arrive(other) is Arrival.CONFLICT


def test_p10_what_is_remembered_of_calls_is_bounded():
    calls = Calls()
    for number in range(2000):
        calls.arrive(call(f"call_{number}"))
        calls.answered(f"call_{number}", Answer("x" * 100))
    assert len(calls._fingerprints) <= 256
    assert len(calls._answers) <= 16
    assert calls.open == {}


def test_b32_a_call_that_is_still_open_is_known_however_long_ago_it_came():
    calls = Calls()
    first = FunctionCall(call_id="first", name="pay", arguments="{}")
    calls.arrive(first)
    for number in range(1000):
        calls.arrive(FunctionCall(call_id=str(number), name="look", arguments="{}"))
        calls.answered(str(number), Answer("seen"))
    assert calls.arrive(first) is Arrival.KNOWN
