"""The clients in JavaScript under ``js/``: installed by npm as its package.json says, and run by Node."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
from wire import PATIENCE_S

_FOLDER: Final = Path(__file__).with_name("js")


def install() -> None:
    """Make sure that the packages are there, in the versions that are named. Skips, with the reason, where they cannot be."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not on PATH, and the clients in JavaScript need it")
    if _is_current():
        return
    # No lock file: it would hold the address of whichever registry resolved it.
    command = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock"]
    done = subprocess.run(command, cwd=_FOLDER, capture_output=True, text=True, timeout=300)
    if done.returncode:
        pytest.skip(f"npm could not install the clients in JavaScript: {done.stderr.strip()}")


async def run(script: str, *arguments: str | Path) -> list[dict[str, Any]]:
    """Run a script of ``js/`` to its end; give what it printed, a JSON object a line. A word of complaint is a failure."""
    process = await asyncio.create_subprocess_exec(
        *("node", _FOLDER / script, *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "NODE_NO_WARNINGS": "1"},
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            told, complaints = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert (process.returncode, complaints.decode()) == (0, "")
    return [json.loads(line) for line in told.splitlines()]


def _is_current() -> bool:
    wanted: dict[str, str] = json.loads((_FOLDER / "package.json").read_text())["dependencies"]
    return all(_installed(name) == version for name, version in wanted.items())


def _installed(name: str) -> str | None:
    package = _FOLDER / "node_modules" / name / "package.json"
    return json.loads(package.read_text())["version"] if package.exists() else None
