"""What is received, value by value: JSON in, the contract's values out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, cast

from offhook.audio.formats import PCM16_24K, AudioFormat
from offhook.events import Usage
from offhook.wire.codec import as_object, dumps, loads

Json = Mapping[str, Any]
#: A duration in the JSON of protocol buffers: seconds, with up to nine digits of a fraction.
_DURATION: Final = re.compile(r"(-?\d+(?:\.\d+)?)s")
_RATE: Final = re.compile(r"rate=(\d+)")


def parse(frame: str | bytes) -> Json:
    """Read a frame. Raises ``ValueError`` for what is no JSON object."""
    payload = loads(frame)
    if not isinstance(payload, Mapping):
        raise ValueError(f"a frame that is {type(payload).__name__} and no object")  # noqa: TRY004  # the wire's fault, as with bad JSON
    return cast("Json", payload)


def objects(value: Any) -> Iterable[Json]:
    """Give the objects in a list, and nothing where there is no list."""
    return map(as_object, cast("list[Any]", value) if isinstance(value, list) else [])


def text(value: Any) -> str:
    """Give a text, empty where there is none."""
    return value if isinstance(value, str) else ""


def arguments(args: Any) -> str:
    """Write a call's arguments, an object here, as the JSON text of the contract; what is none is for the tool to refuse."""
    return args if isinstance(args, str) else dumps(as_object(args))


@lru_cache(maxsize=16)
def audio_format(mime_type: str) -> AudioFormat:
    """Read ``audio/pcm;rate=24000``; some gateways leave the rate out."""
    rate = _RATE.search(mime_type)
    return AudioFormat("audio/pcm", int(rate[1])) if rate else PCM16_24K


def duration_ms(value: Any) -> int | None:
    """Read a duration such as ``"9.5s"``."""
    found = _DURATION.fullmatch(text(value))
    return round(float(found[1]) * 1000) if found else None


def carried_audio_ms(payload: Json) -> float:
    """Measure the audio of a frame without decoding it: four characters of base64 are three bytes."""
    parts = objects(as_object(as_object(payload.get("serverContent")).get("modelTurn")).get("parts"))
    pieces = (as_object(part.get("inlineData")) for part in parts)
    return sum(
        audio_format(text(piece.get("mimeType"))).duration_ms(len(text(piece.get("data"))) * 3 // 4) for piece in pieces
    )


def usage(metadata: Json) -> Usage:
    """Read ``usageMetadata``. The Developer API and Vertex AI have two names for what the model said."""
    said = "responseToken" if "responseTokenCount" in metadata else "candidatesToken"
    thoughts = {"THOUGHTS": _count(metadata, "thoughtsTokenCount")} if "thoughtsTokenCount" in metadata else {}
    return Usage(
        requests=1,
        input_tokens=_count(metadata, "promptTokenCount"),
        output_tokens=_count(metadata, f"{said}Count"),
        total_tokens=_count(metadata, "totalTokenCount"),
        input_details=_by_modality(metadata.get("promptTokensDetails")),
        output_details={**_by_modality(metadata.get(f"{said}sDetails")), **thoughts},
    )


def _count(value: Json, name: str) -> int:
    count = value.get(name)
    return count if isinstance(count, int) else 0


def _by_modality(details: Any) -> dict[str, int]:
    return {text(entry.get("modality")): _count(entry, "tokenCount") for entry in objects(details)}
