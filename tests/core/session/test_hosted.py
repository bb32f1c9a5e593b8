"""offhook.session.hosted: tools of MCP servers that the service asks by itself."""

from __future__ import annotations

import pytest

from offhook.agent import RealtimeAgent
from offhook.events import McpToolCallCompleted, McpToolsListed
from offhook.mcp import HostedMcpTool
from offhook.session.events import McpToolsChanged


def agent(name="A", **options):
    return RealtimeAgent(
        name=name, tools=[HostedMcpTool(server_label="files", server_url="https://files.example", **options)]
    )


def listing(it, *names, label="files", **members):
    tools = [{"name": name, "input_schema": {}, **members} for name in names]
    item = {"id": f"mcpl_{label}", "type": "mcp_list_tools", "server_label": label, "tools": tools}
    it.far.say({"type": "conversation.item.done", "event_id": "e", "previous_item_id": None, "item": item})


def call(it, kind):
    item = {
        "id": "mcp_1",
        "type": "mcp_call",
        "server_label": "files",
        "name": "read",
        "arguments": "{}",
        "output": "x",
    }
    frame = {"type": kind, "event_id": "e", "item": item}
    where = {"response_id": "resp_1", "output_index": 0} if kind.startswith("response") else {"previous_item_id": None}
    it.far.say({**frame, **where})


def changes(it):
    return [[tool["name"] for tool in event.tools] for event in it.heard.of(McpToolsChanged)]


async def test_the_tools_of_a_server_are_known_once_it_told_them(line):
    async with line(agent=agent()) as it:
        assert it.session.available_mcp_tools == ()
        listing(it, "read", "write")
        await it.heard.until(McpToolsChanged)
        assert [tool["name"] for tool in it.session.available_mcp_tools] == ["read", "write"]
        assert changes(it) == [["read", "write"]]


async def test_b47_the_same_names_again_are_no_change(line):
    async with line(agent=agent()) as it:
        listing(it, "read", "write")
        listing(it, "write", "read", description="new words")
        await it.settled()
        assert changes(it) == [["read", "write"]]
        assert it.session.available_mcp_tools[0]["description"] == "new words"
        listing(it, "read")
        await it.heard.until(McpToolsChanged, 2)


@pytest.mark.parametrize("allowed", [["read"], {"tool_names": ["read"]}])
async def test_only_what_the_agent_allows_is_available(line, allowed):
    async with line(agent=agent(allowed_tools=allowed)) as it:
        listing(it, "read", "write")
        listing(it, "read", label="another server")
        await it.heard.until(McpToolsListed, 2)
        assert [tool["name"] for tool in it.session.available_mcp_tools] == ["read"]


async def test_another_agent_has_other_hosted_tools(line):
    async with line(agent=agent()) as it:
        listing(it, "read")
        await it.heard.until(McpToolsChanged)
        await it.session.update_agent(RealtimeAgent(name="B"))
        assert it.session.available_mcp_tools == ()
        await it.session.update_agent(agent("C"))
        assert changes(it) == [["read"], [], ["read"]]


async def test_b46_a_completed_call_asks_for_one_reply_and_its_output_item_alone_for_none(line):
    async with line(agent=agent()) as it:
        it.begins()
        call(it, "response.output_item.done")
        it.ends()
        await it.settled()
        assert "response.create" not in it.far.kinds
        call(it, "conversation.item.done")
        await it.heard.until(McpToolCallCompleted)
        await it.far.received("response.create")
        await it.settled()
        assert it.far.kinds.count("response.create") == 1


async def test_b46_unless_that_is_switched_off(line):
    async with line(agent=agent(), reply_to_mcp_calls=False) as it:
        call(it, "conversation.item.done")
        await it.heard.until(McpToolCallCompleted)
        await it.settled()
        assert "response.create" not in it.far.kinds


async def test_a_reply_to_a_hosted_tool_is_not_given_over_the_users_words(line, monkeypatch):
    monkeypatch.setattr("offhook.session.floor._ANSWER_COMES_S", 0.01)
    async with line(agent=agent()) as it:
        it.far.say({"type": "input_audio_buffer.speech_started", "event_id": "e", "audio_start_ms": 0, "item_id": "u"})
        call(it, "conversation.item.done")
        await it.settled()
        assert "response.create" not in it.far.kinds
        it.far.say({"type": "input_audio_buffer.speech_stopped", "event_id": "e", "audio_end_ms": 9, "item_id": "u"})
        await it.far.received("response.create")
