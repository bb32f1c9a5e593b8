"""offhook.session.running, and how answers enter the talk: guardrails, formatters and policies of tools."""

from __future__ import annotations

import asyncio

import attrs
import pytest

from offhook.agent_events import ToolEnd, ToolStart
from offhook.events import AudioInterrupted, ErrorEvent
from offhook.realtime.capabilities import REALTIME_CAPABILITIES
from offhook.tool import Background, function_tool

PATIENCE_S = 5.0


async def answer(it, name, arguments="{}"):
    it.begins()
    it.calls(name, "call_1", arguments)
    it.ends()
    await it.heard.until(ToolEnd)
    await it.settled()
    return it.outputs[-1][1]


def replies(it):
    return it.far.kinds.count("response.create")


# Guardrails.


async def no_jokes(_run, arguments):
    return "No jokes." if arguments.get("kind") == "joke" else None


async def test_an_input_guardrail_answers_instead_of_the_tool_which_does_not_run(line):
    ran = []
    tool = function_tool(name="tell", input_guardrails=[lambda *_: None, no_jokes])(lambda kind: [ran.append(kind)])
    async with line(tools=[tool]) as it:
        assert await answer(it, "tell", '{"kind": "joke"}') == "No jokes."
        assert ran == []
        assert (len(it.heard.of(ToolStart)), len(it.heard.of(ToolEnd)), replies(it)) == (1, 1, 1)


async def test_arguments_that_pass_every_input_guardrail_reach_the_tool(line):
    tool = function_tool(name="tell", input_guardrails=[no_jokes])(lambda kind: f"a {kind}")
    async with line(tools=[tool]) as it:
        assert await answer(it, "tell", '{"kind": "story"}') == "a story"


async def test_malformed_arguments_are_the_tools_to_complain_about(line):
    tool = function_tool(name="tell", input_guardrails=[no_jokes])(lambda kind: f"a {kind}")
    async with line(tools=[tool]) as it:
        assert "are not JSON" in await answer(it, "tell", '{"kind')


async def test_a_person_is_not_asked_about_what_a_guardrail_refuses(line):
    tool = function_tool(name="tell", input_guardrails=[no_jokes], needs_approval=True)(lambda kind: kind)
    async with line(tools=[tool]) as it:
        assert await answer(it, "tell", '{"kind": "joke"}') == "No jokes."


async def test_output_guardrails_see_the_text_and_may_replace_it_one_after_the_other(line):
    tool = function_tool(
        name="tell",
        output_guardrails=[lambda _, text: text.upper(), lambda *_: None, lambda _, text: f"{text}!"],
    )(lambda: {"a": 1})
    async with line(tools=[tool]) as it:
        assert await answer(it, "tell") == '{"A": 1}!'


@pytest.mark.parametrize("option", ["input_guardrails", "output_guardrails"])
async def test_p7_a_guardrail_that_raises_is_told_and_the_call_is_answered(line, option):
    tool = function_tool(name="tell", **{option: [lambda *_: 1 / 0]})(lambda: "secret")
    async with line(tools=[tool]) as it:
        output = await answer(it, "tell")
        assert output.startswith("tell ")
        assert "secret" not in output
        assert "ZeroDivisionError" in it.heard.of(ErrorEvent)[0].message


# In whose words.


async def test_a_tools_own_formatter_beats_the_sessions(line):
    tool = function_tool(name="tell", failure_formatter=lambda failure: f"mine: {failure.error!r}")(lambda: 1 / 0)
    async with line(tools=[tool], failure_formatter=lambda _: "the session's") as it:
        assert await answer(it, "tell") == "mine: ZeroDivisionError('division by zero')"


@pytest.mark.parametrize(
    ("name", "arguments", "kind"),
    [("fail", "{}", "raised"), ("fail", "[", "malformed"), ("hang", "{}", "timed_out")],
)
async def test_the_sessions_formatter_words_every_failure(line, name, arguments, kind):
    async def hang():
        await asyncio.Event().wait()

    tools = [function_tool(name="fail")(lambda: 1 / 0), function_tool(name="hang", timeout_s=0.01)(hang)]
    async with line(tools=tools, failure_formatter=lambda failure: f"<{failure.kind}>") as it:
        assert await answer(it, name, arguments) == f"<{kind}>"


