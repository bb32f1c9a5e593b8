"""Client events as a whole: what published clients send, and what is no event."""

from __future__ import annotations

import json

import pytest

from offhook_emulator.model.errors import not_json, not_text


@pytest.mark.parametrize(
    ("event", "code", "param"),
    [
        ([], "invalid_event", None),
        ("hello", "invalid_event", None),
        ({}, "missing_required_parameter", "type"),
        ({"type": 1}, "invalid_type", "type"),
        ({"type": "nope"}, "invalid_value", "type"),
        ({"type": "conversation.item.retrieve"}, "missing_required_parameter", "item_id"),
        ({"type": "response.cancel", "extra": 1}, "unknown_parameter", "extra"),
        ({"type": "input_audio_buffer.append", "audio": "?"}, "invalid_value", "audio"),
        (
            {"type": "conversation.item.truncate", "item_id": "x", "content_index": 0, "audio_end_ms": 1.5},
            "invalid_type",
            "audio_end_ms",
        ),
    ],
)
def test_what_is_no_event_causes_an_error(line, event, code, param):
    (error,) = line.take(line.model.receive(event))
    assert error["type"] == "error"
    assert (error["error"]["code"], error["error"]["param"]) == (code, param)


def test_an_unknown_type_is_answered_with_the_known_ones(line):
    (error,) = line.send("nope")
    assert "'session.update'" in error["error"]["message"]


@pytest.mark.parametrize("event_id", ["mine", None, 7])
def test_an_error_names_the_event_that_caused_it(line, event_id):
    (error,) = line.send("response.cancel", event_id=event_id)
    assert error["error"]["event_id"] == (event_id if isinstance(event_id, str) else None)


@pytest.mark.parametrize(("refusal", "code"), [(not_json(), "invalid_json"), (not_text(), "invalid_event")])
def test_a_frame_that_cannot_be_read_causes_an_error(line, refusal, code):
    (error,) = line.take(line.model.refuse(refusal))
    assert error["error"]["code"] == code


def test_every_frame_that_published_clients_send_is_taken(new_line, corpus):
    frames = [json.loads(row)["event"] for row in (corpus / "client_frames.jsonl").read_text().splitlines()]
    refused = []
    for frame in frames:
        line = new_line()
        _seed(line, frame)
        events = line.take(line.model.receive(frame))
        assert events, frame
        refused += [frame for event in events if event["type"] == "error"]
    # The Azure preview's flat session is another generation of the API.
    assert [sorted(frame["session"]) for frame in refused] == [
        ["input_audio_format", "instructions", "modalities", "output_audio_format", "tools", "turn_detection", "voice"]
    ]


def _seed(line, frame: dict) -> None:
    """Put in what the frame refers to: the recorded ids mean nothing to a new session."""
    if frame["type"] == "conversation.item.truncate":
        item = line.reply(audio_ms=5000).output[0]
        frame["item_id"] = item.id
    message = {"type": "message", "role": "user", "content": []}
    for item_id in {frame.get("item_id"), frame.get("previous_item_id")} - {None, "root"}:
        if item_id.startswith("item_0"):
            line.send("conversation.item.create", item={"id": item_id, **message})
    if frame.get("item", {}).get("type") == "function_call_output":
        call = {"type": "function_call", "name": "f", "arguments": "{}", "call_id": frame["item"]["call_id"]}
        line.send("conversation.item.create", item=call)
