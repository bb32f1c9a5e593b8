"""Running commands, and fresh environments to run them in."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

ROOT = Path(__file__).resolve().parents[2]


def run(command: Sequence[str | Path], **options: Any) -> str:
    """Run a command to its end; give what it printed. Raises with its output where it fails."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@frozen
class Environment:
    """A fresh virtual environment."""

    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    def script(self, name: str) -> Path:
        """A command that was installed into it."""
        return self.folder / "bin" / name

    def install(self, *requirements: str | Path) -> None:
        """Install into it, pinned like the workspace; our own distributions come from their wheels alone."""
        run(["uv", "pip", "install", "--quiet", "--python", self.python, *requirements], cwd=self.folder)

    def uninstall(self, *names: str) -> None:
        """Take distributions out of it."""
        run(["uv", "pip", "uninstall", "--quiet", "--python", self.python, *names], cwd=self.folder)
