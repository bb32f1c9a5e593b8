"""offhook.realtime.open_calls: calls that wait for their outputs."""

from __future__ import annotations

import pytest

from offhook.events import FunctionCall
from offhook.items import FunctionCallItem
from offhook.realtime.open_calls import OpenCalls

CALL = FunctionCall(call_id="c", name="n", arguments="{}", item_id="i")
ANSWERED = FunctionCallItem(item_id="i", call_id="c", name="n", arguments="{}", output="o", status="completed")


@pytest.fixture
def calls():
    return OpenCalls()


def test_an_output_completes_its_call_once(calls):
    calls.called(CALL)
    assert calls.answered("c", "o") == ANSWERED
    assert calls.answered("c", "o") is None


def test_a_call_without_an_item_is_shown_under_its_own_id(calls):
    calls.called(FunctionCall(call_id="c", name="n", arguments="{}"))
    assert calls.answered("c", "o").item_id == "c"


def test_a_call_is_withdrawn_once_and_then_never_answered(calls):
    calls.called(CALL)
    assert calls.withdrawn("c")
    assert not calls.withdrawn("c")
    assert calls.answered("c", "o") is None


def test_p10_calls_that_nobody_answers_do_not_make_it_grow(calls):
    """P10: the oldest is forgotten."""
    for number in range(1000):
        calls.called(FunctionCall(call_id=str(number), name="n", arguments="{}"))
    assert calls.answered("0", "o") is None
    assert calls.answered("999", "o") is not None
