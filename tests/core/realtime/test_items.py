"""offhook.realtime.items: items between the wire and the conversation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.items import (
    FunctionCallItem,
    InputAudio,
    InputImage,
    InputText,
    McpApprovalRequestItem,
    McpCallItem,
    MessageItem,
    OutputAudio,
    OutputText,
)
from offhook.realtime.items import from_wire, history_to_wire, message_to_wire


def message(role, *content, **members):
    return {"id": "i", "type": "message", "role": role, "content": list(content), **members}


@pytest.mark.parametrize(
    ("wire", "item"),
    [
        (
            message("user", {"type": "input_text", "text": "Hi"}),
            MessageItem(item_id="i", role="user", content=(InputText("Hi"),)),
        ),
        (
            message("system", {"type": "input_text", "text": "Be kind"}),
            MessageItem(item_id="i", role="system", content=(InputText("Be kind"),)),
        ),
        (message("user", {"type": "input_audio"}), MessageItem(item_id="i", role="user", content=(InputAudio(),))),
        (
            message("user", {"type": "input_audio", "audio": "AAAA", "transcript": "Hi"}),
            MessageItem(item_id="i", role="user", content=(InputAudio(transcript="Hi"),)),
        ),
        (
            message("user", {"type": "input_image", "image_url": "data:x", "detail": "low"}),
            MessageItem(item_id="i", role="user", content=(InputImage(image_url="data:x", detail="low"),)),
        ),
        (
            message(
                "assistant", {"type": "output_text", "text": "Hi"}, {"type": "output_audio", "transcript": "there"}
            ),
            MessageItem(item_id="i", role="assistant", content=(OutputText("Hi"), OutputAudio(transcript="there"))),
        ),
        (
            message("assistant", {"type": "text", "text": "Hi"}, {"type": "audio", "transcript": None}),
            MessageItem(item_id="i", role="assistant", content=(OutputText("Hi"), OutputAudio())),
        ),
        (message("assistant", {"type": "hologram"}, "text", None), MessageItem(item_id="i", role="assistant")),
        ({"id": "i", "type": "message", "content": None}, MessageItem(item_id="i", role="assistant")),
        (
            {"id": "i", "type": "function_call", "call_id": "c", "name": "n", "arguments": "{", "status": "completed"},
            FunctionCallItem(item_id="i", call_id="c", name="n", arguments="{"),
        ),
        ({"id": "i", "type": "function_call"}, FunctionCallItem(item_id="i", call_id="i", name="", arguments="")),
        (
            {
                "id": "i",
                "type": "mcp_tool_call",
                "server_label": "s",
                "name": "n",
                "arguments": {"a": 1},
                "output": "o",
            },
            McpCallItem(item_id="i", server_label="s", name="n", arguments='{"a": 1}', output="o", status="completed"),
        ),
        (
            {"id": "i", "type": "mcp_approval_request", "server_label": "s", "name": "n", "arguments": "{bad"},
            McpApprovalRequestItem(item_id="i", server_label="s", name="n", arguments="{bad"),
        ),
        (
            {"id": "i", "type": "mcp_approval_request"},
            McpApprovalRequestItem(item_id="i", server_label="", name="", arguments="{}"),
        ),
        ({"id": "i", "type": "function_call_output", "output": "o"}, None),
        ({"id": "i", "type": "mcp_list_tools"}, None),
        ({"id": "i"}, None),
    ],
)
def test_an_item_of_the_wire_is_read(wire, item):
    assert from_wire(wire, "completed") == item


@pytest.mark.parametrize("status", ["in_progress", "completed", "incomplete"])
def test_a_status_that_is_given_is_kept(status):
    assert from_wire(message("user", status=status), "completed").status == status


@pytest.mark.parametrize("status", [None, "cancelled", 5, ["completed"]])
def test_a_status_that_is_none_of_ours_is_the_default(status):
    assert from_wire(message("user", status=status), "in_progress").status == "in_progress"


@pytest.mark.parametrize("item_id", [None, "", 5])
def test_an_item_without_an_id_is_refused(item_id):
    with pytest.raises(ValueError, match="of type message without an id"):
        from_wire({**message("user"), "id": item_id}, "completed")


def test_what_is_kept_of_an_item_is_not_in_the_hands_of_a_listener():
    """B3: the raw frame may be changed by whoever listens."""
    wire = {"id": "i", "type": "mcp_call", "error": {"type": "http", "code": {"n": 1}}}
    item = from_wire(wire, "completed")
    wire["error"]["code"]["n"] = 2
    assert item.error == {"type": "http", "code": {"n": 1}}


# Writing.


def test_a_string_is_something_the_user_wrote():
    assert message_to_wire("Hi") == {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": "Hi"}],
    }


@pytest.mark.parametrize(
    ("role", "kind"), [("user", "input_text"), ("system", "input_text"), ("assistant", "output_text")]
)
def test_whoever_said_it_decides_how_words_are_written_not_how_they_were_said(role, kind):
    """The API takes ``output_text`` of the assistant alone, and nothing else of it."""
    parts = (InputText("a"), InputAudio(transcript="b"), OutputText("c"), OutputAudio(transcript="d"))
    assert message_to_wire(MessageItem(item_id="", role=role, content=parts)) == {
        "type": "message",
        "role": role,
        "content": [{"type": kind, "text": word} for word in "abcd"],
    }


def test_images_are_written_with_their_detail():
    parts = (InputImage(image_url="data:x", detail="low"), InputImage(image_url="data:y"))
    assert message_to_wire(MessageItem(item_id="", role="user", content=parts))["content"] == [
        {"type": "input_image", "image_url": "data:x", "detail": "low"},
        {"type": "input_image", "image_url": "data:y"},
    ]


@pytest.mark.parametrize("item_id", ["", "local:utterance_1", "i" * 33])
def test_an_id_that_the_api_would_not_take_is_left_out(item_id):
    """32 characters at most; ids of a transport's own mean nothing to another."""
    assert "id" not in message_to_wire(MessageItem(item_id=item_id, role="user", content=(InputText("a"),)))


