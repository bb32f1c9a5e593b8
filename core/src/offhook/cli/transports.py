"""``offhook transports``: what is installed, printed without typer and rich, because importing them takes longer."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any, Final, cast

from attrs import asdict

from offhook.cli.tables import aligned
from offhook.discovery import Listed
from offhook.plugins import check_transports, list_transports
from offhook.settings import load_settings

_TITLES: Final = ("NAME", "DISTRIBUTION", "VERSION", "STATE")
#: What is wrong with an installation. Blocked is what somebody wanted.
_WRONG: Final = frozenset({"broken", "incompatible", "conflict"})


def show(*, as_json: bool, check: bool) -> int:
    """Print the transports; ``check`` imports each. Gives the exit code: 1 if a check finds one that cannot be used."""
    settings = load_settings()
    rows = check_transports(settings) if check else list_transports(settings)
    sys.stdout.write(f"{_as_json(rows) if as_json else _as_table(rows)}\n")
    return int(check and any(row.state in _WRONG for row in rows))


def _as_json(rows: Sequence[Listed]) -> str:
    return json.dumps([asdict(row, value_serializer=_plain) for row in rows], indent=2)


def _plain(_owner: Any, _attribute: Any, value: Any) -> Any:
    return sorted(cast("frozenset[str]", value)) if isinstance(value, frozenset) else value


def _as_table(rows: Sequence[Listed]) -> str:
    return aligned([_TITLES, *((row.name, row.distribution, row.version, _state(row)) for row in rows)])


def _state(row: Listed) -> str:
    return f"{row.state}: {row.reason}" if row.reason else row.state
