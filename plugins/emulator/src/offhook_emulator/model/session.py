"""The session object: its defaults, what an update may change, and what can never change.

An update is a diff: a field that is left out stays, ``null`` switches off what can be off (transcription, turn
detection, noise reduction, tracing, prompt, include), ``[]`` clears tools, ``""`` brings the default instructions
back. An object with a ``type`` (a format, a turn detection) is replaced as a whole, its own defaults filled in.

Sources: ``RealtimeSessionCreateRequestGA`` of the published schema; names, order and nulls as recorded.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final

from offhook.audio.formats import PCM16_24K, PCMA, PCMU, AudioFormat
from offhook_emulator.model import errors
from offhook_emulator.model.fields import (
    Check,
    anything,
    boolean,
    choice,
    integer,
    list_of,
    mapping,
    nullable,
    number,
    shape,
    string,
    variants,
    word_or_object,
)

DEFAULT_MODEL: Final = "gpt-realtime"
DEFAULT_INSTRUCTIONS: Final = (
    "You are a helpful, friendly assistant on a voice line. Answer briefly, in spoken language. "
    "Call a function whenever one can answer the question."
)
_VOICES: Final = ("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar")
_FORMATS: Final = {"audio/pcm": PCM16_24K, "audio/pcmu": PCMU, "audio/pcma": PCMA}
_BETA_FIELDS: Final = (
    "modalities",
    "voice",
    "input_audio_format",
    "output_audio_format",
    "input_audio_transcription",
    "input_audio_noise_reduction",
    "turn_detection",
    "max_response_output_tokens",
    "temperature",
)
_BETA_HINT: Final = (
    " The flat session of the beta API is no longer served: send type 'realtime', with output_modalities,"
    " audio.input and audio.output."
)

_SERVER_VAD: Final[dict[str, Any]] = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 500,
    "idle_timeout_ms": None,
    "create_response": True,
    "interrupt_response": True,
}
_SEMANTIC_VAD: Final[dict[str, Any]] = {
    "type": "semantic_vad",
    "eagerness": "auto",
    "create_response": True,
    "interrupt_response": True,
}
_DEFAULTS: Final[dict[str, Any]] = {
    "output_modalities": ["audio"],
    "instructions": DEFAULT_INSTRUCTIONS,
    "tools": [],
    "tool_choice": "auto",
    "max_output_tokens": "inf",
    "tracing": None,
    "truncation": "auto",
    "prompt": None,
    "expires_at": 0,
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "transcription": None,
            "noise_reduction": None,
            "turn_detection": _SERVER_VAD,
        },
        "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "alloy", "speed": 1.0},
    },
    "include": None,
}


def _filled(defaults: Mapping[str, Any], inner: Check) -> Check:
    """Complete what ``inner`` accepts with ``defaults``, in their order."""
    return lambda value, path: {**defaults, **inner(value, path)}


def _rate(value: Any, path: str) -> int:
    if value != PCM16_24K.rate_hz:
        raise errors.unsupported_value(path, value, [str(PCM16_24K.rate_hz)])
    return PCM16_24K.rate_hz


def _modalities(value: Any, path: str) -> list[str]:
    chosen = list_of(choice("text", "audio"))(value, path)
    if chosen not in (["text"], ["audio"]):
        message = f"Invalid modalities: {chosen}. Supported combinations are: ['text'] and ['audio']."
        raise errors.Refused(message, "invalid_value", path)
    return chosen


def _voice(value: Any, path: str) -> Any:
    return (
        shape({"id": string}, required=["id"])(value, path)
        if isinstance(value, dict)
        else choice(*_VOICES)(value, path)
    )


def _max_output_tokens(value: Any, path: str) -> Any:
    return value if value == "inf" else integer(1, 4096)(value, path)


FORMAT: Final = variants(
    "type",
    {
        "audio/pcm": _filled({"type": "audio/pcm", "rate": 24000}, shape({"type": string, "rate": _rate})),
        "audio/pcmu": shape({"type": string}),
        "audio/pcma": shape({"type": string}),
    },
)
_TOOL: Final = variants(
    "type",
    {
        "function": shape(
            {"type": string, "name": string, "description": string, "parameters": mapping}, required=["name"]
        )
    },
)
_TURN_DETECTION: Final = variants(
    "type",
    {
        "server_vad": _filled(
            _SERVER_VAD,
            shape(
                {
                    "type": string,
                    "threshold": number(0, 1),
                    "prefix_padding_ms": integer(0),
                    "silence_duration_ms": integer(0),
                    "idle_timeout_ms": nullable(integer(5000, 30000)),
                    "create_response": boolean,
                    "interrupt_response": boolean,
                }
            ),
        ),
        "semantic_vad": _filled(
            _SEMANTIC_VAD,
            shape(
                {
                    "type": string,
                    "eagerness": choice("low", "medium", "high", "auto"),
                    "create_response": boolean,
                    "interrupt_response": boolean,
                }
            ),
        ),
    },
)
_TRANSCRIPTION: Final = _filled(
    {"model": None, "language": None, "prompt": None},
    shape(
        {
            "model": string,
            "language": nullable(string),
            "languages": list_of(string),
            "keywords": list_of(string),
            "prompt": nullable(string),
            "delay": anything,
        }
    ),
)
_PROMPT: Final = shape({"id": string, "version": nullable(string), "variables": nullable(mapping)}, required=["id"])

#: Fields that a session and a single response have in common.
SHARED_FIELDS: Final[dict[str, Check]] = {
    "output_modalities": _modalities,
    "instructions": string,
    "tools": list_of(_TOOL),
    "tool_choice": word_or_object(
        ["none", "auto", "required"],
        variants("type", {"function": shape({"type": string, "name": string}, required=["name"])}),
    ),
    "parallel_tool_calls": boolean,
    "reasoning": shape({"effort": choice("minimal", "low", "medium", "high", "xhigh")}),
    "max_output_tokens": _max_output_tokens,
    "prompt": nullable(_PROMPT),
}
#: ``audio.output`` of a response; a session adds ``speed``.
OUTPUT_FIELDS: Final[dict[str, Check]] = {"format": FORMAT, "voice": _voice}

_UPDATE: Final = shape(
    {
        "type": choice("realtime"),
        "model": string,
        **SHARED_FIELDS,
        "tracing": nullable(
            word_or_object(["auto"], shape({"workflow_name": string, "group_id": string, "metadata": mapping}))
        ),
        "truncation": word_or_object(["auto", "disabled"], mapping),
        "include": nullable(list_of(choice("item.input_audio_transcription.logprobs"))),
        "audio": shape(
            {
                "input": shape(
                    {
                        "format": FORMAT,
                        "transcription": nullable(_TRANSCRIPTION),
                        "noise_reduction": nullable(shape({"type": choice("near_field", "far_field")})),
                        "turn_detection": nullable(_TURN_DETECTION),
                    }
                ),
                "output": shape({**OUTPUT_FIELDS, "speed": number(0.25, 1.5)}),
            }
        ),
    },
    required=["type"],
)


def _check_generation(value: Any) -> None:
    beta = [name for name in _BETA_FIELDS if isinstance(value, dict) and name in value]
    if beta and "type" not in value:
        raise errors.missing_parameter("session.type", _BETA_HINT)
    if beta:
        raise errors.unknown_parameter(f"session.{beta[0]}", _BETA_HINT)


class Session:
    """One session's settings. ``wire`` is the object that clients see; treat it as read-only.

    ``model`` None means that the connection named none (a browser's does not): the first update decides, once.
    ``service_plays`` where the audio takes a line of its own, whose format is not for the client to say.
    """

    def __init__(
        self, session_id: str, *, model: str | None = None, expires_at: int = 0, service_plays: bool = False
    ) -> None:
        self.service_plays = service_plays
        self._model_is_open = model is None
        self.has_spoken = False
        self.wire: dict[str, Any] = {
            "type": "realtime",
            "object": "realtime.session",
            "id": session_id,
            "model": model or DEFAULT_MODEL,
            **copy.deepcopy(_DEFAULTS),
            "expires_at": expires_at,
        }

    def update(self, value: Any) -> None:
        """Apply the ``session`` of a ``session.update`` as a whole, or raise ``Refused`` and change nothing."""
        _check_generation(value)
        changes = _UPDATE(value, "session")
        self._check_fixed(changes)
        audio: dict[str, dict[str, Any]] = changes.pop("audio", {})
        if changes.get("instructions") == "":
            changes["instructions"] = DEFAULT_INSTRUCTIONS
        self._model_is_open = self._model_is_open and "model" not in changes
        # New objects all the way down, so that events already queued keep what they said.
        merged = {side: {**settings, **audio.get(side, {})} for side, settings in self.wire["audio"].items()}
        self.wire = {**self.wire, **changes, "audio": merged}

    def _check_fixed(self, changes: Mapping[str, Any]) -> None:
        if changes.get("model", self.wire["model"]) != self.wire["model"] and not self._model_is_open:
            raise errors.model_is_fixed(self.wire["model"])
        voice = changes.get("audio", {}).get("output", {}).get("voice", self.voice)
        if voice != self.voice and self.has_spoken:
            raise errors.voice_is_fixed()

    @property
    def voice(self) -> Any:
        """The voice: a name, or ``{"id": …}``."""
        return self.wire["audio"]["output"]["voice"]

    @property
    def turn_detection(self) -> Mapping[str, Any] | None:
        """How turns are found; None where the client commits them itself."""
        return self.wire["audio"]["input"]["turn_detection"]

    @property
    def transcription(self) -> Mapping[str, Any] | None:
        """The transcription the client asked for, if any."""
        return self.wire["audio"]["input"]["transcription"]

    @property
    def input_format(self) -> AudioFormat:
        """What the client's audio bytes are."""
        return audio_format(self.wire["audio"]["input"]["format"])


def audio_format(wire: Mapping[str, Any]) -> AudioFormat:
    """Give the audio format of a ``format`` object that was checked by ``FORMAT``."""
    return _FORMATS[wire["type"]]
