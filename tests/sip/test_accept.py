"""The payload that a call is accepted with."""

from __future__ import annotations

import pytest

from offhook import (
    PCMU,
    AudioConfig,
    AudioInput,
    AudioOutput,
    RealtimeAgent,
    RealtimeSession,
    SessionConfig,
    TurnDetection,
    function_tool,
)
from offhook.errors import ConfigError
from offhook.settings import Settings
from offhook_sip import OpenAIRealtimeSIP, SIPOptions, build_initial_config
from offhook_sip.errors import TurnDetectionRefused


@function_tool
def get_weather(city: str) -> str:
    """Say what the weather is like."""
    return f"sunny in {city}"


AGENT = RealtimeAgent(name="Ann", instructions="Be brief.", tools=[get_weather], voice="marin")


def with_turn_detection(detection):
    return SessionConfig(audio=AudioConfig(input=AudioInput(turn_detection=detection)))


async def test_payload_is_what_the_session_says_when_it_attaches(socket, options, settings):
    config = SessionConfig(tool_choice="required", provider={"metadata": {"a": 1}}, tracing="auto")
    payload = await build_initial_config(AGENT, config, settings=settings)
    session = RealtimeSession(
        AGENT, transport=OpenAIRealtimeSIP(options), config=config, call_id="rtc_1", settings=settings
    )
    async with session:
        said = (await socket.hears("session.update"))["session"]
    assert "tracing" not in said, "it is asked for by an update of its own"
    assert payload.pop("model") == SIPOptions().model
    assert payload == said
    assert payload["tools"] == [get_weather.to_wire()]


async def test_payload_names_its_type_and_its_model(settings):
    payload = await build_initial_config(AGENT, settings=settings)
    assert (payload["type"], payload["model"]) == ("realtime", SIPOptions().model)


@pytest.mark.parametrize(
    ("config", "options", "expected"),
    [
        (SessionConfig(model="config"), SIPOptions(model="options"), "config"),
        (None, SIPOptions(model="options"), "options"),
        (None, None, "table"),
    ],
)
async def test_model_of_the_config_beats_that_of_the_options_which_beat_the_table(config, options, expected):
    settings = Settings(transports={"sip": {"model": "table"}})
    assert (await build_initial_config(AGENT, config, options=options, settings=settings))["model"] == expected


async def test_no_model_is_named_where_none_is_wanted():
    settings = Settings(transports={"sip": {"model": "none"}})
    assert "model" not in await build_initial_config(AGENT, settings=settings)


async def test_no_audio_format_is_sent_unless_asked_for(settings):
    audio = (await build_initial_config(AGENT, settings=settings))["audio"]
    assert "format" not in audio["input"]
    assert audio["output"] == {"voice": "marin"}
    asked = SessionConfig(audio=AudioConfig(output=AudioOutput(format=PCMU)))
    assert (await build_initial_config(AGENT, asked, settings=settings))["audio"]["output"]["format"] == {
        "type": "audio/pcmu"
    }


async def test_tracing_is_never_part_of_it(settings):
    assert "tracing" not in await build_initial_config(AGENT, SessionConfig(tracing="auto"), settings=settings)


async def test_overrides_beat_config_and_agent(settings):
    overrides = SessionConfig(instructions="Say goodbye.", audio=AudioConfig(output=AudioOutput(speed=1.5)))
    payload = await build_initial_config(AGENT, SessionConfig(max_output_tokens=9), overrides, settings=settings)
    assert payload["instructions"] == "Say goodbye."
    assert payload["audio"]["output"] == {"voice": "marin", "speed": 1.5}
    assert payload["max_output_tokens"] == 9


async def test_settings_are_those_of_the_config_file_as_for_a_session(tmp_path):
    (tmp_path / "offhook.toml").write_text('[session]\ntool_choice = "none"\n[transports.sip]\nmodel = "of-the-file"\n')
    payload = await build_initial_config(AGENT)
    assert (payload["tool_choice"], payload["model"]) == ("none", "of-the-file")


async def test_method_of_the_transport_class_is_the_function(settings):
    assert await OpenAIRealtimeSIP.build_initial_config(AGENT, settings=settings) == await build_initial_config(
        AGENT, settings=settings
    )


async def test_turn_detection_by_meaning_is_the_default(settings):
    payload = await build_initial_config(AGENT, settings=settings)
    assert payload["audio"]["input"]["turn_detection"] == {"type": "semantic_vad"}


@pytest.mark.parametrize(
    "detection",
    [
        None,
        TurnDetection(type="semantic_vad", eagerness="low"),
        TurnDetection(type="server_vad", create_response=True, interrupt_response=False, idle_timeout_ms=6000),
    ],
)
async def test_other_turn_detection_is_allowed(settings, detection):
    await build_initial_config(AGENT, with_turn_detection(detection), settings=settings)


@pytest.mark.parametrize(
    ("detection", "named"),
    [
        ({"threshold": 0.5}, ("threshold",)),
        ({"prefix_padding_ms": 0, "silence_duration_ms": 500}, ("prefix_padding_ms", "silence_duration_ms")),
        (
            {"threshold": 0.0, "prefix_padding_ms": 300, "silence_duration_ms": 500},
            ("threshold", "prefix_padding_ms", "silence_duration_ms"),
        ),
    ],
)
async def test_b26_building_fails_naming_every_turn_detection_field_that_the_api_refuses(settings, detection, named):
    config = with_turn_detection(TurnDetection(type="server_vad", **detection))
    with pytest.raises(TurnDetectionRefused) as caught:
        await build_initial_config(AGENT, config, settings=settings)
    assert caught.value.fields == named
    assert all(name in str(caught.value) for name in named)
    assert isinstance(caught.value, ConfigError)
    assert "semantic_vad" in str(caught.value)  # the next step


async def test_b26_the_other_spelling_and_a_null_are_refused_too(settings):
    detection = {"type": "server_vad", "prefixPaddingMs": None, "silenceDurationMs": 1}
    config = SessionConfig(provider={"audio": {"input": {"turn_detection": detection}}})
    with pytest.raises(TurnDetectionRefused) as caught:
        await build_initial_config(AGENT, config, settings=settings)
    assert caught.value.fields == ("prefix_padding_ms", "silence_duration_ms")


async def test_b26_config_file_is_held_to_it_and_overrides_can_help(settings):
    settings = Settings(session=with_turn_detection(TurnDetection(type="server_vad", threshold=0.5)))
    with pytest.raises(TurnDetectionRefused):
        await build_initial_config(AGENT, settings=settings)
    await build_initial_config(AGENT, None, with_turn_detection(TurnDetection()), settings=settings)
