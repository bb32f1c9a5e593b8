"""What a conversation costs: a table of prices that you give, and the arithmetic.

offhook has no prices of its own: they differ by model, and change.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, TypeAlias

from attrs import field, frozen

from offhook.events import Usage

Number: TypeAlias = Decimal | int | float | str
_MILLION: Final = Decimal(1_000_000)
_NOTHING: Final = Decimal(0)


def _price(value: Number) -> Decimal:
    # Through text: 0.4 as a float is a little more than 0.4.
    return value if isinstance(value, Decimal) else Decimal(str(value))


def _price_or_none(value: Number | None) -> Decimal | None:
    return None if value is None else _price(value)


@frozen(kw_only=True)
class Prices:
    """Prices of a model, in any currency, per million tokens.

    ``cached_*`` is for input that the service had read before; what is left out costs as much as the same input uncached,
    and images cost as much as text. ``audio_minute`` is for services that count the minutes.
    """

    input_text: Decimal = field(converter=_price)
    input_audio: Decimal = field(converter=_price)
    output_text: Decimal = field(converter=_price)
    output_audio: Decimal = field(converter=_price)
    input_image: Decimal | None = field(default=None, converter=_price_or_none)
    cached_text: Decimal | None = field(default=None, converter=_price_or_none)
    cached_audio: Decimal | None = field(default=None, converter=_price_or_none)
    cached_image: Decimal | None = field(default=None, converter=_price_or_none)
    audio_minute: Decimal = field(default=_NOTHING, converter=_price)

    def cost(self, usage: Usage) -> Decimal:
        """Give what ``usage`` costs. Tokens that the service did not assign to a modality count as text."""
        tokens = self._input(usage) + self._output(usage)
        return tokens / _MILLION + self.audio_minute * _price(usage.audio_seconds) / 60

    def _input(self, usage: Usage) -> Decimal:
        read = _by_modality(usage.input_tokens, usage.input_details)
        cached = _cached(read, usage.input_details)
        image = self.input_text if self.input_image is None else self.input_image
        tariffs = {
            "text": (self.input_text, self.cached_text),
            "audio": (self.input_audio, self.cached_audio),
            "image": (image, self.cached_image),
        }
        total = _NOTHING
        for modality, (price, cached_price) in tariffs.items():
            total += (read[modality] - cached[modality]) * price
            total += cached[modality] * (price if cached_price is None else cached_price)
        return total

    def _output(self, usage: Usage) -> Decimal:
        written = _by_modality(usage.output_tokens, usage.output_details)
        return (written["text"] + written["image"]) * self.output_text + written["audio"] * self.output_audio


def _by_modality(total: int, details: Mapping[str, Any]) -> dict[str, int]:
    split = {modality: _count(details.get(f"{modality}_tokens")) for modality in ("text", "audio", "image")}
    split["text"] += max(0, total - sum(split.values()))
    return split


def _cached(read: Mapping[str, int], details: Mapping[str, Any]) -> dict[str, int]:
    """Say how many of the tokens that were read are cached: by modality as told, and what is left over where it fits."""
    given = details.get("cached_tokens_details")
    told: Mapping[str, Any] = given if isinstance(given, Mapping) else {}  # pyright: ignore[reportUnknownVariableType]  # JSON
    cached = {modality: min(_count(told.get(f"{modality}_tokens")), most) for modality, most in read.items()}
    left = _count(details.get("cached_tokens")) - sum(cached.values())
    for modality, most in read.items():
        more = min(max(0, left), most - cached[modality])
        cached[modality] += more
        left -= more
    return cached


def _count(value: Any) -> int:
    return int(value) if isinstance(value, (int, float)) else 0
