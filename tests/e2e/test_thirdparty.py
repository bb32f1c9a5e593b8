"""Transports of third parties, from built wheels in fresh environments: found, chosen by name, broken and in conflict."""

from __future__ import annotations

import asyncio
import json
import subprocess
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from e2e_tools import ROOT, Environment, run
from google_streams import Service, load

PATIENCE_S = 60.0
THIRD_PARTIES = ("offhook-gemini-live", "offhook-lines")
#: What each transport's session says of itself.
CHOSEN = {
    "loopback": "Loopback",
    "websocket": "OpenAIRealtimeWebSocket",
    "gemini-live": "GeminiLive",
    "lines": "Lines",
}
SAY_CLASS = """
    from offhook import RealtimeAgent, RealtimeSession
    print(type(RealtimeSession(RealtimeAgent(name="a")).transport).__name__)
"""
TALK = """
    import asyncio
    from offhook import RealtimeAgent, RealtimeSession, TurnDone

    async def main():
        async with RealtimeSession(RealtimeAgent(name="a", instructions="Answer in two or three words.")) as session:
            await session.send_message("Say a short greeting.")
            async for event in session:
                if isinstance(event, TurnDone):
                    print(*(item.text for item in session.history), session.usage.total_tokens, sep="|")
                    return

    asyncio.run(main())
"""


@frozen
class Site:
    """An environment, and a folder to run in with an ``offhook.toml``."""

    environment: Environment
    folder: Path
    environ: dict[str, str]

    def configure(self, text: str) -> None:
        """Write ``offhook.toml``."""
        (self.folder / "offhook.toml").write_text(text)

    def python(self, program: str) -> subprocess.CompletedProcess[str]:
        """Run a program."""
        return self._run(self.environment.python, "-c", textwrap.dedent(program))

    def transports(self, *options: str) -> tuple[int, dict[str, list[dict[str, Any]]]]:
        """Give the exit code of ``offhook transports --json``, and its rows by name."""
        done = self._run(self.environment.script("offhook"), "transports", "--json", *options)
        rows: dict[str, list[dict[str, Any]]] = {}
        for row in json.loads(done.stdout):
            rows.setdefault(row["name"], []).append(row)
        return done.returncode, rows

    def _run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        arguments = [str(part) for part in command]
        return subprocess.run(
            arguments,
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )


