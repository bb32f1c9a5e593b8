"""offhook.session.handoffs and agents: who is in charge, and how that changes."""

from __future__ import annotations

import asyncio
import json

import attrs
import pytest

from offhook.agent import RealtimeAgent
from offhook.agent_events import AgentEnd, AgentHandoff, AgentStart, ToolEnd, ToolStart
from offhook.audio.formats import PCMU
from offhook.config import UNSET, AudioConfig, AudioInput, AudioOutput, SessionConfig, TurnDetection
from offhook.context import ToolContext
from offhook.errors import ConnectCancelled, ImmutableConfig, NotConnected, ToolError
from offhook.events import ErrorEvent
from offhook.handoffs import handoff
from offhook.realtime.capabilities import REALTIME_CAPABILITIES
from offhook.tool import function_tool


@function_tool
def look() -> str:
    """Look."""
    return "seen"


HELPER = RealtimeAgent(name="Helper", instructions="Help.")


def updates(it):
    return [frame["session"] for frame in it.far.sent if frame["type"] == "session.update"]


async def handed_over(it, name="transfer_to_Helper", arguments="{}"):
    it.begins()
    it.calls(name, "call_1", arguments)
    it.ends()
    await it.far.received("conversation.item.create")
    return json.loads(it.outputs[0][1]) if it.outputs[0][1].startswith("{") else it.outputs[0][1]


# By the model.


async def test_a_handoff_tells_the_model_who_it_is_then_everyone_then_answers_the_call(line):
    heard = []
    helper = RealtimeAgent(name="Helper", instructions="Help.", tools=[look])
    helper.on("agent_handoff", lambda event: heard.append(("agent", event.from_agent.name)))
    async with line(agent=RealtimeAgent(name="A", instructions="Greet.", handoffs=[helper])) as it:
        it.session.on("agent_handoff", lambda event: heard.append(("session", event.to_agent.name)))
        assert await handed_over(it) == {"assistant": "Helper"}
        await it.far.received("response.create")
        assert heard == [("agent", "A"), ("session", "Helper")]
        assert it.session.agent is helper
        assert updates(it)[-1] == {"type": "realtime", "instructions": "Help.", "tools": [look.to_wire()]}
        assert it.far.kinds[-3:] == ["session.update", "conversation.item.create", "response.create"]


async def test_the_model_is_shown_the_way_to_each_agent(line):
    helper = RealtimeAgent(name="Table service", handoff_description="Knows the menu.")
    async with line(agent=RealtimeAgent(name="A", handoffs=[helper])) as it:
        assert updates(it)[0]["tools"] == [
            {
                "type": "function",
                "name": "transfer_to_Table_service",
                "description": "Hand the conversation over to the Table service agent. Knows the menu.",
                "parameters": {"type": "object", "properties": {}, "required": [], "additionalProperties": False},
            }
        ]


async def test_b30_settings_persist_over_a_handoff_because_only_what_differs_is_said(line):
    config = SessionConfig(
        audio=AudioConfig(input=AudioInput(format=PCMU, turn_detection=TurnDetection(eagerness="high"))),
    )
    async with line(agent=RealtimeAgent(name="A", handoffs=[HELPER]), config=config) as it:
        await handed_over(it)
        assert updates(it)[-1].keys() == {"type", "instructions", "tools"}


async def test_tools_instructions_and_prompt_that_the_new_agent_lacks_are_emptied(line):
    first = RealtimeAgent(name="A", instructions="Greet.", prompt={"id": "pmpt_1"}, tools=[look])
    async with line(agent=first) as it:
        await it.session.update_agent(RealtimeAgent(name="B"))
        assert updates(it)[-1] == {"type": "realtime", "instructions": "", "prompt": None, "tools": []}


