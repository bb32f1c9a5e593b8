"""The session object: defaults, updates, and what cannot be changed."""

from __future__ import annotations

from typing import Any

import pytest


def _error(events: list[dict[str, Any]]) -> dict[str, Any]:
    assert [event["type"] for event in events] == ["error"]
    return events[0]["error"]


def test_a_session_starts_with_the_recorded_shape(line):
    created = line.events[0]
    assert created["type"] == "session.created"
    assert list(created["session"]) == [
        "type", "object", "id", "model", "output_modalities", "instructions", "tools", "tool_choice",
        "max_output_tokens", "tracing", "truncation", "prompt", "expires_at", "audio", "include",
    ]  # fmt: skip
    assert created["session"]["audio"]["input"] == {
        "format": {"type": "audio/pcm", "rate": 24000},
        "transcription": None,
        "noise_reduction": None,
        "turn_detection": {
            "type": "server_vad",
            "threshold": 0.5,
            "prefix_padding_ms": 300,
            "silence_duration_ms": 500,
            "idle_timeout_ms": None,
            "create_response": True,
            "interrupt_response": True,
        },
    }


def test_an_update_is_answered_with_the_whole_session(line):
    (updated,) = line.update(instructions="Be brief.")
    assert updated["type"] == "session.updated"
    assert updated["session"]["instructions"] == "Be brief."
    assert updated["session"]["audio"] == line.events[0]["session"]["audio"]


def test_an_event_keeps_what_it_said_when_the_session_changes(line):
    line.update(audio={"input": {"turn_detection": None}})
    assert line.events[0]["session"]["audio"]["input"]["turn_detection"] is not None


