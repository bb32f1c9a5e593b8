"""offhook.cli.commands: sub-commands that are known without being installed."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from offhook.cli.app import app
from offhook.errors import PluginNotFound

KNOWN = {
    "calls": 'pip install "offhook-sip[serve]"',
    "demo": 'pip install "offhook-emulator[speech]"',
    "emulator": 'pip install "offhook-emulator[speech]"',
}


def invoke(*arguments):
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"})


@pytest.mark.parametrize(("name", "command"), KNOWN.items())
def test_a_known_command_that_is_not_installed_answers_with_the_way_to_install_it(site, name, command):
    found = invoke(name, "--whatever")
    assert isinstance(found.exception, PluginNotFound)
    assert f"the command {name!r} is not installed. Run: {command}." in str(found.exception)


def test_the_help_shows_known_commands_with_the_way_to_install_them(site):
    found = invoke("--help")
    assert found.exit_code == 0
    assert all(f"(not installed: {command})" in found.output for command in KNOWN.values())


def test_our_own_command_cannot_be_taken_over(site):
    site.install("acme", commands={"transports": "acme_commands:steal"}, modules={"acme_commands": "1 / 0"})
    found = invoke("transports")
    assert found.exit_code == 0
    assert found.output.startswith("NAME")
