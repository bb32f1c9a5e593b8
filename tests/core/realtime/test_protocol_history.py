"""offhook.realtime.protocol: where items stand, and edits of the conversation."""

from __future__ import annotations

import json

import pytest

from offhook import events as e
from offhook.config import UNSET
from offhook.errors import HistoryError
from offhook.items import FunctionCallItem, InputText, MessageItem, OutputAudio
from offhook.realtime.protocol import RealtimeProtocol
from offhook.wire.protocol import Send

CALL = {"id": "f", "type": "function_call", "call_id": "c", "name": "n", "arguments": "{}", "status": "completed"}
OUTPUT = {"id": "o", "type": "function_call_output", "call_id": "c", "output": "42"}
TOOLS = {"id": "t", "type": "mcp_list_tools", "server_label": "s", "tools": []}
DECISION = {"id": "d", "type": "mcp_approval_response", "approval_request_id": "r", "approve": True}
OPEN = FunctionCallItem(item_id="f", call_id="c", name="n", arguments="{}")


def message(item_id):
    return {"id": item_id, "type": "message", "role": "user", "content": [{"type": "input_text", "text": item_id}]}


def written(item_id):
    return MessageItem(item_id=item_id, role="user", content=(InputText(item_id),))


@pytest.fixture
def protocol():
    return RealtimeProtocol()


def hear(protocol, kind, **members):
    return list(protocol.receive(json.dumps({"type": kind, **members}), 0.0, raw=False))


def shown(protocol, item, previous):
    """Give where an item stands, as a listener is told."""
    (update,) = hear(protocol, "conversation.item.added", item=item, previous_item_id=previous)
    return update.previous_item_id


def frames(effects):
    return [json.loads(effect.text) for effect in effects if isinstance(effect, Send)]


@pytest.mark.parametrize("unseen", [OUTPUT, TOOLS, DECISION])
@pytest.mark.parametrize("kind", ["conversation.item.added", "conversation.item.done"])
def test_a04_what_follows_an_item_that_history_does_not_show_follows_the_one_before(protocol, unseen, kind):
    """A4: it would be appended, and so be in the wrong place as soon as something is inserted after it."""
    hear(protocol, kind, item=unseen, previous_item_id="before")
    assert shown(protocol, message("a"), unseen["id"]) == "before"


def test_a04_what_follows_an_unseen_item_at_the_front_is_at_the_front(protocol):
    """A4: a list of tools is often the first item of all."""
    hear(protocol, "conversation.item.done", item=TOOLS, previous_item_id=None)
    assert shown(protocol, message("a"), "t") is None


def test_b45_an_unseen_item_whose_place_is_not_told_is_an_unknown_one(protocol):
    """B45: what follows it is appended."""
    hear(protocol, "conversation.item.done", item=OUTPUT)
    assert shown(protocol, message("a"), "o") == "o"


def test_an_edit_is_frames_with_ids_of_their_own(protocol):
    first, second = frames(protocol.reset_history([written("a")], [written("b")]))
    assert (first["type"], first["item_id"]) == ("conversation.item.delete", "a")
    assert (second["type"], second["previous_item_id"], second["item"]["id"]) == (
        "conversation.item.create",
        "root",
        "b",
    )
    assert first["event_id"] != second["event_id"]


def test_an_edit_that_was_refused_by_the_service_is_made_again_and_one_under_way_is_not(protocol):
    old, new = [written("a"), written("b")], [written("b")]
    (sent,) = frames(protocol.reset_history(old, new))
    assert protocol.reset_history(old, new) == []
    (error,) = hear(protocol, "error", error={"message": "no", "event_id": sent["event_id"]})
    assert error.command_id == sent["event_id"]
    assert len(protocol.reset_history(old, new)) == 1


def test_what_the_service_has_done_is_no_longer_under_way(protocol):
    protocol.reset_history([written("a")], [written("b")])
    assert hear(protocol, "conversation.item.deleted", item_id="a") == [e.ItemDeleted(item_id="a")]
    hear(protocol, "conversation.item.added", item=message("b"), previous_item_id=None)
    assert [frame["type"] for frame in frames(protocol.reset_history([written("b")], [written("a")]))] == [
        "conversation.item.delete",
        "conversation.item.create",
    ]


def test_p07_an_open_call_that_is_deleted_is_withdrawn_and_an_answered_one_is_not(protocol):
    """P7: nobody has to answer it any more."""
    hear(protocol, "conversation.item.added", item=CALL, previous_item_id=None)
    cancelled, _ = protocol.reset_history([OPEN], [])
    assert cancelled == e.FunctionCallCancelled(call_ids=("c",), reason="removed from the history")
    other = RealtimeProtocol()
    hear(other, "conversation.item.added", item=CALL, previous_item_id=None)
    hear(other, "conversation.item.added", item=OUTPUT, previous_item_id="f")
    assert [frame["item_id"] for frame in frames(other.reset_history([OPEN], []))] == ["o", "f"]
    assert not any(isinstance(effect, e.FunctionCallCancelled) for effect in other.reset_history([OPEN], []))


def test_b43_an_edit_that_cannot_be_made_withdraws_nothing(protocol):
    """B43: not even the call that it would have taken out."""
    hear(protocol, "conversation.item.added", item=CALL, previous_item_id=None)
    spoken = MessageItem(item_id="s", role="assistant", content=(OutputAudio(transcript="Hi"),))
    with pytest.raises(HistoryError):
        protocol.reset_history([OPEN], [spoken])
    (update,) = protocol.send_function_call_output(
        e.FunctionCall(call_id="c", name="n", arguments="{}"), "o", respond=False
    )[1:]
    assert update.item.output == "o"


def test_an_item_that_does_not_say_where_it_stands_is_left_to_say_so_later(protocol):
    (update,) = hear(protocol, "conversation.item.added", item=message("a"))
    assert update.previous_item_id is UNSET


def test_p10_what_was_deleted_is_remembered_only_while_a_response_may_go_on_about_it(protocol):
    """P10: and what is deleted while nothing is under way, not at all."""
    item = {**message("a"), "role": "assistant"}
    hear(protocol, "conversation.item.deleted", item_id="a")
    assert hear(protocol, "conversation.item.done", item=item, previous_item_id=None)
    hear(protocol, "response.created", response={"id": "r"})
    hear(protocol, "conversation.item.deleted", item_id="a")
    assert hear(protocol, "response.output_item.done", response_id="r", item=item) == []
    hear(protocol, "response.done", response={"id": "r"})
    assert hear(protocol, "response.output_item.done", response_id="r", item=item)


def test_p07_a_call_that_was_deleted_while_it_was_being_made_is_not_made(protocol):
    """P7: its output would have no place."""
    hear(protocol, "response.created", response={"id": "r"})
    hear(protocol, "response.output_item.added", response_id="r", item={**CALL, "status": "in_progress"})
    hear(protocol, "conversation.item.deleted", item_id="f")
    assert hear(protocol, "response.output_item.done", response_id="r", item=CALL) == []
