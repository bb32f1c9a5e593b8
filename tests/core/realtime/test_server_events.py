"""offhook.realtime.server_events: every frame of the service becomes a typed event, however sloppily it is written."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.config import UNSET
from offhook.realtime import server_events as s

SCHEMA_NAME = "RealtimeServerEvent"
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.floats(allow_nan=False), st.text(max_size=3)),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=3), inner, max_size=2)),
    max_leaves=4,
)


def test_there_are_46_server_events(server_frames):
    assert len(s.CLASSES) == 46
    assert server_frames.keys() == s.CLASSES.keys()


@pytest.mark.parametrize("kind", sorted(s.CLASSES))
def test_a_minimal_frame_of_each_type_becomes_a_typed_event(server_frames, kind):
    event = s.decode(server_frames[kind])
    assert type(event) is s.CLASSES[kind]
    assert event.type == kind
    assert event.event_id == server_frames[kind].get("event_id")


@pytest.mark.parametrize("kind", sorted(s.CLASSES))
def test_p03_members_that_the_reference_does_not_have_are_no_offence(server_frames, kind):
    """P3: a vendor that adds a field breaks nothing."""
    frame = {**copy.deepcopy(server_frames[kind]), "rid": 7, "latency": {"ms": 1}}
    for value in frame.values():
        if isinstance(value, dict):
            value["and_more"] = [1]
    assert type(s.decode(frame)) is s.CLASSES[kind]


@pytest.mark.parametrize("kind", sorted(s.CLASSES))
def test_nulls_where_the_reference_has_a_default_are_no_offence(server_frames, kind):
    """Real services write explicit nulls that the schema does not have."""
    frame = copy.deepcopy(server_frames[kind])
    keep = {"type", "item_id", "item", "session", "error", "response", "event", "delta"}
    for key in frame.keys() - keep:
        frame[key] = None
    for inner in ("response", "error"):
        if isinstance(frame.get(inner), dict):
            frame[inner] = {key: value if key == "id" else None for key, value in frame[inner].items()}
    assert type(s.decode(frame)) is s.CLASSES[kind]


def test_a_null_that_means_something_stays_one():
    item = {"id": "i", "type": "message"}
    assert s.decode({"type": "conversation.item.added", "item": item}).previous_item_id is UNSET
    assert (
        s.decode({"type": "conversation.item.added", "item": item, "previous_item_id": None}).previous_item_id is None
    )


@pytest.mark.parametrize("kind", ["response.output_audio.paused", "ping", "", None, 5, ["error"], {"a": 1}])
def test_p03_a06_b02_an_unknown_type_is_none_of_our_business(kind):
    """P3, A6, B2: it decodes to nothing and raises nothing."""
    assert s.decode({"type": kind, "delta": "AAAA"}) is None


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        ({"type": "error"}, "error"),
        ({"type": "error", "error": "oops"}, "expected an object, got str"),
        ({"type": "session.updated", "session": []}, "expected an object, got list"),
        ({"type": "conversation.item.added"}, "item"),
        ({"type": "conversation.item.deleted", "item_id": None}, "item_id"),
        ({"type": "conversation.item.deleted", "item_id": 7}, "expected text, got int"),
        ({"type": "response.created", "response": {}}, "id"),
        ({"type": "response.output_text.delta", "delta": ["a"]}, "expected text, got list"),
        ({"type": "response.output_text.delta", "delta": "a", "content_index": "first"}, "first"),
        ({"type": "response.output_audio.delta"}, "delta"),
        ({"type": "response.output_audio.delta", "delta": None}, "response.output_audio.delta"),
    ],
)
def test_p04_a_frame_that_lacks_what_its_type_requires_is_malformed(frame, why):
    """P4: one kind of error, which says what is wrong."""
    with pytest.raises(s.MalformedFrame, match=why):
        s.decode(frame)


def test_what_other_services_put_in_place_of_an_object_is_read_as_none():
    event = s.decode({"type": "response.done", "response": {"id": "r", "usage": "unimplemented", "audio": []}})
    assert (event.response.usage, event.response.audio) == (None, None)


@given(data=st.data())
def test_p04_whatever_stands_in_a_frame_it_is_decoded_or_malformed(server_frames, data):
    """P4: for any frame of any known type with any member replaced by anything."""
    frame = copy.deepcopy(data.draw(st.sampled_from(list(server_frames.values()))))
    place = frame
    while isinstance(place, dict) and place and data.draw(st.booleans()):
        holder, key = place, data.draw(st.sampled_from(sorted(place)))
        if holder is frame and key == "type":
            break
        place = holder[key]
        if not isinstance(place, dict):
            holder[key] = data.draw(JSON)
    try:
        event = s.decode(frame)
    except s.MalformedFrame:
        return
    assert type(event) is s.CLASSES[frame["type"]]


def test_each_minimal_frame_is_valid_by_the_published_schema(server_frames, corpus):
    jsonschema = pytest.importorskip("jsonschema")
    schemas = json.loads((corpus / "openai-openapi" / "openapi.json").read_text(encoding="utf-8"))
    variants = schemas["components"]["schemas"][SCHEMA_NAME]["anyOf"]
    published = {}
    for variant in variants:
        schema = schemas["components"]["schemas"][variant["$ref"].rpartition("/")[2]]
        kind = schema["properties"]["type"]
        published[kind.get("const") or kind["enum"][0]] = schema
    assert published.keys() == server_frames.keys()
    for kind, schema in published.items():
        validator = jsonschema.Draft202012Validator({**schema, "components": schemas["components"]})
        validator.validate(_without_nulls(server_frames[kind]))


def test_every_recorded_frame_of_openai_and_azure_openai_becomes_a_typed_event(recordings):
    decoded = 0
    for name, lines in recordings.items():
        for line in lines:
            record = json.loads(line)
            if record["direction"] == "received":
                assert s.decode(record["event"]) is not None, (name, record["event"]["type"])
                decoded += 1
    assert decoded > 650


def _without_nulls(value):
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value
