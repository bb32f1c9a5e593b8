"""offhook.session.tools: calls that are withdrawn, by the service or with the connection, get one cancellation (P7)."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest

from offhook.agent_events import ToolEnd, ToolStart
from offhook.context import ToolContext
from offhook.events import AudioInterrupted, ErrorEvent, FunctionCallCancelled
from offhook.session import tasks as tasks_module
from offhook.tool import function_tool

PATIENCE_S = 5.0


@function_tool
async def look() -> str:
    """Look."""
    return "seen here"


@pytest.fixture(autouse=True)
def short_grace(monkeypatch):
    """Some tools here ignore being stopped."""
    monkeypatch.setattr(tasks_module, "_GRACE_S", 0.01)


# By the service.


async def test_a_call_that_the_service_withdraws_is_stopped_and_gets_no_output(line):
    stopped = asyncio.Event()

    @function_tool
    async def wait() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async with line(tools=[wait, look]) as it:
        it.begins()
        it.calls("wait", "call_1")
        it.calls("look", "call_2")
        it.ends()
        await it.heard.until(ToolEnd)
        withdraw(it, "call_1")
        async with asyncio.timeout(PATIENCE_S):
            await stopped.wait()
        # The other call of the turn has waited for this one with its reply.
        await it.far.received("response.create")
        assert it.outputs == [("call_2", "seen here")]
        assert len(it.heard.of(FunctionCallCancelled)) == 1


async def test_a_call_that_is_withdrawn_before_its_tool_began_never_runs(line):
    ran = []

    @function_tool
    async def note() -> str:
        ran.append(1)
        return "x"

    async with line(tools=[note]) as it:
        it.session.on("function_call", lambda event: withdraw(it, event.call_id))
        it.begins()
        it.calls("note", "call_1")
        it.ends()
        await it.settled()
        assert (ran, it.outputs) == ([], [])
        assert "response.create" not in it.far.kinds


async def test_a_withdrawn_call_whose_task_does_not_stop_is_not_answered_either(line):
    go_on = asyncio.Event()

    @function_tool
    async def stubborn() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await go_on.wait()
        return "all the same"

    async with line(tools=[stubborn]) as it:
        it.calls("stubborn", "call_1")
        await it.heard.until(ToolStart)
        await asyncio.sleep(0)
        withdraw(it, "call_1")
        go_on.set()
        await it.settled()
        await asyncio.sleep(0)
        assert it.outputs == []
        assert it.heard.of(ToolEnd) == []


def withdraw(line, *call_ids):
    """No frame of this dialect says it; other speech APIs do."""
    line.transport._emit(FunctionCallCancelled(call_ids=call_ids))


@pytest.mark.parametrize("option", ["is_enabled", "needs_approval", "input_guardrails"])
async def test_p7_a_call_that_is_withdrawn_while_it_is_checked_never_runs(line, option):
    ran, asked, hang = [], asyncio.Event(), [False]

    async def check(*_given):
        if hang[0]:
            asked.set()
            await asyncio.Event().wait()
        return True

    given = {option: [check] if option.endswith("s") else check}
    async with line(tools=[function_tool(name="note", **given)(lambda: ran.append(1))]) as it:
        hang[0] = True
        it.calls("note", "call_1")
        async with asyncio.timeout(PATIENCE_S):
            await asked.wait()
        withdraw(it, "call_1")
        await it.settled()
        assert (ran, it.outputs, it.heard.of(ToolStart)) == ([], [], [])
        assert it.session._parts.tools._serving == {}


async def test_p7_a_call_that_is_withdrawn_as_its_tool_is_announced_never_runs(line):
    ran = []

    @function_tool
    async def note() -> str:
        ran.append(1)
        return "x"

    async with line(tools=[note]) as it:
        it.session.on("agent_tool_start", lambda event: withdraw(it, event.call.call_id))
        it.calls("note", "call_1")
        await it.heard.until(ToolStart)
        await it.settled()
        assert (ran, it.outputs) == ([], [])


async def test_p10_calls_that_are_withdrawn_after_an_interruption_are_forgotten(line, waiting):
    tool, _ = waiting
    async with line(tools=[tool]) as it:
        it.calls("wait", "call_1")
        await it.heard.until(ToolStart)
        it.transport._emit(AudioInterrupted(epoch=1))
        withdraw(it, "call_1")
        await it.settled()
        assert it.session._parts.tools._overtaken == set()


async def test_the_other_outputs_of_a_turn_are_spoken_about_if_the_last_cannot_be_sent(line):
    go_on = asyncio.Event()

    @function_tool
    async def last() -> str:
        await go_on.wait()
        return "last"

    async with line(tools=[function_tool(name="first")(lambda: "first"), last]) as it:
        it.begins()
        it.calls("first", "call_1")
        it.calls("last", "call_2")
        it.ends()
        await it.far.received("conversation.item.create")

        async def refuse(*_):
            raise ValueError("too long")

        it.transport.send_function_call_output = refuse
        go_on.set()
        await it.far.received("response.create")
        assert it.outputs == [("call_1", "first")]


# With the connection.


@pytest.fixture
def waiting():
    """A tool that waits, and what became of it."""
    became = []

    @function_tool
    async def wait() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            became.append("stopped")
            raise
        finally:
            await asyncio.sleep(0)
            became.append("cleaned up")

    return wait, became


async def test_b34_closing_stops_the_tools_and_sends_nothing_for_them(line, waiting):
    tool, became = waiting
    async with line(tools=[tool]) as it:
        it.calls("wait", "call_1")
        await it.heard.until(ToolStart)
        await asyncio.sleep(0)
    assert became == ["stopped", "cleaned up"]
    assert it.outputs == it.heard.of(ToolEnd) == it.heard.of(ErrorEvent) == []
    assert it.heard.of(FunctionCallCancelled) == [FunctionCallCancelled(call_ids=("call_1",), reason="closed")]


async def test_b34_closing_the_transport_under_the_session_is_closing_too(line, waiting):
    tool, became = waiting
    async with line(tools=[tool]) as it:
        it.calls("wait", "call_1")
        await it.heard.until(ToolStart)
        await asyncio.sleep(0)
        await it.transport.close()
        assert it.heard.of(FunctionCallCancelled) == [FunctionCallCancelled(call_ids=("call_1",), reason="closed")]
    assert became[-1] == "cleaned up"
    assert it.outputs == []


@pytest.mark.parametrize("code", [1000, 1006])
async def test_b34_a_connection_lost_while_a_tool_runs_withdraws_the_call(line, waiting, code):
    tool, became = waiting
    async with line(tools=[tool]) as it:
        it.calls("wait", "call_1")
        await it.heard.until(ToolStart)
        it.far.hang_up(code)
        cancelled = await it.heard.until(FunctionCallCancelled)
        assert cancelled == FunctionCallCancelled(call_ids=("call_1",), reason="connection_lost")
    assert became[-1] == "cleaned up"
    assert it.outputs == it.heard.of(ToolEnd) == []
    assert len(it.heard.of(FunctionCallCancelled)) == 1


async def test_b34_a_thread_that_ends_after_the_session_is_not_heard(line):
    go_on = threading.Event()

    @function_tool
    def block() -> str:
        go_on.wait(PATIENCE_S)
        return "too late"

    async with line(tools=[block]) as it:
        it.calls("block", "call_1")
        await it.heard.until(ToolStart)
        await asyncio.sleep(0)
    go_on.set()
    assert it.outputs == it.heard.of(ToolEnd) == []


async def test_b34_a_call_of_the_connection_before_is_not_answered_on_the_next(line):
    go_on = asyncio.Event()

    @function_tool
    async def stubborn() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await go_on.wait()
        return "too late"

    async with line(tools=[stubborn]) as it:
        it.calls("stubborn", "call_1")
        await it.heard.until(ToolStart)
        await asyncio.sleep(0)
        it.far.hang_up(1006)
        await it.heard.until(FunctionCallCancelled)
        await it.session.connect()
        go_on.set()
        await it.settled()
        await asyncio.sleep(0)
        assert it.outputs == []


async def test_call_ids_of_the_connection_before_mean_nothing_on_the_next(line):
    async with line(tools=[look]) as it:
        for _ in range(2):
            it.calls("look", "call_1")
            await it.far.received("conversation.item.create")
            assert it.outputs == [("call_1", "seen here")]
            it.far.hang_up(1006)
            async with asyncio.timeout(PATIENCE_S):
                async for _ in it.session:
                    pass
            await it.session.connect()


async def test_a_tool_may_close_its_own_session(line, caplog):
    @function_tool
    async def hang_up(run: ToolContext[list]) -> str:
        await run.context[0].close()
        went_on.set()
        return "bye"

    went_on, context = asyncio.Event(), []
    it = line(tools=[hang_up], context=context)
    context.append(it.session)
    async with it:
        it.calls("hang_up", "call_1")
        async with asyncio.timeout(PATIENCE_S):
            await went_on.wait()
    assert it.transport.status == "disconnected"
    assert it.outputs == []
    assert [event.reason for event in it.heard.of(FunctionCallCancelled)] == ["closed"]
    assert "task_does_not_stop" not in caplog.text, "it waited for itself"


async def test_a_tool_that_does_not_stop_holds_up_the_end_for_a_while_only_and_is_named(line, caplog):
    go_on = asyncio.Event()

    @function_tool
    async def stubborn() -> str:
        try:
            await go_on.wait()
        except asyncio.CancelledError:
            await go_on.wait()
        return "x"

    with caplog.at_level(logging.WARNING, "offhook"):
        async with line(tools=[stubborn]) as it:
            it.calls("stubborn", "call_1")
            await it.heard.until(ToolStart)
            await asyncio.sleep(0)
            await it.session.close()
            assert it.transport.status == "disconnected"
    go_on.set()
    assert "task_does_not_stop" in caplog.text
    assert "offhook tool stubborn" in caplog.text


async def test_a_call_that_comes_while_the_session_closes_is_not_run(line):
    ran = []

    @function_tool
    async def note() -> str:
        ran.append(1)
        return "x"

    async with line(tools=[note]) as it:
        it.session.on("connection_change", lambda _: it.calls("note", "call_1"))
        await it.session.close()
        await asyncio.sleep(0)
    assert ran == []
    assert [event.reason for event in it.heard.of(FunctionCallCancelled)] == ["closed"]
