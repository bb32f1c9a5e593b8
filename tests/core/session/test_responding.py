"""offhook.session.responding: a reply that can be waited for, whatever else is under way."""

from __future__ import annotations

import asyncio
import contextlib

import attrs
import pytest

from offhook.agent import RealtimeAgent
from offhook.errors import NotConnected, ReplyFailed, Unsupported
from offhook.events import ErrorEvent, TurnDone, TurnStarted, Usage
from offhook.items import FunctionCallItem, MessageItem, OutputText
from offhook.realtime.capabilities import REALTIME_CAPABILITIES
from offhook.session import RealtimeSession
from offhook.session.responding import Reply, ReplyResult
from offhook.testing import ScriptedTransport, expect
from offhook.tool import function_tool

#: A service with turns that nobody can tie to a wish.
TURNS = attrs.evolve(REALTIME_CAPABILITIES, turn_model="turn", request_ids=False)


def said(text):
    content = [{"type": "output_text", "text": text}]
    return {"output": [{"id": "i", "type": "message", "role": "assistant", "status": "completed", "content": content}]}


async def outcome(reply):
    async with asyncio.timeout(5):
        return await reply


async def asked(it, count=1):
    """Give the create that went out last, and its wish's metadata."""
    return (await it.far.received("response.create", count))[-1]


def begins(it, response, create=None):
    metadata = create["response"]["metadata"] if create else None
    it.far.say(
        {"type": "response.created", "response": {"id": response, "status": "in_progress", "metadata": metadata}}
    )


def refuses(it, create, code):
    body = {"type": "invalid_request_error", "code": code, "message": "No.", "event_id": create["event_id"]}
    it.far.say({"type": "error", "error": body})


async def test_a_reply_gives_what_was_said_and_what_it_took(line):
    async with line() as it:
        reply = await it.session.respond("Say hello", instructions="Be brief.", max_output_tokens=50)
        create = await asked(it)
        assert [frame["type"] for frame in it.far.sent[1:]] == ["conversation.item.create", "response.create"]
        assert create["response"].items() >= {"instructions": "Be brief.", "max_output_tokens": 50}.items()
        begins(it, "r1", create)
        await it.settled()
        assert isinstance(reply, Reply)
        assert (reply.turn_id, reply.done) == ("r1", False)
        it.ends("r1", usage={"input_tokens": 1, "output_tokens": 2}, **said("Hello!"))
        result = await outcome(reply)
        assert (result.status, result.text, result.response_id) == ("completed", "Hello!", "r1")
        assert result.items == (MessageItem(item_id="i", role="assistant", content=(OutputText("Hello!"),)),)
        assert result.usage == Usage(requests=1, input_tokens=1, output_tokens=2, total_tokens=3)
        assert isinstance(result, ReplyResult)
        assert await outcome(reply) is result, "any number of times"


async def test_a02_b09_p08_a_reply_that_lost_the_race_resolves_with_its_own_turn(line):
    """A2, B9, P8: voice activity detection wins; what it answers is not the reply that was asked for."""
    async with line() as it:
        reply = await it.session.respond("Hello")
        first = await asked(it)
        begins(it, "vad")
        refuses(it, first, "conversation_already_has_active_response")
        it.ends("vad", **said("the other thing"))
        again = await asked(it, 2)
        assert (again["event_id"] != first["event_id"], again["response"]) == (True, first["response"])
        assert not reply.done
        begins(it, "r2", again)
        it.ends("r2", **said("the right thing"))
        assert (await outcome(reply)).text == "the right thing"


async def test_b06_b08_replies_asked_for_at_once_come_one_after_the_other_each_to_its_own(line):
    """B6, B8: what else was wished for meanwhile is a reply of its own, and one for all of it."""
    async with line() as it:
        begins(it, "r0")
        await it.settled()
        one = await it.session.respond("one")
        for _ in range(3):
            await it.session.request_response()
        other = await it.session.respond("other")
        it.ends("r0")
        begins(it, "r1", await asked(it))
        it.ends("r1", **said("one"))
        assert "response" not in await asked(it, 2)
        begins(it, "r2")
        it.ends("r2", **said("all three"))
        begins(it, "r3", await asked(it, 3))
        it.ends("r3", **said("other"))
        assert [(await outcome(reply)).text for reply in (one, other)] == ["one", "other"]
        await it.settled()
        assert it.far.kinds.count("response.create") == 3