@pytest.mark.parametrize(
    ("update", "path", "expected"),
    [
        ({"tools": []}, ["tools"], []),
        ({"output_modalities": ["text"]}, ["output_modalities"], ["text"]),
        ({"max_output_tokens": 7}, ["max_output_tokens"], 7),
        ({"tracing": "auto"}, ["tracing"], "auto"),
        ({"tool_choice": {"type": "function", "name": "f"}}, ["tool_choice"], {"type": "function", "name": "f"}),
        ({"reasoning": {"effort": "low"}}, ["reasoning"], {"effort": "low"}),
        ({"audio": {"input": {"turn_detection": None}}}, ["audio", "input", "turn_detection"], None),
        ({"audio": {"input": {"format": {"type": "audio/pcmu"}}}}, ["audio", "input", "format"], {"type": "audio/pcmu"}),
        ({"audio": {"output": {"format": {"type": "audio/pcm"}}}}, ["audio", "output", "format"], {"type": "audio/pcm", "rate": 24000}),
        ({"audio": {"output": {"speed": 1}}}, ["audio", "output", "speed"], 1),
        ({"audio": {"output": {"voice": {"id": "voice_1"}}}}, ["audio", "output", "voice"], {"id": "voice_1"}),
        (
            {"audio": {"input": {"transcription": {"model": "whisper-1"}}}},
            ["audio", "input", "transcription"],
            {"model": "whisper-1", "language": None, "prompt": None},
        ),
        (
            {"audio": {"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "high"}}}},
            ["audio", "input", "turn_detection"],
            {"type": "semantic_vad", "eagerness": "high", "create_response": True, "interrupt_response": True},
        ),
    ],
)  # fmt: skip
def test_an_update_takes_effect_with_its_defaults_filled_in(line, update, path, expected):
    (updated,) = line.update(**update)
    value = updated["session"]
    for name in path:
        value = value[name]
    assert value == expected


def test_what_an_update_leaves_out_stays(line):
    line.update(audio={"input": {"transcription": {"model": "whisper-1"}}, "output": {"voice": "marin"}})
    (updated,) = line.update(audio={"input": {"noise_reduction": {"type": "near_field"}}})
    audio = updated["session"]["audio"]
    assert audio["input"]["transcription"]["model"] == "whisper-1"
    assert audio["output"]["voice"] == "marin"


def test_empty_instructions_bring_the_default_ones_back(line):
    line.update(instructions="Be brief.")
    (updated,) = line.update(instructions="")
    assert updated["session"]["instructions"] == line.events[0]["session"]["instructions"]


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({}, "missing_required_parameter", "session.type"),
        ({"type": "transcription"}, "invalid_value", "session.type"),
        ({"type": "realtime", "instruction": "x"}, "unknown_parameter", "session.instruction"),
        ({"type": "realtime", "modalities": ["text"]}, "unknown_parameter", "session.modalities"),
        ({"modalities": ["text"]}, "missing_required_parameter", "session.type"),
        ({"type": "realtime", "instructions": 1}, "invalid_type", "session.instructions"),
        ({"type": "realtime", "instructions": None}, "invalid_type", "session.instructions"),
        ({"type": "realtime", "output_modalities": ["text", "audio"]}, "invalid_value", "session.output_modalities"),
        ({"type": "realtime", "max_output_tokens": 0}, "integer_below_min_value", "session.max_output_tokens"),
        ({"type": "realtime", "tools": [{"type": "function"}]}, "missing_required_parameter", "session.tools[0].name"),
        ({"type": "realtime", "tools": [{"type": "mcp"}]}, "invalid_value", "session.tools[0].type"),
        ({"type": "realtime", "audio": {"output": {"voice": "bob"}}}, "invalid_value", "session.audio.output.voice"),
        ({"type": "realtime", "audio": {"output": {"speed": 2}}}, "integer_above_max_value", "session.audio.output.speed"),
        (
            {"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcm", "rate": 16000}}}},
            "invalid_value",
            "session.audio.input.format.rate",
        ),
        (
            {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 1.5}}}},
            "decimal_above_max_value",
            "session.audio.input.turn_detection.threshold",
        ),
        (
            {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 10}}}},
            "integer_below_min_value",
            "session.audio.input.turn_detection.idle_timeout_ms",
        ),
        (
            {"type": "realtime", "audio": {"input": {"turn_detection": {}}}},
            "missing_required_parameter",
            "session.audio.input.turn_detection.type",
        ),
    ],
)  # fmt: skip
def test_a_bad_update_is_refused_as_a_whole_and_names_its_path(line, session, code, param):
    before = line.model.session.wire
    error = _error(line.send("session.update", session={"instructions": "Changed.", **session}, event_id="mine"))
    assert (error["code"], error["param"], error["event_id"]) == (code, param, "mine")
    assert line.model.session.wire is before


def test_the_flat_session_of_the_beta_is_refused_with_a_way_out(line):
    error = _error(line.send("session.update", session={"modalities": ["text"], "input_audio_format": "pcm16"}))
    assert "beta" in error["message"]
    assert "output_modalities" in error["message"]


def test_the_model_of_the_connection_is_fixed(new_line):
    line = new_line(model="gpt-realtime-2.1")
    assert line.events[0]["session"]["model"] == "gpt-realtime-2.1"
    assert line.update(model="gpt-realtime-2.1")[0]["type"] == "session.updated"
    assert _error(line.update(model="gpt-realtime"))["param"] == "session.model"


def test_a_connection_that_names_no_model_gets_it_with_the_first_update(line):
    assert line.events[0]["session"]["model"] == "gpt-realtime"
    assert line.update(model="gpt-realtime-2.1")[0]["session"]["model"] == "gpt-realtime-2.1"
    assert _error(line.update(model="gpt-realtime"))["code"] == "invalid_value"


def test_the_voice_is_fixed_once_the_assistant_has_spoken(line):
    line.update(audio={"output": {"voice": "marin"}})
    line.reply()
    assert line.update(audio={"output": {"voice": "marin"}})[0]["type"] == "session.updated"
    assert _error(line.update(audio={"output": {"voice": "cedar"}}))["code"] == "cannot_update_voice"


def test_text_alone_does_not_fix_the_voice(line):
    line.reply(audio_ms=0, output_modalities=["text"])
    assert line.update(audio={"output": {"voice": "cedar"}})[0]["type"] == "session.updated"
