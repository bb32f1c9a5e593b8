"""offhook.session.given: what is of another kind is refused where it is given, with what to give instead."""

from __future__ import annotations

import pytest

from offhook.agent import RealtimeAgent
from offhook.errors import ConfigError, ContractError, ToolError
from offhook.loopback import Loopback
from offhook.session import RealtimeSession
from offhook.tool import function_tool

AGENT = RealtimeAgent(name="A")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"agent": "A"}, r"agent was given 'A'\. Make one: RealtimeAgent"),
        ({"config": {"instructions": "x"}}, r"config was given a dict\. Make one: SessionConfig"),
        ({"guardrail_settings": 5}, r"guardrail_settings was given 5\. Make one"),
        ({"prices": "gpt"}, r"prices was given 'gpt'\. Make one: Prices"),
        ({"history": ["x"]}, r"history was given 'x'\. Give items"),
    ],
)
def test_an_argument_of_another_kind_is_named_with_what_to_give(options, told):
    with pytest.raises(ConfigError, match=told):
        RealtimeSession(**{"agent": AGENT, "transport": Loopback(), **options})


def test_what_is_no_transport_is_refused_with_what_it_lacks():
    with pytest.raises(ContractError, match="is not a transport"):
        RealtimeSession(AGENT, transport=object())


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (lambda session: session.send_message(b"x"), r"send_message\(\) was given a bytes\. Pass a text"),
        (lambda session: session.update_agent("B"), r"update_agent\(\) was given 'B'\. Pass an agent"),
        (lambda session: session.approve("x"), r"approve\(\) was given 'x'\. Pass the event"),
        (lambda session: session.reject(None), r"reject\(\) was given a NoneType\. Pass the event"),
    ],
)
async def test_a_command_names_what_it_was_given_and_what_it_takes(command, told):
    async with RealtimeSession(AGENT, transport=Loopback()) as session:
        with pytest.raises(ConfigError, match=told):
            await command(session)


def test_a_tool_alone_goes_into_a_list():
    with pytest.raises(ToolError, match=r"where it takes several\. Put it in a list"):
        RealtimeAgent(name="A", tools=function_tool(name="look")(lambda: ""))


def test_what_is_no_mcp_server_is_refused_with_how_to_make_one():
    with pytest.raises(ToolError, match=r"Pass LocalMcpServer\(…\)"):
        RealtimeAgent(name="A", mcp_servers=["files"])