async def test_b07_a_reply_asked_for_while_another_is_unanswered_gets_a_create_of_its_own(line):
    """B7: nobody's wish is taken for another's."""
    async with line() as it:
        replies = [await it.session.respond(text) for text in "ab"]
        for number in (1, 2):
            begins(it, f"r{number}", await asked(it, number))
            it.ends(f"r{number}", **said(str(number)))
        assert [(await outcome(reply)).text for reply in replies] == ["1", "2"]


async def test_an_interrupted_reply_is_done_and_says_so(line):
    async with line() as it:
        reply = await it.session.respond("Tell me all")
        begins(it, "r1", await asked(it))
        it.ends("r1", status="cancelled", status_details={"type": "cancelled", "reason": "turn_detected"})
        assert ((await outcome(reply)).status, (await outcome(reply)).reason) == ("cancelled", "turn_detected")


async def test_a_reply_that_the_service_refuses_raises(line):
    async with line() as it:
        reply = await it.session.respond(tool_choice="nonsense")
        refuses(it, await asked(it), "invalid_value")
        with pytest.raises(ReplyFailed, match=r"refused.*No\.") as caught:
            await outcome(reply)
        assert (caught.value.reason, caught.value.code) == ("refused", "invalid_value")
        assert it.heard.of(ErrorEvent)[0].request_id is not None


@pytest.mark.parametrize(("code", "reason"), [(1006, "connection_lost"), (None, "closed")])
@pytest.mark.parametrize("begun", [False, True])
async def test_a_reply_whose_connection_ends_raises(line, code, reason, begun):
    async with line() as it:
        reply = await it.session.respond("Hello")
        if begun:
            begins(it, "r1", await asked(it))
            await it.settled()
        waiting = asyncio.create_task(outcome(reply))
        if code is None:
            await it.session.close()
        else:
            it.far.hang_up(code)
        with pytest.raises(ReplyFailed) as caught:
            await waiting
    assert caught.value.reason == reason


async def test_whoever_gives_up_waiting_takes_the_reply_from_nobody(line):
    async with line() as it:
        reply = await it.session.respond("Hello")
        impatient = asyncio.create_task(outcome(reply))
        await asyncio.sleep(0)
        impatient.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await impatient
        begins(it, "r1", await asked(it))
        it.ends("r1")
        assert (await outcome(reply)).status == "completed"


