"""The documentation tells the truth: its programs run, its tables are those of the code, its links lead somewhere.

A fence of ``python`` is a whole program, and is run here. One of ``py`` needs another place to run, such as a Worker.
"""

from __future__ import annotations

import ast
import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e_tools import ROOT

from offhook.audio.formats import PCM16_24K
from offhook.audio.frames import silence
from offhook.audio.wav import write_wav
from offhook_emulator.voice.scripted import ScriptedVoice

PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted([ROOT / "core" / "README.md", *ROOT.glob("plugins/*/README.md")]),
]
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _fences(language: str) -> list[object]:
    return [
        pytest.param(text, id=f"{_name(page)}:{number}")
        for page in PAGES
        for number, (kind, text) in enumerate(_FENCE.findall(page.read_text()), 1)
        if kind == language
    ]


@pytest.fixture(scope="module")
def emulator_url() -> Iterator[str]:
    """An emulator as a user starts it, with the voice that needs no models."""
    command = [sys.executable, "-m", "offhook", "emulator", "--port", "0", "--voice", "scripted"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split("listening on ")[1].strip()
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What stands in for a person: a file in which somebody says that they want to go."""

    async def say(text: str) -> bytes:
        return b"".join([piece async for piece in ScriptedVoice().text_to_speech.speak(text)])

    path = tmp_path_factory.mktemp("microphone") / "hang_up.wav"
    write_wav(path, silence(PCM16_24K, 200) + asyncio.run(say("Please hang up.")), PCM16_24K.rate_hz)
    return path


@pytest.fixture
def environ(emulator_url: str, microphone: Path, clean_environ: dict[str, str]) -> dict[str, str]:
    """What the quick start sets, and for WebRTC a file in place of the microphone."""
    return {
        **clean_environ,
        "OPENAI_API_KEY": "any",
        "OFFHOOK_WEBSOCKET_URL": emulator_url,
        "OFFHOOK_WEBRTC_URL": emulator_url,
        "OFFHOOK_WEBRTC_INPUT": str(microphone),
        "OFFHOOK_WEBRTC_OUTPUT": "none",
    }


@pytest.mark.parametrize("program", _fences("python"))
def test_every_program_in_the_documentation_runs(program: str, environ: dict[str, str], tmp_path: Path) -> None:
    """Against an emulator."""
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path, env=environ)
    assert done.returncode == 0, done.stderr


def test_the_test_in_the_readme_passes_on_the_program_in_the_readme(tmp_path: Path) -> None:
    """They stand there as two files."""
    files = re.findall(r"^# (\w+\.py)$(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert [name for name, _ in files] == ["reception.py", "test_reception.py"]
    for name, text in files:
        (tmp_path / name).write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
    assert "1 passed" in done.stdout, done.stdout


@pytest.mark.parametrize("fragment", _fences("py"))
def test_every_fragment_in_the_documentation_is_python(fragment: str) -> None:
    """What cannot run here can at least be read."""
    compile(fragment, "a fragment", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_link_in_the_documentation_leads_somewhere(page: Path) -> None:
    """Relative links name files that exist, and headings that are in them."""
    assert [link for link in _LINK.findall(page.read_text()) if not _exists(page, *link)] == []


def _exists(page: Path, path: str, heading: str) -> bool:
    target = page.parent / path if path else page
    return target.exists() and (not heading or heading in _anchors(target))


def _anchors(page: Path) -> set[str]:
    """Give the names of a page's headings, as the usual renderers make them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_every_page_of_the_documentation_is_in_its_index() -> None:
    """Whoever starts at docs/index.md finds all there is."""
    index = ROOT / "docs" / "index.md"
    linked = {(index.parent / path).resolve() for path, _ in _LINK.findall(index.read_text())}
    assert {page for page in PAGES if page.is_relative_to(index.parent)} - {index} <= linked
