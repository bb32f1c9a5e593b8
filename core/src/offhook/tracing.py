"""``OFFHOOK_TRACE=1``: every event that a transport emits, and every command that it is given, as a line of the log.

Names, ids, sizes and times, and never what was said, a key, or audio (P11). The lines go to the standard library's logger
``offhook.trace``; where the program has not set up logging, to stderr. Without the variable nothing of this is there:
tracing is a listener for each event, and a subclass whose commands tell what they do.
"""

from __future__ import annotations

import inspect
import logging
import os
import re
from collections.abc import Callable, Collection, Iterable
from functools import cache, partial, wraps
from itertools import islice
from time import perf_counter
from typing import Any, Final, cast

from attrs import fields_dict, has

from offhook.events import Event, RawEvent
from offhook.hookspecs import (
    Listener,
    OptionalCommands,
    RealtimeTransportEventTypes,
    RealtimeTransportLayer,
    event_names,
)
from offhook.listeners import onlooker

_LOGGER: Final = logging.getLogger("offhook.trace")
_FORMAT: Final = "%(asctime)s.%(msecs)03d %(message)s"
#: Fields that hold a word of the contract or of the service, beside ids; every other text is only measured.
_WORDS: Final = frozenset(
    {"status", "mode", "stage", "kind", "scope", "origin", "direction", "delivery", "code", "name"}
)
#: A reason is a word where an event gives one; a command's is somebody's own.
_EVENT_WORDS: Final = _WORDS | {"type", "reason"}
_MOST_KEYS: Final = 5
_WORD: Final = re.compile(r"[\w.:/-]{1,80}")
#: What names a value inside a value, the best first.
_NAMES: Final = ("item_id", "call_id", "name")


def wanted() -> bool:
    """Tell whether the environment asks for it."""
    return os.environ.get("OFFHOOK_TRACE", "0") not in {"", "0"}


def trace(transport: RealtimeTransportLayer) -> None:
    """Write down what ``transport`` is told and tells, from now on; a second time changes nothing."""
    cls = type(transport)
    if getattr(cls, "offhook_traced", False):
        return
    _show_lines()
    trace_events(transport, transport.on, event_names(RealtimeTransportEventTypes), "event")
    try:
        object.__setattr__(transport, "__class__", _traced(cls))
    except (
        TypeError
    ) as error:  # a class that cannot be derived from, or whose instances are laid out in a way of their own
        _LOGGER.info("%s its commands cannot be traced: %s", _label(transport), error)


def trace_events(
    transport: RealtimeTransportLayer, on: Callable[[str, Listener], object], names: Collection[str], kind: str
) -> None:
    """Write down the events of these names that ``on`` gives."""
    for name in sorted(names):
        on("*" if name == "raw_event" else name, onlooker(partial(_event, f"{_label(transport)} {kind}")))


def _show_lines() -> None:
    _LOGGER.setLevel(logging.INFO)
    if not _LOGGER.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter(_FORMAT, "%H:%M:%S"))
        _LOGGER.addHandler(handler)


def _label(transport: RealtimeTransportLayer) -> str:
    """Name a transport so that several lines can be told apart."""
    return f"{transport.name}#{id(transport) % 9973:04d}"


def _event(label: str, event: Event) -> None:
    shown = _of_frame(event) if isinstance(event, RawEvent) else _of_fields(event)
    audio = [f"audio={event.audio_ms:.0f}ms"] if event.audio_ms else []
    _LOGGER.info("%s", " ".join([label, event.hook, *shown, *audio]))


@cache
def _traced(cls: type) -> type:
    specified = {*vars(RealtimeTransportLayer), *vars(OptionalCommands)}
    commands = {
        name: _logged(name, member)
        for name, member in inspect.getmembers(cls, inspect.iscoroutinefunction)
        if name in specified
    }
    own = {"__slots__": (), "__module__": cls.__module__, "__qualname__": cls.__qualname__, "offhook_traced": True}
    return type(cls)(cls.__name__, (cls,), {**own, **commands})


def _logged(name: str, command: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(command)

    @wraps(command)
    async def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        began, outcome = perf_counter(), ""
        try:
            return await command(self, *args, **kwargs)
        except BaseException as error:
            outcome = f" {type(error).__name__}"
            raise
        finally:
            ms = (perf_counter() - began) * 1000
            shown = "".join(f" {text}" for text in _of_arguments(signature, self, args, kwargs))
            _LOGGER.info("%s command %s%s %.1fms%s", _label(self), name, shown, ms, outcome)

    return run


def _of_arguments(signature: inspect.Signature, self: Any, args: Any, kwargs: Any) -> list[str]:
    try:
        _self, *given = signature.bind(self, *args, **kwargs).arguments.items()
    except TypeError:  # which the command raises, too
        return []
    return _of_values(given, _WORDS)


def _of_fields(event: Event) -> list[str]:
    """Show the fields of an event that are not as they are by default; what ``repr`` leaves out stays out."""
    known = fields_dict(type(event))
    return _of_values(
        (
            (name, given)
            for name, entry in known.items()
            if entry.repr is not False and (given := getattr(event, name)) != entry.default
        ),
        _EVENT_WORDS,
    )


def _of_frame(event: RawEvent) -> list[str]:
    """Show the type of a frame and its ids; one that has no type, by the keys at its top."""
    frame = event.payload
    if "type" not in frame:
        return [f"keys={','.join(map(str, islice(frame, _MOST_KEYS)))}"]
    return _of_values(((name, frame[name]) for name in frame if name == "type" or name.endswith("_id")), _EVENT_WORDS)


def _of_values(values: Iterable[tuple[str, Any]], words: Collection[str]) -> list[str]:
    return [f"{name}={_shown(name, value, words)}" for name, value in values if value is not None]


def _shown(name: str, value: Any, words: Collection[str]) -> str:
    match value:
        case bool() | int():
            return str(value)
        case float():
            return f"{value:.1f}"
        case str():
            told = (name in words or name.endswith("_id")) and _WORD.fullmatch(value)
            return value if told else f"<{len(value)} characters>"
        case bytes() | bytearray():
            return f"<{len(value)} bytes>"
        case Collection():
            return f"<{len(cast('Collection[Any]', value))}>"
        case _:
            return _named(value)


def _named(value: Any) -> str:
    kind = cast("type[Any]", type(value))
    cls = kind.__name__
    if not has(kind):
        return f"<{cls}>"
    names = (getattr(value, name, None) for name in _NAMES)
    name = next((name for name in names if isinstance(name, str) and _WORD.fullmatch(name)), None)
    return f"<{cls} {name}>" if name else f"<{cls}>"
