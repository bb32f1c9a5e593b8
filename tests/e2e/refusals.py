"""What a refusal has to be: one paragraph, which gives nothing away. What it says to do next is each test's to check."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from attrs import frozen

#: What every command is given unless it is told otherwise.
KEY = "sk-never-to-be-seen"


@frozen
class Refusal:
    """What a command that failed said."""

    code: int
    said: str


Offhook = Callable[..., Refusal]


def paragraph(text: str) -> str:
    """Hold a message to the rules that go for every refusal, and give it back."""
    assert "\n" not in text
    assert KEY not in text
    return text


def refused(*arguments: str | Path, cwd: Path, environ: dict[str, str]) -> Refusal:
    """Run ``offhook``, which has to fail with one paragraph on stderr and no traceback."""
    command = [sys.executable, "-m", "offhook", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=cwd, env=environ)
    assert done.returncode != 0
    assert "Traceback" not in done.stdout + done.stderr
    assert KEY not in done.stdout
    assert done.stderr.startswith("offhook: ")
    return Refusal(done.returncode, paragraph(done.stderr.strip()))
