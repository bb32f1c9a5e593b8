"""offhook.recording.lines: what is written is read again, and what is no line is told."""

from __future__ import annotations

import json

import pytest
from attrs import evolve

from offhook.audio.formats import PCMU
from offhook.capabilities import Capabilities
from offhook.realtime.capabilities import REALTIME_CAPABILITIES
from offhook.recording.lines import End, Frame, Header, from_json, to_json

CAPABILITIES = evolve(REALTIME_CAPABILITIES, handles_audio=True, input_formats=(PCMU,), mute="local")


@pytest.mark.parametrize(
    "line",
    [
        Header(),
        Header(offhook="1.2", transport="sip", model="gpt-realtime", started_at="2026-11-24T21:00:00+00:00"),
        Header(audio=False, sent=False, capabilities=CAPABILITIES),
        Header(capabilities=Capabilities()),
        Frame(direction="sent", event={"type": "response.create"}, at_ms=12.5),
        Frame(direction="received", event={"no": "type"}),
        End(reason="lost", code=1006, at_ms=99.0),
        End(),
    ],
)
def test_a_line_that_was_written_is_the_one_that_is_read(line):
    assert from_json(json.loads(json.dumps(to_json(line)))) == line


def test_a_header_holds_the_flags_that_differ_from_the_weakest_transport():
    assert to_json(Header(capabilities=Capabilities(images=True)))["capabilities"] == {"images": True}


def test_flags_of_one_vendor_are_left_out_since_they_may_be_no_json():
    capabilities = Capabilities(extra={"odd": object()})
    assert from_json(json.loads(json.dumps(to_json(Header(capabilities=capabilities))))).capabilities == Capabilities()


def test_the_frames_of_other_programs_have_no_time():
    assert from_json({"direction": "sent", "event": {}}) == Frame(direction="sent", event={}, at_ms=0.0)


def test_members_that_a_later_offhook_adds_are_passed_over():
    value = {"recording": 1, "colour": "red", "capabilities": {"images": True, "telepathy": True}}
    assert from_json(value) == Header(capabilities=Capabilities(images=True))


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({}, "neither a frame nor the end"),
        ([], "neither a frame nor the end"),
        ({"direction": "sideways", "event": {}}, "neither a frame nor the end"),
        ({"direction": "sent", "event": "text"}, "neither a frame nor the end"),
        ({"direction": "sent", "event": {}, "at_ms": "soon"}, "at_ms is no number"),
        ({"recording": 2}, "has format 2, and this offhook reads up to 1: upgrade"),
        ({"recording": 1, "capabilities": {"cancel": "telepathy"}}, "cancel in its capabilities must be one of"),
    ],
)
def test_what_is_no_line_is_told(value, why):
    with pytest.raises(ValueError, match=why):
        from_json(value)