def test_speech_that_was_never_written_down_is_left_out():
    parts = (InputAudio(), InputText("a"), OutputAudio(transcript=""))
    wire = message_to_wire(MessageItem(item_id="mine", role="user", content=parts))
    assert wire == {"id": "mine", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]}


def test_a_history_is_written_as_text_with_its_calls_and_their_outputs():
    history = (
        MessageItem(item_id="1", role="user", content=(InputAudio(transcript="Weather?"),)),
        FunctionCallItem(item_id="2", call_id="c", name="weather", arguments="{}", output="sunny", status="completed"),
        FunctionCallItem(item_id="3", call_id="d", name="weather", arguments="{}"),
        McpCallItem(item_id="4", server_label="s", name="n", arguments="{}"),
        McpApprovalRequestItem(item_id="5", server_label="s", name="n", arguments="{}"),
        MessageItem(item_id="6", role="assistant", content=(OutputAudio(transcript="It is sunny."),)),
        MessageItem(item_id="7", role="assistant", content=(OutputAudio(),)),
        MessageItem(item_id="8", role="user", content=(InputImage(image_url="data:x"),)),
    )
    assert history_to_wire(history) == [
        {"id": "1", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "Weather?"}]},
        {"type": "function_call", "call_id": "c", "name": "weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "sunny"},
        {"type": "function_call", "call_id": "d", "name": "weather", "arguments": "{}"},
        {
            "id": "6",
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "It is sunny."}],
        },
        {"id": "8", "type": "message", "role": "user", "content": [{"type": "input_image", "image_url": "data:x"}]},
    ]


TEXT = st.text(min_size=1, max_size=5)
PARTS = {
    "user": st.one_of(
        TEXT.map(InputText), st.builds(InputImage, image_url=TEXT, detail=st.sampled_from([None, "low"]))
    ),
    "system": TEXT.map(InputText),
    "assistant": TEXT.map(OutputText),
}
MESSAGES = st.sampled_from(sorted(PARTS)).flatmap(
    lambda role: st.builds(
        MessageItem, item_id=TEXT, role=st.just(role), content=st.lists(PARTS[role], max_size=3).map(tuple)
    )
)


@given(MESSAGES)
def test_what_is_written_is_read_back(item):
    assert from_wire(message_to_wire(item), "completed") == item


JSON = st.recursive(
    st.one_of(st.none(), st.integers(), st.text(max_size=3)),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=3), inner, max_size=2)),
    max_leaves=4,
)
MEMBERS = st.sampled_from(["role", "content", "status", "call_id", "name", "arguments", "output", "error"])
KINDS = st.sampled_from(["message", "function_call", "mcp_call", "mcp_approval_request"])


@given(KINDS, st.dictionaries(MEMBERS, JSON))
def test_whatever_an_item_holds_it_is_read(kind, members):
    """P4: no member of an item but its id can keep it from being read."""
    assert from_wire({"type": kind, **members, "id": "i"}, "completed").item_id == "i"