async def test_the_sessions_formatter_words_an_unknown_tool(line):
    async with line(failure_formatter=lambda failure: f"<{failure.kind}>") as it:
        it.calls("fly", "call_1")
        await it.far.received("conversation.item.create")
        assert it.outputs == [("call_1", "<unknown>")]


# When the model speaks about it.


async def test_b35_a_background_result_is_noted_without_asking_for_a_reply(line):
    tool = function_tool(name="note")(lambda: Background({"noted": True}))
    async with line(tools=[tool]) as it:
        assert await answer(it, "note") == '{"noted": true}'
        assert replies(it) == 0


async def test_a_tool_whose_reply_is_never_asks_for_none(line):
    async with line(tools=[function_tool(name="note", reply="never")(lambda: "noted")]) as it:
        assert await answer(it, "note") == "noted"
        assert replies(it) == 0


async def test_one_silent_tool_beside_one_that_speaks_costs_no_reply(line):
    tools = [function_tool(name="note", reply="never")(lambda: "noted"), function_tool(name="tell")(lambda: "told")]
    async with line(tools=tools) as it:
        it.begins()
        it.calls("tell", "call_1")
        it.calls("note", "call_2")
        it.ends()
        await it.heard.until(ToolEnd, 2)
        await it.settled()
        assert replies(it) == 1


async def test_a_reply_when_idle_waits_until_nobody_speaks(line):
    async with line(tools=[function_tool(name="look_up", reply="when_idle")(lambda: "found")]) as it:
        it.far.say({"type": "input_audio_buffer.speech_started", "event_id": "e", "audio_start_ms": 0, "item_id": "i"})
        assert await answer(it, "look_up") == "found"
        assert replies(it) == 0
        it.far.say({"type": "input_audio_buffer.speech_stopped", "event_id": "e", "audio_end_ms": 9, "item_id": "i"})
        await it.far.received("response.create")


@pytest.mark.parametrize(("reply", "delivery"), [("now", None), ("when_idle", "when_idle"), ("never", "silent")])
async def test_a_service_that_can_be_told_how_an_output_enters_the_talk_is_told(wire, line, reply, delivery):
    deliveries = frozenset({"speak", "when_idle", "silent"})
    transport = wire.transport(capabilities=attrs.evolve(REALTIME_CAPABILITIES, auto_reply=True, deliveries=deliveries))
    sent = []

    async def send(_call, output, _start_response=True, *, delivery=None):
        sent.append((output, delivery))

    transport.send_function_call_output = send
    async with line(tools=[function_tool(name="tell", reply=reply)(lambda: "told")], transport=transport) as it:
        it.calls("tell", "call_1")
        await it.heard.until(ToolEnd)
        assert sent == [("told", delivery)]


async def test_scenario_5_an_answer_that_was_overtaken_by_an_interruption_is_still_owed_but_silently(wire, line):
    """Of the foreign speech APIs; without a reconnect."""
    capabilities = attrs.evolve(
        REALTIME_CAPABILITIES, auto_reply=True, blocking_calls=True, deliveries=frozenset({"speak", "silent"})
    )
    transport = wire.transport(capabilities=capabilities)
    sent, go_on = [], asyncio.Event()

    async def send(_call, output, start_response=True, *, delivery=None):
        sent.append((output, start_response, delivery))

    @function_tool
    async def book() -> str:
        await go_on.wait()
        return "booked"

    transport.send_function_call_output = send
    async with line(tools=[book], transport=transport) as it:
        it.begins()
        it.calls("book", "call_1")
        await it.heard.until(ToolStart)
        interrupt(it)
        await it.heard.until(AudioInterrupted)
        await it.session.update_agent(type(it.agent)(name="B"))
        it.ends()
        go_on.set()
        await it.heard.until(ToolEnd)
        await it.settled()
        assert [(output, delivery) for output, _, delivery in sent] == [("booked", "silent")]


# Interruption.


