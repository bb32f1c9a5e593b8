"""offhook.recording.agent: the agent that stands in for the recorded one has its tools, and knows their outputs."""

from __future__ import annotations

import asyncio

import pytest

from offhook.items import FunctionCallItem
from offhook.recording import Recording, ReplayTransport, recorded_agent
from offhook.session import RealtimeSession

LOOK = {"type": "function", "name": "look", "description": "Look.", "parameters": {"type": "object", "properties": {}}}
HANG_UP = {**LOOK, "name": "hang_up"}


def update(kit, **session):
    return kit.sent({"type": "session.update", "session": {"type": "realtime", **session}})


def test_it_has_the_first_instructions_and_the_tools_of_all_configs(kit):
    hosted = {"type": "mcp", "server_label": "crm"}
    lines = [
        update(kit, instructions="Be kind.", tools=[LOOK, hosted]),
        update(kit, instructions="Be brief.", tools=[HANG_UP]),
        update(kit, tools=None),
    ]
    agent = recorded_agent(Recording(lines=lines))
    assert agent.instructions == "Be kind."
    assert [tool.name for tool in agent.tools] == ["look", "hang_up"]
    assert (agent.tools[0].description, agent.tools[0].parameters) == ("Look.", LOOK["parameters"])


@pytest.mark.parametrize("lines", [[], [{"type": "session.update"}], [{"type": "session.update", "session": {}}]])
def test_a_recording_without_a_config_gives_an_agent_without_tools(kit, lines):
    agent = recorded_agent(Recording(lines=[kit.sent(line) for line in lines]))
    assert (agent.instructions, agent.tools) == ("", ())


async def outputs_of(kit, *lines):
    """What the calls of a session over such a recording are answered with."""
    recording = kit.opened(update(kit, tools=[LOOK]), kit.received(kit.CALLED), *lines)
    session = RealtimeSession(recorded_agent(recording), transport=ReplayTransport(recording))
    over = asyncio.Event()
    session.on("connection_change", lambda event: over.set() if event.status == "disconnected" else None)
    async with asyncio.timeout(kit.PATIENCE_S), session:
        await over.wait()
    return [item.output for item in session.history if isinstance(item, FunctionCallItem)]


async def test_a_call_is_answered_as_it_was(kit):
    assert await outputs_of(kit, kit.sent(kit.ANSWER)) == ["a tree"]


async def test_a_call_that_was_not_answered_is_not_answered(kit):
    assert await outputs_of(kit) == [None]
