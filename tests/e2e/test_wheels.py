"""Installation, from built wheels into fresh environments: what users get, not what the tree holds."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from e2e_tools import ROOT, Environment, run

MakeEnvironment = Callable[[], Environment]
_DISTRIBUTIONS = {
    path.parent.name: path.parent for path in [ROOT / "core" / "pyproject.toml", *ROOT.glob("plugins/*/pyproject.toml")]
}


def _wheel(folder: Path, name: str) -> Path:
    return next(folder.glob(f"{name.replace('-', '_')}-*.whl"))


def test_every_distribution_builds_a_typed_wheel_with_its_licence(wheels: Path) -> None:
    """core and each plugin: one wheel, with py.typed and the licence inside."""
    built = sorted(wheels.glob("*.whl"))
    assert len(built) == len(_DISTRIBUTIONS)
    for wheel in built:
        names = zipfile.ZipFile(wheel).namelist()
        assert any(name.endswith("/py.typed") for name in names), wheel
        assert any(name.endswith("/licenses/LICENSE") for name in names), wheel


@pytest.fixture(scope="module")
def two_wheels(wheels: Path, make_environment: MakeEnvironment) -> Environment:
    """A fresh environment with offhook and offhook-websocket, and nothing else of ours."""
    environment = make_environment()
    environment.install(_wheel(wheels, "offhook"), _wheel(wheels, "offhook-websocket"))
    return environment


def test_core_and_websocket_alone_are_enough_to_make_a_session(
    two_wheels: Environment, clean_environ: dict[str, str]
) -> None:
    """A fresh environment with two wheels finds the transport by name."""
    program = (
        "from offhook import RealtimeAgent, RealtimeSession\n"
        "session = RealtimeSession(RealtimeAgent(name='a'), transport='websocket')\n"
        "print(type(session.transport).__name__)"
    )
    assert run([two_wheels.python, "-c", program], env=clean_environ).strip() == "OpenAIRealtimeWebSocket"


def test_transports_lists_what_is_installed_by_metadata_alone(
    two_wheels: Environment, clean_environ: dict[str, str], tmp_path: Path
) -> None:
    """Two names from two wheels, without the command-line extra and without importing a plugin."""
    listed = json.loads(run([two_wheels.script("offhook"), "transports", "--json"], env=clean_environ, cwd=tmp_path))
    assert [row["name"] for row in listed] == ["loopback", "websocket"]


def test_without_the_command_line_extra_a_command_says_what_to_install(
    two_wheels: Environment, clean_environ: dict[str, str], tmp_path: Path
) -> None:
    """One line with the pip command, exit code 2, no traceback."""
    command = [str(two_wheels.script("offhook")), "talk", "--question", "x.wav"]
    done = subprocess.run(
        command, capture_output=True, text=True, env=clean_environ, cwd=tmp_path, timeout=60, check=False
    )
    assert done.returncode == 2
    assert 'pip install "offhook[cli]"' in done.stderr
    assert "Traceback" not in done.stderr


def test_an_uninstalled_transport_is_not_found_and_the_remedy_is_named(
    wheels: Path, make_environment: MakeEnvironment, clean_environ: dict[str, str]
) -> None:
    """After pip uninstall the name is gone, and the error says how to get it back."""
    environment = make_environment()
    environment.install(_wheel(wheels, "offhook"), _wheel(wheels, "offhook-websocket"))
    environment.uninstall("offhook-websocket")
    program = "import offhook; offhook.make_transport('websocket')"
    command = [str(environment.python), "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, env=clean_environ, timeout=60, check=False)
    assert "PluginNotFound" in done.stderr
    assert "pip install offhook-websocket" in done.stderr


def test_the_emulator_starts_from_its_wheel_without_any_extra(
    wheels: Path, make_environment: MakeEnvironment, clean_environ: dict[str, str], tmp_path: Path
) -> None:
    """What its metadata names is what it needs: nothing is borrowed from the workspace."""
    environment = make_environment()
    core, emulator = _wheel(wheels, "offhook"), _wheel(wheels, "offhook-emulator")
    environment.install(f"{core}[cli,speed]", _wheel(wheels, "offhook-websocket"), emulator)
    command = [str(environment.script("offhook")), "emulator", "--port", "0", "--voice", "scripted"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean_environ, cwd=tmp_path) as process:
        assert process.stdout is not None
        assert "listening on http://127.0.0.1:" in process.stdout.readline()
        process.terminate()
        assert process.wait(30) == 0


def test_an_agent_is_tested_with_the_emulators_wheel_without_any_extra(
    wheels: Path, make_environment: MakeEnvironment, clean_environ: dict[str, str], tmp_path: Path
) -> None:
    """Neither models nor a server: what the page on testing promises."""
    environment = make_environment()
    core, websocket, emulator = (_wheel(wheels, name) for name in ("offhook", "offhook-websocket", "offhook-emulator"))
    environment.install(f"{core}[cli,speed]", websocket, emulator)
    program = """
