"""An observer as a user gets it: from a wheel, put on by being installed, and harmless when it is broken."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from e2e_tools import ROOT, Environment, run

#: Two turns over the transport that needs no network, with the log shown.
PROGRAM = """
import asyncio, logging
from offhook import make_transport

logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")

async def main():
    transport = make_transport("loopback")
    async with asyncio.timeout(20):
        await transport.connect()
        for _ in range(2):
            done = transport.events("turn_done")
            await transport.send_message("Good morning!")
            await anext(done)
        await transport.close()

asyncio.run(main())
print("done")
"""


def _install_counting(environment: Environment, folder: Path) -> None:
    source = ROOT / "tests" / "thirdparty" / "offhook-counting"
    run(["uv", "build", "--quiet", "--wheel", "--out-dir", folder / "counting", source])
    environment.install(next((folder / "counting").glob("*.whl")))


def _install_broken(environment: Environment, folder: Path) -> None:
    source = folder / "blind"
    source.mkdir()
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "offhook-blind"\nversion = "0.3"\n'
        '[project.entry-points."offhook.observers"]\nblind = "offhook_blind:Observer"\n'
    )
    (source / "offhook_blind.py").write_text("import a_module_that_is_missing\n")
    run(["uv", "build", "--quiet", "--wheel", "--out-dir", folder / "broken", source])
    environment.install(next((folder / "broken").glob("*.whl")))


@pytest.fixture(scope="module")
def observed(
    wheels: Path, make_environment: Callable[[], Environment], tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    """A fresh environment with core, the counting observer, and one that cannot be imported."""
    environment, folder = make_environment(), tmp_path_factory.mktemp("observers")
    environment.install(next(wheels.glob("offhook-[0-9]*.whl")))
    _install_counting(environment, folder)
    _install_broken(environment, folder)
    return environment


@pytest.fixture
def converse(
    observed: Environment, clean_environ: dict[str, str], tmp_path: Path
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the program in an empty folder, with these variables."""

    def run_it(**variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [observed.python, "-c", PROGRAM],
            env={**clean_environ, **variables},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )

    return run_it


def test_an_installed_observer_counts_events_and_times_turns(converse) -> None:
    """Nobody named it: it was installed."""
    [told] = re.findall(r"^offhook_counting: (.*)$", converse().stderr, re.MULTILINE)
    counted = re.fullmatch(r"(\d+) frames; 2 turns, the slowest took \d+ ms; 0 tools", told)
    assert counted is not None, told
    assert int(counted[1]) > 10


def test_a_broken_observer_is_told_and_the_conversation_goes_on(converse) -> None:
    """Its distribution and version are named, and how to mend it."""
    done = converse()
    assert done.stdout == "done\n"
    assert "observer_left_out" in done.stderr
    assert "(offhook-blind 0.3)" in done.stderr
    assert "pip install --upgrade offhook-blind" in done.stderr


@pytest.mark.parametrize("word", ["counting", "offhook-counting"])
def test_a_blocked_observer_is_not_there(converse, word: str) -> None:
    """By its name or its distribution's; both here."""
    done = converse(OFFHOOK_BLOCK=f"{word},blind")
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_tracing_shows_the_conversation_without_what_is_said(converse) -> None:
    """One variable, and nothing else to set up."""
    done = converse(OFFHOOK_TRACE="1", OFFHOOK_BLOCK="blind")
    assert "command send_message message=<13 characters>" in done.stderr
    assert "event turn_done turn_id=" in done.stderr
    assert "Good morning" not in done.stderr


def test_the_doctor_finds_the_broken_one_without_the_command_line_extra(
    observed: Environment, clean_environ: dict[str, str], tmp_path: Path
) -> None:
    """It exits with 1, and says what to do."""
    done = subprocess.run(
        [observed.script("offhook"), "doctor", "--json", "--no-network"],
        env=clean_environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    found = {row["about"]: row for row in json.loads(done.stdout)}
    assert done.returncode == 1
    assert {about for about, row in found.items() if row["state"] == "broken"} == {"observer blind"}
    assert found["observer blind"]["remedy"] == "Run: pip install --upgrade offhook-blind"
    assert found["observer counting"]["state"] == "ok"
    assert found["offhook"]["remedy"].startswith('To have them, run: pip install "offhook[')
