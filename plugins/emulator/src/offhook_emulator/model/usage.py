"""Token counts, estimated the way the service bills: text by its length, audio by its duration."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from offhook_emulator.model.items import Item
from offhook_emulator.model.sound import Sound

_LETTERS_PER_TOKEN: Final = 4
_INPUT_MS_PER_TOKEN: Final = 100
_OUTPUT_MS_PER_TOKEN: Final = 50
_TOKENS_PER_IMAGE: Final = 85
#: What an account may use in a minute, for ``rate_limits.updated``.
_TOKENS_PER_MINUTE: Final = 15_000_000


def text_tokens(text: str) -> int:
    """Estimate the tokens of a text."""
    return -(-len(text) // _LETTERS_PER_TOKEN)


def spoken_tokens(sounds: Iterable[Sound]) -> int:
    """Estimate the tokens of audio that the model made."""
    return round(sum(sound.duration_ms for sound in sounds) / _OUTPUT_MS_PER_TOKEN)


@frozen(kw_only=True)
class Tokens:
    """Tokens by kind."""

    text: int = 0
    audio: int = 0
    image: int = 0

    @property
    def total(self) -> int:
        """All kinds together."""
        return self.text + self.audio + self.image


def input_tokens(instructions: str, tools: Sequence[Mapping[str, Any]], items: Sequence[Item]) -> Tokens:
    """Estimate what the model reads for a response."""
    texts = [instructions, *(json.dumps(tool) for tool in tools), *(_text(item) for item in items)]
    return Tokens(
        text=sum(map(text_tokens, texts)),
        audio=sum(_heard_tokens(sound) for item in items for sound in item.sounds.values()),
        image=_TOKENS_PER_IMAGE * sum(part["type"] == "input_image" for item in items for part in _parts(item)),
    )


def response_usage(read: Tokens, written: Tokens) -> dict[str, Any]:
    """Give the ``usage`` of a response."""
    return {
        "total_tokens": read.total + written.total,
        "input_tokens": read.total,
        "output_tokens": written.total,
        "input_token_details": {
            "text_tokens": read.text,
            "audio_tokens": read.audio,
            "image_tokens": read.image,
            "cached_tokens": 0,
            "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0},
        },
        "output_token_details": {"text_tokens": written.text, "audio_tokens": written.audio},
    }


def transcription_usage(model: str | None, sound: Sound, transcript: str) -> dict[str, Any]:
    """Give the ``usage`` of a transcription: tokens for the gpt-4o models, else the duration."""
    if not model or not model.startswith("gpt-4o"):
        return {"type": "duration", "seconds": round(sound.duration_ms / 1000)}
    heard, written = _heard_tokens(sound), text_tokens(transcript)
    return {
        "type": "tokens",
        "total_tokens": heard + written,
        "input_tokens": heard,
        "output_tokens": written,
        "input_token_details": {"text_tokens": 0, "audio_tokens": heard},
    }


def rate_limits(used_tokens: int) -> list[dict[str, Any]]:
    """Give the ``rate_limits`` after a response that used so many tokens."""
    reset_seconds = round(used_tokens * 60 / _TOKENS_PER_MINUTE, 3)
    remaining = max(_TOKENS_PER_MINUTE - used_tokens, 0)
    return [{"name": "tokens", "limit": _TOKENS_PER_MINUTE, "remaining": remaining, "reset_seconds": reset_seconds}]


def _heard_tokens(sound: Sound) -> int:
    return round(sound.duration_ms / _INPUT_MS_PER_TOKEN)


def _parts(item: Item) -> list[dict[str, Any]]:
    return item.wire.get("content", [])


def _text(item: Item) -> str:
    wire = item.wire
    texts = [wire.get("name", ""), wire.get("arguments", ""), wire.get("output", "")]
    return "".join([*texts, *(part.get("text", "") for part in _parts(item))])
