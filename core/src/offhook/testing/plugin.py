"""The pytest plugin that comes with offhook: what the conformance suite needs of pytest, and nothing for other tests.

It shows what failed in the suite's own ``assert`` statements, refuses marks that would hide a test of the suite, and sums up
what each transport promises. ``-p no:offhook`` turns it off; the tests run all the same.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

# Before anything imports it: assertions are rewritten when a module is imported.
pytest.register_assert_rewrite("offhook.testing.conformance")

#: Marks with which a test would be there and say nothing.
_HIDING: Final = frozenset({"skip", "skipif", "xfail"})
#: How the message of a skip by flag begins: ``offhook.testing.conformance.rules`` says so, and is not imported for it.
_BY_FLAG: Final = "offhook conformance, skipped by flag: "
_SUITES: Final = pytest.StashKey[list[str]]()


def skipped_by_flag(report: pytest.TestReport | pytest.CollectReport) -> bool:
    """Tell whether a test of the suite was skipped because the transport's capabilities do not promise what it tests.

    For projects that let no test be skipped in CI: these may be.
    """
    match report.longrepr:
        case (_, _, str(reason)):
            return reason.removeprefix("Skipped: ").startswith(_BY_FLAG)
        case _:
            return False


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse marks that hide tests of the suite: flags say what is skipped."""
    rules = [item for item in items if getattr(getattr(item, "function", None), "rule", None) is not None]
    config.stash[_SUITES] = sorted({_owner(item) for item in rules})
    for item in rules:
        hiding = sorted({mark.name for mark in item.iter_markers()} & _HIDING)
        if hiding:
            raise pytest.UsageError(
                f"{item.nodeid} is a test of the offhook conformance suite and is marked {', '.join(hiding)}. Take the mark "
                "off: what the transport's capabilities do not promise is skipped by itself, and what fails is a defect."
            )


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say in one line per transport what it keeps, what it breaks, and what its flags do not promise."""
    stats: dict[str, list[Any]] = terminalreporter.stats
    suites: list[str] = config.stash.get(_SUITES, list[str]())
    for suite in suites:
        kept, broken, skipped = (
            [report for report in stats.get(outcome, ()) if _owner(report) == suite]
            for outcome in ("passed", "failed", "skipped")
        )
        flags = sorted({_flag(report) for report in skipped if skipped_by_flag(report)})
        verdict = "does not conform" if broken else "conforms, as far as this run goes"
        unpromised = f"; skipped by flag: {', '.join(flags)}" if flags else ""
        terminalreporter.write_line(f"{suite} {verdict}: {len(kept)} kept, {len(broken)} broken{unpromised}")


def _owner(test: Any) -> str:
    return test.nodeid.rpartition("::")[0]


def _flag(report: Any) -> str:
    return report.longrepr[2].rpartition(_BY_FLAG)[2]
