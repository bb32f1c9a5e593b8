"""offhook.config: three states a field, and one config laid over another."""

from __future__ import annotations

import pytest
from attrs import evolve, fields
from hypothesis import given
from hypothesis import strategies as st

from offhook.audio.formats import PCM16_24K, PCMU
from offhook.config import (
    UNSET,
    AudioConfig,
    AudioInput,
    AudioOutput,
    NoiseReduction,
    SessionConfig,
    Transcription,
    TurnDetection,
)


def test_unset_says_so():
    assert repr(UNSET) == "UNSET"
    assert repr(AudioOutput(voice="ash")) == "AudioOutput(format=UNSET, voice='ash', speed=UNSET)"


def test_nothing_is_set_until_somebody_sets_it():
    for attribute in fields(SessionConfig):
        if attribute.name not in {"audio", "provider"}:
            assert getattr(SessionConfig(), attribute.name) is UNSET


def test_b28_none_and_unset_are_two_things():
    """B28: ``None`` switches off, ``UNSET`` leaves alone."""
    off = SessionConfig(audio=AudioConfig(input=AudioInput(turn_detection=None)))
    base = SessionConfig(audio=AudioConfig(input=AudioInput(turn_detection=TurnDetection())))
    assert off.over(base).audio.input.turn_detection is None
    assert SessionConfig().over(base).audio.input.turn_detection == TurnDetection()
    assert base.over(off).audio.input.turn_detection == TurnDetection()


def test_b29_one_field_of_a_group_leaves_its_neighbours_alone():
    """B29, as offhook has it: nothing is reset by omission."""
    base = SessionConfig(
        audio=AudioConfig(
            input=AudioInput(format=PCMU, transcription=Transcription(language="fr")),
            output=AudioOutput(format=PCMU, voice="ash"),
        )
    )
    merged = SessionConfig(audio=AudioConfig(output=AudioOutput(voice="sage"))).over(base)
    assert merged == evolve(
        base, audio=AudioConfig(input=base.audio.input, output=AudioOutput(format=PCMU, voice="sage"))
    )


def test_a_value_is_taken_whole_because_its_fields_mean_something_only_together():
    base = SessionConfig(
        audio=AudioConfig(input=AudioInput(turn_detection=TurnDetection(type="server_vad", threshold=0.9)))
    )
    mine = SessionConfig(audio=AudioConfig(input=AudioInput(turn_detection=TurnDetection(eagerness="low"))))
    assert mine.over(base).audio.input.turn_detection == TurnDetection(eagerness="low")


@pytest.mark.parametrize("value", [0, "", (), {}, False])
def test_an_empty_value_is_a_value(value):
    assert SessionConfig(prompt=value).over(SessionConfig(prompt={"id": "p"})).prompt == value


def test_provider_settings_are_laid_over_one_by_one():
    base = SessionConfig(provider={"a": 1, "b": 1})
    assert SessionConfig(provider={"b": 2, "c": 2}).over(base).provider == {"a": 1, "b": 2, "c": 2}
    assert SessionConfig().over(base).provider == {"a": 1, "b": 1}


MAYBE_TEXT = st.one_of(st.just(UNSET), st.text(max_size=3))
CONFIGS = st.builds(
    SessionConfig,
    model=MAYBE_TEXT,
    instructions=MAYBE_TEXT,
    tools=st.sampled_from([UNSET, (), ({"name": "t"},)]),
    tracing=st.sampled_from([UNSET, None, "auto", {}, {"group_id": "g"}]),
    audio=st.builds(
        AudioConfig,
        input=st.builds(
            AudioInput,
            format=st.sampled_from([UNSET, PCM16_24K, PCMU]),
            noise_reduction=st.sampled_from([UNSET, None, NoiseReduction()]),
            turn_detection=st.sampled_from([UNSET, None, TurnDetection(), TurnDetection(type="server_vad")]),
        ),
        output=st.builds(AudioOutput, voice=MAYBE_TEXT, speed=st.sampled_from([UNSET, 1.0, 1.5])),
    ),
    provider=st.dictionaries(st.sampled_from("ab"), st.integers(0, 2)),
)


@given(CONFIGS, CONFIGS, CONFIGS)
def test_laying_over_is_associative_and_an_empty_config_changes_nothing(top, middle, bottom):
    assert top.over(middle).over(bottom) == top.over(middle.over(bottom))
    assert top.over(SessionConfig()) == top
    assert SessionConfig().over(top) == top
    assert top.over(top) == top


def test_p11_the_keys_of_hosted_tools_are_not_shown():
    tools = (
        {"type": "mcp", "server_label": "files", "authorization": "sk-secret"},
        {"type": "function", "name": "look"},
    )
    assert "tools=<files, look>" in repr(SessionConfig(tools=tools))
    assert "tools=UNSET" in repr(SessionConfig())