@pytest.fixture(scope="module")
def all_wheels(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The wheels of core, of the websocket transport and of the third parties."""
    folder = tmp_path_factory.mktemp("third parties")
    for name in THIRD_PARTIES:
        _build(ROOT / "tests" / "thirdparty" / name, folder)
    ours = [next(wheels.glob(f"{name}-*.whl")) for name in ("offhook", "offhook_websocket")]
    return [*ours, *sorted(folder.glob("*.whl"))]


@pytest.fixture
def site(
    all_wheels: list[Path], make_environment: Callable[[], Environment], tmp_path: Path, clean_environ: dict[str, str]
) -> Site:
    """A fresh environment with these four wheels, and nothing else of ours."""
    environment = make_environment()
    environment.install(*all_wheels)
    return Site(environment, tmp_path, clean_environ)


def _build(source: Path, folder: Path) -> None:
    run(["uv", "build", "--quiet", "--wheel", "--out-dir", folder, source])


def _install(site: Site, distribution: str, transport: str, module: str) -> None:
    """Build and install a distribution that claims one name, with the source of its module."""
    name = distribution.replace("-", "_")
    source = site.folder / distribution
    source.mkdir()
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        f'[project]\nname = "{distribution}"\nversion = "2.0"\n'
        f'[project.entry-points."offhook.transports"]\n{transport} = "{name}"\n'
    )
    (source / f"{name}.py").write_text(module)
    _build(source, site.folder / "built")
    site.environment.install(next((site.folder / "built").glob(f"{name}-*.whl")))


def _states(rows: dict[str, list[dict[str, Any]]]) -> dict[str, str]:
    return {name: row["state"] for name, (row,) in rows.items()}


def test_all_four_are_listed_with_their_state_and_what_they_can_do(site: Site) -> None:
    code, rows = site.transports()
    assert (code, _states(rows)) == (0, dict.fromkeys(sorted(CHOSEN), "available"))
    assert [rows[name][0]["distribution"] for name in ("gemini-live", "lines")] == list(THIRD_PARTIES)
    code, rows = site.transports("--check")
    assert (code, _states(rows)) == (0, dict.fromkeys(sorted(CHOSEN), "loaded"))
    flags = {name: row["capabilities"] for name, (row,) in rows.items()}
    assert flags["gemini-live"]["turn_model"] == "turn"
    assert flags["lines"] == flags["websocket"]


def test_config_picks_each_by_name(site: Site) -> None:
    for name, chosen in CHOSEN.items():
        site.configure(f'transport = "{name}"')
        done = site.python(SAY_CLASS)
        assert (done.stdout.strip(), done.stderr) == (chosen, "")


async def test_an_unchanged_program_talks_to_another_service_by_config_alone(site: Site, corpus: Path) -> None:
    """From wheels, by name: what the distributions declare is all they need."""
    service = Service(load(corpus / "streams" / "test_google_ws__test_text_in_audio_out_turn.jsonl"))
    async with service.serving() as url:
        site.configure(f'transport = "gemini-live"\n[transports.gemini-live]\nurl = "{url}"\napi_key = "any"')
        done = await asyncio.to_thread(site.python, TALK)
    assert (done.stdout.strip(), done.stderr) == ("Say a short greeting.|Hello there.|1157", "")


def test_one_that_was_uninstalled_is_not_found_and_the_remedy_is_named(site: Site) -> None:
    site.environment.uninstall("offhook-gemini-live")
    site.configure('transport = "gemini-live"')
    said = site.python(SAY_CLASS).stderr
    assert "PluginNotFound: no transport named 'gemini-live' (asked for by" in said
    assert "install the distribution that gives this one. Installed: lines, loopback, websocket." in said
    site.environment.uninstall("offhook-websocket")
    site.configure('transport = "websocket"')
    assert "Run: pip install offhook-websocket." in site.python(SAY_CLASS).stderr


def test_a_broken_one_is_reported_and_the_rest_still_work(site: Site) -> None:
    _install(site, "offhook-broken", "broken", "import a_library_that_is_not_there\n")
    assert _states(site.transports()[1])["broken"] == "available"
    code, rows = site.transports("--check")
    assert code == 1
    assert _states(rows) == {**dict.fromkeys(CHOSEN, "loaded"), "broken": "broken"}
    assert "a_library_that_is_not_there" in rows["broken"][0]["reason"]
    site.configure('transport = "broken"')
    said = site.python(SAY_CLASS).stderr
    assert "PluginBroken: the transport 'broken' (offhook-broken 2.0) cannot be imported from offhook_broken" in said
    assert "Other transports still work" in said
    for name, chosen in CHOSEN.items():
        site.configure(f'transport = "{name}"')
        assert site.python(SAY_CLASS).stdout.strip() == chosen


def test_two_of_one_name_are_a_conflict_that_names_both_until_one_is_blocked(site: Site) -> None:
    _install(site, "offhook-more-lines", "lines", "raise RuntimeError('nobody chose this one')\n")
    code, rows = site.transports("--check")
    assert code == 1
    found = {row["distribution"]: (row["state"], row["reason"]) for row in rows.pop("lines")}
    assert found == {
        "offhook-lines": ("conflict", "claimed by offhook-more-lines 2.0 too"),
        "offhook-more-lines": ("conflict", "claimed by offhook-lines 1.0.0 too"),
    }
    assert set(_states(rows).values()) == {"loaded"}
    site.configure('transport = "lines"')
    said = site.python(SAY_CLASS).stderr
    assert "PluginConflict: the transport 'lines' is claimed by offhook-lines 1.0.0 and offhook-more-lines 2.0" in said
    site.configure('transport = "lines"\nblock = ["offhook-more-lines"]')
    assert site.python(SAY_CLASS).stdout.strip() == "Lines"
