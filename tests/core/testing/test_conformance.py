"""offhook.testing.conformance and its pytest plugin: what an author may do, what is refused, and what is told."""

from __future__ import annotations

import re
import subprocess
import sys
import unittest
from pathlib import Path

import pytest

from offhook.capabilities import Capabilities
from offhook.errors import ContractError
from offhook.hookspecs import ConnectOptions
from offhook.loopback import Loopback, LoopbackOptions
from offhook.testing.conformance import KEY, MemoryPeer, Peer, SkippedByFlag, TransportConformance
from offhook.testing.conformance.line import Line
from offhook.testing.conformance.rules import SKIPPED_BY_FLAG, rules_of
from offhook.testing.conformance.waiting import turns
from offhook.testing.plugin import _BY_FLAG

pytest_plugins = "pytester"

SUITE = """
from offhook.loopback import Loopback, LoopbackOptions
from offhook.testing.conformance import MemoryPeer, TransportConformance


class TestLoopback(TransportConformance):
    def peer(self):
        return MemoryPeer()

    def clogged_peer(self):
        return MemoryPeer(clogged=True)

    def transport(self, peer):
        return Loopback(LoopbackOptions(dialer=peer.dial))
"""


class Conformance(TransportConformance):
    def peer(self):
        return MemoryPeer()

    def clogged_peer(self):
        return MemoryPeer(clogged=True)

    def transport(self, peer):
        return Loopback(LoopbackOptions(dialer=peer.dial))


# The class.


def test_every_promise_has_a_test_that_carries_its_id():
    ids = {name.split("_")[1] for name in rules_of(TransportConformance)}
    assert ids == {"contract", *(f"p{number:02}" for number in range(1, 13))}


def test_a_test_of_the_suite_cannot_be_overridden():
    name = "test_p04_a_malformed_frame_is_a_warning"
    with pytest.raises(ContractError, match=rf"Lenient overrides {name}.*skipped by itself"):
        type("Lenient", (Conformance,), {name: lambda _: None})


def test_a_test_of_the_suite_cannot_be_overridden_by_a_mixin_or_a_grandchild():
    name = "test_p04_a_malformed_frame_is_a_warning"
    mixin = type("Mixin", (), {name: None})
    with pytest.raises(ContractError, match=name):
        type("Lenient", (mixin, Conformance), {})
    with pytest.raises(ContractError, match=name):
        type("Lenient", (type("Fine", (Conformance,), {}),), {name: None})


@pytest.mark.parametrize("name", ["transport", "peer", "clogged_peer", "connect_options"])
def test_a_factory_that_is_async_by_mistake_is_refused_when_the_class_is_made(name):
    async def factory(self, peer=None):
        return None

    with pytest.raises(ContractError, match=rf"Hasty\.{name} is an async function.*start\(\)"):
        type("Hasty", (Conformance,), {name: factory})


def test_a_class_without_a_factory_cannot_be_used():
    with pytest.raises(TypeError, match="clogged_peer"):
        type("Half", (TransportConformance,), {"peer": Conformance.peer, "transport": Conformance.transport})()


def test_a_skip_names_the_flag_and_its_value():
    made = rules_of(TransportConformance)["test_p06_the_model_is_told_what_was_heard"]
    with pytest.raises(SkippedByFlag, match=r"skipped by flag: truncate='none'"):
        made.require(Capabilities())
    made.require(Capabilities(truncate="client"))
    assert issubclass(SkippedByFlag, unittest.SkipTest)


def test_the_weakest_transport_skips_what_it_does_not_promise_and_nothing_else():
    skipped = set()
    for name, made in rules_of(TransportConformance).items():
        try:
            made.require(Capabilities())
        except SkippedByFlag:
            skipped.add(name.split("_")[1])
    assert skipped == {"contract", "p05", "p06", "p07", "p08", "p10"}


def test_the_plugin_knows_a_skip_by_flag_without_importing_the_suite():
    assert _BY_FLAG == SKIPPED_BY_FLAG


