"""The session config on the wire: writing it, and sending only what differs.

The API leaves alone what an update omits, empties what is ``null``, and replaces values such as a turn detection whole.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Mapping
from typing import Any, Final, cast

from attrs import define, field, fields

from offhook.audio.formats import PCM16_24K, PCMA, PCMU, AudioFormat
from offhook.config import UNSET, Config, SessionConfig
from offhook.realtime.codec import as_object

Json = dict[str, Any]
#: Objects whose members are set one by one; every other object is one value.
_GROUPS: Final = frozenset({"audio", "input", "output"})
#: A service that never acknowledges must not make this grow (P10).
_MAX_PENDING: Final = 16
#: The model is chosen when the connection is made.
IMMUTABLE: Final = frozenset({"model"})
MUTABLE: Final = frozenset(
    {
        "instructions", "output_modalities", "tools", "tool_choice", "parallel_tool_calls", "max_output_tokens",
        "reasoning", "truncation", "tracing", "prompt", "include", "audio.input.format", "audio.input.noise_reduction",
        "audio.input.transcription", "audio.input.turn_detection", "audio.output.format", "audio.output.voice",
        "audio.output.speed",
    }
)  # fmt: skip


@define
class ToldConfig:
    """What the service was told, so that it is told only what differs; and what of that it may yet refuse."""

    wire: Json = field(init=False, factory=dict[str, Any])
    _pending: deque[tuple[str, Json]] = field(init=False, factory=lambda: deque[tuple[str, Json]](maxlen=_MAX_PENDING))

    def told(self, event_id: str, update: Mapping[str, Any]) -> None:
        """An update went out under ``event_id``."""
        # A copy: what the caller changes later was not told.
        update = copy.deepcopy(dict(update))
        self.wire = merge(self.wire, update)
        self._pending.append((event_id, update))

    def accepted(self) -> str | None:
        """The service took the oldest update; gives its id, if it was ours."""
        return self._pending.popleft()[0] if self._pending else None

    def refused(self, event_id: str | None) -> None:
        """The service refused something. If it was an update, what that set is unknown, and can be sent again."""
        for pending in tuple(self._pending):
            if pending[0] == event_id:
                self._pending.remove(pending)
                self.wire = without(self.wire, pending[1])


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


def audio_format(session: Mapping[str, Any], direction: str) -> AudioFormat:
    """Read ``audio.<direction>.format`` of a session or response object; PCM16 at 24 kHz where it says nothing."""
    value = as_object(_side(session, direction).get("format"))
    kind, rate = value.get("type"), value.get("rate")
    if kind in {"audio/pcmu", "audio/pcma"}:
        return PCMU if kind == "audio/pcmu" else PCMA
    return AudioFormat("audio/pcm", rate) if isinstance(rate, int) and rate > 0 else PCM16_24K


def interrupts_response(session: Mapping[str, Any]) -> bool | None:
    """Whether the server stops its response when the user speaks; ``None`` where it has not said."""
    value = as_object(_side(session, "input").get("turn_detection")).get("interrupt_response")
    return value if isinstance(value, bool) else None


def _side(session: Mapping[str, Any], direction: str) -> Mapping[str, Any]:
    return as_object(as_object(session.get("audio")).get(direction))


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
