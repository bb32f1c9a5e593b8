"""The ten scenarios of speech APIs with no turns, no items or no ids: no part of a session waits for what no flag promises.

Numbers are those of the design's list. 9, and the reconnecting ways of 5 and 8, wait for recovery: they are written, fail
today, and are to pass with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools

import attrs
import pytest

from offhook.agent import RealtimeAgent
from offhook.agent_events import ToolEnd, ToolStart
from offhook.capabilities import Capabilities
from offhook.errors import ImmutableConfig
from offhook.events import (
    AudioEvent,
    AudioInterrupted,
    AudioTranscriptDelta,
    ConnectionChange,
    ErrorEvent,
    FunctionCall,
    FunctionCallCancelled,
    InputTranscriptDelta,
    OutputSpeechStarted,
    OutputSpeechStopped,
    ResumeHandle,
    ResumptionUpdate,
    SessionExpiring,
    SpeechStarted,
    SpeechStopped,
    TurnDone,
    TurnStarted,
    Usage,
    UsageUpdate,
    WorkDone,
    WorkStarted,
)
from offhook.guardrail import GuardrailSettings, output_guardrail
from offhook.hookspecs import ConnectOptions
from offhook.items import MessageItem
from offhook.session import RealtimeSession
from offhook.session.checks import Checks
from offhook.session.conversation import Conversation
from offhook.session.events import GuardrailTripped
from offhook.testing import IncompleteScript, ScriptedTransport, run_virtual
from offhook.tool import Background, function_tool

SILENCE = bytes(4800)
CONTINUOUS = Capabilities(
    turn_model="continuous",
    full_duplex=True,
    history="initial",
    cancel="local",
    input_clock=True,
    output_pacing="realtime",
    mute="server",
    input_transcripts="append",
    output_transcripts="append",
    speech_events=frozenset({"input", "output"}),
    context_modes=frozenset({"silent", "speakable", "instruction"}),
    delegation=True,
    resume="fork",
    mutable_config=frozenset({"tools"}),
)
TURN = Capabilities(
    turn_model="turn",
    history="append",
    cancel="server",
    truncate="server",
    turn_control="both",
    auto_reply=True,
    blocking_calls=True,
    cancels_calls=True,
    deliveries=frozenset({"speak", "when_idle", "silent", "interrupt"}),
    input_transcripts="append",
    output_transcripts="append",
    resume="native",
)


class Talk:
    """A session on a transport with any flags, and all that it tells."""

    def __init__(self, capabilities, **options):
        self.transport = ScriptedTransport(capabilities=capabilities, strict=False)
        tools = options.pop("tools", ())
        self.agent = options.pop("agent", None) or RealtimeAgent(name="A", instructions="Be A.", tools=tools)
        self.session = RealtimeSession(self.agent, transport=self.transport, **options)
        self.heard = []
        for name in self.session._emitter._names - {"raw_event"}:
            self.session.on(name, self.heard.append)

    async def __aenter__(self):
        await self.session.connect()
        return self

    async def __aexit__(self, *_):
        await self.session.close()

    def of(self, kind):
        return [event for event in self.heard if isinstance(event, kind)]

    def sent(self, name):
        return [command.arguments for command in self.transport.commands if command.name == name]

    @property
    def outputs(self):
        return [(sent["call"].call_id, sent["output"]) for sent in self.sent("send_function_call_output")]

    async def settled(self):
        """Return when everything is done that has not to wait for anything: in virtual time, a second is none."""
        await asyncio.sleep(1)

    def says(self, text, segment, kind=AudioTranscriptDelta, **members):
        self.transport.emit(kind(segment_id=segment, text=text, **members))


def messages(talk):
    return [(item.role, item.text) for item in talk.session.history if isinstance(item, MessageItem)]


def scenario(test):
    """Run a test in virtual time."""
    return lambda *given: run_virtual(asyncio.wait_for(test(*given), 600))


@scenario
async def talk_with_no_turns():
    async with Talk(CONTINUOUS) as talk:
        for _ in range(50):
            talk.transport.emit(AudioEvent(data=SILENCE, epoch=1))
        talk.transport.emit(OutputSpeechStarted(utterance_id="u1", epoch=1))
        for word in ("Hello", " there,", " friend."):
            talk.transport.emit(AudioEvent(data=SILENCE, epoch=1))
            talk.says(word, "s1", final=word.endswith("."))
        talk.transport.emit(OutputSpeechStopped(utterance_id="u1", epoch=1))
        for _ in range(100):
            talk.transport.emit(AudioEvent(data=SILENCE, epoch=1))
        await talk.session.send_message("And now?", respond=False)
        assert messages(talk) == [("assistant", "Hello there, friend.")]
        assert len(talk.of(AudioEvent)) == 153
    assert talk.of(ConnectionChange)[-1].status == "disconnected"


def test_scenario_1_talk_with_no_turns_is_one_utterance_and_nothing_waits():
    talk_with_no_turns()


@scenario
async def backchannel():
    async with Talk(CONTINUOUS) as talk:
        talk.transport.emit(OutputSpeechStarted(utterance_id="u1", epoch=1))
        talk.says("Once upon", "s1", start_ms=0, end_ms=500)
        talk.transport.emit(SpeechStarted(at_ms=400))
        talk.says("mm-hm", "i1", InputTranscriptDelta, final=True, start_ms=400, end_ms=600)
        talk.transport.emit(SpeechStopped(at_ms=600), AudioEvent(data=SILENCE, epoch=1))
        talk.says(" a time.", "s1", final=True, start_ms=500, end_ms=1000)
        talk.transport.emit(OutputSpeechStopped(utterance_id="u1", epoch=1))
        await talk.settled()
        assert sorted(messages(talk)) == [("assistant", "Once upon a time."), ("user", "mm-hm")]
        assert len(talk.of(AudioEvent)) == 1
        assert talk.of(AudioInterrupted) == []
        assert {command.name for command in talk.transport.commands} == {"connect"}


def test_scenario_2_a_backchannel_interrupts_nothing_and_both_are_written_down():
    backchannel()


@scenario
async def flush_without_ids():
    async with Talk(TURN) as talk:
        talk.transport.emit(TurnStarted(turn_id="t1"))
        talk.transport.emit(*(AudioEvent(data=SILENCE, epoch=1) for _ in range(5)))
        talk.says("It is a long", "s1")
        talk.transport.emit(AudioInterrupted(epoch=1, reason="user_speech"))
        talk.transport.emit(*(AudioEvent(data=SILENCE, epoch=1) for _ in range(2)), TurnDone(turn_id="t1"))
        talk.transport.emit(TurnStarted(turn_id="t2"), AudioEvent(data=SILENCE, epoch=2))
        assert [event.epoch for event in talk.of(AudioEvent)] == [1] * 5 + [2]
        await talk.settled()
        (item,) = [item for item in talk.session.history if item.role == "assistant"]
        assert (item.text, item.status) == ("It is a long", "incomplete")
        assert {command.name for command in talk.transport.commands} == {"connect"}


def test_scenario_3_after_a_flush_without_ids_nothing_late_is_heard_and_no_position_is_invented():
    flush_without_ids()


def call(call_id, name, **members):
    return FunctionCall(call_id=call_id, name=name, arguments="{}", **members)


@scenario
async def call_withdrawn():
    became, go_on = [], asyncio.Event()

    @function_tool
    async def a():
        try:
            await asyncio.Event().wait()
        finally:
            became.append("stopped")

    @function_tool
    async def b():
        await go_on.wait()
        return "b's result"

    async with Talk(TURN, tools=[a, b]) as talk:
        talk.transport.emit(TurnStarted(turn_id="t1"), call("call_a", "a"), call("call_b", "b"))
        await talk.settled()
        talk.transport.emit(AudioInterrupted(epoch=1), FunctionCallCancelled(call_ids=("call_a",)))
        await talk.settled()
        go_on.set()
        await talk.settled()
        assert became == ["stopped"]
        assert talk.outputs == [("call_b", "b's result")]
        assert [event.tool.name for event in talk.of(ToolEnd)] == ["b"]
        assert talk.of(ErrorEvent) == []


def test_scenario_4_a_withdrawn_call_is_stopped_and_unanswered_and_the_other_is_answered_once():
    call_withdrawn()


@scenario
async def interrupted_yet_owed():
    go_on = asyncio.Event()

    @function_tool
    async def c():
        await go_on.wait()
        return "c's result"

    async with Talk(TURN, tools=[c]) as talk:
        talk.transport.emit(TurnStarted(turn_id="t1"), call("call_c", "c", blocking=True))
        await talk.settled()
        await talk.session.interrupt()
        talk.transport.emit(AudioInterrupted(epoch=1, reason="client"))
        assert len(talk.of(ToolStart)) == 1
        go_on.set()
        await talk.settled()
        (sent,) = talk.sent("send_function_call_output")
        assert (sent["output"], sent["delivery"]) == ("c's result", "silent")


def test_scenario_5_an_interrupted_call_is_still_owed_its_output_and_silently():
    interrupted_yet_owed()


@scenario
async def delegations_crossing():
    done = {"d1": asyncio.Event(), "d2": asyncio.Event(), "d3": asyncio.Event()}

    async def work(_run, event):
        await done[event.work_id].wait()
        return Background("too late to matter") if event.work_id == "d1" else f"result of {event.work_id}"

    async with Talk(CONTINUOUS, work_handler=work) as talk:
        talk.transport.emit(WorkStarted(work_id="d1", kind="delegation"))
        talk.says("Something else, please.", "i1", InputTranscriptDelta, final=True)
        talk.transport.emit(WorkStarted(work_id="d2", kind="delegation"), WorkStarted(work_id="d3", kind="delegation"))
        await talk.session.interrupt()
        talk.transport.emit(AudioInterrupted(epoch=1, reason="client"))
        for work_id in ("d2", "d1"):
            done[work_id].set()
            await talk.settled()
        assert talk.sent("send_context") == [
            {"text": "result of d2", "mode": "speakable", "work_id": "d2"},
            {"text": "too late to matter", "mode": "silent", "work_id": "d1"},
        ]
        assert [sent["work_id"] for sent in talk.sent("finish_work")] == ["d2", "d1"]
    assert [(event.work_id, event.status) for event in talk.of(WorkDone)] == [
        ("d2", "completed"),
        ("d1", "completed"),
        ("d3", "cancelled"),
    ]


def test_scenario_6_crossing_delegations_are_each_answered_under_their_own_id():
    delegations_crossing()


@scenario
async def one_continuation():
    order = {name: asyncio.Event() for name in ("one", "two", "three")}

    def tool(name):
        async def run():
            await order[name].wait()
            if name == "three":
                raise RuntimeError("no")
            return name

        return function_tool(name=name)(run)

    flags = Capabilities(turn_model="continuous", request_response=True, delegation=True, output_transcripts="append")
    async with Talk(flags, tools=map(tool, order)) as talk:
        talk.transport.emit(call("c1", "one", work_id="w"), call("c2", "two", work_id="w"))
        talk.says("Let me see", "s1")
        talk.transport.emit(call("c3", "three", work_id="w"))
        for name in ("two", "three", "one"):
            order[name].set()
            await talk.settled()
        assert [call_id for call_id, _ in talk.outputs] == ["c2", "c3", "c1"]
        assert [sent["start_response"] for sent in talk.sent("send_function_call_output")] == [False, False, True]
        assert talk.sent("request_response") == []


def test_scenario_7_all_answers_come_before_one_continuation():
    one_continuation()


HELPER = RealtimeAgent(name="Helper", instructions="Be Helper.", voice="cedar")


@scenario
async def nothing_may_change():
    go_on = asyncio.Event()

    @function_tool
    async def slow():
        await go_on.wait()
        return "served by the old agent"

    flags = Capabilities(turn_model="continuous", history="initial", output_transcripts="append")
    async with Talk(flags, tools=[slow]) as talk:
        talk.transport.emit(call("c1", "slow"))
        await talk.settled()
        with pytest.raises(ImmutableConfig) as refused:
            await talk.session.update_agent(HELPER)
        assert {"instructions", "audio.output.voice"} <= set(refused.value.fields)
        assert talk.sent("update_session_config") == []
        assert talk.session.agent is talk.agent
        go_on.set()
        await talk.settled()
        assert talk.outputs == [("c1", "served by the old agent")]


def test_scenario_8_where_nothing_may_change_nothing_of_a_handoff_is_sent():
    nothing_may_change()


@scenario
async def said_instead_of_set():
    async with Talk(CONTINUOUS) as talk:
        await talk.session.update_agent(HELPER)
        assert talk.sent("send_context") == [{"text": "Be Helper.", "mode": "instruction", "work_id": None}]
        (update,) = talk.sent("update_session_config")
        assert talk.session.agent is HELPER
        assert "Be Helper." not in str(update)


def test_scenario_8_instructions_that_cannot_be_set_are_said_where_the_service_takes_them():
    said_instead_of_set()


@scenario
async def late_and_revised():
    seconds = itertools.chain((5.0, 20.0, 20.0))
    async with Talk(CONTINUOUS) as talk:
        for text, final in (("Hello?", False), ("Hello, my name is", False), ("Hello, my name is Ada", True)):
            talk.says(text, "i1", InputTranscriptDelta, mode="replace", final=final)
        talk.says("Hello, my name is Ada.", "i1", InputTranscriptDelta, mode="replace", final=True)
        talk.says("Nice to meet you, Ada. How are you today?", "s1", stage="planned", mode="replace")
        talk.transport.emit(AudioInterrupted(epoch=1, reason="user_speech"))
        talk.says("Nice to meet you", "s1", stage="final", mode="replace", final=True)
        for total in seconds:
            talk.transport.emit(UsageUpdate(kind="total", scope="session", audio_seconds=total, usage=Usage()))
        await talk.settled()
        assert messages(talk) == [("user", "Hello, my name is Ada."), ("assistant", "Nice to meet you")]
        assert talk.session.usage.audio_seconds == 20.0
        talk.transport.lose()
    assert (talk.of(ConnectionChange)[-1].finalised, talk.of(ConnectionChange)[-1].reason) == (False, "lost")


def test_scenario_10_late_and_revised_words_and_totals_of_usage_are_taken_for_what_they_are():
    late_and_revised()


@scenario
async def late_words_of_the_turn_before():
    @output_guardrail
    def no_secrets(_run, text):
        return "secret" in text

    async with Talk(TURN, output_guardrails=[no_secrets]) as talk:
        for turn_id in ("t1", "t2"):
            talk.transport.emit(TurnStarted(turn_id=turn_id))
        talk.says("the secret", "s1", turn_id="t1", final=True)
        await talk.settled()
        (trip,) = talk.of(GuardrailTripped)
        assert trip.response_id == "t1"
        assert talk.sent("interrupt") == []


def test_b41_words_of_a_turn_without_responses_are_checked_as_that_turns():
    late_words_of_the_turn_before()


@scenario
async def tripped_while_the_user_speaks_on(quiet):
    transport = ScriptedTransport(capabilities=attrs.evolve(TURN, quiet_messages=quiet), strict=False)
    await transport.connect(ConnectOptions())
    checks = Checks(Conversation(transport, lambda _: None), GuardrailSettings())
    await checks.tell_model("That was not allowed.", "system", respond=False)
    await checks.tell_model("Say something else.", "user")
    said = [command.arguments["message"].text for command in transport.commands if command.name == "send_message"]
    assert said == [*(["That was not allowed."] if quiet else []), "Say something else."]
    await transport.close()


@pytest.mark.parametrize("quiet", [True, False])
def test_a_note_about_a_trip_is_not_written_where_it_would_end_the_users_turn(quiet):
    tripped_while_the_user_speaks_on(quiet)


# With recovery, which is still to come.

RECOVERY = pytest.mark.xfail(
    raises=IncompleteScript, strict=True, reason="a session does not connect again by itself yet"
)


@scenario
async def answered_over_a_reconnect():
    go_on = asyncio.Event()

    @function_tool
    async def c():
        await go_on.wait()
        return "c's result"

    async with Talk(TURN, tools=[c]) as talk:
        talk.transport.emit(TurnStarted(turn_id="t1"), call("call_c", "c", blocking=True))
        await talk.settled()
        talk.transport.lose(recoverable=True)
        go_on.set()
        await talk.transport.received("connect", 2, timeout_s=60)
        await talk.transport.received("send_function_call_output", timeout_s=60)
        assert talk.outputs == [("call_c", "c's result")]


@RECOVERY
def test_scenario_5_an_answer_produced_during_a_reconnect_goes_out_once_on_the_new_connection():
    answered_over_a_reconnect()


@scenario
async def reconnected_as_somebody_else():
    flags = Capabilities(turn_model="continuous", history="initial", resume="replay", output_transcripts="append")
    async with Talk(flags) as talk:
        talk.says("Hello.", "s1", final=True)
        with contextlib.suppress(ImmutableConfig):  # today's way: see above
            await talk.session.update_agent(HELPER)
        connect = await talk.transport.received("connect", 2, timeout_s=60)
        options = connect.arguments["options"]
        assert options.config.instructions == "Be Helper."
        assert [item.text for item in options.initial_history] == ["Hello."]


@RECOVERY
def test_scenario_8_where_nothing_may_change_the_new_agent_gets_a_connection_of_its_own_with_the_history():
    reconnected_as_somebody_else()


@scenario
async def goes_away_and_resumes():
    def handle(value):
        return ResumptionUpdate(handle=ResumeHandle(transport="scripted", value=value), resumable=True)

    look = function_tool(name="look")(lambda: "seen")
    async with Talk(TURN, tools=[look]) as talk:
        talk.transport.emit(handle("h1"), SessionExpiring(time_left_ms=60_000))
        talk.transport.emit(ResumptionUpdate(handle=None, resumable=False), call("call_1", "look"))
        await talk.transport.received("send_function_call_output")
        began = asyncio.get_running_loop().time()
        talk.transport.emit(handle("h2"))
        await talk.transport.received("connect", 2, timeout_s=120)
        assert asyncio.get_running_loop().time() - began < 60
        names = [command.name for command in talk.transport.commands]
        assert names.index("close") < len(names) - 1 - names[::-1].index("connect")


@RECOVERY
def test_scenario_9_a_session_that_goes_away_is_resumed_with_its_newest_handle_in_time():
    goes_away_and_resumes()