async def test_what_the_callback_takes_is_asked_of_the_model(line):
    told = []

    async def why(run: ToolContext[str], reason: str) -> None:
        told.append((run.context, run.agent.name, reason))

    agent = RealtimeAgent(name="A", handoffs=[handoff(HELPER, on_handoff=why)])
    async with line(agent=agent, context="Ada") as it:
        assert updates(it)[0]["tools"][0]["parameters"]["required"] == ["reason"]
        await handed_over(it, arguments='{"reason": "a bill"}')
        assert told == [("Ada", "A", "a bill")]


async def test_a_silent_handoff_asks_for_no_reply(line):
    async with line(agent=RealtimeAgent(name="A", handoffs=[handoff(HELPER, speak_first=False)])) as it:
        await handed_over(it)
        await it.settled()
        assert "response.create" not in it.far.kinds


def fail(run: ToolContext[None]) -> None:
    raise RuntimeError("not today")


def crash(_run):
    raise RuntimeError("not today")


@pytest.mark.parametrize(
    "way",
    [
        handoff(HELPER, on_handoff=fail, tool_name="go"),
        handoff(RealtimeAgent(name="Helper", instructions=crash), tool_name="go"),
        handoff(
            RealtimeAgent(name="Helper", tools=[look], handoffs=[handoff(HELPER, tool_name="look")]), tool_name="go"
        ),
    ],
    ids=["callback", "instructions", "clash"],
)
async def test_p7_a_handoff_that_fails_leaves_the_agent_in_charge_and_answers_the_call(line, way):
    async with line(agent=RealtimeAgent(name="A", handoffs=[way])) as it:
        assert await handed_over(it, "go") == "The handoff to Helper failed. You are still in charge."
        assert it.session.agent.name == "A"
        assert it.heard.of(AgentHandoff) == []
        assert it.heard.of(ErrorEvent)[0].code == "handoff_failed"
        assert len(updates(it)) == 1


async def test_each_turn_belongs_to_the_agent_that_was_in_charge_when_it_began(line):
    async with line(agent=RealtimeAgent(name="A", handoffs=[HELPER])) as it:
        await handed_over(it)
        await it.heard.until(AgentEnd)
        it.begins("resp_2")
        it.ends("resp_2")
        await it.heard.until(AgentEnd, 2)
        assert [event.agent.name for event in it.heard.of(AgentStart)] == ["A", "Helper"]
        assert [event.agent.name for event in it.heard.of(AgentEnd)] == ["A", "Helper"]


# By the application.


async def test_the_application_may_change_the_agent_and_let_it_speak_first(line):
    async with line() as it:
        await it.session.update_agent(HELPER, speak_first=True)
        assert it.session.agent is HELPER
        assert it.heard.of(AgentHandoff) == [AgentHandoff(from_agent=it.agent, to_agent=HELPER)]
        assert it.far.kinds[-2:] == ["session.update", "response.create"]


async def test_the_agent_may_be_changed_by_a_tool(line):
    @function_tool
    async def switch(run: ToolContext[list]) -> str:
        await run.context[0].update_agent(HELPER)
        return "switched"

    context = []
    async with line(tools=[switch], context=context) as it:
        context.append(it.session)
        it.calls("switch", "call_1")
        await it.heard.until(ToolEnd)
        assert it.session.agent is HELPER
        assert it.outputs == [("call_1", "switched")]


async def test_changes_come_one_after_the_other(line):
    async with line() as it:
        agents = [RealtimeAgent(name=f"Agent {number}", instructions=str(number)) for number in range(5)]
        await asyncio.gather(*(it.session.update_agent(agent) for agent in agents))
        assert [update["instructions"] for update in updates(it)[1:]] == ["0", "1", "2", "3", "4"]
        assert it.session.agent is agents[-1]


async def test_the_first_agent_is_in_charge_again_on_the_next_connection(line):
    async with line() as it:
        await it.session.update_agent(HELPER)
        await it.session.close()
        await it.session.connect()
        assert it.session.agent is it.agent


async def test_without_a_connection_there_is_nothing_to_change(line):
    it = line()
    with pytest.raises(NotConnected, match="update_agent"):
        await it.session.update_agent(HELPER)


# Where not everything can change.


