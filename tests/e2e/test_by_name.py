"""Four transports from four wheels: listed, checked, chosen and missed by name."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import define
from e2e_tools import Environment

#: Name in config, class, and a flag that tells it from the others.
TRANSPORTS: Final = {
    "cloudflare": ("CloudflareRealtimeTransportLayer", {"handles_audio": False}),
    "loopback": ("Loopback", {"mcp": False}),
    "sip": ("OpenAIRealtimeSIP", {"dtmf": True, "turn_control": "server"}),
    "webrtc": ("OpenAIRealtimeWebRTC", {"mute": "local", "handles_audio": True}),
    "websocket": ("OpenAIRealtimeWebSocket", {"truncate": "client", "mute": "none"}),
}
OURS: Final = sorted(TRANSPORTS.keys() - {"loopback"})
#: What plugins and the command line bring. Listing imports none of it.
HEAVY: Final = {
    "aiortc",
    "av",
    "httpx2",
    "miniaudio",
    "numpy",
    "rich",
    "standardwebhooks",
    "structlog",
    "typer",
    "websockets",
}


@define
class Shell:
    """A fresh environment, and an empty folder to work in."""

    environment: Environment
    folder: Path
    environ: dict[str, str]

    def offhook(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return self._run([self.environment.script("offhook"), *arguments], environ)

    def python(self, program: str, *flags: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return self._run([self.environment.python, *flags, "-c", program], environ)

    def transports(self, *flags: str, **environ: str) -> list[dict[str, Any]]:
        return json.loads(self.offhook("transports", "--json", *flags, **environ).stdout)

    def _run(self, command: list[str | Path], environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(part) for part in command],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env={**self.environ, **environ},
            timeout=60,
            check=False,
        )


@pytest.fixture(scope="module")
def environment(wheels: Path, make_environment: Callable[[], Environment]) -> Environment:
    """Core with its command line, and the four transports, each from its wheel."""
    made = make_environment()
    made.install(f"{next(wheels.glob('offhook-*.whl'))}[cli]", *(wheel_of(name, wheels) for name in OURS))
    return made


def wheel_of(name: str, wheels: Path) -> Path:
    return next(wheels.glob(f"offhook_{name}-*.whl"))


@pytest.fixture
def shell(environment: Environment, tmp_path: Path, clean_environ: dict[str, str]) -> Shell:
    (tmp_path / ".git").mkdir()  # config is looked for up to here
    return Shell(environment, tmp_path, clean_environ)


def third_party(folder: Path, name: str, source: str) -> dict[str, str]:
    """Put a distribution that is not ours on the path; gives the environment that it is found with."""
    information = folder / "site" / f"offhook_{name}-1.5.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: offhook-{name}\nVersion: 1.5\n")
    (information / "entry_points.txt").write_text(f"[offhook.transports]\n{name} = {name}_plugin\n")
    (folder / "site" / f"{name}_plugin.py").write_text(source)
    return {"PYTHONPATH": str(folder / "site")}


def test_the_four_are_listed_by_metadata_alone(shell: Shell) -> None:
    rows = shell.transports()
    assert [row["name"] for row in rows] == sorted(TRANSPORTS)
    assert [row["distribution"] for row in rows if row["name"] in OURS] == [f"offhook-{name}" for name in OURS]
    assert {row["state"] for row in rows} == {"available"}
    assert {row["capabilities"] for row in rows} == {None}


def test_listing_imports_no_plugin_nor_anything_that_plugins_need(shell: Shell) -> None:
    program = (
        "import sys; from offhook.__main__ import main; sys.argv[1:] = ['transports']; main(); print(*sys.modules)"
    )
    *table, modules = shell.python(program).stdout.splitlines()
    assert len(table) == len(TRANSPORTS) + 1
    imported = {name.partition(".")[0] for name in modules.split()}
    assert {name for name in imported if name in HEAVY or name.startswith("offhook_")} == set()


def test_a_check_imports_each_and_adds_state_and_capabilities(shell: Shell) -> None:
    rows = {row["name"]: row for row in shell.transports("--check")}
    assert {name: row["state"] for name, row in rows.items()} == dict.fromkeys(TRANSPORTS, "loaded")
    for name, (_, flags) in TRANSPORTS.items():
        capabilities = rows[name]["capabilities"]
        assert {flag: capabilities[flag] for flag in flags} == flags


def test_a_check_shows_state_and_capabilities_to_people_too(shell: Shell) -> None:
    done = shell.offhook("transports", "--check")
    assert done.returncode == 0, done.stderr
    installed, compared = ([line.split() for line in part.splitlines()] for part in done.stdout.split("\n\n"))
    assert {row[0]: row[3] for row in installed[1:]} == dict.fromkeys(TRANSPORTS, "loaded")
    assert compared[0] == ["CAPABILITY", *sorted(TRANSPORTS)]
    flags = {row[0]: dict(zip(compared[0][1:], row[1:], strict=True)) for row in compared[1:]}
    assert flags["dtmf"] == {**dict.fromkeys(TRANSPORTS, "-"), "sip": "yes"}
    assert flags["mute"] == {**dict.fromkeys(TRANSPORTS, "none"), "webrtc": "local"}


@pytest.mark.parametrize(
    ("source", "state", "why"),
    [
        ("raise RuntimeError('out of order')", "broken", "out of order"),
        ("import sys; sys.exit(3)", "broken", "SystemExit"),
        ("SPEC_VERSION = (9, 0)", "incompatible", "9.0"),
    ],
)
def test_a_check_keeps_each_from_the_others(shell: Shell, source: str, state: str, why: str) -> None:
    """One that cannot be used is told with its reason, and the check fails; the rest is loaded."""
    environ = third_party(shell.folder, "bad", source)
    rows = {row["name"]: row for row in shell.transports("--check", **environ)}
    assert rows["bad"]["state"] == state
    assert why in rows["bad"]["reason"]
    assert {row["state"] for name, row in rows.items() if name != "bad"} == {"loaded"}
    assert shell.offhook("transports", "--check", **environ).returncode == 1


@pytest.mark.parametrize("name", sorted(TRANSPORTS))
def test_each_is_chosen_by_its_name_in_the_config_and_no_other_is_imported(shell: Shell, name: str) -> None:
    (shell.folder / "offhook.toml").write_text(f'transport = "{name}"\n')
    program = (
        "import sys, offhook\n"
        "transport = offhook.RealtimeSession(offhook.RealtimeAgent(name='a')).transport\n"
        "print(transport.name, type(transport).__name__, type(offhook.make_transport()).__name__)\n"
        "print(*{name.partition('.')[0] for name in sys.modules if name.startswith('offhook_')})"
    )
    done = shell.python(program)
    assert done.returncode == 0, done.stderr
    chosen, imported = done.stdout.splitlines()
    kind = TRANSPORTS[name][0]
    assert chosen == f"{name} {kind} {kind}"
    # A phone call's events travel over the websocket transport's own dialer.
    needed = {"sip": {"offhook_sip", "offhook_websocket"}, "loopback": set()}.get(name, {f"offhook_{name}"})
    assert set(imported.split()) == needed


@pytest.mark.parametrize("name", OURS)
def test_its_table_is_validated_and_those_of_the_others_are_not_looked_at(shell: Shell, name: str) -> None:
    others = "".join(f"[transports.{other}]\nnonsense = 1\n" for other in OURS if other != name)
    config = shell.folder / "offhook.toml"
    config.write_text(f'transport = "{name}"\n{others}')
    assert shell.python("import offhook; offhook.make_transport()").returncode == 0
    config.write_text(f'transport = "{name}"\n{others}[transports.{name}]\nmodle = "mine"\n')
    last = shell.python("import offhook; offhook.make_transport()").stderr.strip().splitlines()[-1]
    assert last.startswith("offhook.errors.ConfigError: ")
    assert f"transports.{name}.modle" in last


@pytest.fixture(params=OURS)
def uninstalled(request: pytest.FixtureRequest, environment: Environment, wheels: Path) -> Iterator[str]:
    """Take one out, and put it back."""
    name: str = request.param
    environment.uninstall(f"offhook-{name}")
    yield name
    environment.install(wheel_of(name, wheels))


def test_one_that_was_uninstalled_is_told_with_the_line_that_installs_it(shell: Shell, uninstalled: str) -> None:
    (shell.folder / "offhook.toml").write_text(f'transport = "{uninstalled}"\n')
    assert uninstalled not in {row["name"] for row in shell.transports()}
    done = shell.python("import offhook; offhook.make_transport()")
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("offhook.errors.PluginNotFound: ")
    assert f"Run: pip install offhook-{uninstalled}." in last
    assert "offhook.toml" in last
    done = shell.offhook("talk", "--transport", uninstalled)
    assert done.returncode == 1
    assert done.stderr.startswith(f"offhook: the transport {uninstalled!r} is not installed. Run: pip install offhook-")
    assert done.stderr.count("\n") == 1
