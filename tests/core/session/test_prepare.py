"""offhook.session.prepare: an agent made ready to talk."""

from __future__ import annotations

import pytest

from offhook.agent import RealtimeAgent
from offhook.context import RunContext
from offhook.errors import ToolError
from offhook.handoffs import handoff
from offhook.mcp import HostedMcpTool
from offhook.session.prepare import prepare
from offhook.session.servers import Servers
from offhook.tool import function_tool


@function_tool
def look() -> str:
    """Look."""
    raise NotImplementedError


async def ready(agent, context=None):
    return await prepare(agent, RunContext(context=context, agent=agent, history=tuple), Servers())


async def greet(run):
    return f"You talk to {run.context}. You are {run.agent.name}."


@pytest.mark.parametrize("instructions", [greet, lambda run: f"You talk to {run.context}. You are {run.agent.name}."])
async def test_instructions_may_be_a_function_of_the_context(instructions):
    agent = RealtimeAgent(name="Greeter", instructions=instructions)
    assert (await ready(agent, "Ada")).instructions == "You talk to Ada. You are Greeter."


async def yes(run):
    return run.context == "Ada"


@pytest.mark.parametrize(("context", "names"), [("Ada", ["look"]), ("Bob", [])])
async def test_a_tool_that_is_not_enabled_is_not_shown(context, names):
    agent = RealtimeAgent(name="A", tools=[function_tool(is_enabled=yes)(look.invoke.__self__.function)])
    assert list((await ready(agent, context)).tools) == names


@pytest.mark.parametrize(("enabled", "names"), [(True, ["transfer_to_B"]), (False, []), (lambda _: False, [])])
async def test_a_handoff_that_is_not_enabled_is_not_shown(enabled, names):
    agent = RealtimeAgent(name="A", handoffs=[handoff(RealtimeAgent(name="B"), is_enabled=enabled)])
    assert list((await ready(agent)).handoffs) == names


async def test_agents_that_know_each_other_name_each_other_by_a_function():
    one = RealtimeAgent(name="One", handoffs=lambda: [other])
    other = RealtimeAgent(name="Other", handoffs=[one])
    assert (await ready(one)).handoffs["transfer_to_Other"].agent is other


async def test_names_that_tools_and_handoffs_share_are_refused_with_where_each_comes_from():
    agent = RealtimeAgent(
        name="A", tools=[look], handoffs=[handoff(RealtimeAgent(name="B"), tool_name="look"), RealtimeAgent(name="C")]
    )
    with pytest.raises(ToolError, match=r"'look' is a tool and the handoff to 'B'. Give each a name of its own"):
        await ready(agent)


async def test_only_what_is_enabled_can_clash():
    agent = RealtimeAgent(
        name="A", tools=[look], handoffs=[handoff(RealtimeAgent(name="B"), tool_name="look", is_enabled=False)]
    )
    assert list((await ready(agent)).tools) == ["look"]


async def test_what_is_no_agent_is_refused_as_a_handoff():
    with pytest.raises(ToolError, match="Pass a RealtimeAgent, or handoff"):
        await ready(RealtimeAgent(name="A", handoffs=["B"]))


async def test_tools_are_shown_before_hosted_ones_and_handoffs():
    docs = HostedMcpTool(server_label="docs", server_url="https://docs.example", headers={"X-Key": "secret"})
    agent = RealtimeAgent(name="A", tools=[docs, look], handoffs=[RealtimeAgent(name="B")])
    wire = (await ready(agent)).to_wire()
    assert [tool.get("name") or tool["server_label"] for tool in wire] == ["look", "docs", "transfer_to_B"]
    assert wire[1] == {
        "type": "mcp",
        "server_label": "docs",
        "server_url": "https://docs.example",
        "headers": {"X-Key": "secret"},
    }
    assert "secret" not in repr(docs)


@pytest.mark.parametrize("given", [None, lambda _: None, lambda _: 5], ids=["none", "gives none", "gives a number"])
async def test_instructions_that_are_no_text_are_refused(given):
    with pytest.raises(ToolError, match=r"instructions of agent 'A' are (NoneType|int). Give text"):
        await ready(RealtimeAgent(name="A", instructions=given))