async def test_a_voice_that_cannot_change_any_more_stays_and_the_rest_is_told(line):
    async with line(agent=RealtimeAgent(name="A", voice="marin")) as it:
        it.begins()
        it.far.say({"type": "response.output_audio.delta", "response_id": "resp_1", "item_id": "i", "delta": "AAAA"})
        it.ends()
        await it.heard.until(AgentEnd)
        await it.session.update_agent(RealtimeAgent(name="B", instructions="Be B.", voice="cedar"))
        assert updates(it)[-1] == {"type": "realtime", "instructions": "Be B."}
        assert it.session.agent.name == "B"


def fixed(wire, *names, **flags):
    capabilities = attrs.evolve(REALTIME_CAPABILITIES, **flags)
    transport = wire.transport(capabilities=capabilities)
    update = transport.update_session_config

    async def refuse(config):
        found = [name for name in names if getattr(config, name) is not UNSET]
        if found:
            raise ImmutableConfig(found, "Connect again.")
        await update(config)

    transport.update_session_config = refuse
    return transport


async def test_instructions_that_cannot_be_set_are_said_where_the_conversation_can_be_added_to(wire, line):
    """Scenario 8 of the foreign speech APIs, with the remedy that needs no reconnecting."""
    async with line(transport=fixed(wire, "instructions", history="append", context_modes=frozenset())) as it:
        await it.session.update_agent(HELPER)
        items = await it.far.received("conversation.item.create")
        assert items[0]["item"]["role"] == "system"
        assert items[0]["item"]["content"] == [{"type": "input_text", "text": "Help."}]
        assert it.session.agent is HELPER


async def test_where_they_cannot_be_said_either_nothing_of_the_update_is_sent(wire, line):
    async with line(transport=fixed(wire, "instructions", history="none", context_modes=frozenset())) as it:
        with pytest.raises(ImmutableConfig, match="instructions cannot be changed now"):
            await it.session.update_agent(HELPER)
        assert len(updates(it)) == 1
        assert it.session.agent is it.agent


async def test_where_a_message_would_silence_the_assistant_instructions_are_not_said_in_one(wire, line):
    flags = {"history": "append", "context_modes": frozenset(), "quiet_messages": False}
    async with line(transport=fixed(wire, "instructions", **flags)) as it:
        with pytest.raises(ImmutableConfig, match="instructions cannot be changed now"):
            await it.session.update_agent(HELPER)
        assert "conversation.item.create" not in it.far.kinds


# Cut off.


def slow_update(it):
    """The transport takes its time to send; gives what says that it has begun, and what lets it go on."""
    begun, go_on, update = asyncio.Event(), asyncio.Event(), it.transport.update_session_config

    async def slowly(config):
        begun.set()
        await go_on.wait()
        await update(config)

    it.transport.update_session_config = slowly
    return begun, go_on


async def test_whoever_gives_up_on_a_handoff_leaves_model_and_session_agreed(line):
    async with line() as it:
        begun, go_on = slow_update(it)
        changing = asyncio.create_task(it.session.update_agent(HELPER))
        await begun.wait()
        changing.cancel()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await changing
        assert updates(it)[-1]["instructions"] == "Help."
        assert it.session.agent is HELPER


async def test_a_handoff_that_the_end_of_the_connection_cuts_off_says_so(line):
    async with line() as it:
        begun, _ = slow_update(it)
        changing = asyncio.create_task(it.session.update_agent(HELPER))
        await begun.wait()
        await it.session.close()
        with pytest.raises(NotConnected):
            await changing


async def test_a_handoff_of_one_connection_does_not_change_the_next(line):
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_run):
        asked.set()
        await go_on.wait()
        return "late"

    async with line() as it:
        changing = asyncio.create_task(it.session.update_agent(RealtimeAgent(name="Slow", instructions=slow)))
        await asked.wait()
        it.far.hang_up(1006)
        async for _ in it.session:
            pass
        await it.session.connect()
        go_on.set()
        with pytest.raises(NotConnected):
            await changing
        assert len(updates(it)) == 1
        assert it.session.agent is it.agent


