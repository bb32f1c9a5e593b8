"""offhook.mcp: tools of local MCP servers, through the official client."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest
from mcp import StdioServerParameters
from mcp.server import MCPServer

from offhook.agent import RealtimeAgent
from offhook.context import ToolContext
from offhook.errors import ToolError
from offhook.events import FunctionCall
from offhook.mcp import LocalMcpServer, McpServer

PATIENCE_S = 30.0
CONTEXT = ToolContext(
    context=None,
    agent=RealtimeAgent(name="A"),
    history=tuple,
    call=FunctionCall(call_id="call_1", name="add", arguments="{}"),
)


def server():
    """A server in this program."""
    made = MCPServer("calculator")

    @made.tool()
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    @made.tool()
    def fail() -> str:
        """Fail."""
        raise ValueError("no such account")

    return made


async def call(tool, **arguments):
    return await tool.invoke(CONTEXT, json.dumps(arguments))


def test_it_has_all_that_a_session_asks_of_a_server():
    asked = {name: member for name, member in vars(McpServer).items() if not name.startswith("_")}
    assert asked.keys() == {"connect", "tools", "close"}
    for name, member in asked.items():
        assert type(getattr(LocalMcpServer, name)) is type(member)


async def test_its_tools_become_function_tools_that_call_it():
    async with LocalMcpServer(server()) as local:
        add, fail = await local.tools()
        assert (add.name, add.description) == ("add", "Add two numbers.")
        assert add.parameters["required"] == ["a", "b"]
        assert await call(add, a=2, b=3) == "5"
        with pytest.raises(ToolError, match="Error executing tool fail"):
            await call(fail)


async def test_only_allowed_tools_are_given_under_a_prefix_and_with_the_options():
    options = {"allowed_tools": ["add"], "prefix": "calc_", "needs_approval": True, "timeout_s": 3}
    async with LocalMcpServer(server(), **options) as local:
        (tool,) = await local.tools()
        assert (tool.name, tool.needs_approval, tool.timeout_s) == ("calc_add", True, 3)
        assert await call(tool, a=1, b=1) == "2"


async def test_arguments_that_are_no_object_do_not_reach_it():
    async with LocalMcpServer(server()) as local:
        with pytest.raises(ToolError, match="the arguments are not JSON"):
            await (await local.tools())[0].invoke(CONTEXT, "{")


async def test_it_is_connected_from_the_first_who_connects_to_the_last_who_closes():
    local = LocalMcpServer(server())
    assert not local.connected
    await local.connect()
    await local.connect()
    await local.close()
    assert local.connected
    await local.close()
    await local.close()
    assert not local.connected
    with pytest.raises(ToolError, match="not connected"):
        await local.tools()
    async with local:
        assert len(await local.tools()) == 2


async def test_what_keeps_it_from_connecting_is_raised_and_it_can_be_tried_again():
    local = LocalMcpServer(StdioServerParameters(command="/no/such/program"))
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            await local.connect()
        assert not local.connected


async def test_giving_up_on_a_server_that_does_not_answer_leaves_nothing_behind(monkeypatch):
    class Silent:
        def __init__(self, _server):
            pass

        async def __aenter__(self):
            await asyncio.Event().wait()

        async def __aexit__(self, *_):
            pass

    monkeypatch.setattr("offhook.mcp._client", lambda: Silent)
    local = LocalMcpServer("http://nowhere/mcp")
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(local.connect(), 0.01)
    assert not local.connected
    assert [task.get_name() for task in asyncio.all_tasks() if "mcp" in task.get_name()] == []


def test_an_agent_may_be_used_in_one_event_loop_after_the_other():
    local = LocalMcpServer(server())

    async def left_open():
        await local.connect()

    async def again():
        async with local:
            return len(await local.tools())

    asyncio.run(left_open())
    assert asyncio.run(again()) == 2


async def test_a_name_that_no_model_takes_is_given_to_it_as_one_that_it_takes():
    made = MCPServer("files")
    made.tool(name="read.file")(lambda: "read")
    async with LocalMcpServer(made) as local:
        (tool,) = await local.tools()
        assert tool.name == "read_file"
        assert await call(tool) == "read"


async def test_closing_from_another_task_than_the_one_that_connected_leaves_nothing_behind():
    local = LocalMcpServer(server())
    await asyncio.create_task(local.connect())
    await asyncio.create_task(local.close())
    assert [task.get_name() for task in asyncio.all_tasks() if "mcp" in task.get_name()] == []


async def test_without_the_extra_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "mcp", None)
    with pytest.raises(ToolError, match=r'pip install "offhook\[mcp\]"'):
        await LocalMcpServer("http://nowhere/mcp").connect()


async def test_a_program_that_is_a_server_is_started_and_ended(tmp_path: Path):
    program = tmp_path / "server.py"
    program.write_text(
        "from mcp.server import MCPServer\n"
        "server = MCPServer('clock')\n"
        "@server.tool()\n"
        "def now() -> str:\n"
        "    'Tell the time.'\n"
        "    return 'noon'\n"
        "server.run()\n"
    )
    async with asyncio.timeout(PATIENCE_S):
        async with LocalMcpServer(StdioServerParameters(command=sys.executable, args=[str(program)])) as local:
            (tool,) = await local.tools()
            assert await call(tool) == "noon"
