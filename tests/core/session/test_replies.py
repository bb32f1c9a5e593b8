"""offhook.session.replies: one reply for all calls of a turn, when the last has its output and no more can come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.events import FunctionCall
from offhook.session.replies import Replies


def call(number, turn="turn"):
    return FunctionCall(call_id=str(number), name="look", arguments="{}", turn_id=turn)


@pytest.fixture
def replies():
    return Replies()


def test_a_reply_waits_for_the_turns_end(replies):
    replies.turn_started("turn")
    replies.called(call(1))
    assert not replies.answered(call(1), wanted=True)
    replies.called(call(2))
    assert not replies.answered(call(2), wanted=True)
    assert replies.turn_done("turn")
    assert not replies.turn_done("turn")


def test_a_reply_waits_for_the_last_output(replies):
    replies.turn_started("turn")
    replies.called(call(1))
    replies.called(call(2))
    assert not replies.turn_done("turn")
    assert not replies.answered(call(1), wanted=True)
    assert replies.answered(call(2), wanted=False)


def test_nobody_wants_a_reply(replies):
    replies.called(call(1))
    assert not replies.answered(call(1), wanted=False)
    assert not replies._calls


def test_where_no_turn_is_under_way_the_last_output_is_enough(replies):
    """Attached in the middle of a response, or a service that tells no turns."""
    replies.called(call(1))
    replies.called(call(2))
    assert not replies.answered(call(2), wanted=True)
    assert replies.answered(call(1), wanted=True)


def test_calls_without_a_turn_stand_alone(replies):
    replies.called(call(1, turn=None))
    replies.called(call(2, turn=None))
    assert replies.answered(call(2, turn=None), wanted=True)
    assert replies.answered(call(1, turn=None), wanted=True)


def test_a_turn_whose_end_got_lost_ends_with_the_next(replies):
    replies.turn_started("turn")
    replies.called(call(1))
    replies.answered(call(1), wanted=True)
    assert replies.turn_started("next")


def test_a_call_that_was_answered_twice_counts_once(replies):
    replies.called(call(1))
    assert replies.answered(call(1), wanted=True)
    assert not replies.answered(call(1), wanted=True)


@given(st.lists(st.booleans(), min_size=1, max_size=4), st.data())
def test_p7_in_whatever_order_things_happen_exactly_one_reply_is_due_and_it_is_the_last_thing(wanted, data):
    replies = Replies()
    replies.turn_started("turn")
    waiting, coming, over, due = [], list(range(len(wanted))), False, []
    while coming or waiting or not over:
        can = (["call"] if coming else []) + (["answer"] if waiting else []) + ([] if coming or over else ["end"])
        match data.draw(st.sampled_from(can)):
            case "call":
                waiting.append(coming.pop(0))
                replies.called(call(waiting[-1]))
            case "answer":
                number = waiting.pop(data.draw(st.integers(0, len(waiting) - 1)))
                due.append(replies.answered(call(number), wanted=wanted[number]))
            case "end":
                over = True
                due.append(replies.turn_done("turn"))
    assert due[:-1] == [False] * len(wanted)
    assert due[-1] == any(wanted)
    assert not replies._calls
