"""Adding up what was used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve

from offhook.events import Usage, UsageUpdate
from offhook.realtime.codec import as_object


def add(total: Usage, update: UsageUpdate) -> Usage:
    """Give the new total. An update of kind ``total`` replaces, and is not summed."""
    used = update.usage
    if used is None:
        return total
    if update.kind == "total":
        return used
    return evolve(
        total,
        requests=total.requests + used.requests,
        input_tokens=total.input_tokens + used.input_tokens,
        output_tokens=total.output_tokens + used.output_tokens,
        total_tokens=total.total_tokens + used.total_tokens,
        input_details=_sum(total.input_details, used.input_details),
        output_details=_sum(total.output_details, used.output_details),
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
