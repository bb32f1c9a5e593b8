"""offhook.realtime.history_edits: which items to delete and to create, and which edits cannot be made."""

from __future__ import annotations

import itertools

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import HistoryError
from offhook.items import (
    FunctionCallItem,
    InputAudio,
    InputText,
    McpApprovalRequestItem,
    McpCallItem,
    MessageItem,
    OutputAudio,
    OutputText,
)
from offhook.realtime.history_edits import HistoryEdits
from offhook.realtime.unseen import Unseen


def written(item_id, text=None, role="user"):
    part = (OutputText if role == "assistant" else InputText)(item_id if text is None else text)
    return MessageItem(item_id=item_id, role=role, content=(part,))


SPOKEN = MessageItem(item_id="spoken", role="assistant", content=(OutputAudio(transcript="Hello"),))
CALL = FunctionCallItem(item_id="call", call_id="c", name="n", arguments="{}", output="o", status="completed")
MCP = McpCallItem(item_id="mcp", server_label="s", name="n", arguments="{}")
REQUEST = McpApprovalRequestItem(item_id="request", server_label="s", name="n", arguments="{}")
A, B, C = written("a"), written("b"), written("c")


class Editing:
    """The edits of one connection, and what they are in short."""

    def __init__(self):
        numbers = itertools.count(1)
        self.unseen = Unseen()
        self.edits = HistoryEdits(lambda kind: f"{kind}_{next(numbers)}", self.unseen)

    def __call__(self, old, new):
        return [_short(frame) for frame in self.edits.frames(old, new)]


def _short(frame):
    assert frame["event_id"]
    if frame["type"] == "conversation.item.delete":
        return "-", frame["item_id"]
    assert frame["type"] == "conversation.item.create"
    return "+", frame["item"]["id"], frame.get("previous_item_id", "(end)")


@pytest.fixture
def edit():
    return Editing()


@pytest.mark.parametrize(
    ("old", "new", "frames"),
    [
        ([], [], []),
        ([A, B], [A, B], []),
        ([A, B, C], [A, C], [("-", "b")]),
        ([A, B], [], [("-", "a"), ("-", "b")]),
        ([], [A, B], [("+", "a", "root"), ("+", "b", "a")]),
        ([B], [A, B], [("+", "a", "root")]),
        ([A, C], [A, B, C], [("+", "b", "a")]),
        ([A], [A, B, C], [("+", "b", "(end)"), ("+", "c", "b")]),
        ([A, B, C], [A, evolve(B, role="system"), C], [("-", "b"), ("+", "b", "a")]),
        ([A, B], [C], [("-", "a"), ("-", "b"), ("+", "c", "root")]),
        ([A, B, C], [C, A, B], [("-", "c"), ("+", "c", "root")]),
        ([A, SPOKEN, B], [C, SPOKEN], [("-", "a"), ("-", "b"), ("+", "c", "root")]),
    ],
)
def test_deletions_come_first_and_creations_in_order_each_after_the_one_before(edit, old, new, frames):
    """What comes after all that stays goes to the end, wherever that is when it arrives."""
    assert edit(old, new) == frames


def test_a_system_message_is_created_without_a_status(edit):
    [frame] = edit.edits.frames([], [written("", "Be brief.", role="system")])
    assert frame["item"] == {
        "id": frame["item"]["id"],
        "type": "message",
        "role": "system",
        "content": [{"type": "input_text", "text": "Be brief."}],
    }


def test_new_messages_get_ids_that_nothing_else_has(edit):
    """An earlier connection counted from one, too."""
    frames = edit.edits.frames([written("item_1")], [written("item_1"), written("", "x"), written("local:1", "y")])
    ids = [frame["item"]["id"] for frame in frames]
    assert len({*ids, "item_1"}) == 3
    assert frames[1]["previous_item_id"] == ids[0]


def test_two_items_of_one_id_are_refused(edit):
    with pytest.raises(HistoryError, match="two items 'a'"):
        edit([A], [A, written("a", "other")])


SILENT = MessageItem(item_id="silent", role="user", content=(InputAudio(),))


