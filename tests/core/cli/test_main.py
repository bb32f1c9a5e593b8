"""offhook.__main__ and offhook.cli: what the command shows, and how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys

import pytest

GREET = '''
import typer
from typing import Annotated

def greet(name: Annotated[str, typer.Argument()], loud: bool = False) -> None:
    """Say hello."""
    print(f"HELLO {name.upper()}" if loud else f"hello {name}")
'''


class Shell:
    """Runs ``offhook`` in a folder with some distributions more on the path than there are."""

    def __init__(self, site, folder):
        self.site, self.folder = site, folder
        (folder / ".git").mkdir()

    def environment(self, **environ):
        # Wide and plain, so that what is looked for stands in one piece.
        plain = {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "200", "PYTHONPATH": str(self.site.folder)}
        mine = {key: value for key, value in os.environ.items() if not key.startswith("OFFHOOK_")}
        return {**mine, **plain, **environ}

    def __call__(self, *arguments, **environ):
        return subprocess.run(
            [sys.executable, "-m", "offhook", *arguments],
            cwd=self.folder,
            env=self.environment(**environ),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


@pytest.fixture
def offhook(site, tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    return Shell(site, folder)


def paragraph(done):
    """What a failed command says: one paragraph on stderr, no traceback."""
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("offhook: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


# offhook transports


def test_the_table_lists_name_distribution_version_and_state(offhook):
    offhook.site.transport("acme", "raise RuntimeError", version="2.5")
    done = offhook("transports")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0] == ["NAME", "DISTRIBUTION", "VERSION", "STATE"]
    assert ["acme", "offhook-acme", "2.5", "available"] in lines
    assert [line[0] for line in lines[1:]] == sorted(line[0] for line in lines[1:])


def test_json_has_every_detail(offhook):
    offhook.site.transport("acme")
    rows = {row["name"]: row for row in json.loads(offhook("transports", "--json").stdout)}
    assert rows["acme"] == {
        "name": "acme",
        "distribution": "offhook-acme",
        "version": "1.0",
        "value": "acme_plugin",
        "state": "available",
        "reason": None,
        "capabilities": None,
    }
    rows = {row["name"]: row for row in json.loads(offhook("transports", "--json", "--check").stdout)}
    assert rows["acme"]["state"] == "loaded"
    assert rows["acme"]["capabilities"]["turn_model"] == "response"
    assert rows["acme"]["capabilities"]["deliveries"] == ["silent", "speak"]
    assert rows["acme"]["capabilities"]["input_formats"][0]["rate_hz"] == 24_000


def test_a_check_that_finds_a_broken_plugin_beside_a_good_one_tells_both_and_exits_with_1(offhook):
    offhook.site.transport("acme")
    offhook.site.transport("bad", "import a_module_that_is_missing")
    done = offhook("transports", "--check")
    assert done.returncode == 1
    assert re.search(r"^acme .* loaded$", done.stdout, re.MULTILINE)
    assert re.search(r"^bad .* broken: .*ModuleNotFoundError", done.stdout, re.MULTILINE)
    assert "Traceback" not in done.stderr


def test_a_check_shows_what_each_that_works_can_do_more_than_the_weakest(offhook):
    offhook.site.transport("acme")
    offhook.site.transport("bad", "raise RuntimeError")
    assert "CAPABILITY" not in offhook("transports").stdout
    _, compared = offhook("transports", "--check").stdout.split("\n\n")
    names, *flags = [line.split() for line in compared.splitlines()]
    column = names.index("acme")
    assert "bad" not in names
    shown = {flag[0]: flag[column] for flag in flags}
    assert (shown["turn_model"], shown["text_output"], shown["mcp"]) == ("response", "yes", "-")
    assert (shown["deliveries"], shown["input_formats"]) == ("silent,speak", "pcm")
    assert "full_duplex" not in shown  # nobody here has it


@pytest.mark.parametrize("version", ["(1, 0)", "(1, 9)"])
def test_a_check_that_finds_nothing_wrong_exits_with_0(offhook, version):
    offhook.site.transport("acme", offhook.site.good.replace("(1, 0)", version))
    others = json.loads(offhook("transports", "--json").stdout)
    block = ",".join(row["name"] for row in others if row["name"] not in {"acme", "loopback"})
    assert offhook("transports", "--check", OFFHOOK_BLOCK=block).returncode == 0


def test_what_a_plugin_prints_while_it_is_imported_is_not_in_the_json(offhook):
    offhook.site.transport("acme", f"print('hello from acme')\n{offhook.site.good}")
    done = offhook("transports", "--json", "--check")
    assert "acme" in {row["name"] for row in json.loads(done.stdout)}
    assert "hello from acme" in done.stderr


def test_what_json_does_not_know_of_a_capability_is_text(offhook):
    source = offhook.site.good.replace(
        "transport.options = options",
        "import attrs; transport._capabilities = attrs.evolve(transport.capabilities, extra={'since': 1 + 2j})",
    )
    offhook.site.transport("acme", source)
    rows = {row["name"]: row for row in json.loads(offhook("transports", "--json", "--check").stdout)}
    assert rows["acme"]["capabilities"]["extra"] == {"since": "(1+2j)"}


def test_what_is_blocked_is_shown_with_the_setting(offhook):
    offhook.site.transport("acme")
    assert re.search(
        r"acme .* blocked: 'acme', OFFHOOK_BLOCK", offhook("transports", "--check", OFFHOOK_BLOCK="acme").stdout
    )


# Errors


def test_a_config_with_a_typo_is_one_paragraph_and_exits_with_1(offhook):
    (offhook.folder / "offhook.toml").write_text("transprot = 'acme'")
    done = offhook("transports")
    assert done.returncode == 1
    assert "transprot in" in paragraph(done)
    assert "Did you mean transport?" in done.stderr


def test_the_traceback_is_there_for_who_asks(offhook):
    done = offhook("transports", OFFHOOK_CONFIG="absent.toml", OFFHOOK_DEBUG="1")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("offhook: the config file")


@pytest.mark.parametrize("value", ["", "0"])
def test_debug_switched_off_is_off(offhook, value):
    paragraph(offhook("transports", OFFHOOK_CONFIG="absent.toml", OFFHOOK_DEBUG=value))


def test_a_command_that_nobody_knows_is_told_with_the_near_one(offhook):
    offhook.site.install("acme", commands={"greet": "acme_commands:greet"}, modules={"acme_commands": GREET})
    done = offhook("gret")
    assert done.returncode == 1
    assert "Did you mean 'greet'?" in paragraph(done)


def test_wrong_usage_exits_with_2(offhook):
    for arguments in (["--no-such-option"], ["transports", "--no-such-option"]):
        done = offhook(*arguments)
        assert done.returncode == 2
        assert "No such option" in done.stderr


def test_ctrl_c_exits_with_130_and_says_nothing(offhook):
    source = "def wait():\n    print('waiting', flush=True)\n    import threading; threading.Event().wait()\n"
    offhook.site.install("acme", commands={"wait": "acme_commands:wait"}, modules={"acme_commands": source})
    process = subprocess.Popen(
        [sys.executable, "-m", "offhook", "wait"],
        cwd=offhook.folder,
        env=offhook.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout, stderr) == (130, "", "")


# Commands of other distributions


def test_a_function_is_a_command_with_its_options(offhook):
    offhook.site.install("acme", commands={"greet": "acme_commands:greet"}, modules={"acme_commands": GREET})
    done = offhook("greet", "you", "--loud")
    assert (done.returncode, done.stdout) == (0, "HELLO YOU\n")
    assert "Say hello." in offhook("greet", "--help").stdout
    assert "Usage: offhook greet" in offhook("greet", "--help").stdout


def test_a_typer_app_is_a_command_with_commands(offhook):
    source = GREET + "\napp = typer.Typer()\napp.command()(greet)\napp.command('part')(lambda: print('bye'))\n"
    offhook.site.install("acme", commands={"say": "acme_commands:app"}, modules={"acme_commands": source})
    assert offhook("say", "greet", "you").stdout == "hello you\n"
    assert offhook("say", "part").stdout == "bye\n"


def test_an_error_of_ours_out_of_a_command_is_one_paragraph(offhook):
    source = "from offhook.errors import AudioError\ndef play(): raise AudioError('no such device')\n"
    offhook.site.install("acme", commands={"play": "acme_commands:play"}, modules={"acme_commands": source})
    done = offhook("play")
    assert done.returncode == 1
    assert paragraph(done) == "offhook: no such device\n"


def test_a_defect_of_a_command_keeps_its_traceback_without_the_values_of_variables(offhook):
    source = "def play():\n    key = 'sk-' + 'very-secret'\n    raise ZeroDivisionError\n"
    offhook.site.install("acme", commands={"play": "acme_commands:play"}, modules={"acme_commands": source})
    done = offhook("play")
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert "sk-very-secret" not in done.stderr


def test_a_command_s_own_exit_code_is_kept(offhook):
    source = "import typer\ndef play(): raise typer.Exit(7)\n"
    offhook.site.install("acme", commands={"play": "acme_commands:play"}, modules={"acme_commands": source})
    assert offhook("play").returncode == 7


def test_a_broken_command_does_not_stop_the_others_nor_the_help(offhook):
    offhook.site.install("bad", commands={"bad": "bad_commands:bad"}, modules={"bad_commands": "1 / 0"})
    offhook.site.install("acme", commands={"greet": "acme_commands:greet"}, modules={"acme_commands": GREET})
    assert offhook("greet", "you").stdout == "hello you\n"
    assert offhook("--help").returncode == 0
    done = offhook("bad")
    assert done.returncode == 1
    assert "the command 'bad' (bad 1.0) cannot be imported" in paragraph(done)
    assert "Other commands still work" in done.stderr


def test_a_blocked_command_is_not_imported(offhook):
    offhook.site.install("bad", commands={"bad": "bad_commands:bad"}, modules={"bad_commands": "1 / 0"})
    done = offhook("bad", OFFHOOK_BLOCK="bad")
    assert done.returncode == 1
    assert "is blocked: OFFHOOK_BLOCK names 'bad'" in paragraph(done)


# offhook itself


def test_the_help_names_commands_from_metadata_and_imports_none(offhook):
    offhook.site.install("acme", version="3.0", commands={"greet": "absent_module:greet"})
    done = offhook("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"greet\s+\(acme 3\.0\)", done.stdout)
    assert re.search(r"transports\s+List the installed transports", done.stdout)


def test_without_arguments_the_help_is_shown(offhook):
    done = offhook()
    assert "Usage: offhook" in done.stdout + done.stderr


def test_the_version_is_printed(offhook):
    done = offhook("--version")
    assert done.returncode == 0
    assert re.fullmatch(r"\d+\.\d+\S*\n", done.stdout)


def without(offhook, module, *arguments):
    program = f"import sys; sys.modules[{module!r}] = None; sys.argv = ['offhook', *{arguments!r}]\n"
    program += "from offhook.__main__ import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=offhook.folder,
        env=offhook.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("arguments", [(), ("--help",), ("demo",)])
def test_without_the_cli_extra_the_way_to_install_it_is_told(offhook, arguments):
    done = without(offhook, "typer", *arguments)
    assert done.returncode == 2
    assert 'pip install "offhook[cli]"' in paragraph(done)


def test_transports_are_listed_without_the_cli_extra(offhook):
    offhook.site.transport("acme")
    done = without(offhook, "typer", "transports")
    assert done.returncode == 0
    assert "acme" in done.stdout
