"""offhook.session.approvals: calls that a person must allow."""

from __future__ import annotations

import asyncio

import attrs
import pytest

from offhook.agent import RealtimeAgent
from offhook.agent_events import ToolEnd, ToolStart
from offhook.errors import NotConnected, ToolError
from offhook.events import ErrorEvent, FunctionCallCancelled
from offhook.session.events import ToolApprovalRequested
from offhook.tool import function_tool

ran: list[str] = []


@pytest.fixture(autouse=True)
def nothing_ran():
    ran.clear()


@function_tool(needs_approval=True)
def pay(amount: int) -> str:
    """Pay."""
    ran.append(str(amount))
    return f"paid {amount}"


@function_tool
def look() -> str:
    """Look."""
    return "seen"


async def requested(it, call_id="call_1", arguments='{"amount": 5}', *, count=1, response="resp_1"):
    it.begins(response)
    it.calls("pay", call_id, arguments, response=response)
    it.ends(response)
    return await it.heard.until(ToolApprovalRequested, count)


async def test_a_call_waits_until_a_person_allows_it(line):
    async with line(tools=[pay]) as it:
        request = await requested(it)
        assert (request.tool, request.tool_name, request.arguments) == (pay, "pay", '{"amount": 5}')
        await it.settled()
        assert (it.outputs, ran, it.heard.of(ToolStart)) == ([], [], [])
        await it.session.approve(request)
        await it.heard.until(ToolEnd)
        assert it.outputs == [("call_1", "paid 5")]
        await it.far.received("response.create")


async def test_b37_a_rejected_call_is_announced_and_its_rejection_asks_for_a_reply(line):
    async with line(tools=[pay]) as it:
        await it.session.reject(await requested(it))
        end = await it.heard.until(ToolEnd)
        assert len(it.heard.of(ToolStart)) == 1
        assert it.outputs == [("call_1", "The user did not allow pay.")] == [("call_1", end.output)]
        await it.far.received("response.create")
        assert ran == []


@pytest.mark.parametrize("message", ["", "Ask me tomorrow."])
async def test_b37_a_message_of_the_person_is_used_as_it_is(line, message):
    async with line(tools=[pay]) as it:
        await it.session.reject(await requested(it), message=message)
        await it.heard.until(ToolEnd)
        assert it.outputs == [("call_1", message)]


async def test_the_sessions_formatter_words_a_rejection_without_a_message(line):
    async with line(tools=[pay], failure_formatter=lambda failure: f"{failure.kind}: {failure.message}") as it:
        await it.session.reject(await requested(it))
        await it.heard.until(ToolEnd)
        assert it.outputs == [("call_1", "rejected: The user did not allow pay.")]


@pytest.mark.parametrize("formatter", [lambda _: 1 / 0, lambda _: None, lambda _: 5])
async def test_a_formatter_that_gives_no_words_leaves_it_at_ours(line, formatter):
    async with line(tools=[pay], failure_formatter=formatter) as it:
        await it.session.reject(await requested(it))
        await it.heard.until(ToolEnd)
        assert it.outputs == [("call_1", "The user did not allow pay.")]


async def test_a_call_may_be_decided_within_the_event(line):
    async with line(tools=[pay]) as it:

        async def allow(event):
            await it.session.approve(event)

        it.session.on("tool_approval_requested", allow)
        await requested(it)
        await it.heard.until(ToolEnd)
        assert it.outputs == [("call_1", "paid 5")]


async def test_deciding_twice_changes_nothing(line):
    async with line(tools=[pay]) as it:
        request = await requested(it)
        await it.session.reject(request)
        await it.session.approve(request)
        await it.heard.until(ToolEnd)
        await it.session.approve(request)
        await it.settled()
        assert it.outputs == [("call_1", "The user did not allow pay.")]


@pytest.mark.parametrize("approve", [True, False])
async def test_a_standing_decision_serves_later_calls_of_that_tool_by_that_agent(line, approve):
    async with line(tools=[pay]) as it:
        decide = it.session.approve if approve else it.session.reject
        await decide(await requested(it), always=True)
        await it.heard.until(ToolEnd)
        it.calls("pay", "call_2", '{"amount": 6}')
        await it.heard.until(ToolEnd, 2)
        assert len(it.heard.of(ToolApprovalRequested)) == 1
        assert ran == (["5", "6"] if approve else [])
        await it.session.update_agent(RealtimeAgent(name="B", tools=[pay]))
        it.begins("resp_2")
        it.calls("pay", "call_3", '{"amount": 7}', response="resp_2")
        assert (await it.heard.until(ToolApprovalRequested, 2)).agent.name == "B"