async def test_a_reply_can_have_tools_that_its_agent_has_not(line):
    """They serve the calls of this reply, and no other."""

    @function_tool
    def look() -> str:
        """Look."""
        return "seen"

    async with line() as it:
        reply = await it.session.respond("Look!", tools=[look])
        create = await asked(it)
        assert create["response"]["tools"] == [look.to_wire()]
        begins(it, "r1", create)
        it.calls("look", "c1", response="r1")
        call = {"id": "item_c1", "type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}
        it.ends("r1", output=[call])
        await it.far.received("conversation.item.create", 2)
        it.calls("look", "c2", response="r2")
        await it.far.received("conversation.item.create", 3)
        assert it.outputs[0][1] == "seen"
        assert "no tool named look" in it.outputs[1][1]
        assert isinstance((await outcome(reply)).items[0], FunctionCallItem)


async def test_without_tools_is_a_choice_too(line):
    async with line() as it:
        await it.session.respond(tools=[])
        assert (await asked(it))["response"]["tools"] == []


async def test_what_happened_before_the_wish_had_its_id_is_not_missed():
    """A far end in the same process may be faster than the command returns."""

    class Hasty(ScriptedTransport):
        async def request_response(self, response=None):
            request_id = await super().request_response(response)
            self.emit(TurnStarted(turn_id="t1", request_id=request_id), TurnDone(turn_id="t1", status="incomplete"))
            await asyncio.sleep(0)
            return request_id

    async with RealtimeSession(RealtimeAgent(name="A"), transport=Hasty(strict=False)) as session:
        replies = await asyncio.gather(session.respond("a"), session.respond("b"))
        assert [(await outcome(reply)).status for reply in replies] == ["incomplete"] * 2
        assert session._parts.responding._missed == []


async def test_where_turns_name_no_wish_the_first_one_after_it_is_the_reply():
    """Some services answer several wishes in one turn: then it is the reply to each."""
    transport = ScriptedTransport(strict=False, capabilities=TURNS)
    async with RealtimeSession(RealtimeAgent(name="A"), transport=transport) as session:
        transport.emit(TurnStarted(turn_id="before"))
        one, other = await session.respond("one"), await session.respond("other")
        transport.emit(TurnDone(turn_id="before"), TurnStarted(turn_id="t1"))
        assert not one.done
        transport.emit(TurnDone(turn_id="t1"), TurnStarted(turn_id="t2"), TurnDone(turn_id="t2"))
        assert [(await outcome(reply)).turn_id for reply in (one, other)] == ["t1", "t1"]


@pytest.mark.parametrize("flags", [{"request_response": False}, {"turn_model": "continuous"}])
async def test_where_replies_cannot_be_asked_or_waited_for_that_is_said_before_anything_is_sent(line, wire, flags):
    transport = wire.transport(capabilities=attrs.evolve(REALTIME_CAPABILITIES, **flags))
    async with line(transport=transport) as it:
        [(name, _)] = flags.items()
        with pytest.raises(Unsupported, match=name):
            await it.session.respond("Hello")
        assert it.far.kinds == ["session.update"]


async def test_without_a_connection_there_is_no_reply(line):
    it = line()
    with pytest.raises(NotConnected):
        await it.session.respond("Hello")
    async with it:
        pass
    with pytest.raises(NotConnected):
        await it.session.respond("Hello")


async def test_a_wish_that_the_transport_refuses_leaves_nothing_behind():
    transport = ScriptedTransport([expect("request_response")], capabilities=TURNS)
    async with RealtimeSession(RealtimeAgent(name="A"), transport=transport) as session:
        with pytest.raises(AssertionError):
            await session.respond("not in the script")
        await session.respond()
        assert len(session._parts.responding._next_turn) == 1


async def test_p10_a_reply_that_nobody_awaits_is_forgotten(line):
    """P10: and an error that nobody looks at is no complaint of asyncio."""
    async with line() as it:
        for number in range(100):
            await it.session.respond()
            begins(it, f"r{number}", await asked(it, number + 1))
            it.ends(f"r{number}")
        await it.settled()
        await it.session.respond()
        part = it.session._parts.responding
        assert (len(part._by_id), len(part._under_way), len(part._missed)) == (1, 0, 0)


async def test_p10_whoever_awaits_a_reply_that_failed_adds_nothing_to_its_error(line):
    """P10: the error of all is one, and would grow with each."""

    def depth(error):
        frames, trace = 0, error.__traceback__
        while trace is not None:
            frames, trace = frames + 1, trace.tb_next
        return frames

    async with line() as it:
        reply = await it.session.respond()
    depths = set()
    for _ in range(3):
        with pytest.raises(ReplyFailed) as caught:
            await outcome(reply)
        depths.add(depth(caught.value))
    assert len(depths) == 1


async def test_a_reply_can_be_asked_for_and_awaited_within_a_tool(line):
    """The turn that called it is over then; its own output is answered after."""
    texts = []

    @function_tool
    async def ask() -> str:
        """Ask."""
        reply = await it.session.respond("And?", interruptible=False)
        texts.append((await reply).text)
        return "asked"

    it = line(tools=[ask])
    async with it:
        begins(it, "r1")
        it.calls("ask", "c1", response="r1")
        it.ends("r1")
        begins(it, "r2", await asked(it))
        it.ends("r2", **said("Well."))
        assert "response" not in await asked(it, 2)
        assert (texts, it.outputs) == (["Well."], [("c1", "asked")])


async def test_n15_a_reply_that_a_guardrail_stops_is_done_and_says_so(line, new_words):
    """N15: whoever awaits it is not left waiting, nor given the answer that comes instead."""
    async with line(output_guardrails=[new_words().guardrail]) as it:
        reply = await it.session.respond("Tell me", interruptible=False)
        begins(it, "r1", await asked(it))
        it.says("the secret", "r1", whole=True)
        await it.far.received("response.cancel")
        it.ends("r1", status="cancelled")
        begins(it, "r2")
        it.ends("r2", **said("Sorry."))
        assert ((await outcome(reply)).status, (await outcome(reply)).turn_id) == ("cancelled", "r1")


async def test_n02_p08_a_wish_that_is_told_again_is_answered_by_the_turn_that_was_told_last():
    """N2, P8: the first turn was the service's own, as it turned out."""
    transport = ScriptedTransport(strict=False)
    async with RealtimeSession(RealtimeAgent(name="A"), transport=transport) as session:
        reply = await session.respond()
        wish = next(iter(session._parts.responding._by_id))
        transport.emit(TurnStarted(turn_id="v", request_id=wish), TurnStarted(turn_id="t", request_id=wish))
        transport.emit(TurnDone(turn_id="v"))
        assert not reply.done
        transport.emit(TurnDone(turn_id="t"))
        assert (await outcome(reply)).turn_id == "t"