# An agent's own listeners, and its start.


async def test_a13_an_agents_own_listeners_hear_what_it_does_in_any_session(line):
    heard = []
    agent = RealtimeAgent(name="A", tools=[look])
    for name in ("agent_start", "agent_tool_start", "agent_tool_end", "agent_end"):
        agent.on(name, lambda event: heard.append(event.hook))
    for _ in range(2):
        async with line(agent=agent) as it:
            it.begins()
            it.calls("look", "call_1")
            await it.heard.until(ToolEnd)
            it.ends()
            await it.heard.until(AgentEnd)
    assert heard == ["agent_start", "agent_tool_start", "agent_tool_end", "agent_end"] * 2


async def test_an_agents_async_listeners_leave_no_task_behind(line):
    heard = asyncio.Event()

    async def hear(_event):
        heard.set()

    agent = RealtimeAgent(name="A")
    agent.on("agent_start", hear)
    async with line(agent=agent) as it:
        it.begins()
        async with asyncio.timeout(5):
            await heard.wait()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [task.get_name() for task in asyncio.all_tasks() if "listener" in task.get_name()] == []


async def test_an_agent_that_cannot_be_made_ready_leaves_the_transport_alone(line):
    it = line(agent=RealtimeAgent(name="A", instructions=crash))
    with pytest.raises(RuntimeError, match="not today"):
        await it.session.connect()
    assert it.wire.requests == []
    assert it.heard == []


async def test_closing_while_the_agent_is_made_ready_cancels_the_connecting(line):
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_run):
        asked.set()
        await go_on.wait()
        return "late"

    it = line(agent=RealtimeAgent(name="A", instructions=slow))
    connecting = asyncio.create_task(it.session.connect())
    await asked.wait()
    await it.session.close()
    go_on.set()
    with pytest.raises(ConnectCancelled, match="closed while its agent was made ready"):
        await connecting
    assert it.wire.requests == []


async def test_closing_ends_connecting_even_if_the_agent_is_never_ready(line):
    asked = asyncio.Event()

    async def hang(_run):
        asked.set()
        await asyncio.Event().wait()

    it = line(agent=RealtimeAgent(name="A", instructions=hang))
    connecting = asyncio.create_task(it.session.connect())
    await asked.wait()
    await it.session.close()
    async with asyncio.timeout(5):
        with pytest.raises(ConnectCancelled, match="closed while its agent was made ready"):
            await connecting


async def test_whoever_gives_up_connecting_while_the_agent_is_made_ready_may_try_again(line):
    asked, hang = asyncio.Event(), [True]

    async def slow(_run):
        asked.set()
        if hang[0]:
            await asyncio.Event().wait()
        return "now"

    it = line(agent=RealtimeAgent(name="A", instructions=slow))
    connecting = asyncio.create_task(it.session.connect())
    await asked.wait()
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    hang[0] = False
    async with it:
        assert updates(it)[0]["instructions"] == "now"


async def test_a_tool_disabled_since_is_not_run(line):
    enabled = [True]
    tool = function_tool(name="look", is_enabled=lambda _: enabled[0])(lambda: "seen")
    async with line(tools=[tool]) as it:
        enabled[0] = False
        it.calls("look", "call_1")
        await it.far.received("conversation.item.create")
        assert it.outputs == [("call_1", "There is no tool named look.")]
        assert it.heard.of(ToolStart) == []


async def test_a_voice_of_the_config_beats_the_agents_on_a_handoff_too(line):
    config = SessionConfig(audio=AudioConfig(output=AudioOutput(voice="cedar")))
    async with line(config=config) as it:
        await it.session.update_agent(RealtimeAgent(name="B", voice="marin"))
        assert all("audio" not in update for update in updates(it)[1:])


def test_a_tool_of_a_name_that_no_service_takes_is_refused():
    with pytest.raises(ToolError, match="cannot be named 'no spaces'"):
        function_tool(name="no spaces")(lambda: "")
