"""offhook.transcripts: a history outside of its session."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import HistoryError
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
from offhook.transcripts import from_json, in_writing, seed, to_json, to_messages

TEXT = st.text(max_size=5)
MAYBE = st.none() | TEXT
STATUS = st.sampled_from(["in_progress", "completed", "incomplete"])
JSON = st.recursive(st.none() | st.booleans() | st.integers() | TEXT, lambda inner: st.lists(inner, max_size=2))
PARTS = st.one_of(
    st.builds(InputText, TEXT),
    st.builds(OutputText, TEXT),
    st.builds(InputAudio, transcript=MAYBE),
    st.builds(OutputAudio, transcript=MAYBE),
    st.builds(InputImage, image_url=TEXT, detail=MAYBE),
)
ITEMS = st.one_of(
    st.builds(
        MessageItem,
        item_id=TEXT,
        role=st.sampled_from(["system", "user", "assistant"]),
        content=st.lists(PARTS, max_size=3).map(tuple),
        status=STATUS,
    ),
    st.builds(FunctionCallItem, item_id=TEXT, call_id=TEXT, name=TEXT, arguments=TEXT, output=MAYBE, status=STATUS),
    st.builds(
        McpCallItem,
        item_id=TEXT,
        server_label=TEXT,
        name=TEXT,
        arguments=TEXT,
        output=MAYBE,
        error=st.none() | st.dictionaries(TEXT, JSON, max_size=2),
        status=STATUS,
    ),
    st.builds(
        McpApprovalRequestItem,
        item_id=TEXT,
        server_label=TEXT,
        name=TEXT,
        arguments=TEXT,
        approved=st.none() | st.booleans(),
    ),
)


@given(st.lists(ITEMS, max_size=4))
def test_n08_what_is_written_as_json_is_read_back(items):
    """N8: any history, through text."""
    assert from_json(json.loads(json.dumps(to_json(items)))) == items


def test_the_json_is_this_and_stays_this():
    """What one version wrote, the next must read."""
    items = [
        MessageItem(item_id="1", role="user", content=(InputAudio(transcript="Hi"), InputImage(image_url="data:x"))),
        FunctionCallItem(item_id="2", call_id="c", name="n", arguments="{}", output="o", status="completed"),
    ]
    assert to_json(items) == [
        {
            "version": 1,
            "type": "message",
            "item_id": "1",
            "role": "user",
            "content": [
                {"type": "input_audio", "transcript": "Hi"},
                {"type": "input_image", "image_url": "data:x", "detail": None},
            ],
            "status": "completed",
        },
        {
            "version": 1,
            "type": "function_call",
            "item_id": "2",
            "call_id": "c",
            "name": "n",
            "arguments": "{}",
            "output": "o",
            "status": "completed",
        },
    ]


def test_members_that_have_a_default_may_be_missing_and_those_of_later_are_passed_over():
    data = {"version": 1, "type": "message", "item_id": "1", "role": "user", "mood": "cheerful"}
    assert from_json([data]) == [MessageItem(item_id="1", role="user")]


GOOD = {"version": 1, "type": "message", "item_id": "1", "role": "user"}


@pytest.mark.parametrize(
    "bad",
    [
        {},
        "poem",
        {**GOOD, "version": 2},
        {**GOOD, "type": "poem"},
        {**GOOD, "role": "narrator"},
        {**GOOD, "item_id": 5},
        {**GOOD, "content": [{"type": "poem"}]},
        {"version": 1, "type": "message", "role": "user"},
    ],
)
def test_what_is_no_item_is_refused_and_named(bad):
    with pytest.raises(HistoryError, match="item 1 of the history"):
        from_json([GOOD, bad])


def test_in_writing_who_speaks_decides_what_kind_of_text_it_is():
    parts = (InputAudio(transcript="a"), OutputAudio(transcript="b"), InputImage(image_url="data:"), OutputAudio())
    assert in_writing(MessageItem(item_id="1", role="user", content=parts)).content == (
        InputText("a"),
        InputText("b"),
        InputImage(image_url="data:"),
    )
    assert in_writing(MessageItem(item_id="1", role="assistant", content=parts[:2])).content == (
        OutputText("a"),
        OutputText("b"),
    )


CALL = FunctionCallItem(item_id="2", call_id="c", name="n", arguments='{"a": 1}', output="o", status="completed")
SILENT = MessageItem(item_id="3", role="assistant", content=(OutputAudio(),))


def test_a_seed_is_what_can_be_told_in_writing():
    spoken = MessageItem(item_id="1", role="assistant", content=(OutputAudio(transcript="Hi"),))
    assert seed([spoken, CALL, SILENT]) == (
        MessageItem(item_id="1", role="assistant", content=(OutputText("Hi"),)),
        CALL,
    )


def said(role, *content):
    return MessageItem(item_id="m", role=role, content=content)


def tool_call(call_id, name="n", arguments="{}"):
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def test_messages_for_a_text_model_are_the_words_of_either_side():
    history = [
        said("system", InputText("Be brief.")),
        said("user", InputAudio(transcript="Weather?"), InputText("In Paris.")),
        SILENT,
        said("assistant", OutputAudio(transcript="Sunny.")),
    ]
    assert to_messages(history) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Weather? In Paris."},
        {"role": "assistant", "content": "Sunny."},
    ]


def test_images_are_parts_of_their_message():
    image = InputImage(image_url="data:x", detail="low")
    history = [said("user", InputText("What is that?"), image, InputImage(image_url="data:y"))]
    assert to_messages(history) == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is that?"},
                {"type": "image_url", "image_url": {"url": "data:x", "detail": "low"}},
                {"type": "image_url", "image_url": {"url": "data:y"}},
            ],
        }
    ]


def test_calls_are_asked_by_the_assistant_and_answered_in_order():
    """The API wants the outputs of a message's calls right behind it."""
    other = FunctionCallItem(item_id="4", call_id="d", name="n", arguments="{}", output="p")
    hosted = McpCallItem(item_id="5", server_label="s", name="find", arguments="{}", output="q")
    history = [said("user", InputText("Go.")), said("assistant", OutputText("Let me see.")), CALL, other, hosted]
    assert to_messages([*history, said("user", InputText("And?"))]) == [
        {"role": "user", "content": "Go."},
        {
            "role": "assistant",
            "content": "Let me see.",
            "tool_calls": [tool_call("c", arguments='{"a": 1}'), tool_call("d"), tool_call("5", "find")],
        },
        {"role": "tool", "tool_call_id": "c", "content": "o"},
        {"role": "tool", "tool_call_id": "d", "content": "p"},
        {"role": "tool", "tool_call_id": "5", "content": "q"},
        {"role": "user", "content": "And?"},
    ]


def test_calls_that_nothing_was_said_before_are_a_message_of_their_own():
    assert to_messages([said("user", InputText("Go.")), CALL])[1:] == [
        {"role": "assistant", "content": None, "tool_calls": [tool_call("c", arguments='{"a": 1}')]},
        {"role": "tool", "tool_call_id": "c", "content": "o"},
    ]


def test_calls_without_an_output_are_left_out():
    """The API refuses them; a call that waits for a person is one."""
    waiting = FunctionCallItem(item_id="2", call_id="c", name="n", arguments="{}")
    asked = McpApprovalRequestItem(item_id="3", server_label="s", name="n", arguments="{}")
    assert to_messages([said("user", InputText("Go.")), waiting, asked]) == [{"role": "user", "content": "Go."}]


@given(st.lists(ITEMS, max_size=6))
def test_whatever_the_history_is_every_call_has_its_output_right_behind_it(items):
    owed = []
    for message in to_messages(items):
        if message["role"] == "tool":
            assert message["tool_call_id"] == owed.pop(0)
        else:
            assert owed == []
            owed = [call["id"] for call in message.get("tool_calls", ())]
    assert owed == []
