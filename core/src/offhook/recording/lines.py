"""The lines of a recording, each a JSON object:

* the header, first: ``{"recording": 1, "offhook": "0.1.0", "transport": "websocket", "model": …, …}``
* a frame: ``{"at_ms": 12.3, "direction": "sent" | "received", "event": {…}}``
* the end of a connection: ``{"at_ms": 99.9, "ended": {"reason": "requested", "code": 1000}}``

``at_ms`` counts from the start of the recording. The header and the times may be missing: recordings of other programs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

from attrs import Attribute, asdict, field, fields, frozen

from offhook.capabilities import Capabilities
from offhook.errors import ConfigError
from offhook.realtime.capabilities import REALTIME_CAPABILITIES
from offhook.structure import Where, fields_of, structure
from offhook.wire.codec import as_object

#: Of the format described above. A reader refuses what is newer.
FORMAT: Final = 1

Direction: TypeAlias = Literal["sent", "received"]


@frozen(kw_only=True)
class Header:
    """What was recorded, and how."""

    #: Version of the offhook that recorded; ``None``: another program did.
    offhook: str | None = None
    transport: str | None = None
    model: str | None = None
    #: When the recording began, in UTC, as ISO 8601.
    started_at: str | None = None
    #: Whether audio was kept. Otherwise only its length was.
    audio: bool = True
    #: Whether the client's frames are there: a transport of another dialect may not tell of them.
    sent: bool = True
    capabilities: Capabilities = REALTIME_CAPABILITIES


@frozen(kw_only=True)
class Frame:
    """A frame of the wire."""

    direction: Direction
    event: Mapping[str, Any] = field(repr=False)
    at_ms: float = 0.0


@frozen(kw_only=True)
class End:
    """The connection ended; ``reason`` and ``code`` are those of ``ConnectionChange``."""

    reason: str | None = None
    code: int | None = None
    at_ms: float = 0.0


Line: TypeAlias = Header | Frame | End


def to_json(line: Line) -> dict[str, Any]:
    """Write a line."""
    match line:
        case Header():
            return {"recording": FORMAT, **asdict(line, recurse=False), "capabilities": _flags(line.capabilities)}
        case Frame():
            return {"at_ms": line.at_ms, "direction": line.direction, "event": line.event}
        case End():
            return {"at_ms": line.at_ms, "ended": {"reason": line.reason, "code": line.code}}


def from_json(value: Any) -> Line:
    """Read a line. Raises ``ValueError`` for what is none."""
    match value:
        case {"recording": int(version)}:
            return _header(version, value)
        case {"direction": "sent" | "received" as direction, "event": {} as event}:
            return Frame(direction=direction, event=event, at_ms=_number(value))
        case {"ended": {} as end}:
            return End(reason=end.get("reason"), code=end.get("code"), at_ms=_number(value))
        case _:
            raise ValueError("it is neither a frame nor the end of a connection")


def _number(value: Mapping[str, Any]) -> float:
    at_ms = value.get("at_ms", 0.0)
    if not isinstance(at_ms, (int, float)):
        raise ValueError("its at_ms is no number")  # noqa: TRY004  # the file's mistake, not the program's
    return float(at_ms)


def _header(version: int, value: Mapping[str, Any]) -> Header:
    if version > FORMAT:
        raise ValueError(f"it has format {version}, and this offhook reads up to {FORMAT}: upgrade offhook")
    known = {entry.name for entry in fields(Header)} - {"capabilities"}
    told = {name: member for name, member in value.items() if name in known}
    return Header(**told, capabilities=_capabilities(as_object(value.get("capabilities"))))


def _flags(capabilities: Capabilities) -> dict[str, Any]:
    """Write the flags that differ from the weakest transport's. ``extra`` may hold anything, and is left out."""
    weakest = Capabilities()

    def told(attribute: Attribute[Any], value: Any) -> bool:
        return attribute.name != "extra" and not (
            hasattr(weakest, attribute.name) and getattr(weakest, attribute.name) == value
        )

    return asdict(capabilities, filter=told, value_serializer=_plain)


def _plain(_owner: Any, _attribute: Any, value: Any) -> Any:
    return sorted(value) if isinstance(value, frozenset) else value  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def _capabilities(flags: Mapping[str, Any]) -> Capabilities:
    known = {name: value for name, value in flags.items() if name in fields_of(Capabilities)}
    try:
        return structure(Capabilities, known, Where("its capabilities"))
    except ConfigError as error:
        raise ValueError(str(error).rstrip(".")) from error
