"""Items: created, placed, retrieved, truncated and deleted by the client."""

from __future__ import annotations

import base64

import pytest


def _message(role: str, *parts: dict) -> dict:
    return {"type": "message", "role": role, "content": list(parts)}


def _text(text: str, kind: str = "input_text") -> dict:
    return {"type": kind, "text": text}


def _order(line) -> list[str]:
    """The ids of the conversation, as a reply would read them."""
    response = line.create_response(conversation="none")
    return [item["id"] for item in line.model.request(response).items]


def test_a_created_item_is_added_and_done(line):
    added, done = line.user_says("Hello")
    assert (added["type"], done["type"]) == ("conversation.item.added", "conversation.item.done")
    assert added["previous_item_id"] is None
    assert added["item"] == done["item"] == {
        "id": "item_1",
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": [{"type": "input_text", "text": "Hello"}],
    }  # fmt: skip


def test_an_id_given_by_the_client_is_kept(line):
    item = {"id": "mine", **_message("user", _text("Hello"))}
    assert line.send("conversation.item.create", item=item)[0]["item"]["id"] == "mine"


@pytest.mark.parametrize(
    ("previous", "order", "told"),
    [
        (None, ["item_1", "item_2", "new"], "item_2"),
        ("item_1", ["item_1", "new", "item_2"], "item_1"),
        ("root", ["new", "item_1", "item_2"], None),
    ],
)
def test_an_item_is_placed_after_another_one(line, previous, order, told):
    line.user_says("one")
    line.user_says("two")
    item = {"id": "new", **_message("user", _text("three"))}
    added, done = line.send("conversation.item.create", item=item, previous_item_id=previous)
    assert added["previous_item_id"] == done["previous_item_id"] == told
    assert _order(line) == order


@pytest.mark.parametrize(
    ("item", "shown"),
    [
        (_message("system", _text("Be brief.")), _message("system", _text("Be brief."))),
        (
            _message("assistant", _text("Hi.", "output_text")),
            _message("assistant", _text("Hi.", "output_text")),
        ),
        (
            _message("user", {"type": "input_image", "image_url": "data:image/png;base64,AA=="}),
            _message("user", {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "auto"}),
        ),
        (
            _message("user", {"type": "input_audio", "audio": "AAAA", "transcript": "Hi."}),
            _message("user", {"type": "input_audio", "transcript": "Hi."}),
        ),
        (
            {"type": "function_call", "name": "f", "call_id": "call_a", "arguments": "{}"},
            {"type": "function_call", "name": "f", "call_id": "call_a", "arguments": "{}"},
        ),
    ],
)
def test_every_kind_of_item_is_shown_without_audio(line, item, shown):
    added, _ = line.send("conversation.item.create", item=item)
    assert added["item"] == {"id": "item_1", "status": "completed", **shown}


def test_the_output_of_a_call_has_no_status(line):
    call = {"type": "function_call", "name": "f", "call_id": "call_a", "arguments": "{}"}
    line.send("conversation.item.create", item=call)
    output = {"type": "function_call_output", "call_id": "call_a", "output": "sunny"}
    assert line.send("conversation.item.create", item=output)[0]["item"] == {"id": "item_2", **output}