def interrupt(it):
    delta = {"item_id": "i", "content_index": 0, "output_index": 0, "delta": "AAAA" * 100}
    it.far.say({"type": "response.output_audio.delta", "event_id": "e", "response_id": "resp_1", **delta})
    it.far.say({"type": "input_audio_buffer.speech_started", "event_id": "e", "audio_start_ms": 0, "item_id": "u"})


@pytest.mark.parametrize(
    ("policy", "output"), [("keep", "done"), ("cancel", "work was stopped, because the user interrupted.")]
)
async def test_an_interruption_ends_the_work_of_a_tool_that_says_so_and_no_other(line, policy, output):
    go_on = asyncio.Event()

    async def work() -> str:
        await go_on.wait()
        return "done"

    async with line(tools=[function_tool(name="work", on_interrupt=policy)(work)]) as it:
        it.begins()
        it.calls("work", "call_1")
        await it.heard.until(ToolStart)
        interrupt(it)
        await it.heard.until(AudioInterrupted)
        if policy == "keep":
            go_on.set()
        await it.heard.until(ToolEnd)
        assert it.outputs == [("call_1", output)]
        assert it.heard.of(ErrorEvent) == []


# Replies when the user speaks.


@pytest.fixture
def answer_comes_at_once(monkeypatch):
    monkeypatch.setattr("offhook.session.floor._ANSWER_COMES_S", 0.01)


def user_falls_silent(it):
    it.far.say({"type": "input_audio_buffer.speech_stopped", "event_id": "e", "audio_end_ms": 9, "item_id": "u"})


async def overtaken(it, go_on):
    """A call whose response the user interrupts, and which then has its output."""
    it.begins()
    it.calls("look", "call_1")
    await it.heard.until(ToolStart)
    interrupt(it)
    await it.heard.until(AudioInterrupted)
    it.ends()
    go_on.set()
    await it.heard.until(ToolEnd)
    await it.settled()


@pytest.fixture
def looking():
    go_on = asyncio.Event()

    @function_tool
    async def look() -> str:
        await go_on.wait()
        return "seen"

    return look, go_on


@pytest.mark.usefixtures("answer_comes_at_once")
async def test_a_reply_to_a_call_that_was_overtaken_waits_until_the_user_has_spoken(line, looking):
    tool, go_on = looking
    async with line(tools=[tool]) as it:
        await overtaken(it, go_on)
        assert (it.outputs, replies(it)) == ([("call_1", "seen")], 0)
        user_falls_silent(it)
        await it.far.received("response.create")


async def test_a_turn_that_begins_with_the_output_at_hand_is_the_reply_and_there_is_no_second(line, looking):
    tool, go_on = looking
    async with line(tools=[tool]) as it:
        await overtaken(it, go_on)
        user_falls_silent(it)
        it.begins("resp_2")  # by the service itself, as after any words of the user
        it.ends("resp_2")
        await it.settled()
        await asyncio.sleep(0)
        await it.settled()
        assert replies(it) == 0
        assert it.session._parts.tools._overtaken == set()


@pytest.mark.usefixtures("answer_comes_at_once")
async def test_outputs_that_wait_for_a_pause_share_one_reply(line):
    tools = [function_tool(name=name, reply="when_idle")(lambda: "seen") for name in ("one", "two", "three")]
    async with line(tools=tools) as it:
        it.begins()
        for number, tool in enumerate(tools):
            it.calls(tool.name, f"call_{number}")
        await it.heard.until(ToolEnd, 3)
        it.ends()
        await it.far.received("response.create")
        it.begins("resp_2")
        it.ends("resp_2")
        await it.settled()
        assert replies(it) == 1


@pytest.mark.usefixtures("answer_comes_at_once")
async def test_a_reply_that_is_due_while_the_user_speaks_waits_for_the_user(line):
    async with line(tools=[function_tool(name="look")(lambda: "seen")]) as it:
        it.begins()
        it.calls("look", "call_1")
        await it.heard.until(ToolEnd)
        it.far.say({"type": "input_audio_buffer.speech_started", "event_id": "e", "audio_start_ms": 0, "item_id": "u"})
        it.ends()
        await it.settled()
        assert replies(it) == 0
        user_falls_silent(it)
        await it.far.received("response.create")
