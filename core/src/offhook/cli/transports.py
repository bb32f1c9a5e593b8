"""``offhook transports``: what is installed, printed without typer and rich, because importing them takes longer."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from attrs import asdict, fields

from offhook.audio.formats import AudioFormat
from offhook.capabilities import Capabilities
from offhook.cli.tables import aligned
from offhook.discovery import Listed
from offhook.plugins import check_transports, list_transports
from offhook.settings import load_settings

_TITLES: Final = ("NAME", "DISTRIBUTION", "VERSION", "STATE")
#: Of a set that is longer, only the size is shown; JSON has its members.
_MOST_SHOWN: Final = 4
#: What is wrong with an installation. Blocked is what somebody wanted.
_WRONG: Final = frozenset({"broken", "incompatible", "conflict"})


def show(*, as_json: bool, check: bool) -> int:
    """Print the transports; ``check`` imports each. Gives the exit code: 1 if a check finds one that cannot be used."""
    settings = load_settings()
    # What a plugin prints while it is imported is not for the program that reads this.
    with contextlib.redirect_stdout(sys.stderr):
        rows = check_transports(settings) if check else list_transports(settings)
    sys.stdout.write(f"{_as_json(rows) if as_json else _as_tables(rows)}\n")
    return int(check and any(row.state in _WRONG for row in rows))


def _as_json(rows: Sequence[Listed]) -> str:
    # What a transport has in extra, JSON may not know.
    return json.dumps([asdict(row, value_serializer=_plain) for row in rows], indent=2, default=str)


def _plain(_owner: Any, _attribute: Any, value: Any) -> Any:
    return sorted(cast("frozenset[str]", value)) if isinstance(value, frozenset) else value


def _as_tables(rows: Sequence[Listed]) -> str:
    installed = [_TITLES, *((row.name, row.distribution, row.version, _state(row)) for row in rows)]
    able = {row.name: row.capabilities for row in rows if row.capabilities is not None}
    return "\n\n".join(map(aligned, [installed, _compared(able)] if able else [installed]))


def _state(row: Listed) -> str:
    return f"{row.state}: {row.reason}" if row.reason else row.state


def _compared(able: Mapping[str, Capabilities]) -> list[list[str]]:
    """A row for each flag by which one of them is more than the weakest transport, a column for each transport."""
    weakest = Capabilities()
    table = [["CAPABILITY", *able]]
    for flag in (attribute.name for attribute in fields(Capabilities)):
        values = [getattr(capabilities, flag) for capabilities in able.values()]
        if any(value != getattr(weakest, flag) for value in values):
            table.append([flag, *map(_in_a_word, values)])
    return table


def _in_a_word(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "-"
        case str():
            return value
        case frozenset():
            return _in_words(sorted(cast("frozenset[str]", value)))
        case _:
            return _in_words([_member(each) for each in value])


def _in_words(members: Sequence[str]) -> str:
    return str(len(members)) if len(members) > _MOST_SHOWN else ",".join(members) or "-"


def _member(value: Any) -> str:
    return value.encoding.removeprefix("audio/") if isinstance(value, AudioFormat) else str(value)