def test_audio_without_a_transcript_is_to_be_transcribed(line):
    audio = base64.b64encode(bytes(48_000)).decode()
    line.send("conversation.item.create", item=_message("user", {"type": "input_audio", "audio": audio}))
    (transcribe,) = line.transcriptions()
    assert (transcribe.item_id, transcribe.content_index, len(transcribe.audio)) == ("item_1", 0, 32_000)


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({}, "missing_required_parameter", "item"),
        ({"item": {"type": "mcp_call"}}, "invalid_value", "item.type"),
        ({"item": {"type": "message", "role": "bot", "content": []}}, "invalid_value", "item.role"),
        ({"item": {"type": "message", "role": "user"}}, "missing_required_parameter", "item.content"),
        ({"item": _message("user", {"type": "input_text"})}, "missing_required_parameter", "item.content[0].text"),
        ({"item": _message("user", _text("x", "output_text"))}, "invalid_value", "item.content[0].type"),
        ({"item": _message("user", {"type": "input_audio", "audio": "?"})}, "invalid_value", "item.content[0].audio"),
        ({"item": _message("assistant", {"type": "output_audio"})}, "invalid_value", "item.content[0].type"),
        ({"item": {"type": "function_call", "name": "f"}}, "missing_required_parameter", "item.arguments"),
        (
            {"item": {"type": "function_call_output", "call_id": "call_x", "output": ""}},
            "invalid_tool_call_id",
            None,
        ),
        ({"item": {"id": "item_1", **_message("user", _text("x"))}}, "item_create_duplicate_id", "item.id"),
        (
            {"item": _message("user", _text("x")), "previous_item_id": "nowhere"},
            "item_create_invalid_previous_item_id",
            "previous_item_id",
        ),
    ],
)
def test_a_bad_item_is_refused(line, fields, code, param):
    line.user_says("Hello")
    (error,) = line.send("conversation.item.create", **fields)
    assert (error["error"]["code"], error["error"]["param"]) == (code, param)


def test_a_deleted_item_is_gone(line):
    line.user_says("one")
    line.user_says("two")
    assert line.send("conversation.item.delete", item_id="item_2")[0]["item_id"] == "item_2"
    (error,) = line.send("conversation.item.retrieve", item_id="item_2")
    assert error["error"]["code"] == "item_retrieve_invalid_item_id"
    assert line.user_says("three")[0]["previous_item_id"] == "item_1"


@pytest.mark.parametrize(
    ("event_type", "fields", "code"),
    [
        ("conversation.item.retrieve", {}, "item_retrieve_invalid_item_id"),
        ("conversation.item.delete", {}, "item_delete_invalid_item_id"),
        ("conversation.item.truncate", {"content_index": 0, "audio_end_ms": 0}, "item_truncate_invalid_item_id"),
    ],
)
def test_an_item_that_is_not_there_is_named(line, event_type, fields, code):
    (error,) = line.send(event_type, item_id="nowhere", **fields)
    assert error["error"]["code"] == code
    assert error["error"]["message"].endswith("item: the item with id 'nowhere' does not exist.")


def test_retrieved_items_carry_the_audio_that_events_leave_out(line):
    item = line.reply("Hello there.", audio_ms=100).output[0]
    assert not any("audio" in part for event in line.events for part in event.get("item", {}).get("content", []))
    (retrieved,) = line.send("conversation.item.retrieve", item_id=item.id)
    (part,) = retrieved["item"]["content"]
    assert part["transcript"] == "Hello there."
    assert len(base64.b64decode(part["audio"])) == 4800


def test_truncating_keeps_the_audio_that_was_heard_and_no_transcript(line):
    item = line.reply("one two three four", audio_ms=1000).output[0]
    (truncated,) = line.send("conversation.item.truncate", item_id=item.id, content_index=0, audio_end_ms=500)
    assert {"item_id": item.id, "content_index": 0, "audio_end_ms": 500}.items() <= truncated.items()
    (retrieved,) = line.send("conversation.item.retrieve", item_id=item.id)
    (part,) = retrieved["item"]["content"]
    assert "transcript" not in part
    assert len(base64.b64decode(part["audio"])) == 24_000
    assert line.model.request(line.create_response()).items[0]["content"][0]["transcript"] == "one two"


def test_truncating_behind_the_end_says_how_long_the_audio_is(line):
    item = line.reply(audio_ms=1000).output[0]
    (error,) = line.send("conversation.item.truncate", item_id=item.id, content_index=0, audio_end_ms=1001)
    assert error["error"]["message"] == "Audio content of 1000ms is already shorter than 1001ms"
    assert error["error"]["code"] == "invalid_value"


@pytest.mark.parametrize("index", [0, 1])
def test_only_spoken_output_can_be_truncated(line, index):
    line.user_says("Hello")
    line.reply(audio_ms=0, output_modalities=["text"])
    for item_id in ("item_1", "item_2"):
        (error,) = line.send("conversation.item.truncate", item_id=item_id, content_index=index, audio_end_ms=0)
        assert error["error"]["message"] == "Only model output audio messages can be truncated"
