"""P7, whatever happens: every call gets exactly one output or one cancellation, every turn at most one reply."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from offhook.events import FunctionCallCancelled, TurnDone
from offhook.session import tasks as tasks_module
from offhook.tool import function_tool

PATIENCE_S = 5.0


async def answer() -> str:
    return "x"


def answer_in_a_thread() -> str:
    return "x"


async def fail() -> str:
    raise RuntimeError("no")


async def hang() -> str:
    await asyncio.Event().wait()


async def ignore() -> str:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        await asyncio.Event().wait()


async def give_up() -> str:
    raise asyncio.CancelledError


#: What a tool does: the name and the arguments of a call that has it done.
BEHAVIOURS = {
    "answers": ("answer", "{}"),
    "answers in a thread": ("answer_in_a_thread", "{}"),
    "raises": ("fail", "{}"),
    "hangs": ("hang", "{}"),
    "hangs and ignores its end": ("ignore", "{}"),
    "is cancelled by somebody else": ("give_up", "{}"),
    "is unknown": ("fly", "{}"),
    "is called wrongly": ("answer", "{"),
}
TOOLS = [function_tool(timeout_s=0.01)(it) for it in (hang, ignore)]
TOOLS += [function_tool(it) for it in (answer, answer_in_a_thread, fail, give_up)]
FATES = st.sampled_from(["kept", "kept", "withdrawn", "repeated"])
CALLS = st.lists(st.tuples(st.sampled_from(sorted(BEHAVIOURS)), FATES), max_size=5)


@pytest.fixture(autouse=True)
def short_grace(monkeypatch):
    monkeypatch.setattr(tasks_module, "_GRACE_S", 0.01)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=CALLS, early=st.integers(0, 5), end=st.sampled_from(["stays", "closes", "is lost"]))
def test_p7_every_call_gets_one_output_or_one_cancellation_and_every_turn_at_most_one_reply(line, calls, early, end):
    asyncio.run(hold(line, calls, early, end), debug=True)


async def hold(line, calls, early, end):
    """A response that makes ``calls``; the first ``early`` of them settle before the others come."""
    async with line(tools=TOOLS) as it:
        far = it.far
        it.begins()
        for number, (behaviour, fate) in enumerate(calls):
            name, arguments = BEHAVIOURS[behaviour]
            it.calls(name, str(number), arguments)
            if fate == "repeated":
                it.calls(name, str(number), arguments)
            if fate == "withdrawn":
                await it.settled()
                it.transport._emit(FunctionCallCancelled(call_ids=(str(number),)))
            if number < early:
                await all_settled(it, number + 1)
        it.ends()
        if end == "stays":
            await all_settled(it, len(calls))
            await it.heard.until(TurnDone)
            await it.settled()
        elif end == "is lost":
            far.hang_up(1006)
    fates = Counter(call_id for call_id, _ in it.outputs)
    fates.update(call_id for event in it.heard.of(FunctionCallCancelled) for call_id in event.call_ids)
    arrived = {event.call_id for event in it.heard if event.hook == "function_call"}
    assert fates == Counter(arrived)
    creates = [frame for frame in far.sent if frame["type"] == "response.create"]
    assert len(creates) <= 1
    if end == "stays":
        wanted = [b for number, (b, _) in enumerate(calls) if str(number) in dict(it.outputs) and b != "is unknown"]
        assert len(creates) == (1 if wanted else 0)
        assert far.kinds[-1] == "response.create" or not wanted


async def all_settled(it, count):
    """Wait until ``count`` calls have their output or their cancellation."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            withdrawn = {call_id for event in it.heard.of(FunctionCallCancelled) for call_id in event.call_ids}
            if len(withdrawn | set(dict(it.outputs))) >= count:
                return
            await asyncio.sleep(0.001)