from offhook import RealtimeAgent
from offhook.testing import run_virtual, simulate

print(run_virtual(simulate(RealtimeAgent(name="A"), ["Thank you"])).exchanges[0].reply)
"""
    told = run([environment.python, "-W", "error", "-c", program], env=clean_environ, cwd=tmp_path)
    assert told == "You are welcome.\n"


def test_listing_transports_takes_less_than_a_quarter_of_a_second(
    two_wheels: Environment, clean_environ: dict[str, str], tmp_path: Path
) -> None:
    """Median of seven processes, with loopback, websocket and a third-party wheel installed."""
    _install_third_party(two_wheels, tmp_path)
    command = [str(two_wheels.script("offhook")), "transports"]
    assert "thirdparty" in run(command, env=clean_environ, cwd=tmp_path)
    assert _median_s(command, clean_environ, tmp_path) < 0.25


def test_importing_offhook_takes_less_than_150_ms(
    two_wheels: Environment, clean_environ: dict[str, str], tmp_path: Path
) -> None:
    """Median of seven processes, interpreter included."""
    assert _median_s([str(two_wheels.python), "-c", "import offhook"], clean_environ, tmp_path) < 0.15


@pytest.mark.timeout(300)
def test_the_websocket_suite_passes_on_websockets_17(wheels: Path, make_environment: MakeEnvironment) -> None:
    """The workspace has websockets 16, which a third-party client needs; our metadata admits 17 as well."""
    environment = make_environment()
    speed = f"{_wheel(wheels, 'offhook')}[speed]"
    needs = ["websockets>=17,<18", "pytest", "pytest-timeout", "hypothesis", "cryptography"]
    environment.install(speed, _wheel(wheels, "offhook-websocket"), *needs)
    suite = environment.folder / "suite"
    shutil.copytree(ROOT / "tests" / "websocket", suite / "tests" / "websocket")
    for shared in ("conftest.py", "doubles.py"):
        if (ROOT / "tests" / shared).exists():
            shutil.copy(ROOT / "tests" / shared, suite / "tests" / shared)
    shutil.copy(ROOT / "pyproject.toml", suite)
    found = run([environment.python, "-m", "pytest", "-q", "tests/websocket"], cwd=suite)
    assert " passed" in found
    version = run([environment.python, "-c", "import websockets; print(websockets.__version__)"])
    assert version.startswith("17.")


def _install_third_party(environment: Environment, folder: Path) -> None:
    """Build and install a wheel that nobody of us wrote: it claims a name, and would fail if it were imported."""
    source = folder / "thirdparty"
    source.mkdir()
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "offhook-thirdparty"\nversion = "1.0"\n'
        '[project.entry-points."offhook.transports"]\nthirdparty = "offhook_thirdparty"\n'
    )
    (source / "offhook_thirdparty.py").write_text("raise RuntimeError('listing must not import this')\n")
    run(["uv", "build", "--quiet", "--wheel", "--out-dir", folder / "built", source])
    environment.install(next((folder / "built").glob("*.whl")))


def _median_s(command: list[str], environ: dict[str, str], folder: Path) -> float:
    times: list[float] = []
    for _ in range(8):
        began = time.perf_counter()
        run(command, env=environ, cwd=folder)
        times.append(time.perf_counter() - began)
    return statistics.median(times[1:])  # the first one writes the bytecode
