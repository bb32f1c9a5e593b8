"""offhook.session.tools: every call gets exactly one output or one cancellation, whatever its tool does (P7)."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import threading
from collections import Counter

import pytest

from offhook.agent_events import ToolEnd, ToolStart
from offhook.context import ToolContext
from offhook.errors import ToolError, Unsupported
from offhook.events import ErrorEvent, FunctionCallCancelled, TurnDone, TurnStarted
from offhook.session import tasks as tasks_module
from offhook.tool import FunctionTool, function_tool

PATIENCE_S = 5.0
USER = contextvars.ContextVar("USER", default="nobody")


@function_tool
async def look(where: str = "here") -> str:
    """Look."""
    return f"seen {where}"


@function_tool
async def fail() -> str:
    """Fail."""
    raise RuntimeError("the secret details")


@function_tool
def fail_in_a_thread() -> str:
    """Fail."""
    raise RuntimeError("the secret details")


@function_tool(timeout_s=0.01)
async def hang() -> str:
    """Hang."""
    await asyncio.Event().wait()


@function_tool(timeout_s=0.01)
async def hang_on() -> str:
    """Hang, and ignore being told to stop, once."""
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        await asyncio.Event().wait()


@function_tool
async def give_up() -> str:
    """End as a task does whose work was cancelled by somebody else."""
    raise asyncio.CancelledError


@function_tool
def leave() -> str:
    """Do what argparse does."""
    raise SystemExit(2)


@function_tool
async def bad() -> bytes:
    """Give what no model reads."""
    return b"\x00"


@pytest.fixture(autouse=True)
def short_grace(monkeypatch):
    """Some tools here ignore being stopped."""
    monkeypatch.setattr(tasks_module, "_GRACE_S", 0.01)


def outputs_of(line):
    return dict(line.outputs)


async def one(line, name, arguments="{}"):
    """Have the model call a tool in a response of its own, and give the output."""
    line.begins()
    line.calls(name, "call_1", arguments)
    line.ends()
    await line.far.received("conversation.item.create")
    await line.settled()
    return outputs_of(line)["call_1"]


# One output, whatever happens.


async def test_a_call_is_answered_with_the_tools_result_and_a_reply_is_asked_for(line):
    async with line(tools=[look]) as it:
        assert await one(it, "look", '{"where":"left"}') == "seen left"
        await it.far.received("response.create")
        assert it.far.kinds == ["session.update", "conversation.item.create", "response.create"]
        assert it.heard.of(ErrorEvent) == []


async def test_the_tool_is_announced_before_it_runs_and_after_its_output_was_sent(line):
    order = []

    @function_tool
    async def note() -> str:
        order.append("runs")
        return "x"

    async with line(tools=[note]) as it:
        it.session.on("agent_tool_start", lambda event: order.append(("start", event.tool.name, event.call.call_id)))
        it.session.on("agent_tool_end", lambda event: order.append(("end", event.output, len(it.outputs))))
        await one(it, "note")
        await it.heard.until(ToolEnd)
    assert order == [("start", "note", "call_1"), "runs", ("end", "x", 1)]


async def test_b33_an_unknown_tool_is_answered_so_and_no_reply_is_asked_for(line):
    async with line(tools=[look]) as it:
        assert await one(it, "fly") == "There is no tool named fly."
        error = it.heard.of(ErrorEvent)[0]
        assert error.code == "tool_error"
        assert error.message == "the model called 'fly', and agent 'A' has no such tool (it has: look)"
        assert "response.create" not in it.far.kinds
        assert it.heard.of(ToolStart) == it.heard.of(ToolEnd) == []


@pytest.mark.parametrize(
    ("tool", "output", "error"),
    [
        (fail, "fail failed. Tell the user that it did not work.", "raised RuntimeError at test_tools.py"),
        (fail_in_a_thread, "fail_in_a_thread failed. Tell the user", "raised RuntimeError at test_tools.py"),
        (hang, "hang did not answer within 10 ms.", "did not answer within 10 ms"),
        (hang_on, "hang_on did not answer within 10 ms.", "did not answer within 10 ms"),
        (give_up, "give_up failed. Tell the user", "raised CancelledError at test_tools.py"),
        (leave, "leave failed. Tell the user", "raised SystemExit at test_tools.py"),
        (bad, "bad could not be called: a tool gave bytes", "was called wrongly"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
async def test_a7_b36_a_tool_that_does_not_work_is_answered_and_the_session_lives(line, tool, output, error):
    """A7, and B36 with our difference: an error event, and the one output all the same."""
    async with line(tools=[tool, look]) as it:
        answer = await one(it, tool.name)
        assert answer.startswith(output)
        assert "secret" not in answer
        told = it.heard.of(ErrorEvent)[0]
        assert error in told.message
        assert "secret" not in told.message, "it is logged"
        assert told.cause is not None
        assert not told.fatal
        await it.far.received("response.create")
        it.calls("look", "call_2", response="resp_2")
        await it.heard.until(ToolEnd, 2)
        assert outputs_of(it)["call_2"] == "seen here"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ('{"where": ', "look could not be called: the arguments are not JSON"),
        ("[1]", "look could not be called: the arguments are no JSON object but list"),
        ('{"where": 1}', "look could not be called: argument 'where': expected string, got 1"),
        ('{"town": "x"}', "look could not be called: unknown argument 'town'"),
    ],
)
async def test_b36_malformed_arguments_are_answered_so_that_the_model_can_mend_them(line, arguments, why):
    async with line(tools=[look]) as it:
        assert (await one(it, "look", arguments)).startswith(why)
        assert len(it.heard.of(ErrorEvent)) == 1
        await it.far.received("response.create")


async def test_a_time_out_of_the_tools_own_is_a_failure_and_not_ours(line):
    @function_tool
    async def ask() -> str:
        raise TimeoutError("the other side")

    async with line(tools=[ask]) as it:
        assert (await one(it, "ask")).startswith("ask failed")
        assert str(it.heard.of(ErrorEvent)[0].cause) == "the other side"


async def test_a_tool_that_answers_after_its_time_is_not_heard(line):
    @function_tool(timeout_s=0.01)
    async def late() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "too late"

    async with line(tools=[late]) as it:
        assert await one(it, "late") == "late did not answer within 10 ms."
        await it.settled()
        assert len(it.outputs) == 1


async def test_a_tool_that_fails_after_its_time_is_not_heard_either(line):
    failing = asyncio.Event()

    @function_tool(timeout_s=0.01)
    async def late() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            failing.set()
            raise RuntimeError("too late")

    async with line(tools=[late]) as it:
        assert await one(it, "late") == "late did not answer within 10 ms."
        async with asyncio.timeout(PATIENCE_S):
            await failing.wait()
        await it.settled()
        assert len(it.heard.of(ErrorEvent)) == 1


async def test_a_plain_function_does_not_block_the_session(line):
    go_on = threading.Event()

    @function_tool
    def block() -> str:
        return "went on" if go_on.wait(PATIENCE_S) else "nobody came"

    async with line(tools=[block]) as it:
        it.begins()
        it.calls("block", "call_1")
        await it.heard.until(ToolStart)
        it.ends()
        await it.heard.until(TurnDone)
        go_on.set()
        await it.heard.until(ToolEnd)
        assert it.outputs == [("call_1", "went on")]


async def test_b32_a_call_repeated_while_its_tool_runs_is_run_and_answered_once(line):
    async with line(tools=[look]) as it:
        it.calls("look", "call_1")
        it.calls("look", "call_1")
        it.calls("look", "call_2")
        await it.heard.until(ToolEnd, 2)
        await it.settled()
        assert Counter(call_id for call_id, _ in it.outputs) == {"call_1": 1, "call_2": 1}


async def test_b32_a_call_repeated_after_its_answer_gets_the_stored_output_and_runs_nothing(line):
    numbers = itertools.count(1)

    @function_tool
    def count(by: dict) -> int:
        """Count."""
        return next(numbers)

    async with line(tools=[count]) as it:
        await one(it, "count", '{"by": {"a": 1, "b": 2.0}}')
        it.calls("count", "call_1", '{"by": {"b": 2, "a": 1.0}}')
        await it.far.received("conversation.item.create", 2)
        assert it.outputs == [("call_1", "1")] * 2
        assert len(it.heard.of(ToolStart)) == 1


async def test_b32_another_call_under_a_used_id_is_an_error_and_is_not_answered(line):
    async with line(tools=[look]) as it:
        await one(it, "look")
        it.calls("look", "call_1", '{"else": 1}')
        await it.heard.until(ErrorEvent)
        assert it.heard.of(ErrorEvent)[0].code == "call_id_reused"
        assert len(it.outputs) == 1


async def test_a_call_runs_with_the_tools_of_the_agent_it_was_made_to(line):
    """B31: whoever answers for the session by then."""
    async with line(tools=[look]) as it:
        it.calls("look", "call_1")
        await it.heard.until(ToolStart)
        await it.session.update_agent(type(it.agent)(name="B"))
        await it.heard.until(ToolEnd)
        assert it.outputs == [("call_1", "seen here")]


async def test_b31_a_call_of_an_older_response_runs_with_the_tools_of_the_agent_whose_turn_it_was(line):
    async with line(tools=[look]) as it:
        it.begins("resp_1")
        await it.heard.until(TurnStarted)
        await it.session.update_agent(type(it.agent)(name="B"))
        it.calls("look", "call_1", response="resp_1")
        it.ends("resp_1")
        await it.heard.until(ToolEnd)
        assert it.outputs == [("call_1", "seen here")]
        assert it.heard.of(ToolEnd)[0].agent is it.agent
        it.begins("resp_2")
        it.calls("look", "call_2", response="resp_2")
        await it.far.received("conversation.item.create", 2)
        assert it.outputs[1] == ("call_2", "There is no tool named look.")


# What a tool is given.


async def test_a_tool_is_told_the_context_the_call_and_the_history(line):
    told = []

    @function_tool
    async def where(run: ToolContext[str]) -> str:
        told.append(run)
        return "x"

    async with line(tools=[where], context="Ada") as it:
        it.shows("item_1")
        await one(it, "where")
        assert (told[0].context, told[0].call.call_id) == ("Ada", "call_1")
        assert [item.item_id for item in told[0].history] == ["item_1", "item_call_1"]


@pytest.mark.parametrize("kind", ["plain", "coroutine"])
async def test_context_variables_of_whoever_connected_reach_the_tool(line, kind):
    def plain() -> str:
        return USER.get()

    async def coroutine() -> str:
        return USER.get()

    USER.set("Ada")
    async with line(tools=[function_tool(name="who")(locals()[kind])]) as it:
        USER.set("Bob")
        assert await one(it, "who") == "Ada"


# One reply for all calls of a response.


async def test_parallel_calls_get_one_reply_after_the_last_output(line):
    go_on = asyncio.Event()

    @function_tool
    async def slow() -> str:
        await go_on.wait()
        return "slow"

    async with line(tools=[look, slow]) as it:
        it.begins()
        it.calls("look", "call_1")
        it.calls("slow", "call_2")
        await it.heard.until(ToolEnd)
        it.ends()
        await it.heard.until(TurnDone)
        await it.settled()
        assert "response.create" not in it.far.kinds
        go_on.set()
        await it.heard.until(ToolEnd, 2)
        await it.far.received("response.create")
        assert it.far.kinds[-2:] == ["conversation.item.create", "response.create"]


async def test_a_tool_that_is_done_before_the_next_call_comes_waits_for_it(line):
    """Else the model would answer half of what it asked for, and then again."""
    go_on = asyncio.Event()

    @function_tool
    async def slow() -> str:
        await go_on.wait()
        return "slow"

    async with line(tools=[look, slow]) as it:
        it.begins()
        it.calls("look", "call_1")
        await it.heard.until(ToolEnd)
        it.calls("slow", "call_2")
        it.ends()
        await it.heard.until(TurnDone)
        go_on.set()
        await it.heard.until(ToolEnd, 2)
        assert len(await it.far.received("response.create")) == 1
        assert it.far.kinds[-2:] == ["conversation.item.create", "response.create"]


async def test_an_unknown_tool_beside_a_known_one_does_not_cost_the_reply(line):
    async with line(tools=[look]) as it:
        it.begins()
        it.calls("look", "call_1")
        it.calls("fly", "call_2")
        it.ends()
        assert len(await it.far.received("response.create")) == 1
        assert len(it.outputs) == 2


# Transports that are not OpenAI's.


async def test_an_output_that_cannot_be_sent_is_told_and_the_call_withdrawn(line):
    it = line(tools=[look])

    async def refuse(*_: object) -> None:
        raise Unsupported("send_function_call_output()", "deliveries", "Do something else.")

    it.transport.send_function_call_output = refuse
    async with it:
        it.calls("look", "call_1")
        cancelled = await it.heard.until(FunctionCallCancelled)
        assert cancelled == FunctionCallCancelled(call_ids=("call_1",), reason="not_sent")
        assert "could not be sent: send_function_call_output() is not supported" in it.heard.of(ErrorEvent)[0].message
        assert it.heard.of(ToolEnd) == []


async def test_where_replies_cannot_be_asked_for_every_output_says_that_it_wants_one(wire, line):
    import attrs

    from offhook.realtime.capabilities import REALTIME_CAPABILITIES

    transport = wire.transport(capabilities=attrs.evolve(REALTIME_CAPABILITIES, request_response=False))
    sent = []

    async def send(call, output, start_response=True, *, delivery=None):
        sent.append((call.call_id, start_response))

    transport.send_function_call_output = send
    async with line(tools=[look], transport=transport) as it:
        it.begins()
        it.calls("look", "call_1")
        it.calls("look", "call_2")
        it.calls("fly", "call_3")
        it.ends()
        await it.heard.until(ToolEnd, 2)
        await it.settled()
        assert sorted(sent) == [("call_1", True), ("call_2", True), ("call_3", False)]
        assert "response.create" not in it.far.kinds


async def test_a_tool_made_by_hand_need_not_be_a_coroutine_function(line):
    def invoke(run, arguments):
        future = asyncio.get_running_loop().create_future()
        future.set_result(f"given {arguments}")
        return future

    tool = FunctionTool(name="by_hand", description="", parameters={"type": "object"}, invoke=invoke)
    async with line(tools=[tool]) as it:
        assert await one(it, "by_hand", '{"a":1}') == 'given {"a":1}'


async def test_a_tool_may_tell_the_model_what_was_wrong_with_the_call(line):
    @function_tool
    async def book() -> str:
        raise ToolError("there is no table on Mondays")

    async with line(tools=[book]) as it:
        assert await one(it, "book") == "book could not be called: there is no table on Mondays"
