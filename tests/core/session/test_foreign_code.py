"""Functions of the application fail in every way there is; the conversation goes on, and every call has its answer (P7)."""

from __future__ import annotations

import asyncio

import pytest

from offhook.agent import RealtimeAgent
from offhook.agent_events import AgentEnd
from offhook.events import ErrorEvent
from offhook.handoffs import handoff
from offhook.tool import function_tool

PATIENCE_S = 5.0
FAILURES = [RuntimeError("the secret"), SystemExit(2), GeneratorExit(), asyncio.CancelledError()]
KINDS = ["on the loop", "awaited"]


def failing(error, kind):
    """A function that raises, plain or a coroutine function."""

    def fail(*_given):
        raise error

    async def fail_later(*given):
        await asyncio.sleep(0)
        fail(*given)

    return fail if kind == "on the loop" else fail_later


@pytest.fixture(params=FAILURES, ids=lambda error: type(error).__name__)
def failure(request):
    return request.param


async def answered(it, name):
    """Have the model call, and give the output; then see that the session lives."""
    it.begins()
    it.calls(name, "call_1")
    it.ends()
    await it.far.received("conversation.item.create")
    it.begins("resp_2")
    it.ends("resp_2")
    await it.heard.until(AgentEnd, 2)
    assert len(it.outputs) == 1
    return it.outputs[0][1]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("option", ["needs_approval", "input_guardrails", "output_guardrails", "is_enabled"])
async def test_p7_whatever_a_function_of_a_tool_raises_its_call_is_answered(line, failure, option, kind):
    raises = [False]
    fail = failing(failure, kind)

    async def function(*given):
        result = fail(*given) if raises[0] else True
        return await result if asyncio.iscoroutine(result) else result

    # The tool is shown, before anything fails.
    given = {option: [function] if "guardrails" in option else function}
    async with line(tools=[function_tool(name="look", **given)(lambda: "seen")]) as it:
        raises[0] = True
        output = await answered(it, "look")
        assert "secret" not in output
        error = it.heard.of(ErrorEvent)[0]
        assert error.code == "tool_error"
        assert "secret" not in error.message, "it is logged"


@pytest.mark.parametrize("where", ["tool", "session"])
async def test_p7_whatever_a_formatter_raises_the_call_is_answered_in_our_words(line, failure, where):
    formatter = failing(failure, "on the loop")
    tool = function_tool(name="look", failure_formatter=formatter if where == "tool" else None)(lambda: 1 / 0)
    async with line(tools=[tool], failure_formatter=formatter if where == "session" else None) as it:
        assert await answered(it, "look") == "look failed. Tell the user that it did not work."


@pytest.mark.parametrize("kind", ["in a thread", "awaited"])
async def test_p7_whatever_on_handoff_raises_the_call_is_answered_and_the_agent_stays(line, failure, kind):
    def call():
        raise failure

    async def call_later():
        raise failure

    way = handoff(RealtimeAgent(name="B"), on_handoff=call if kind == "in a thread" else call_later)
    async with line(agent=RealtimeAgent(name="A", handoffs=[way])) as it:
        assert await answered(it, "transfer_to_B") == "The handoff to B failed. You are still in charge."
        assert it.session.agent is it.agent
        error = it.heard.of(ErrorEvent)[0]
        assert (error.code, "secret" in error.message) == ("handoff_failed", False)


@pytest.mark.parametrize("kind", KINDS)
async def test_p7_whatever_instructions_raise_the_handoff_fails_and_its_call_is_answered(line, failure, kind):
    other = RealtimeAgent(name="B", instructions=failing(failure, kind))
    async with line(agent=RealtimeAgent(name="A", handoffs=[other])) as it:
        assert "failed" in await answered(it, "transfer_to_B")
        assert it.session.agent is it.agent
        with pytest.raises(RuntimeError):  # and not what looks as if the task of the application was cancelled
            await it.session.update_agent(other)


async def test_whatever_instructions_raise_connecting_fails_with_an_exception_and_can_be_tried_again(line, failure):
    it = line(agent=RealtimeAgent(name="A", instructions=failing(failure, "awaited")))
    for _ in range(2):
        with pytest.raises(RuntimeError):
            await it.session.connect()
    assert it.wire.requests == []


async def test_p9_whatever_a_listener_raises_the_others_hear_and_the_call_is_answered(line, failure):
    agent = RealtimeAgent(name="A", tools=[function_tool(name="look")(lambda: "seen")])
    async with line(agent=agent) as it:
        heard = []
        for on in (agent.on, it.session.on):
            for name in ("agent_start", "agent_tool_start", "agent_tool_end", "agent_end"):
                on(name, failing(failure, "on the loop"))
                on(name, failing(failure, "awaited"))
                on(name, lambda event: heard.append(event.hook))
        assert await answered(it, "look") == "seen"
        assert sorted(set(heard)) == ["agent_end", "agent_start", "agent_tool_end", "agent_tool_start"]


@pytest.mark.parametrize("option", ["input_guardrails", "output_guardrails"])
async def test_a_guardrail_that_gives_neither_words_nor_none_is_told_what_to_give(line, option):
    async with line(tools=[function_tool(name="look", **{option: [lambda *_: True]})(lambda: "seen")]) as it:
        assert isinstance(await answered(it, "look"), str)
        assert "gave bool. Have it give None to let pass" in str(it.heard.of(ErrorEvent)[0].cause)
