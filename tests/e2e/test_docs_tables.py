"""The tables of the documentation hold what the code says: flags of the transports, and their options."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pytest
from attrs import Attribute, fields
from e2e_tools import ROOT

from offhook.audio.formats import PCM16_24K, PCMA, PCMU, AudioFormat
from offhook.capabilities import Capabilities
from offhook.plugins import check_transports, load_transport
from offhook.realtime.session_config import MUTABLE
from offhook.settings import Settings

NAMES: Final = ("websocket", "webrtc", "sip", "cloudflare", "loopback")
_FORMATS: Final = {PCM16_24K: "PCM16 24 kHz", PCMU: "PCMU", PCMA: "PCMA"}
_CODE: Final = re.compile(r"`([^`]+)`")
_MEBIBYTE: Final = 1 << 20


def _section(page: str, title: str) -> str:
    found = re.search(
        rf"^## {re.escape(title)}[^\n]*\n(.*?)(?=^## |\Z)", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL
    )
    assert found is not None, f"{page} has no section {title!r}"
    return found[1]


def _rows(text: str) -> list[list[str]]:
    """Give the cells of every table, without the lines under the headings."""
    lines = re.findall(r"^\|(.*)\|$", text, re.MULTILINE)
    return [[cell.strip() for cell in line.split("|")] for line in lines if not line.startswith(" ---")]


# What each transport can do.


def _said(flag: str, value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "–"
        case frozenset() if flag == "mutable_config":
            left = ", ".join(f"`{name}`" for name in sorted(MUTABLE - value))
            return f"all but {left}" if left else "all"
        case tuple() | frozenset() | Mapping():
            words = [_FORMATS[each] if isinstance(each, AudioFormat) else each for each in value]
            return ", ".join(words if isinstance(value, tuple) else sorted(words)) or "–"
        case _:
            return str(value)


def _expected_rows() -> Iterator[list[str]]:
    """Say what differs in a column for each transport, and what does not in one for all."""
    capabilities = {row.name: row.capabilities for row in check_transports(Settings())}
    flags: Sequence[Capabilities] = [capabilities[name] for name in NAMES]
    for entry in fields(Capabilities):
        cells = [_said(entry.name, getattr(each, entry.name)) for each in flags]
        yield [f"`{entry.name}`", *(cells if len(set(cells)) > 1 else cells[:1])]


def test_the_table_of_capabilities_is_that_of_the_installed_transports() -> None:
    """Each flag of each transport; ours are all there."""
    rows = _rows(_section("docs/choose-a-transport.md", "What each can do"))
    headings = [["flag", *(f"`{name}`" for name in NAMES)], ["flag", "all of them"]]
    assert sorted(rows) == sorted([*headings, *_expected_rows()])


# Their options.


def _options(name: str) -> dict[str, Attribute[Any]]:
    options_class = load_transport(name, Settings()).options_class
    return {entry.name: entry for entry in fields(options_class)}


def _documented(name: str) -> dict[str, str]:
    """Give the default that a page tells for each option."""
    _heading, *rows = _rows(_section(f"docs/transports/{name}.md", "Options"))
    return {option: default for first, default, _ in rows for option in _CODE.findall(first)}


def _default(entry: Attribute[Any]) -> str | None:
    """Say a default as a page would; nothing where words are better."""
    match entry.default:
        case bool() as value:
            return "on" if value else "off"
        case int() | float() as value:
            return f"{value // _MEBIBYTE} MiB" if value >= _MEBIBYTE else f"{value:g}"
        case str() as value:
            return f"`{value}`"
        case _:
            return None


@pytest.mark.parametrize("name", ["websocket", "webrtc", "cloudflare"])
def test_the_table_of_options_is_that_of_the_transport(name: str) -> None:
    """Every option, and no other."""
    assert set(_documented(name)) == set(_options(name))


def test_what_sip_takes_is_in_its_table_or_in_that_of_the_socket_it_uses() -> None:
    """Its page says that all others are those of websocket."""
    own = set(_options("sip")) - set(_options("websocket"))
    assert own <= set(_documented("sip")) <= set(_options("sip"))


def test_what_the_emulator_takes_and_does_is_told_where_it_is_used_by_name() -> None:
    """It has no page of its own: its options are in the page on testing, and its flags are those of another."""
    _heading, *rows = _rows(_section("docs/testing.md", "Without a server, by name"))
    options = _options("emulator")
    assert {_CODE.findall(first)[0]: default for first, default, _ in rows} == {
        name: _default(entry) for name, entry in options.items()
    }
    flags = {row.name: row.capabilities for row in check_transports(Settings())}
    assert flags["emulator"] == flags["websocket"]


@pytest.mark.parametrize("name", ["websocket", "webrtc", "sip", "cloudflare"])
def test_the_defaults_in_a_table_are_those_of_the_transport(name: str) -> None:
    """Numbers and texts; what an option is without a value is told in words."""
    options, told = _options(name), _documented(name)
    expected = {option: _default(options[option]) for option in told}
    assert {option: told[option] for option, default in expected.items() if default} == {
        option: default for option, default in expected.items() if default
    }
