"""offhook.session.servers: local MCP servers of a session's agents."""

from __future__ import annotations

import pytest
from mcp.server import MCPServer

from offhook.agent import RealtimeAgent
from offhook.agent_events import ToolEnd
from offhook.errors import ConnectError, ToolError
from offhook.mcp import LocalMcpServer
from offhook.session.config import initial_config
from offhook.tool import function_tool


class Server:
    """A server whose tool looks."""

    def __init__(self, *, obstinate: bool = False) -> None:
        self.happened: list[str] = []
        self._obstinate = obstinate

    async def connect(self) -> None:
        """Connect."""
        self.happened.append("connect")

    async def tools(self):
        """Give a tool."""
        return [function_tool(name="look")(lambda: "seen")]

    async def close(self) -> None:
        """Close."""
        self.happened.append("close")
        if self._obstinate:
            raise RuntimeError("not now")


async def test_a_sessions_server_is_connected_serves_calls_and_is_closed_with_it(line):
    server = Server()
    async with line(agent=RealtimeAgent(name="A", mcp_servers=[server])) as it:
        it.calls("look", "call_1")
        await it.heard.until(ToolEnd)
        assert it.outputs == [("call_1", "seen")]
        assert server.happened == ["connect"]
    assert server.happened == ["connect", "close"]


async def test_a_server_stays_connected_over_handoffs_and_connections_and_is_closed_once(line):
    server = Server()
    async with line(agent=RealtimeAgent(name="A", mcp_servers=[server])) as it:
        await it.session.update_agent(RealtimeAgent(name="B", mcp_servers=[server]))
        it.far.hang_up(1006)
        async for _ in it.session:
            pass
        await it.session.connect()
        assert server.happened == ["connect"]
    assert server.happened == ["connect", "close"]


async def test_a_server_that_cannot_be_closed_does_not_keep_the_others_from_it(line, caplog):
    servers = [Server(), Server(obstinate=True), Server()]
    names = ("one", "two", "three")
    agents = [RealtimeAgent(name=name, mcp_servers=[server]) for name, server in zip(names, servers, strict=True)]
    async with line(agent=agents[0]) as it:
        for agent in agents[1:]:
            await it.session.update_agent(agent)
    assert [server.happened[-1] for server in servers] == ["close"] * 3
    assert "mcp_server_not_closed" in caplog.text


async def test_sessions_that_share_a_server_end_it_with_the_last_of_them(line, wire):
    local = LocalMcpServer(MCPServer("empty"))
    agent = RealtimeAgent(name="A", mcp_servers=[local])
    async with line(agent=agent):
        async with line(agent=agent, transport=wire.transport()):
            pass
        assert local.connected
        assert await local.tools() == []
    assert not local.connected


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
