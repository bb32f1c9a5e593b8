"""offhook.session.asking: a reply that is owed is asked for in the next pause, and at last without one."""

from __future__ import annotations

import asyncio

import pytest

from offhook.agent import RealtimeAgent
from offhook.events import FunctionCall, SpeechStarted, SpeechStopped
from offhook.session import RealtimeSession
from offhook.testing import ScriptedTransport, run_virtual
from offhook.tool import function_tool


async def seconds_until_asked(policy, *, stops_after_s):
    """Tell how long after its output the reply to a tool is asked for, where the user speaks so long."""
    tool = function_tool(name="look", reply=policy)(lambda: "seen")
    transport = ScriptedTransport(strict=False)
    async with RealtimeSession(RealtimeAgent(name="A", tools=[tool]), transport=transport):
        transport.emit(SpeechStarted())
        transport.emit(FunctionCall(call_id="call_1", name="look", arguments="{}"))
        await transport.received("send_function_call_output")
        began = asyncio.get_running_loop().time()
        if stops_after_s is not None:
            asyncio.get_running_loop().call_later(stops_after_s, transport.emit, SpeechStopped())
        await transport.received("request_response", timeout_s=600)
        return asyncio.get_running_loop().time() - began


def test_a_reply_waits_for_the_user_to_fall_silent_and_for_the_service_to_answer_first():
    assert run_virtual(seconds_until_asked("when_idle", stops_after_s=10)) == pytest.approx(11, abs=0.5)


def test_p08_a_reply_that_is_owed_comes_even_if_the_end_of_the_users_speech_was_lost():
    assert run_virtual(seconds_until_asked("when_idle", stops_after_s=None)) == pytest.approx(60, abs=0.5)
