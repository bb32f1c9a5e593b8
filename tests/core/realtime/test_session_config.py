"""offhook.realtime.session_config: the config on the wire, and only what differs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.audio.formats import PCM16_24K, PCMA, PCMU, AudioFormat
from offhook.config import (
    AudioConfig,
    AudioInput,
    AudioOutput,
    NoiseReduction,
    SessionConfig,
    Transcription,
    TurnDetection,
)
from offhook.realtime.session_config import MUTABLE, ToldConfig, audio_format, interrupts_response
from offhook.wire.config import difference, merge, names, to_wire, without


def audio(**sides):
    return SessionConfig(audio=AudioConfig(**sides))


@pytest.mark.parametrize(
    ("config", "wire"),
    [
        (SessionConfig(), {}),
        (SessionConfig(instructions=""), {"instructions": ""}),
        (SessionConfig(tools=()), {"tools": []}),
        (
            SessionConfig(output_modalities=("text",), include=("a", "b")),
            {"output_modalities": ["text"], "include": ["a", "b"]},
        ),
        (SessionConfig(tracing=None, prompt={"id": "p"}), {"tracing": None, "prompt": {"id": "p"}}),
        (audio(output=AudioOutput(voice="ash", speed=1.5)), {"audio": {"output": {"voice": "ash", "speed": 1.5}}}),
        (
            audio(input=AudioInput(format=PCMU, noise_reduction=NoiseReduction())),
            {"audio": {"input": {"format": {"type": "audio/pcmu"}, "noise_reduction": {"type": "near_field"}}}},
        ),
        (
            audio(input=AudioInput(format=PCM16_24K)),
            {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 24000}}}},
        ),
        (
            audio(input=AudioInput(transcription=Transcription(language="fr"))),
            {"audio": {"input": {"transcription": {"model": "gpt-4o-mini-transcribe", "language": "fr"}}}},
        ),
        (
            audio(
                input=AudioInput(
                    turn_detection=TurnDetection(
                        type="server_vad", threshold=0, create_response=False, idle_timeout_ms=None
                    )
                )
            ),
            {
                "audio": {
                    "input": {
                        "turn_detection": {
                            "type": "server_vad",
                            "create_response": False,
                            "threshold": 0,
                            "idle_timeout_ms": None,
                        }
                    }
                }
            },
        ),
    ],
)
def test_b28_b29_what_is_set_is_written_and_nothing_else(config, wire):
    """B28, B29: null where it is ``None``, nothing where it is unset, falsy values kept."""
    assert to_wire(config) == wire


def test_provider_settings_are_merged_in_last():
    config = SessionConfig(
        instructions="ours",
        audio=AudioConfig(output=AudioOutput(voice="ash")),
        provider={"instructions": "theirs", "audio": {"output": {"style": "calm"}}, "extra": 1},
    )
    assert to_wire(config) == {
        "instructions": "theirs",
        "audio": {"output": {"voice": "ash", "style": "calm"}},
        "extra": 1,
    }


VAD = {"type": "server_vad", "threshold": 0.5}


@pytest.mark.parametrize(
    ("base", "update", "changed"),
    [
        ({}, {}, {}),
        ({"instructions": "a"}, {"instructions": "a"}, {}),
        ({"instructions": "a"}, {"instructions": "b"}, {"instructions": "b"}),
        ({"instructions": "a"}, {"tools": []}, {"tools": []}),
        ({}, {"tracing": None}, {"tracing": None}),
        ({"tracing": None}, {"tracing": None}, {}),
        (
            {"audio": {"input": {"turn_detection": VAD}, "output": {"voice": "ash"}}},
            {"audio": {"input": {"turn_detection": VAD}, "output": {"voice": "sage"}}},
            {"audio": {"output": {"voice": "sage"}}},
        ),
        (
            {"audio": {"input": {"turn_detection": VAD}}},
            {"audio": {"input": {"turn_detection": {**VAD, "threshold": 0.9}}}},
            {"audio": {"input": {"turn_detection": {**VAD, "threshold": 0.9}}}},
        ),
        ({"audio": None}, {"audio": {"output": {"voice": "ash"}}}, {"audio": {"output": {"voice": "ash"}}}),
    ],
)
def test_b29_only_what_differs_is_sent_and_values_are_sent_whole(base, update, changed):
    """B29, as offhook has it: a session update is a diff."""
    assert difference(base, update) == changed
    assert merge(base, changed) == merge(base, update)


LEAVES = st.one_of(
    st.none(), st.text(max_size=2), st.integers(0, 2), st.dictionaries(st.sampled_from("xy"), st.integers(0, 1))
)
SIDES = st.dictionaries(st.sampled_from(["format", "voice", "turn_detection"]), LEAVES, min_size=1)
WIRES = st.builds(
    lambda flat, sides: {**flat, **({"audio": sides} if sides else {})},
    st.dictionaries(st.sampled_from(["instructions", "tools", "tracing"]), LEAVES),
    st.dictionaries(st.sampled_from(["input", "output"]), SIDES),
)


@given(WIRES, WIRES)
def test_b29_the_difference_is_enough_and_not_more(base, update):
    """B29: applying the difference is applying the update, and afterwards there is none left."""
    changed = difference(base, update)
    merged = merge(base, update)
    assert merge(base, changed) == merged
    assert difference(merged, update) == {}
    assert names(changed) <= names(update)


@given(WIRES, WIRES)
def test_what_is_taken_out_is_told_again(base, update):
    told = without(merge(base, update), update)
    assert not names(told) & names(update)
    assert difference(told, update) == update


def test_merging_changes_neither_side():
    base, update = {"audio": {"output": {"voice": "a"}}}, {"audio": {"output": {"voice": "b"}}}
    merge(base, update)
    assert (base, update) == ({"audio": {"output": {"voice": "a"}}}, {"audio": {"output": {"voice": "b"}}})


def test_names_are_dotted_down_to_the_values():
    wire = {"instructions": "a", "audio": {"input": {"turn_detection": VAD}, "output": {"voice": "ash"}}}
    assert names(wire) == {"instructions", "audio.input.turn_detection", "audio.output.voice"}


def test_every_field_of_the_config_can_be_changed_but_the_model():
    everything = SessionConfig(
        **dict.fromkeys(
            (
                "instructions",
                "tool_choice",
                "parallel_tool_calls",
                "max_output_tokens",
                "reasoning",
                "truncation",
                "prompt",
            ),
            "x",
        ),
        model="m",
        tracing=None,
        output_modalities=("text",),
        tools=(),
        include=(),
        audio=AudioConfig(
            input=AudioInput(format=PCMU, noise_reduction=None, transcription=None, turn_detection=None),
            output=AudioOutput(format=PCMU, voice="ash", speed=1.0),
        ),
    )
    assert names(to_wire(everything)) == MUTABLE | {"model"}


# What the service was told.


def test_what_was_refused_can_be_told_again():
    told = ToldConfig()
    told.told("config_1", {"instructions": "a", "audio": {"output": {"voice": "ash"}}})
    told.told("config_2", {"audio": {"output": {"voice": "no such"}}})
    assert told.accepted() == "config_1"
    told.refused("another")
    told.refused(None)
    assert told.wire["audio"] == {"output": {"voice": "no such"}}
    told.refused("config_2")
    assert told.wire == {"instructions": "a", "audio": {"output": {}}}
    assert told.accepted() is None


def test_what_the_caller_changes_later_was_not_told():
    told, tools = ToldConfig(), [{"name": "a"}]
    told.told("config_1", {"tools": tools})
    tools[0]["name"] = "b"
    assert difference(told.wire, {"tools": tools}) == {"tools": [{"name": "b"}]}


def test_p10_a_service_that_never_acknowledges_does_not_make_it_grow():
    """P10: bounded."""
    told = ToldConfig()
    for number in range(1000):
        told.told(f"config_{number}", {"instructions": str(number)})
    assert len(told._pending) <= 16


# What the service says.


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, PCM16_24K),
        ({"type": "audio/pcm", "rate": 24000}, PCM16_24K),
        ({"type": "audio/pcm", "rate": 16000}, AudioFormat("audio/pcm", 16000)),
        ({"type": "audio/pcm"}, PCM16_24K),
        ({"type": "audio/pcm", "rate": 0}, PCM16_24K),
        ({"type": "audio/pcm", "rate": "fast"}, PCM16_24K),
        ({"type": "audio/pcmu"}, PCMU),
        ({"type": "audio/pcma", "rate": 8000}, PCMA),
        ("pcm16", PCM16_24K),
    ],
)
def test_b15_the_format_is_what_the_session_says(value, expected):
    """B15: lengths are told by it."""
    assert audio_format({"audio": {"output": {"format": value}}}, "output") == expected
    assert audio_format({"audio": {"input": {"format": value}}}, "input") == expected


@pytest.mark.parametrize("session", [{}, {"audio": None}, {"audio": {"output": []}}])
def test_a_session_that_says_nothing_is_pcm16_at_24_khz(session):
    assert audio_format(session, "output") == PCM16_24K


@pytest.mark.parametrize(
    ("turn_detection", "expected"),
    [
        ({"interrupt_response": True}, True),
        ({"interrupt_response": False}, False),
        ({}, None),
        (None, None),
        ("x", None),
    ],
)
def test_b14_whether_the_server_cancels_is_what_the_session_says(turn_detection, expected):
    """B14: true, false, or nobody said."""
    assert interrupts_response({"audio": {"input": {"turn_detection": turn_detection}}}) is expected
    assert interrupts_response({}) is None