async def test_a_call_that_waits_runs_with_its_own_agents_tool_even_after_a_handoff(line):
    async with line(tools=[pay]) as it:
        request = await requested(it)
        await it.session.update_agent(RealtimeAgent(name="B"))
        await it.session.approve(request)
        end = await it.heard.until(ToolEnd)
        assert (it.outputs, end.agent) == ([("call_1", "paid 5")], it.agent)


async def test_other_calls_of_the_turn_are_spoken_about_while_one_waits_for_a_person(line):
    async with line(tools=[pay, look]) as it:
        it.begins()
        it.calls("pay", "call_1", '{"amount": 5}')
        it.calls("look", "call_2")
        it.ends()
        await it.far.received("response.create")
        assert it.outputs == [("call_2", "seen")]
        it.begins("resp_2")
        it.ends("resp_2")
        await it.session.approve(it.heard.of(ToolApprovalRequested)[0])
        await it.far.received("response.create", 2)
        assert it.outputs[1] == ("call_1", "paid 5")


async def test_b38_a_request_of_an_earlier_connection_is_refused_and_nothing_is_sent(line):
    async with line(tools=[pay]) as it:
        request = await requested(it)
        await it.session.close()
        assert it.heard.of(FunctionCallCancelled) == [FunctionCallCancelled(call_ids=("call_1",), reason="closed")]
        await it.session.connect()
        for decide in (it.session.approve, it.session.reject):
            with pytest.raises(ToolError, match="belongs to a connection that is over"):
                await decide(request)
        await it.settled()
        assert (it.outputs, ran) == ([], [])


async def test_an_altered_request_is_refused(line):
    async with line(tools=[pay]) as it:
        request = await requested(it)
        with pytest.raises(ToolError, match="a copy of it"):
            await it.session.approve(attrs.evolve(request, tool=look))
        await it.session.approve(request)
        await it.heard.until(ToolEnd)


async def test_without_a_connection_there_is_nothing_to_decide(line):
    async with line(tools=[pay]) as it:
        request = await requested(it)
    fresh = line(tools=[pay])
    with pytest.raises(NotConnected, match="approve"):
        await fresh.session.approve(request)


# Policies.


async def test_a_policy_decides_by_the_arguments_whether_a_person_must(line):
    asked = []

    async def over_ten(_run, arguments):
        asked.append(arguments)
        return arguments["amount"] > 10

    tool = function_tool(name="pay", needs_approval=over_ten)(lambda amount: f"paid {amount}")
    async with line(tools=[tool]) as it:
        it.calls("pay", "call_1", '{"amount": 5}')
        await it.heard.until(ToolEnd)
        it.calls("pay", "call_2", '{"amount": 50}')
        request = await it.heard.until(ToolApprovalRequested)
        assert request.call.call_id == "call_2"
        assert asked == [{"amount": 5}, {"amount": 50}]


@pytest.mark.parametrize("arguments", ['{"amount"', "[5]", "5"])
async def test_b39_with_arguments_that_are_no_object_a_person_must_and_the_policy_is_not_asked(line, arguments):
    asked = []
    tool = function_tool(name="pay", needs_approval=lambda *given: asked.append(given))(lambda amount: f"paid {amount}")
    async with line(tools=[tool]) as it:
        it.calls("pay", "call_1", arguments)
        await it.session.approve(await it.heard.until(ToolApprovalRequested))
        await it.heard.until(ToolEnd)
        assert asked == []
        assert it.outputs[0][1].startswith("pay could not be called: the arguments are no")


async def test_p7_a_policy_that_raises_leaves_the_tool_unrun_and_the_call_answered(line):
    tool = function_tool(name="pay", needs_approval=lambda *_: 1 / 0)(lambda: ran.append("it"))
    async with line(tools=[tool]) as it:
        it.calls("pay", "call_1")
        await it.heard.until(ToolEnd)
        assert it.outputs == [("call_1", "pay could not be checked, and was not run.")]
        assert "ZeroDivisionError" in it.heard.of(ErrorEvent)[0].message
        assert ran == []


# Hosted MCP tools.


