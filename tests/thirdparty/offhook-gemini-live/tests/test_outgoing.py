"""The setup, from a session config; and what it refuses to be silent about."""

from __future__ import annotations

from typing import Any

import pytest
from offhook_gemini_live import outgoing

from offhook.audio.formats import PCMU, AudioFormat
from offhook.config import AudioConfig, AudioInput, AudioOutput, SessionConfig, Transcription, TurnDetection
from offhook.errors import ConfigRejected, Unsupported
from offhook.items import FunctionCallItem, InputAudio, InputImage, MessageItem

TOOL = {
    "type": "function",
    "name": "look_up",
    "description": "Look up.",
    "parameters": {"type": "object", "properties": {"a": {}}},
}


def setup(**config: Any) -> dict[str, Any]:
    return outgoing.setup(SessionConfig(**config), model="a-model")


def hears(**ears: Any) -> dict[str, Any]:
    return {"audio": AudioConfig(input=AudioInput(**ears))}


def test_little_is_said_where_little_is_set():
    assert setup() == {
        "model": "models/a-model",
        "generationConfig": {"responseModalities": ["AUDIO"]},
        "inputAudioTranscription": {},
        "outputAudioTranscription": {},
        "sessionResumption": {},
    }


def test_the_users_words_are_written_down_unless_that_is_switched_off():
    assert "inputAudioTranscription" not in setup(**hears(transcription=None))


def test_what_is_set_has_its_place():
    config = SessionConfig(
        instructions="Be brief.",
        max_output_tokens=99,
        audio=AudioConfig(input=AudioInput(transcription=Transcription()), output=AudioOutput(voice="Kore")),
        tools=(TOOL, {"googleSearch": {}}),
    )
    said = outgoing.setup(config, model="publishers/google/models/m", handle="h", non_blocking=True)
    assert said["model"] == "publishers/google/models/m"
    assert said["systemInstruction"] == {"role": "user", "parts": [{"text": "Be brief."}]}
    assert said["generationConfig"]["speechConfig"] == {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}}
    assert said["generationConfig"]["maxOutputTokens"] == 99
    assert said["inputAudioTranscription"] == {}
    assert said["sessionResumption"] == {"handle": "h"}
    declared = {
        "name": "look_up",
        "description": "Look up.",
        "parametersJsonSchema": TOOL["parameters"],
        "behavior": "NON_BLOCKING",
    }
    assert said["tools"] == [{"functionDeclarations": [declared]}, {"googleSearch": {}}]


@pytest.mark.parametrize(
    ("detection", "expected"),
    [
        (None, {"automaticActivityDetection": {"disabled": True}}),
        (TurnDetection(), None),
        (TurnDetection(type="server_vad", prefix_padding_ms=20, silence_duration_ms=100), {"automaticActivityDetection": {"prefixPaddingMs": 20, "silenceDurationMs": 100}}),
        (TurnDetection(eagerness="low"), {"automaticActivityDetection": {"endOfSpeechSensitivity": "END_SENSITIVITY_LOW"}}),
        (TurnDetection(interrupt_response=False), {"activityHandling": "NO_INTERRUPTION"}),
    ],
)  # fmt: skip
def test_turn_detection_is_translated(detection, expected):
    assert setup(**hears(turn_detection=detection)).get("realtimeInputConfig") == expected


def test_provider_settings_are_laid_over_all_of_it():
    said = setup(provider={"generationConfig": {"temperature": 0.2}, "proactivity": {"proactiveAudio": True}})
    assert said["generationConfig"] == {"responseModalities": ["AUDIO"], "temperature": 0.2}
    assert said["proactivity"] == {"proactiveAudio": True}


def test_settings_without_a_counterpart_are_named():
    config = SessionConfig(
        tool_choice="required", instructions="x", provider={"labels": {}}, **hears(noise_reduction=None)
    )
    assert outgoing.not_understood(config) == {"tool_choice", "audio.input.noise_reduction"}


@pytest.mark.parametrize(
    ("config", "named"),
    [
        (SessionConfig(audio=AudioConfig(output=AudioOutput(format=PCMU))), "audio.output.format"),
        (SessionConfig(tools=({"type": "mcp", "server_label": "s"},)), "mcp"),
    ],
)
def test_what_would_be_taken_for_something_else_is_refused(config, named):
    with pytest.raises(ConfigRejected, match=named):
        outgoing.setup(config, model="m")


def test_audio_goes_in_at_the_rate_that_was_chosen():
    assert outgoing.input_format(SessionConfig()).rate_hz == 16_000
    wanted = AudioFormat("audio/pcm", 24_000)
    assert outgoing.input_format(SessionConfig(**hears(format=wanted))) == wanted
    with pytest.raises(ConfigRejected, match=r"audio\.input\.format"):
        outgoing.input_format(SessionConfig(**hears(format=PCMU)))


def test_history_has_calls_with_their_outputs_and_nothing_that_was_never_written_down():
    call = FunctionCallItem(item_id="i", call_id="c", name="look_up", arguments='{"a":1}', output="plum")
    silent = MessageItem(item_id="m", role="user", content=(InputAudio(),))
    unanswered = FunctionCallItem(item_id="j", call_id="d", name="look_up", arguments="{}")
    assert outgoing.history((silent, call, unanswered)) == [
        {"role": "model", "parts": [{"functionCall": {"id": "c", "name": "look_up", "args": {"a": 1}}}]},
        {
            "role": "user",
            "parts": [{"functionResponse": {"id": "c", "name": "look_up", "response": {"output": "plum"}}}],
        },
    ]


def test_an_image_is_data_and_not_an_address():
    image = MessageItem(item_id="", role="user", content=(InputImage(image_url="data:image/png;base64,QUJD"),))
    assert outgoing.turn(image)["parts"] == [{"inlineData": {"mimeType": "image/png", "data": "QUJD"}}]
    address = MessageItem(item_id="", role="user", content=(InputImage(image_url="https://example.org/a.png"),))
    with pytest.raises(Unsupported, match="data: URL"):
        outgoing.turn(address)
