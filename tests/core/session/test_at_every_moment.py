"""The end of a session, of its connection or of somebody's patience, after every number of steps of the event loop (P1, P7)."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from offhook.agent import RealtimeAgent
from offhook.agent_events import AgentEnd
from offhook.errors import OffhookError
from offhook.events import FunctionCallCancelled
from offhook.tool import Background, function_tool

PATIENCE_S = 5.0
#: By then, all that is said below was heard and answered.
MOMENTS = range(0, 120, 3)
CALLS = ("look", "slow", "pay", "fail", "note", "transfer_to_B", "unknown")


@function_tool
async def look() -> str:
    """Look."""
    return "seen"


@function_tool
async def slow() -> str:
    """Take some steps."""
    for _ in range(30):
        await asyncio.sleep(0)
    return "at last"


async def guard(*_given):
    await asyncio.sleep(0)


@function_tool(needs_approval=True, input_guardrails=[guard], output_guardrails=[guard])
async def pay() -> str:
    """Pay."""
    return "paid"


@function_tool
async def fail() -> str:
    """Fail."""
    raise RuntimeError


@function_tool
async def note() -> Background:
    """Note."""
    return Background("noted")


async def instructions(_run):
    await asyncio.sleep(0)
    return "Help."


def agent():
    return RealtimeAgent(
        name="A",
        instructions=instructions,
        tools=[look, slow, pay, fail, note],
        handoffs=[RealtimeAgent(name="B", instructions=instructions, tools=[look])],
    )


def begin(it):
    """The model calls everything there is, and somebody allows what has to be."""

    async def allow(request):
        await it.session.approve(request)

    it.session.on("tool_approval_requested", allow)
    it.begins()
    for name in CALLS:
        it.calls(name, name)
    it.ends()


async def steps(count):
    for _ in range(count):
        await asyncio.sleep(0)


def left_behind():
    return [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]


async def all_ended():
    """Async listeners finish what is queued for them."""
    async with asyncio.timeout(PATIENCE_S):
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)


def check(it, called, *, lost):
    """Every call that was heard had one output, or one cancellation; an output on its way when the line went dead, both."""
    outputs = Counter(call_id for call_id, _ in it.outputs)
    cancelled = Counter(call_id for event in it.heard.of(FunctionCallCancelled) for call_id in event.call_ids)
    assert outputs | cancelled == Counter(called)
    assert lost or outputs + cancelled == Counter(called)


async def ended(it, moment, end, *, lost=False):
    async with it:
        begin(it)
        await steps(moment)
        await end()
        called = [event.call_id for event in it.heard if event.hook == "function_call"]
        check(it, called, lost=lost)
    await all_ended()
    tools = it.session._parts.tools
    assert (tools._calls.open, tools._serving, tools._overtaken) == ({}, {}, set())


@pytest.mark.parametrize("moment", MOMENTS)
async def test_p7_closing(line, moment):
    it = line(agent=agent())
    await ended(it, moment, it.session.close)


@pytest.mark.parametrize("moment", MOMENTS)
async def test_p7_losing_the_connection(line, moment):
    it = line(agent=agent())

    async def lose():
        it.far.hang_up(1006)
        async for _ in it.session:
            pass

    await ended(it, moment, lose, lost=True)


@pytest.mark.parametrize("moment", MOMENTS)
async def test_p7_nothing_ends_and_every_call_is_answered(line, moment):
    async with line(agent=agent()) as it:
        begin(it)
        await steps(moment)
        await it.heard.until(AgentEnd)
        outputs = await it.far.received("conversation.item.create", len(CALLS))
        assert sorted(frame["item"]["call_id"] for frame in outputs) == sorted(CALLS)
        await it.far.received("response.create")


@pytest.mark.parametrize("moment", range(30))
async def test_p1_giving_up_or_closing_while_connecting_leaves_a_session_that_connects(line, moment):
    for give_up in (True, False):
        it = line(agent=agent())
        connecting = asyncio.create_task(it.session.connect())
        await steps(moment)
        if give_up:
            connecting.cancel()
        else:
            await it.session.close()
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.wait({connecting})
        assert connecting.cancelled() or isinstance(connecting.exception(), OffhookError | None)
        await it.session.close()
        await it.session.connect()
        await it.session.close()
        await all_ended()


@pytest.mark.parametrize("moment", range(20))
async def test_giving_up_a_handoff_leaves_model_and_session_agreed(line, moment):
    async with line(agent=agent()) as it:
        changing = asyncio.create_task(it.session.update_agent(RealtimeAgent(name="C", instructions="Be C.")))
        await steps(moment)
        changing.cancel()
        await asyncio.wait({changing})
        await it.settled()
        told = [frame["session"]["instructions"] for frame in it.far.sent if frame["type"] == "session.update"]
        assert told[-1] == {"A": "Help.", "C": "Be C."}[it.session.agent.name]
