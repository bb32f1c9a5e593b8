"""Whole parts for the tests of whole jobs: built wheels, fresh environments, a running emulator."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from e2e_tools import ROOT, Environment, run
from refusals import KEY, Offhook, Refusal, refused


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel of every distribution, built from the tree."""
    folder = tmp_path_factory.mktemp("wheels")
    run(["uv", "build", "--quiet", "--all-packages", "--wheel", "--out-dir", folder], cwd=ROOT)
    return folder


@pytest.fixture(scope="session")
def make_environment(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Environment]:
    """Make fresh environments on the interpreter that runs the tests."""

    def make() -> Environment:
        folder = tmp_path_factory.mktemp("environment")
        run(["uv", "venv", "--quiet", "--clear", "--python", sys.executable, folder])
        return Environment(folder)

    return make


@pytest.fixture(scope="session", autouse=True)
def _uv() -> None:
    if shutil.which("uv") is None:
        pytest.skip("uv is not on PATH: pip install uv")


@pytest.fixture
def clean_environ() -> dict[str, str]:
    """The process's environment without anything that would configure offhook."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("OFFHOOK_", "OPENAI_"))}


@pytest.fixture
def offhook(clean_environ: dict[str, str], tmp_path: Path) -> Offhook:
    """Run ``offhook`` in an empty folder; it has to refuse, and to say why in the way that goes for every refusal."""

    def run(*arguments: str | Path, **environ: str) -> Refusal:
        return refused(*arguments, cwd=tmp_path, environ={**clean_environ, "OPENAI_API_KEY": KEY, **environ})

    return run


@pytest.fixture
def emulator_url(clean_environ: dict[str, str]) -> Iterator[str]:
    """An emulator that takes one key, which is ``right`` and not ours."""
    command = [sys.executable, "-m", "offhook", "emulator", "--port", "0", "--voice", "scripted", "--api-key", "right"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean_environ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split("listening on ")[1].strip()
        finally:
            process.terminate()


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]
