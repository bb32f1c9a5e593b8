"""Whole parts for the tests of whole jobs: built wheels, fresh environments, a running emulator."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from e2e_tools import ROOT, Environment, run


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