def hosted(it, request_id="mcpr_1", name="delete"):
    item = {"id": request_id, "type": "mcp_approval_request", "server_label": "files", "name": name, "arguments": "{}"}
    it.far.say({"type": "conversation.item.done", "event_id": "e", "previous_item_id": None, "item": item})


def decisions(it):
    items = (frame["item"] for frame in it.far.sent if frame["type"] == "conversation.item.create")
    return [(item["approval_request_id"], item["approve"], item.get("reason")) for item in items]


async def test_a_hosted_tool_is_decided_by_the_same_two_methods(line):
    async with line() as it:
        hosted(it)
        request = await it.heard.until(ToolApprovalRequested)
        assert (request.tool_name, request.arguments, request.call) == ("files/delete", "{}", None)
        await it.session.reject(request, message="not that one")
        await it.session.reject(request)
        hosted(it, "mcpr_2")
        await it.session.approve(await it.heard.until(ToolApprovalRequested, 2), always=True)
        hosted(it, "mcpr_3")
        await it.far.received("conversation.item.create", 3)
        assert decisions(it) == [
            ("mcpr_1", False, "not that one"),
            ("mcpr_2", True, None),
            ("mcpr_3", True, None),
        ]


async def test_a_hosted_request_that_comes_twice_is_told_once(line):
    async with line() as it:
        hosted(it)
        hosted(it)
        await it.settled()
        assert len(it.heard.of(ToolApprovalRequested)) == 1


async def test_a_hosted_decision_that_could_not_be_sent_can_be_made_again(line):
    async with line() as it:
        hosted(it)
        request = await it.heard.until(ToolApprovalRequested)
        send = it.transport.send_mcp_response

        async def fail(*_):
            raise ConnectionError("just now")

        it.transport.send_mcp_response = fail
        with pytest.raises(ConnectionError):
            await it.session.approve(request)
        it.transport.send_mcp_response = send
        await it.session.approve(request)
        assert decisions(it) == [("mcpr_1", True, None)]


async def test_closing_ends_the_wait_for_a_person_and_leaves_no_task(line):
    async with line(tools=[pay]) as it:
        await requested(it)
    assert [task.get_name() for task in asyncio.all_tasks() if "offhook call" in task.get_name()] == []


async def test_a_hosted_decision_that_stands_and_cannot_be_sent_is_a_persons_to_make(line):
    async with line() as it:
        hosted(it)
        await it.session.approve(await it.heard.until(ToolApprovalRequested), always=True)
        send = it.transport.send_mcp_response

        async def fail(*_):
            raise ConnectionError("just now")

        it.transport.send_mcp_response = fail
        hosted(it, "mcpr_2")
        request = await it.heard.until(ToolApprovalRequested, 2)
        it.transport.send_mcp_response = send
        await it.session.approve(request)
        assert decisions(it) == [("mcpr_1", True, None), ("mcpr_2", True, None)]


async def test_a_call_with_a_standing_decision_shares_the_reply_of_its_turn(line):
    async with line(tools=[pay, look]) as it:
        await it.session.approve(await requested(it), always=True)
        await it.far.received("response.create")
        it.begins("resp_2")
        it.calls("pay", "call_2", '{"amount": 6}', response="resp_2")
        it.calls("look", "call_3", response="resp_2")
        it.ends("resp_2")
        await it.heard.until(ToolEnd, 3)
        it.begins("resp_3")
        it.ends("resp_3")
        await it.settled()
        assert it.far.kinds.count("response.create") == 2


async def test_p7_a_call_that_is_withdrawn_while_a_person_is_asked_never_runs(line):
    async with line(tools=[pay]) as it:
        request = await requested(it)
        it.transport._emit(FunctionCallCancelled(call_ids=("call_1",)))
        await it.session.approve(request)
        await it.settled()
        assert (ran, it.outputs, it.heard.of(ToolStart)) == ([], [], [])
        approvals = it.session._parts.approvals
        assert (approvals._waiting, approvals._asked, it.session._parts.tools._serving) == ({}, {}, {})


async def test_b38_after_the_end_there_is_nothing_left_to_decide(line):
    async with line(tools=[pay]) as it:
        request = await requested(it)
        hosted(it)
        other = await it.heard.until(ToolApprovalRequested, 2)
    for decided in (request, other):
        with pytest.raises(ToolError, match="belongs to a connection that is over"):
            await it.session.approve(decided)
