"""Adding up what was used: figures that add, and totals that replace those of the same scope."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from functools import reduce
from typing import Any, Final, TypeAlias

from attrs import define, evolve, field

from offhook.events import Usage, UsageUpdate
from offhook.wire.codec import as_object

#: Responses and works whose figures may still be replaced; those of older ones stand (P10).
_REMEMBERED: Final = 64
#: What a figure is about: a scope, and the response or work where it is one of many.
_Key: TypeAlias = tuple[str, str | None]


@define(eq=False)
class Tally:
    """What was used so far, over all connections."""

    #: What nothing will replace any more.
    _settled: Usage = field(init=False, factory=Usage)
    _figures: OrderedDict[_Key, Usage] = field(init=False, factory=OrderedDict[_Key, Usage])

    @property
    def total(self) -> Usage:
        """All of it: the scopes do not overlap, because a service counts in one of them."""
        return reduce(plus, self._figures.values(), self._settled)

    def add(self, update: UsageUpdate) -> None:
        """Count an update. A ``total`` replaces what was known of its scope, where it says something."""
        of_a_turn = update.scope in {"response", "turn"}
        key = (update.scope, (update.turn_id or update.response_id) if of_a_turn else update.work_id)
        before = self._figures.get(key, Usage())
        if update.kind == "total":
            seconds = before.audio_seconds if update.audio_seconds is None else update.audio_seconds
            now = evolve(update.usage or before, audio_seconds=seconds)
        else:
            now = plus(before, evolve(update.usage or Usage(), audio_seconds=update.audio_seconds or 0.0))
        self._figures[key] = now
        if key[1] is not None:
            self._figures.move_to_end(key)
            self._settle_old()

    def settle(self) -> None:
        """A new connection counts from nought: what the one before used stands."""
        self._settled = self.total
        self._figures.clear()

    def _settle_old(self) -> None:
        one_of_many = [key for key in self._figures if key[1] is not None]
        if len(one_of_many) > _REMEMBERED:
            self._settled = plus(self._settled, self._figures.pop(one_of_many[0]))


def plus(one: Usage, other: Usage) -> Usage:
    """Give the sum."""
    return Usage(
        requests=one.requests + other.requests,
        input_tokens=one.input_tokens + other.input_tokens,
        output_tokens=one.output_tokens + other.output_tokens,
        total_tokens=one.total_tokens + other.total_tokens,
        input_details=_sum(one.input_details, other.input_details),
        output_details=_sum(one.output_details, other.output_details),
        audio_seconds=one.audio_seconds + other.audio_seconds,
    )


def _sum(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Add numbers of the same name, in nested objects too; other values are taken as they come, but null says nothing."""
    result = dict(one)
    for name, value in other.items():
        old = result.get(name)
        if isinstance(value, Mapping):
            result[name] = _sum(as_object(old), as_object(value))
        elif isinstance(old, (int, float)) and isinstance(value, (int, float)):
            result[name] = old + value
        elif value is not None:
            result[name] = value
    return result
