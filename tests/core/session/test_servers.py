"""offhook.session.servers: local MCP servers of a session's agents."""

from __future__ import annotations

import pytest

from offhook.agent import RealtimeAgent
from offhook.agent_events import ToolEnd
from offhook.errors import ConnectError, ToolError
from offhook.session.config import initial_config
from offhook.tool import function_tool


class Server:
    """A server whose tool looks."""

    def __init__(self, *, connected: bool = False) -> None:
        self.connected = connected
        self.happened: list[str] = []

    async def connect(self) -> None:
        """Connect."""
        self.happened.append("connect")
        self.connected = True

    async def tools(self):
        """Give a tool."""
        return [function_tool(name="look")(lambda: "seen")]

    async def close(self) -> None:
        """Close."""
        self.happened.append("close")
        self.connected = False


async def test_a_sessions_server_is_connected_serves_calls_and_is_closed_with_it(line):
    server = Server()
    async with line(agent=RealtimeAgent(name="A", mcp_servers=[server])) as it:
        it.calls("look", "call_1")
        await it.heard.until(ToolEnd)
        assert it.outputs == [("call_1", "seen")]
        assert server.happened == ["connect"]
    assert server.happened == ["connect", "close"]


async def test_a_server_that_was_connected_before_is_left_as_it_was(line):
    server = Server(connected=True)
    async with line(agent=RealtimeAgent(name="A", mcp_servers=[server])):
        pass
    assert server.happened == []


async def test_the_server_of_an_agent_that_takes_over_is_closed_with_the_session_too(line):
    server = Server()
    async with line() as it:
        await it.session.update_agent(RealtimeAgent(name="B", mcp_servers=[server]))
        assert server.happened == ["connect"]
    assert server.happened == ["connect", "close"]


async def test_where_the_agent_cannot_be_made_ready_its_server_is_closed(line):
    server = Server()
    clash = [function_tool(name="look")(lambda: "")]
    it = line(agent=RealtimeAgent(name="A", tools=clash, mcp_servers=[server]))
    with pytest.raises(ToolError, match="'look' is a tool and a tool"):
        await it.session.connect()
    assert server.happened == ["connect", "close"]


async def test_where_the_connection_fails_the_server_is_closed_with_the_session(line):
    server = Server()
    it = line(agent=RealtimeAgent(name="A", mcp_servers=[server]))
    it.wire.error = ConnectError("no")
    with pytest.raises(ConnectError):
        async with it:
            pass
    assert server.happened == ["connect", "close"]


async def test_a_call_that_is_only_accepted_leaves_no_server_connected():
    server = Server()
    config = await initial_config(RealtimeAgent(name="A", mcp_servers=[server]))
    assert [tool["name"] for tool in config.tools] == ["look"]
    assert server.happened == ["connect", "close"]
