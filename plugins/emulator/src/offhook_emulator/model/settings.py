"""What one response is made by: the session's settings, and what ``response.create`` overrides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from offhook.audio.formats import PCM16_24K, AudioFormat
from offhook_emulator.model import errors
from offhook_emulator.model.fields import Check, choice, list_of, mapping, nullable, shape, string
from offhook_emulator.model.items import ITEM_OR_REFERENCE
from offhook_emulator.model.session import OUTPUT_FIELDS, SHARED_FIELDS, Session, audio_format

_MAX_METADATA: Final = 16


def _metadata(value: Any, path: str) -> dict[str, str]:
    pairs = mapping(value, path)
    if len(pairs) > _MAX_METADATA:
        message = f"Invalid '{path}': too many properties. Expected at most {_MAX_METADATA}, but got {len(pairs)}."
        raise errors.Refused(message, "object_above_max_properties", path)
    return {key: string(entry, f"{path}.{key}") for key, entry in pairs.items()}


_FIELDS: Final[dict[str, Check]] = {
    **SHARED_FIELDS,
    "audio": shape({"output": nullable(shape({name: nullable(check) for name, check in OUTPUT_FIELDS.items()}))}),
    "conversation": choice("auto", "none"),
    "metadata": _metadata,
    "input": list_of(ITEM_OR_REFERENCE),
}
#: Clients send null for what they leave to the session, so null is the same as nothing here.
RESPONSE: Final = shape({name: nullable(check) for name, check in _FIELDS.items()})


@frozen(kw_only=True)
class ResponseSettings:
    """The settings of one response."""

    instructions: str
    modality: str  # "audio" or "text"
    tools: Sequence[Mapping[str, Any]]
    tool_choice: Any
    max_output_tokens: int | None
    format: Mapping[str, Any]
    #: What the audio bytes are.
    audio_format: AudioFormat
    voice: Any
    speed: float
    metadata: Mapping[str, str] | None
    in_conversation: bool
    #: Items given with the request, which replace the conversation as what the model reads.
    input: Sequence[Mapping[str, Any]] | None

    @property
    def voice_name(self) -> str:
        """The voice's name; a custom voice's id."""
        return self.voice if isinstance(self.voice, str) else self.voice["id"]


def response_settings(session: Session, checked: Mapping[str, Any]) -> ResponseSettings:
    """Combine the session with what ``RESPONSE`` accepted. Raises ``Refused`` for another voice after speech."""
    given = _without_nulls(checked)
    own_output = _without_nulls(_without_nulls(given.get("audio", {})).get("output", {}))
    output: dict[str, Any] = {**session.wire["audio"]["output"], **own_output}
    in_conversation = given.get("conversation") != "none"
    if output["voice"] != session.voice and session.has_spoken and in_conversation:
        raise errors.voice_is_fixed()
    merged = {**session.wire, **given}
    limit = merged["max_output_tokens"]
    return ResponseSettings(
        instructions=merged["instructions"],
        modality=merged["output_modalities"][0],
        tools=merged["tools"],
        tool_choice=merged["tool_choice"],
        max_output_tokens=None if limit == "inf" else limit,
        format=output["format"],
        audio_format=PCM16_24K if session.service_plays else audio_format(output["format"]),
        voice=output["voice"],
        speed=output["speed"],
        metadata=given.get("metadata"),
        in_conversation=in_conversation,
        input=given.get("input"),
    )


def _without_nulls(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
