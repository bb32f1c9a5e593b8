"""Fixtures for every test: how async tests run, and where recordings lie."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from offhook.testing.plugin import skipped_by_flag

ROOT = Path(__file__).resolve().parent.parent


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run ``async def`` tests on a fresh event loop each, in debug mode, so that nothing leaks from one into the next."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    asyncio.run(pyfuncitem.obj(**arguments), debug=True)
    return True


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a missing part fails: a skipped test there hides what nobody checked.

    What the conformance suite skips is not missing: the transport's flags say that it promises nothing of the kind.
    """
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not os.environ.get("CI") or reporter is None:
        return
    if not all(skipped_by_flag(report) for report in reporter.stats.get("skipped", ())):
        reporter.write_line("tests were skipped, and in CI none may be: install what they miss", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="module", autouse=True)
def cheap_collections() -> None:
    """What is there before a module's tests is none of their garbage: searching it after each test takes minutes in all."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of recorded streams, the published schema and real speech.

    The recordings are not ours to commit. ``OFFHOOK_CORPUS`` names the folder; CI requires it.
    """
    folder = Path(os.environ.get("OFFHOOK_CORPUS", ROOT.parent / "shared" / "corpus"))
    if not folder.is_dir():
        pytest.skip(
            f"no recordings at {folder}; set OFFHOOK_CORPUS to the folder that holds streams/ and openai-openapi/"
        )
    return folder


@pytest.fixture(scope="module")
def pulse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A sound server with a virtual microphone and a virtual loudspeaker (``soundcard``)."""
    from soundcard import sound_server  # the websocket suite also runs without the folder that has it

    with sound_server(tmp_path_factory.mktemp("pulse")):
        yield
