"""``docs/contract.md`` lists all of the contract, with its true signatures; what it lists, there is."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from attrs import NOTHING, Attribute, fields, has

from offhook import errors, events, items
from offhook.audio import formats
from offhook.capabilities import Capabilities
from offhook.config import UNSET
from offhook.hookspecs import (
    SPEC_VERSION,
    ConnectOptions,
    OptionalCommands,
    RealtimeTransportEventTypes,
    RealtimeTransportLayer,
    TransportPlugin,
)

PAGE = Path(__file__).resolve().parents[2] / "docs" / "contract.md"

# What the page has to say.


def commands(specification: type) -> dict[str, str]:
    """Give the signature of each command, by its name."""
    members = {name: member for name, member in vars(specification).items() if not name.startswith("_")}
    return {name: _signature(name, member) for name, member in members.items() if inspect.isfunction(member)}


def attributes(specification: type) -> list[str]:
    """Give each attribute with its type."""
    properties = {name: member for name, member in vars(specification).items() if isinstance(member, property)}
    return [f"{name}: {_plain(member.fget.__annotations__['return'])}" for name, member in properties.items()]


def hooks() -> dict[str, tuple[str, type[events.Event]]]:
    """Give each event's hook as it is implemented, and the class of its value."""
    classes = {member.hook: member for member in _own_classes(events) if hasattr(member, "hook")}
    return {
        name: (f"{name}(event: {classes[name].__name__})", classes[name])
        for name in commands(RealtimeTransportEventTypes)
    }


def values() -> list[type]:
    """Give what events and commands carry, beside plain types."""
    known = {events.Event, events.TranscriptDelta, *(cls for _, cls in hooks().values())}
    return [cls for module in (items, events, formats) for cls in _own_classes(module) if has(cls) and cls not in known]


def field_list(cls: type) -> list[str]:
    """Give the fields of an attrs class as they are written: name, type, default."""
    return [_field(entry) for entry in fields(cls)]


def error_signatures() -> dict[str, str]:
    """Give how each error is made, and what it is one of."""
    return {cls.__name__: f"{_constructor(cls)}: {cls.__base__.__name__}" for cls in _own_classes(errors)}


def _own_classes(module: Any) -> list[type]:
    return [
        member for member in vars(module).values() if inspect.isclass(member) and member.__module__ == module.__name__
    ]


def _signature(name: str, function: Any) -> str:
    signature = inspect.signature(function)
    _self, *parameters = map(_as_written, signature.parameters.values())
    shown = signature.replace(parameters=parameters, return_annotation=_Verbatim(signature.return_annotation))
    return f"{'async ' if inspect.iscoroutinefunction(function) else ''}{name}{_plain(str(shown))}"


def _as_written(parameter: inspect.Parameter) -> inspect.Parameter:
    default = parameter.default
    default = _Verbatim(f'"{default}"') if isinstance(default, str) else default
    return parameter.replace(annotation=_Verbatim(parameter.annotation), default=default)


class _Verbatim(str):
    """Text that inspect shows without quotes: annotations are strings, because they are not evaluated."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _constructor(cls: type) -> str:
    if "__init__" not in vars(cls):
        return cls.__name__
    return _signature(cls.__name__, cls.__init__).removesuffix(" -> None")


def _field(entry: Attribute[Any]) -> str:
    default = "" if entry.default is NOTHING else f" = {_default(entry.default)}"
    return f"{entry.alias}: {_plain(str(entry.type))}{default}"


def _default(value: Any) -> str:
    if (factory := getattr(value, "factory", None)) is not None:
        if value.takes_self:
            return "…"  # worked out from the other fields
        value = factory()
    if has(type(value)):
        return "PCM16_24K" if value is formats.PCM16_24K else f"{type(value).__name__}()"
    return "UNSET" if value is UNSET else f'"{value}"' if isinstance(value, str) else repr(value)


def _plain(annotation: str) -> str:
    return re.sub(r"\be\.", "", annotation).replace("'", '"')


# What it says.

_SPAN = re.compile(r"`([^`]+)`")
_ENTRY = re.compile(r"^- (.*(?:\n  .*)*)", re.MULTILINE)


def _section(title: str) -> str:
    text = PAGE.read_text()
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, f"docs/contract.md has no section {title!r}"
    return found[1]


def _entries(section: str) -> Iterator[tuple[str, set[str]]]:
    """Give what each entry begins with, and the fields that it lists."""
    for entry in _ENTRY.findall(section):
        text = " ".join(entry.split())
        if text.startswith("`"):
            _, _, listed = text.partition(" Fields: ")
            yield _SPAN.findall(text)[0], set(_SPAN.findall(listed))


def _compare(documented: set[str], expected: set[str]) -> None:
    assert documented - expected == set(), "docs/contract.md lists what the code does not have"
    assert expected - documented == set(), "docs/contract.md does not list what the code has"


def test_the_page_lists_every_command_with_its_signature():
    layer = {*commands(RealtimeTransportLayer).values(), *attributes(RealtimeTransportLayer)}
    expected = {*layer, *commands(OptionalCommands).values(), *field_list(ConnectOptions)}
    _compare({head for head, _ in _entries(_section("Commands"))}, expected)


def test_the_page_lists_every_hook():
    _compare({head for head, _ in _entries(_section("Events"))}, {signature for signature, _ in hooks().values()})


@pytest.mark.parametrize("name", sorted(hooks()))
def test_the_page_lists_every_field_of_an_event(name: str):
    signature, cls = hooks()[name]
    _compare(dict(_entries(_section("Events")))[signature], set(field_list(cls)))


def test_the_page_lists_every_value():
    _compare({head for head, _ in _entries(_section("Values"))}, {cls.__name__ for cls in values()})


@pytest.mark.parametrize("cls", values(), ids=lambda cls: cls.__name__)
def test_the_page_lists_every_field_of_a_value(cls: type):
    _compare(dict(_entries(_section("Values")))[cls.__name__], set(field_list(cls)))


def test_the_page_lists_every_capability_flag():
    _compare({head for head, _ in _entries(_section("Capability flags"))}, set(field_list(Capabilities)))


def test_the_page_lists_every_error_with_its_base():
    _compare({head for head, _ in _entries(_section("Errors"))}, set(error_signatures().values()))


def test_the_page_lists_the_hooks_of_a_plugin():
    _compare({head for head, _ in _entries(_section("Publish a transport"))}, set(commands(TransportPlugin).values()))


def test_the_page_tells_the_version_of_the_contract():
    told: Mapping[str, str] = re.search(
        r"`SPEC_VERSION = \((?P<major>\d+), (?P<minor>\d+)\)`", PAGE.read_text()
    ).groupdict()
    assert (int(told["major"]), int(told["minor"])) == SPEC_VERSION
