"""offhook.realtime.unseen: items that the service keeps and the history does not show."""

from __future__ import annotations

import pytest

from offhook.config import UNSET
from offhook.realtime.unseen import Unseen


@pytest.fixture
def unseen():
    return Unseen()


def test_what_follows_an_unseen_item_follows_what_that_one_stands_behind(unseen):
    unseen.add("output", "call", call_id="c")
    assert unseen.shown("output") == "call"
    assert unseen.shown("call") == "call"


def test_unseen_items_in_a_row_stand_behind_the_same(unseen):
    """Two calls, then their outputs in the other order: what follows comes after both calls."""
    unseen.add("output b", "call b", call_id="b")
    unseen.add("output a", "output b", call_id="a")
    assert unseen.shown("output a") == "call b"
    assert unseen.last_behind("call b") == "output a"


def test_an_unseen_item_may_stand_at_the_front(unseen):
    unseen.add("tools", None)
    assert unseen.shown("tools") is None


def test_of_an_item_whose_place_was_not_told_nothing_is_known(unseen):
    unseen.add("output", UNSET)
    assert unseen.shown("output") == "output"
    assert unseen.shown(UNSET) is UNSET


def test_an_item_keeps_its_place_when_it_is_shown_again(unseen):
    unseen.add("output", "call", call_id="c")
    unseen.add("output", None, call_id="c")
    assert unseen.shown("output") == "call"


def test_the_last_behind_an_item_is_one_that_stays(unseen):
    unseen.add("first", "call")
    unseen.add("second", "first")
    assert unseen.last_behind("call", but={"second"}) == "first"
    assert unseen.last_behind("other") == "other"


def test_the_output_of_a_call_is_found_by_its_call(unseen):
    unseen.add("output", "call", call_id="c")
    assert unseen.output_of("c") == "output"
    assert unseen.output_of("d") is None


@pytest.mark.parametrize("deleted", ["output", "call"])
def test_p10_what_is_gone_is_forgotten(unseen, deleted):
    """P10: an output with its call, or alone."""
    unseen.add("output", "call", call_id="c")
    unseen.deleted(deleted)
    assert unseen._items == {}


def test_p10_it_is_bounded(unseen):
    """P10: however many calls a conversation has."""
    for number in range(5000):
        unseen.add(f"output {number}", f"call {number}")
    assert len(unseen._items) <= 1024
    assert unseen.shown("output 4999") == "call 4999"
