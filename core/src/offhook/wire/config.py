"""A session config as JSON: writing it, and finding what differs.

The names and shapes are those of the Realtime API, which leaves alone what an update omits, empties what is ``null``, and
replaces values such as a turn detection whole. A dialect with a config of its own still learns here what is set.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from attrs import fields

from offhook.audio.formats import AudioFormat
from offhook.config import UNSET, Config, SessionConfig
from offhook.wire.codec import as_object

Json = dict[str, Any]
#: Objects whose members are set one by one; every other object is one value.
_GROUPS: Final = frozenset({"audio", "input", "output"})


def to_wire(config: SessionConfig) -> Json:
    """Write what is set, ``provider`` settings last."""
    wire = _object(config)
    wire.pop("provider", None)
    return merge(wire, config.provider)


def merge(base: Mapping[str, Any], update: Mapping[str, Any]) -> Json:
    """Give ``base`` with ``update`` applied, as the API does it."""
    merged = dict(base)
    for key, value in update.items():
        if key in _GROUPS and isinstance(value, Mapping):
            merged[key] = merge(as_object(merged.get(key)), as_object(value))
        else:
            merged[key] = value
    return merged


def difference(base: Mapping[str, Any], update: Mapping[str, Any]) -> Json:
    """Give what of ``update`` is not in ``base`` already."""
    changed: Json = {}
    for key, value in update.items():
        if key in _GROUPS and isinstance(value, Mapping):
            inner = difference(as_object(base.get(key)), as_object(value))
            if inner:
                changed[key] = inner
        elif key not in base or base[key] != value:
            changed[key] = value
    return changed


def without(base: Mapping[str, Any], update: Mapping[str, Any]) -> Json:
    """Give ``base`` without the fields that ``update`` sets."""
    left: Json = {}
    for key, value in base.items():
        if key not in update:
            left[key] = value
        elif key in _GROUPS and isinstance(value, Mapping):
            left[key] = without(as_object(value), as_object(update[key]))
    return left


def names(wire: Mapping[str, Any], prefix: str = "") -> frozenset[str]:
    """Give the dotted names of the fields that are set."""
    found: set[str] = set()
    for key, value in wire.items():
        name = f"{prefix}{key}"
        if key in _GROUPS and isinstance(value, Mapping):
            found |= names(as_object(value), f"{name}.")
        else:
            found.add(name)
    return frozenset(found)


def _object(config: Config) -> Json:
    wire: Json = {}
    for attribute in fields(type(config)):  # type: ignore[arg-type]  # every Config is an attrs class
        value = getattr(config, attribute.name)
        if value is not UNSET and not (attribute.name in _GROUPS and not (value := _object(value))):
            wire[attribute.name] = _value(value)
    return wire


def _value(value: Any) -> Any:
    match value:
        case AudioFormat():
            return _format(value)
        case Config():
            return _object(value)
        case tuple():
            return list(cast("tuple[Any, ...]", value))
        case _:
            return value


def _format(value: AudioFormat) -> Json:
    # G.711 has one rate, and the API refuses to be told it.
    return (
        {"type": value.encoding, "rate": value.rate_hz} if value.encoding == "audio/pcm" else {"type": value.encoding}
    )
