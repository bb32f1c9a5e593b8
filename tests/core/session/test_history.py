"""offhook.session.history: the conversation in the order that the service gives it, and nothing known is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.config import UNSET
from offhook.items import (
    FunctionCallItem,
    InputAudio,
    InputText,
    MessageItem,
    OutputAudio,
    OutputText,
)
from offhook.session.cutting import Cut
from offhook.session.history import History


def said(item_id, *content, role="user", status="completed"):
    return MessageItem(item_id=item_id, role=role, content=content, status=status)


def spoken(item_id, transcript, **more):
    return said(item_id, OutputAudio(transcript=transcript), role="assistant", **more)


def ids(history):
    return [item.item_id for item in history.items]


@pytest.fixture
def history():
    return History()


def test_a4_an_item_goes_after_the_one_it_follows(history):
    history.put(said("a"), None)
    history.put(said("c"), "a")
    history.put(said("b"), "a")
    assert ids(history) == ["a", "b", "c"]


def test_a4_null_is_the_front(history):
    history.put(said("b"), None)
    history.put(said("a"), None)
    assert ids(history) == ["a", "b"]


@pytest.mark.parametrize("previous", [UNSET, "never seen"])
def test_b45_an_item_after_an_unknown_one_is_appended(history, previous):
    history.put(said("a"))
    history.put(said("b"))
    history.put(said("c"), previous)
    assert ids(history) == ["a", "b", "c"]


def test_an_item_that_was_put_at_the_end_for_want_of_knowledge_finds_its_place(history):
    history.put(said("a"))
    history.put(said("reply"))
    history.put(said("b"))
    history.put(said("reply"), "b")
    assert ids(history) == ["a", "b", "reply"]


@pytest.mark.parametrize("previous", [UNSET, None, "never seen", "a", "b"])
def test_an_update_that_does_not_say_where_moves_nothing(history, previous):
    """The service repeats items with ``previous_item_id: null`` when they are done."""
    history.put(said("a"), None)
    history.put(said("b"), "a")
    history.put(said("c"), "b")
    history.put(said("b"), previous)
    assert ids(history) == ["a", "b", "c"]


def test_an_item_that_has_its_place_keeps_it_when_it_is_shown_again(history):
    """When it is done, the service repeats what was before it at first."""
    history.put(said("a"), None)
    history.put(said("reply"), "a")
    history.put(said("b"), "a")
    history.put(said("reply"), "a")
    assert ids(history) == ["a", "b", "reply"]


def test_a_new_item_is_told_from_an_update(history):
    assert history.put(said("a"))
    assert not history.put(said("a"))


def test_an_update_replaces_what_the_item_says(history):
    history.put(said("a", InputText("Hel"), status="in_progress"))
    history.put(said("a", InputText("Hello")))
    assert history.items == (said("a", InputText("Hello")),)


def test_b42_a_transcript_that_is_known_is_not_blanked_by_an_item_without_one(history):
    """B42, N9: a truncated item comes back without its transcript."""
    history.put(spoken("a", "Hello there"))
    history.put(spoken("a", None))
    history.put(spoken("a", ""))
    assert history.get("a").text == "Hello there"


def test_b42_a_new_transcript_beats_the_known_one(history):
    history.put(spoken("a", "Hello there"))
    history.put(spoken("a", "Hello"))
    assert history.get("a").text == "Hello"


def test_what_the_user_said_is_not_blanked_when_its_item_is_done(history):
    history.put(said("a", InputAudio(), status="in_progress"))
    history.heard("a", "Hi")
    history.put(said("a", InputAudio(transcript=None)))
    assert history.get("a") == said("a", InputAudio(transcript="Hi"))


def test_a_transcript_is_not_kept_for_a_part_of_another_kind(history):
    history.put(spoken("a", "Hello"))
    history.put(said("a", OutputText("Bye"), role="assistant"))
    assert history.get("a").text == "Bye"


def test_an_update_without_content_keeps_the_content_and_takes_the_status(history):
    history.put(spoken("a", "Hello", status="in_progress"))
    history.put(said("a", role="assistant", status="incomplete"))
    assert history.get("a") == spoken("a", "Hello", status="incomplete")


CALL = FunctionCallItem(item_id="f", call_id="call_1", name="look", arguments='{"a":1}')
ANSWERED = FunctionCallItem(
    item_id="f", call_id="call_1", name="look", arguments='{"a":1}', output="x", status="completed"
)


def test_the_output_of_a_call_is_not_wiped_by_the_call_shown_again(history):
    history.put(ANSWERED)
    history.put(CALL)
    assert history.items == (ANSWERED,)


def test_the_arguments_of_a_call_are_not_blanked_by_an_item_that_comes_late(history):
    history.put(CALL)
    history.put(FunctionCallItem(item_id="f", call_id="call_1", name="look", arguments=""))
    assert history.items == (CALL,)


def test_words_heard_fill_in_the_spoken_parts_of_the_message(history):
    history.put(said("a", InputText("see"), InputAudio(), status="in_progress"))
    assert not history.heard("a", "Hi")
    assert history.items == (said("a", InputText("see"), InputAudio(transcript="Hi")),)


def test_words_heard_make_up_for_a_spoken_part_that_was_not_shown(history):
    history.put(said("a", status="in_progress"))
    assert not history.heard("a", "Hi")
    assert history.items == (said("a", InputAudio(transcript="Hi")),)


def test_words_heard_before_their_message_make_it_and_it_finds_its_place(history):
    history.put(said("a"))
    assert history.heard("b", "Hi")
    history.put(said("c"))
    history.put(said("b", InputAudio(), status="in_progress"), "c")
    assert ids(history) == ["a", "c", "b"]
    assert history.get("b").text == "Hi"


@pytest.mark.parametrize(
    ("removed", "left"), [("a", ["b", "c"]), ("b", ["a", "c"]), ("c", ["a", "b"]), ("d", ["a", "b", "c"])]
)
def test_a_removed_item_is_gone_and_the_order_holds(history, removed, left):
    for item_id in "abc":
        history.put(said(item_id))
    assert history.remove(removed) == (removed != "d")
    assert ids(history) == left
    assert history.get(removed) is None
    history.put(said("z"))
    assert ids(history) == [*left, "z"]


def test_the_items_are_a_snapshot_that_later_changes_leave_alone(history):
    history.put(said("a"))
    before = history.items
    history.put(said("b"))
    assert len(before) == 1
    assert history.items is history.items


def test_a12_an_update_touches_no_other_item():
    """A12: the work of an update is the same at item 2 and at item 2,000, counted in lines of Python."""
    assert work_of_an_update(at=2) == work_of_an_update(at=2_000)


def work_of_an_update(at):
    import sys

    history = History()
    for number in range(at):
        history.put(said(str(number)), str(number - 1) if number else None)
    lines = []

    def count(_frame, _event, _argument):
        lines.append(1)
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        history.put(said(str(at // 2), InputText("x")), str(at // 2 - 1))
        history.put(spoken("new", "one two"), str(at // 2))
        history.before("new")
        history.cut("new", Cut(share=0.5))
        history.remove("new")
        history.reserve("kept")
    finally:
        sys.settrace(before)
    return len(lines)


IDS = st.sampled_from("abcdef")
STEPS = st.lists(
    st.tuples(st.sampled_from(["put", "heard", "cut", "reserve", "remove"]), IDS, IDS | st.just(UNSET) | st.none())
)


@given(STEPS)
def test_whatever_comes_the_links_hold_both_ways_and_every_item_is_there_once(steps):
    history, known = History(), set()
    for step, item_id, previous in steps:
        match step:
            case "put":
                assert history.put(said(item_id), previous) == (item_id not in known)
                known.add(item_id)
            case "heard":
                history.heard(item_id, "Hi")
                known.add(item_id)
            case "cut":
                history.cut(item_id, Cut(share=0.5))
            case "reserve":
                history.reserve(item_id)
            case "remove":
                assert history.remove(item_id) == (item_id in known)
                known.discard(item_id)
        assert sorted(ids(history)) == sorted(known)
        assert ids(history) == [node.item.item_id for node in backwards(history) if node.item][::-1]
        assert [history.before(item_id) for item_id in ids(history)] == [None, *ids(history)][: len(known)]


def backwards(history):
    node = history._last
    while node is not None:
        yield node
        node = node.before


@given(st.permutations(range(6)), st.data())
def test_a4_items_that_come_after_what_they_follow_end_up_in_the_order_of_the_links(order, data):
    """Each item names the one before it as the conversation stands when it is inserted."""
    history, expected = History(), []
    for number in order:
        place = data.draw(st.integers(0, len(expected)))
        history.put(said(str(number)), str(expected[place - 1]) if place else None)
        expected.insert(place, number)
    assert ids(history) == [str(number) for number in expected]