async def test_a_step_that_only_a_flag_needs_says_so_when_it_is_missing():
    steps = "say call end_turn interrupt unknown malformed drop hang_up"
    peer = type("Short", (Peer,), dict.fromkeys(steps.split()))()
    with pytest.raises(NotImplementedError, match=r"Short needs the step withdraw\('c'\).*cancels_calls=True"):
        await peer.withdraw("c")


async def test_a_far_end_elsewhere_may_tell_what_it_sent_after_it_arrived():
    class Late(MemoryPeer):
        async def unknown(self):
            frame = await super().unknown()
            await turns(50)
            return frame

    async with Late() as peer:
        line = Line(Conformance().transport(peer), peer, ConnectOptions(api_key=KEY), patience_s=1)
        await line.connect()
        await line.settle()
        await line.end()


def test_it_runs_where_there_is_no_pytest():
    program = f"""{SUITE}
import asyncio, sys
from offhook.testing.conformance import Outcome, outcomes
found: dict[str, Outcome] = asyncio.run(outcomes(TestLoopback))
assert "pytest" not in sys.modules
print(sorted({{outcome.status for outcome in found.values()}}), len(found))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout == f"['passed', 'skipped'] {len(rules_of(TransportConformance))}\n", done.stderr


def test_the_page_tells_what_each_test_checks():
    page = Path(__file__).parents[3].joinpath("docs/conformance.md").read_text()
    told = dict(re.findall(r"^\| `((?:p\d\d|contract)_\w+)` \| (.*?) \|", page, re.MULTILINE))
    checked = {
        name.removeprefix("test_"): " ".join(made.body.__doc__.split()).replace("``", "`")
        for name, made in rules_of(TransportConformance).items()
    }
    assert told == checked


# The pytest plugin.


def test_the_summary_says_per_transport_what_is_kept_and_which_flags_skip(pytester):
    pytester.makepyfile(test_it=SUITE)
    result = pytester.runpytest("-k", "p08")
    result.assert_outcomes(passed=4, skipped=1)
    result.stdout.fnmatch_lines(["*::TestLoopback conforms*: 4 kept, 0 broken; skipped by flag: request_response=True"])


def test_the_summary_says_that_a_transport_does_not_conform(pytester):
    broken = SUITE.replace("LoopbackOptions(dialer=peer.dial)", "LoopbackOptions(dialer=None)")
    pytester.makepyfile(test_it=broken.replace("def peer(self)", "patience_s = 0.1\n\n    def peer(self)"))
    result = pytester.runpytest("-k", "p04_a_malformed_frame_is_a_warning")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*::TestLoopback does not conform: 0 kept, 1 broken"])


@pytest.mark.parametrize("mark", ["skip", "xfail", "skipif(True, reason='not today')"])
def test_marks_that_hide_tests_of_the_suite_are_refused(pytester, mark):
    pytester.makepyfile(test_it=SUITE.replace("class Test", f"@pytest.mark.{mark}\nclass Test").lstrip())
    path = pytester.path / "test_it.py"
    path.write_text(f"import pytest\n{path.read_text()}")
    result = pytester.runpytest()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*is a test of the offhook conformance suite and is marked*Take the mark off*"])


def test_an_override_is_an_error_that_names_it(pytester):
    pytester.makepyfile(test_it=f"{SUITE}\n    def test_p04_a_malformed_frame_is_a_warning(self):\n        pass\n")
    result = pytester.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*ContractError: TestLoopback overrides test_p04_a_malformed_frame_is_a_warning*"])


@pytest.mark.parametrize(
    ("more", "status"),
    [("", pytest.ExitCode.OK), ("\n\ndef test_other():\n    import pytest; pytest.skip('no time')\n", 1)],
)
def test_in_ci_a_skip_by_flag_may_be_and_no_other(pytester, monkeypatch, more, status):
    """``tests/conftest.py``, which is ours."""
    monkeypatch.setenv("CI", "1")
    pytester.makeconftest(Path(__file__).parents[2].joinpath("conftest.py").read_text())
    pytester.makepyfile(test_it=SUITE + more)
    result = pytester.runpytest("-k", "p08 or other")
    assert result.ret == status
    assert result.parseoutcomes()["skipped"] == 1 + bool(more)
