"""The session config: what the model is told about itself, its voice and its ears.

Names and nesting are those of the Realtime API's session object. Every field has three states: ``UNSET`` (leave it as it
is), ``None`` (switch it off) and a value. An update is therefore always a diff: what is unset is not sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, ClassVar, Final, Self, TypeAlias, TypeVar

from attrs import Factory, evolve, field, fields, frozen

from offhook.audio.formats import AudioFormat

T = TypeVar("T")


class Unset(Enum):
    """The type of ``UNSET``, so that a type checker can tell it from ``None``."""

    UNSET = "unset"

    def __repr__(self) -> str:
        return "UNSET"


#: Leave the field as it is.
UNSET: Final = Unset.UNSET
Maybe: TypeAlias = T | Unset


class Config:
    """Base of the config values: they can be laid over each other."""

    __slots__ = ()

    def over(self, base: Self) -> Self:
        """Lay this config over ``base``: what is set here wins, what is unset here is taken from there."""
        changes: dict[str, Any] = {}
        for attribute in fields(type(self)):  # type: ignore[arg-type]  # every Config is an attrs class
            mine, theirs = getattr(self, attribute.name), getattr(base, attribute.name)
            changes[attribute.name] = _laid_over(mine, theirs, attribute.name)
        return evolve(self, **changes)  # type: ignore[type-var]  # as above


@frozen(kw_only=True)
class TurnDetection(Config):
    """How the server finds the end of a user's turn.

    ``type`` is ``server_vad`` (by silence: ``threshold`` 0–1, ``prefix_padding_ms``, ``silence_duration_ms``,
    ``idle_timeout_ms``) or ``semantic_vad`` (by meaning: ``eagerness``).
    """

    type: str = "semantic_vad"
    create_response: Maybe[bool] = UNSET
    interrupt_response: Maybe[bool] = UNSET
    eagerness: Maybe[str] = UNSET
    threshold: Maybe[float] = UNSET
    prefix_padding_ms: Maybe[int] = UNSET
    silence_duration_ms: Maybe[int] = UNSET
    idle_timeout_ms: Maybe[int | None] = UNSET


@frozen(kw_only=True)
class Transcription(Config):
    """How the user's speech is written down (by a model of its own: a guess at what was said)."""

    model: str = "gpt-4o-mini-transcribe"
    language: Maybe[str] = UNSET
    prompt: Maybe[str] = UNSET


@frozen(kw_only=True)
class NoiseReduction(Config):
    """``near_field`` for headsets, ``far_field`` for laptops and rooms."""

    type: str = "near_field"


@frozen(kw_only=True)
class AudioInput(Config):
    """The model's ears."""

    format: Maybe[AudioFormat] = UNSET
    noise_reduction: Maybe[NoiseReduction | None] = UNSET
    transcription: Maybe[Transcription | None] = UNSET
    turn_detection: Maybe[TurnDetection | None] = UNSET


@frozen(kw_only=True)
class AudioOutput(Config):
    """The model's mouth. The voice can be chosen until the model has first spoken. ``speed``: 0.25–1.5."""

    format: Maybe[AudioFormat] = UNSET
    voice: Maybe[str] = UNSET
    speed: Maybe[float] = UNSET


@frozen(kw_only=True)
class AudioConfig(Config):
    """Both directions of audio."""

    input: AudioInput = AudioInput()
    output: AudioOutput = AudioOutput()


def _names(tools: Maybe[tuple[Mapping[str, Any], ...]]) -> str:
    """Show tools by their names: hosted ones carry keys (P11)."""
    if isinstance(tools, Unset):
        return repr(tools)
    return f"<{', '.join(str(tool.get('name') or tool.get('server_label')) for tool in tools) or 'none'}>"


@frozen(kw_only=True)
class SessionConfig(Config):
    """What the model is told about itself.

    ``tools`` are definitions in wire form; a ``RealtimeSession`` fills them in from the agent. ``provider`` is merged into
    the wire form last, unseen by offhook, for what a vendor offers and this class does not name.
    """

    #: Names of the API's first version, which many still have at hand, and where each setting stands today.
    ELSEWHERE: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "modalities": "output_modalities",
            "voice": "audio.output.voice",
            "speed": "audio.output.speed",
            "output_audio_format": "audio.output.format",
            "input_audio_format": "audio.input.format",
            "input_audio_transcription": "audio.input.transcription",
            "input_audio_noise_reduction": "audio.input.noise_reduction",
            "turn_detection": "audio.input.turn_detection",
            "max_response_output_tokens": "max_output_tokens",
        }
    )

    model: Maybe[str] = UNSET
    instructions: Maybe[str] = UNSET
    output_modalities: Maybe[tuple[str, ...]] = UNSET
    audio: AudioConfig = AudioConfig()
    tools: Maybe[tuple[Mapping[str, Any], ...]] = field(default=UNSET, repr=_names)
    tool_choice: Maybe[str | Mapping[str, Any]] = UNSET
    parallel_tool_calls: Maybe[bool] = UNSET
    max_output_tokens: Maybe[int | str] = UNSET
    reasoning: Maybe[Mapping[str, Any]] = UNSET
    truncation: Maybe[str | Mapping[str, Any]] = UNSET
    tracing: Maybe[str | Mapping[str, Any] | None] = UNSET
    prompt: Maybe[Mapping[str, Any] | None] = UNSET
    include: Maybe[tuple[str, ...]] = UNSET
    provider: Mapping[str, Any] = Factory(dict[str, Any])


def _laid_over(mine: Any, theirs: Any, name: str) -> Any:
    if mine is UNSET:
        return theirs
    # Groups (audio, audio.input, audio.output) merge field by field; a value such as a turn detection is taken whole,
    # because its fields mean something only together.
    if isinstance(mine, (AudioConfig, AudioInput, AudioOutput)):
        return mine.over(theirs)
    # Each provider setting is a field of its own, only that we cannot name it.
    return {**theirs, **mine} if name == "provider" else mine
