"""``offhook new-transport`` from built wheels: what it writes passes the conformance suite as written, and is clean."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from e2e_tools import Environment, run

pytestmark = pytest.mark.timeout(300)
FLAVOURS = ("realtime", "own")
#: The shortest, and the longest.
EXTREMES = ("x", "a-transport-of-24-letter")


@pytest.fixture(scope="module")
def author(wheels: Path, make_environment: Callable[[], Environment]) -> Environment:
    """A fresh environment with the command line of core, and nothing else of ours."""
    environment = make_environment()
    environment.install(f"{next(wheels.glob('offhook-*.whl'))}[cli]")
    return environment


@pytest.fixture(scope="module", params=FLAVOURS)
def project(request: pytest.FixtureRequest, author: Environment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A distribution as the command writes it."""
    folder = tmp_path_factory.mktemp(request.param)
    told = run([author.script("offhook"), "new-transport", "demo", "--flavour", request.param], cwd=folder)
    assert "cd offhook-demo" in told
    return folder / "offhook-demo"


@pytest.fixture
def environ(clean_environ: dict[str, str], wheels: Path) -> dict[str, str]:
    """What makes uv take our distributions from their wheels, and this interpreter."""
    return {**clean_environ, "UV_FIND_LINKS": str(wheels), "UV_PYTHON": sys.executable}


def test_it_passes_its_tests_as_generated(project: Path, environ: dict[str, str]) -> None:
    """The conformance suite among them: the whole of it, as far as the flags go."""
    told = run(["uv", "run", "pytest"], cwd=project, env=environ)
    assert "TestDemo conforms, as far as this run goes" in told
    assert ", 0 broken" in told


def test_it_is_found_by_its_name(project: Path, environ: dict[str, str]) -> None:
    listed = json.loads(run(["uv", "run", "offhook", "transports", "--check", "--json"], cwd=project, env=environ))
    assert {row["name"]: (row["distribution"], row["state"]) for row in listed} == {
        "demo": ("offhook-demo", "loaded"),
        "loopback": ("offhook", "loaded"),
    }


def test_its_types_are_strict(project: Path, environ: dict[str, str]) -> None:
    """With our pyright, and what is installed for it."""
    run(["uv", "sync", "--quiet"], cwd=project, env=environ)
    python = project / ".venv" / "bin" / "python"
    told = run([sys.executable, "-m", "pyright", "--project", project, "--pythonpath", python], cwd=project)
    assert "0 errors, 0 warnings" in told


def test_its_wheel_has_the_types_and_the_licence(project: Path, environ: dict[str, str], tmp_path: Path) -> None:
    run(["uv", "build", "--quiet", "--wheel", "--out-dir", tmp_path], cwd=project, env=environ)
    names = run([sys.executable, "-m", "zipfile", "--list", next(tmp_path.glob("offhook_demo-0.1.0-*.whl"))])
    assert "offhook_demo/py.typed" in names
    assert "licenses/LICENSE" in names


@pytest.mark.parametrize("name", EXTREMES)
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_it_is_well_formatted_whatever_its_name(author: Environment, name: str, flavour: str, tmp_path: Path) -> None:
    """By its own rules."""
    run([author.script("offhook"), "new-transport", name, "--flavour", flavour, "--directory", tmp_path])
    for command in (["format", "--check"], ["check", "--no-cache"]):
        run([sys.executable, "-m", "ruff", *command], cwd=tmp_path / f"offhook-{name}")
