"""``docs/command-line.md`` has every command, and those of core with all their options."""

from __future__ import annotations

import re

import pytest
from e2e_tools import ROOT
from typer.main import get_command

from offhook.cli.app import app
from offhook.discovery import COMMANDS, claims

PAGE = (ROOT / "docs" / "command-line.md").read_text()
SECTIONS = dict(re.findall(r"^## `offhook (\S+)`\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
OURS = [
    "doctor",
    "transports",
    *(name for name, rows in claims(COMMANDS).items() if {row.distribution for row in rows} == {"offhook"}),
]


def test_every_command_has_a_section() -> None:
    """Those of core, and those of our other distributions."""
    assert set(SECTIONS) == set(get_command(app).list_commands(None))


@pytest.mark.parametrize("name", OURS)
def test_a_section_names_every_option_of_its_command(name: str) -> None:
    """By one of its spellings."""
    _, command, _ = get_command(app).resolve_command(None, [name])
    spellings = [{*entry.opts, *entry.secondary_opts} for entry in command.params if entry.param_type_name == "option"]
    told = set(re.findall(r"--[\w-]+", SECTIONS[name]))
    assert [options for options in spellings if not options & told and "--help" not in options] == []