@pytest.mark.parametrize(
    ("item", "why"),
    [
        (SPOKEN, "speech of the assistant"),
        (CALL, "calls are the model's"),
        (MCP, "hosted MCP tool"),
        (REQUEST, "hosted MCP tool"),
        (SILENT, "nothing in it to read"),
    ],
)
def test_b43_what_the_service_does_not_take_is_refused_whether_added_changed_or_moved(edit, item, why):
    """B43: speech, calls and MCP items; with the reason, and what is unchanged is fine."""
    changed = evolve(item, status="incomplete") if item is not REQUEST else evolve(item, approved=True)
    assert edit([A, item], [item]) == [("-", "a")]
    with pytest.raises(HistoryError, match=f"cannot be added: .*{why}"):
        edit([A], [A, item])
    with pytest.raises(HistoryError, match=f"cannot be changed or moved: .*{why}"):
        edit([item], [changed])
    with pytest.raises(HistoryError, match=f"cannot be changed or moved: .*{why}"):
        edit([item, A, B], [A, B, item])


def test_b43_a_refused_edit_leaves_nothing_behind(edit):
    """B43: not even a part of it counts as sent."""
    with pytest.raises(HistoryError):
        edit([A, B], [C, SPOKEN])
    assert edit([A, B], [C]) == [("-", "a"), ("-", "b"), ("+", "c", "root")]


def test_words_of_the_user_that_were_heard_can_be_corrected(edit):
    heard = MessageItem(item_id="heard", role="user", content=(InputAudio(transcript="Bury"),))
    [_, frame] = edit.edits.frames([heard], [evolve(heard, content=(InputAudio(transcript="Berry"),))])
    assert frame["item"]["content"] == [{"type": "input_text", "text": "Berry"}]


def test_the_output_of_a_call_goes_with_it(edit):
    edit.unseen.add("output", "call", call_id="c")
    assert edit([CALL, A], [A]) == [("-", "output"), ("-", "call")]


def test_what_comes_after_a_call_comes_after_its_output(edit):
    edit.unseen.add("output", "call", call_id="c")
    assert edit([CALL, B], [CALL, A, B]) == [("+", "a", "output")]


def test_nothing_is_put_behind_an_output_that_goes(edit):
    """Two calls and then their outputs: the last output stands behind the second call, and belongs to the first."""
    other = evolve(CALL, item_id="other", call_id="d")
    edit.unseen.add("output", "other", call_id="c")
    assert edit([CALL, other, B], [other, A, B]) == [("-", "output"), ("-", "call"), ("+", "a", "other")]


def test_what_an_earlier_edit_sent_is_not_sent_again(edit):
    """The history changes with the echoes; until then it looks as it did."""
    edit([A, B], [B, C])
    assert edit([A, B], [B, C]) == []


def test_nothing_is_put_behind_an_item_that_is_on_its_way_out(edit):
    edit([A, B, C], [A, C])
    assert edit([A, B, C], [A, B, written("x"), C]) == [("+", "x", "a")]


def test_an_edit_that_the_service_carried_out_can_be_made_again(edit):
    edit([A], [B])
    edit.edits.deleted("a")
    edit.edits.created("b")
    assert edit([B], [A]) == [("-", "b"), ("+", "a", "root")]


def test_an_edit_that_the_service_refused_can_be_made_again(edit):
    for frame in edit.edits.frames([A], [B]):
        edit.edits.refused(frame["event_id"])
    assert edit([A], [B]) == [("-", "a"), ("+", "b", "root")]


def test_an_error_about_something_else_changes_nothing(edit):
    edit([A], [])
    edit.edits.refused(None)
    edit.edits.refused("other")
    assert edit([A], []) == []


ITEMS = st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 1)), unique_by=lambda pair: pair[0]).map(
    lambda pairs: [written(item_id, str(number)) for item_id, number in pairs]
)


@given(ITEMS, ITEMS)
def test_a_service_that_does_as_it_is_told_ends_up_with_the_new_history(old, new):
    """For any edit of written messages; the fewest of them are touched."""
    service = {item.item_id: item.content[0].text for item in old}
    order = list(service)
    for frame in Editing().edits.frames(old, new):
        if frame["type"] == "conversation.item.delete":
            order.remove(frame["item_id"])
            continue
        item, previous = frame["item"], frame.get("previous_item_id")
        place = len(order) if previous is None else 0 if previous == "root" else order.index(previous) + 1
        order.insert(place, item["id"])
        service[item["id"]] = item["content"][0]["text"]
    assert [(item_id, service[item_id]) for item_id in order] == [(i.item_id, i.content[0].text) for i in new]
