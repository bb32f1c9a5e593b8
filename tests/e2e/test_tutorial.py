"""``docs/write-a-transport.md``, followed word by word: files are written, and commands run, as they come on the page."""

from __future__ import annotations

import re
import shlex
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from attrs import frozen
from e2e_tools import ROOT, Environment, run

PAGE = (ROOT / "docs" / "write-a-transport.md").read_text()
#: Without the tests, which it is held to, and the service, which is somebody else's.
TRANSPORT = ("pyproject.toml", "src/")
MOST_LINES = 150
#: What is served while the reader goes on in another terminal.
SERVICE = "python parrot.py"
_PORT = "7071"
#: A file is named at the end of the sentence before its fence.
_STEP = re.compile(r"(?:`([\w./-]+)`:\n\n)?^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_VERSION = re.compile(r"\d+\.\d+\.\d+")


@frozen
class File:
    """Something to write."""

    path: str
    text: str


@frozen
class Command:
    """Something to run, and what it shows: lines, in which … stands for anything."""

    line: str
    shown: str


def steps() -> Iterator[File | Command]:
    """Give what the page says to do, in its order."""
    for path, language, text in _STEP.findall(PAGE):
        if language == "console":
            command, _, shown = text.removeprefix("$ ").partition("\n")
            assert "\n$ " not in shown, "one command in each fence"
            yield Command(command, shown.rstrip())
        else:
            assert path, f"nothing says where this is to be saved: {text[:40]!r}"
            yield File(path, text)


@pytest.fixture
def reader(wheels: Path, make_environment: Callable[[], Environment], clean_environ: dict[str, str]) -> dict[str, str]:
    """The environment variables of somebody who has a fresh virtual environment, with pip in it, and takes our wheels."""
    environment = make_environment()
    pip = environment.script("pip")
    pip.write_text(
        f'#!/bin/sh\nexec uv pip "$1" --quiet --python {environment.python} "${{@:2}}"\n'.replace("/sh", "/bash")
    )
    pip.chmod(0o755)
    path = f"{environment.script('')}:{clean_environ['PATH']}"
    return {**clean_environ, "PATH": path, "UV_FIND_LINKS": str(wheels), "PYTHONWARNINGS": "error"}


@pytest.fixture
def port() -> str:
    """A port that nobody listens on: several of these tests may run on one machine."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


@pytest.mark.timeout(300)
def test_the_tutorial_followed_word_by_word_gives_a_transport_that_conforms(
    reader: dict[str, str], port: str, tmp_path: Path
) -> None:
    """It is installed, picked by its name, talked through, and held to the contract."""
    with ExitStack() as stack:
        for step in steps():
            match step:
                case File(path, text):
                    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
                    (tmp_path / path).write_text(text.replace(_PORT, port))
                case Command(line, shown) if line == SERVICE:
                    _compare(_served(line, stack, cwd=tmp_path, env=reader), shown)
                case Command(line, shown):
                    _compare(run(shlex.split(line), cwd=tmp_path, env=reader), shown)


def test_every_kind_of_step_is_on_the_page() -> None:
    """So that the test above cannot pass by doing nothing."""
    lines = [step.line for step in steps() if isinstance(step, Command)]
    assert lines == ["pip install --editable . pytest", "offhook transports", SERVICE, "python talk.py", "pytest"]
    paths = [step.path for step in steps() if isinstance(step, File)]
    assert len(paths) == len(set(paths)) == 8


def test_the_transport_is_as_short_as_the_page_says() -> None:
    """With its packaging, its blank lines, and everything that it is made of."""
    files = [step for step in steps() if isinstance(step, File) and step.path.startswith(TRANSPORT)]
    assert {"pyproject.toml", "src/offhook_parrot/transport.py"} <= {file.path for file in files}
    assert sum(len(file.text.splitlines()) for file in files) < MOST_LINES
    assert f"in under {MOST_LINES} lines" in PAGE


def _served(line: str, stack: ExitStack, **options: object) -> str:
    """Start a service that ends with the test; give its first line, which says that it listens."""
    process = stack.enter_context(subprocess.Popen(shlex.split(line), stdout=subprocess.PIPE, text=True, **options))
    stack.callback(process.terminate)
    assert process.stdout is not None
    return process.stdout.readline()


def _compare(told: str, shown: str) -> None:
    pattern = ".*".join(map(re.escape, _VERSION.sub("VERSION", shown).split("…")))
    if shown:
        assert re.fullmatch(pattern, _VERSION.sub("VERSION", told).strip(), re.DOTALL), told
