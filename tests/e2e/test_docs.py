"""The documentation tells the truth: every Python program in it runs, and every link leads somewhere.

A fence of ``python`` is a whole program, and is run here. One of ``py`` needs another place to run, such as a Worker.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e_tools import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("plugins/*/README.md"))]
_PROGRAM = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


_PROGRAMS = [
    pytest.param(program, id=f"{page.relative_to(ROOT)}:{number + 1}")
    for page in PAGES
    for number, program in enumerate(_PROGRAM.findall(page.read_text()))
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


@pytest.mark.parametrize("program", _PROGRAMS)
def test_every_program_in_the_documentation_runs(
    program: str, emulator_url: str, clean_environ: dict[str, str], tmp_path: Path
) -> None:
    """Against an emulator, with the environment that the quick start sets."""
    environ = {**clean_environ, "OFFHOOK_WEBSOCKET_URL": emulator_url, "OPENAI_API_KEY": "any"}
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path, env=environ)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_in_the_documentation_leads_somewhere(page: Path) -> None:
    """Relative links name files that exist."""
    broken = [link for link in _LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert not broken
