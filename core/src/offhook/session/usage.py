"""Adding up what was used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from attrs import evolve

from offhook.events import Usage, UsageUpdate


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
    """Add numbers of the same name, in nested objects too; other values are taken as they come."""
    result = dict(one)
    for name, value in other.items():
        old = result.get(name)
        if isinstance(value, Mapping):
            result[name] = _sum(cast("Mapping[str, Any]", old or {}), cast("Mapping[str, Any]", value))
        else:
            result[name] = old + value if isinstance(old, (int, float)) and isinstance(value, (int, float)) else value
    return result
