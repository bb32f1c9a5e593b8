"""P7 and P8: what becomes of function calls, and of wishes for a reply."""

# A suite of tests asserts, and says its numbers where they count.
# ruff: noqa: S101, PLR2004

from __future__ import annotations

import asyncio

from offhook.errors import Unsupported
from offhook.events import FunctionCall, FunctionCallCancelled, TurnDone, TurnStarted
from offhook.testing.conformance.line import MOMENTS, Line
from offhook.testing.conformance.rules import Suite, rule
from offhook.testing.conformance.waiting import turns


class CallRules(Suite):
    """Calls and replies."""

    # P7: every function call gets exactly one output, or one cancellation and then none.

    @rule()
    async def test_p07_every_call_is_told_once_as_it_was_made(self, line: Line) -> None:
        """Three in one turn, with arguments that are no JSON among them."""
        await line.open()
        made = [("call_1", "look_up", '{"fruit":"plum"}'), ("call_2", "look_up", "{}"), ("call_3", "stop", "no json")]
        for call in made:
            await line.peer.call(*call)
        await line.peer.end_turn()
        await line.settle()
        told = [(call.call_id, call.name, call.arguments) for call in line.told(FunctionCall)]
        assert told == made, f"these calls were made: {made}, and these were told: {told}"

    @rule()
    async def test_p07_every_call_gets_exactly_one_output(self, line: Line) -> None:
        """Answered in another order, and at once."""
        await line.open()
        calls = await self._calls(line, 3)
        outputs = (line.transport.send_function_call_output(c, f"{c.call_id} is done", False) for c in reversed(calls))
        await line.soon(asyncio.gather(*outputs), "three send_function_call_output() at once")
        await line.flushed()
        got = sorted((output.call_id, output.text) for output in line.peer.of("output"))
        wanted = [(call.call_id, f"{call.call_id} is done") for call in calls]
        assert got == wanted, f"these outputs were to go out: {wanted}, and these did: {got}"

    @rule()
    async def test_p07_an_output_cancelled_on_its_way_goes_out_once_or_not_at_all(self, line: Line) -> None:
        """Cancelling the command never makes two of one, and harms no other."""
        await line.open()
        calls = await self._calls(line, 6)
        for moment, call in zip((0, *MOMENTS[:4]), calls, strict=False):
            task = line.start(line.transport.send_function_call_output(call, "done", False))
            await turns(moment)
            task.cancel()
            await line.soon(asyncio.wait({task}), "a cancelled send_function_call_output() to end")
        await line.soon(line.transport.send_function_call_output(calls[-1], "done", False), "the last output")
        await line.flushed()
        got = [output.call_id for output in line.peer.of("output")]
        assert len(got) == len(set(got)), f"these calls were answered twice: {got}"
        assert calls[-1].call_id in got, "an output was lost after another was cancelled"

    @rule()
    async def test_p07_an_interruption_withdraws_no_call(self, line: Line) -> None:
        """The call is still owed an output, and gets it."""
        await line.open()
        [call] = await self._calls(line, 1, end=False)
        await line.peer.interrupt()
        await line.peer.end_turn()
        await line.settle()
        assert line.told(FunctionCallCancelled) == [], "an interruption alone withdrew a call"
        await line.soon(line.transport.send_function_call_output(call, "done", False), "the output to go out")
        await line.flushed()
        got = [output.call_id for output in line.peer.of("output")]
        assert got == [call.call_id], f"after an interruption one output is still owed, and {got} went out"

    @rule(cancels_calls={True})
    async def test_p07_a_call_that_the_service_withdraws_is_told_once(self, line: Line) -> None:
        """Those that it names, and no other."""
        await line.open()
        await self._calls(line, 2)
        await line.peer.withdraw("call_1")
        await line.settle()
        told = [event.call_ids for event in line.told(FunctionCallCancelled)]
        assert told == [("call_1",)], f"call_1 was withdrawn, and this was told: {told}"

    # P8: a reply asked for is a reply requested. Where replies cannot be asked for, that is said.

    @rule(request_response={True})
    async def test_p08_a_reply_asked_for_is_requested(self, line: Line) -> None:
        """Once."""
        await line.open()
        request_id = await line.soon(line.transport.request_response(), "request_response() to return")
        assert isinstance(request_id, str), f"request_response() gives the wish's id, and gave {request_id!r}"
        await line.flushed()
        asked = len(line.peer.of("reply"))
        assert asked == 1, f"one reply was asked for, and {asked} requested"

    @rule(request_response={False})
    async def test_p08_where_replies_cannot_be_asked_for_that_is_said(self, line: Line) -> None:
        """With ``Unsupported``: a wish is never lost in silence."""
        await line.open()
        try:
            await line.soon(line.transport.request_response(), "request_response() to return")
        except Unsupported:
            return
        raise AssertionError("request_response=False, and request_response() neither worked nor said so")

    @rule(request_response={True}, turn_model={"response"})
    async def test_p08_a_reply_that_lost_the_race_is_requested_again_once(self, line: Line) -> None:
        """The service began a turn of its own: when that is done, the wish is sent again."""
        await line.open()
        await line.peer.race()
        await line.soon(line.transport.request_response(), "request_response() to return")
        await line.peer.until(lambda: len(line.peer.of("reply")) == 1, "the wish for a reply", line.patience_s)
        await line.settle()
        await line.peer.end_turn()
        await line.until(TurnDone)
        await line.peer.until(lambda: len(line.peer.of("reply")) > 1, "the wish, again", line.patience_s)
        await line.peer.end_turn()
        await line.settle()
        await line.flushed()
        assert len(line.peer.of("reply")) == 2, "a wish that lost the race was sent more than once more"

    @rule(request_response={True}, turn_model={"response"})
    async def test_p08_wishes_during_a_turn_become_one_when_it_is_done(self, line: Line) -> None:
        """Nothing is asked for while the service speaks, and nothing that was asked for is forgotten."""
        await line.open()
        await line.peer.say(line.sound(100, 1))
        await line.settle()
        for _ in range(3):
            await line.soon(line.transport.request_response(), "request_response() to return")
        await line.flushed()
        assert line.peer.of("reply") == [], "a reply was asked for while the service was giving one"
        await line.peer.end_turn()
        await line.peer.until(lambda: bool(line.peer.of("reply")), "the wish", line.patience_s)
        await line.peer.end_turn()
        await line.settle()
        await line.flushed()
        assert len(line.peer.of("reply")) == 1, "wishes without a body of their own are to coalesce"

    @rule(request_ids={True})
    async def test_p08_a_turn_tells_which_wish_it_answers(self, line: Line) -> None:
        """Also where the service began a turn of its own before."""
        await line.open()
        await line.peer.race()
        request_id = await line.soon(line.transport.request_response({}), "request_response() to return")
        await line.until(TurnStarted)
        await line.settle()
        await line.peer.end_turn()
        await line.until(TurnStarted, 2)
        told = [turn.request_id for turn in line.told(TurnStarted)]
        assert told == [None, request_id], f"the second turn answers {request_id}, and the turns told {told}"

    async def _calls(self, line: Line, count: int, *, end: bool = True) -> list[FunctionCall]:
        for number in range(1, count + 1):
            await line.peer.call(f"call_{number}", "look_up", "{}")
        if end:
            await line.peer.end_turn()
        await line.until(FunctionCall, count)
        return line.told(FunctionCall)
