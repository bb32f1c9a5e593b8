"""offhook.testing.simulate: a conversation with an agent in milliseconds, spoken and heard."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from offhook import (
    AudioInterrupted,
    FunctionCallItem,
    InputAudio,
    InputText,
    MessageItem,
    RealtimeAgent,
    RealtimeSession,
    RunContext,
    ToolApprovalRequested,
    function_tool,
)
from offhook.config import UNSET, AudioConfig, AudioInput, SessionConfig, TurnDetection
from offhook.errors import PluginNotFound
from offhook.testing import Says, SimulationError, run_virtual, simulate
from offhook_emulator.replies.protocol import CallFunction, ReplyRequest, Say


@function_tool
def get_weather(city: str) -> str:
    """Get the weather in a city."""
    return f"sunny in {city}"


@function_tool
async def find_train(city: str) -> str:
    """Find a train to a city."""
    await asyncio.sleep(20)
    return "platform 4"


AGENT = RealtimeAgent(name="A", tools=[get_weather, find_train])


def hold(*turns: Any, agent: RealtimeAgent = AGENT, **options: Any) -> Any:
    return run_virtual(simulate(agent, turns, **options))


def test_what_the_user_says_is_spoken_heard_and_answered() -> None:
    talk = hold("Hello there", "What is the weather in Paris?")
    assert [(it.said, it.heard, it.reply) for it in talk.exchanges] == [
        ("Hello there", "Hello there", "Hello! How can I help you?"),
        ("What is the weather in Paris?", "What is the weather in Paris?", "The weather is sunny in Paris."),
    ]
    assert isinstance(talk.history[0].content[0], InputAudio)
    assert talk.errors == ()


def test_calls_are_told_with_arguments_output_and_caller() -> None:
    [call] = hold("What is the weather in Paris?").calls
    assert (call.name, call.arguments, call.output, call.agent) == (
        "get_weather",
        {"city": "Paris"},
        "sunny in Paris",
        "A",
    )


def test_turns_may_be_written() -> None:
    talk = hold("Hello there", Says("Thank you", written=False), written=True)
    assert isinstance(talk.history[0].content[0], InputText)
    assert [it.reply for it in talk.exchanges] == ["Hello! How can I help you?", "You are welcome."]
    assert isinstance(talk.history[2].content[0], InputAudio)


def test_replies_may_be_a_scenario() -> None:
    scenario = [
        {"when": "rain", "call": {"name": "get_weather", "arguments": {"city": "Rome"}}, "then": "Not in Rome."},
        "Goodbye.",
    ]
    talk = hold("Will it rain?", "Bye", replies=scenario)
    assert [it.reply for it in talk.exchanges] == ["Not in Rome.", "Goodbye."]


def test_a_conversation_takes_as_long_as_speaking_and_no_time_at_all() -> None:
    began = time.perf_counter()
    talk = hold("Tell me a long story, please", "Thank you")
    assert talk.duration_s > 60
    assert time.perf_counter() - began < 10


def test_the_user_waits_for_a_tool_that_takes_its_time() -> None:
    talk = hold("Find a train to Rome", "Thank you")
    assert talk.exchanges[0].calls[0].output == "platform 4"
    assert "platform 4" in talk.exchanges[0].reply
    assert talk.duration_s > 20


def test_a_plain_tool_that_blocks_its_thread_is_not_overtaken_by_time() -> None:
    @function_tool(timeout_s=5)
    def get_report() -> str:
        """Get the report."""
        time.sleep(0.2)
        return "all is well"

    [call] = hold("Get the report", agent=RealtimeAgent(name="A", tools=[get_report])).calls
    assert call.output == "all is well"


def test_the_user_may_interrupt() -> None:
    talk = hold("Tell me a long story, please", Says("Thank you", after_ms=1500))
    [interruption] = talk.of(AudioInterrupted)
    # A voice is noticed after 60 ms, and comes in pieces of 100.
    assert interruption.heard_ms == pytest.approx(1600, abs=1)
    assert talk.exchanges[1].reply == "You are welcome."


def test_an_interruption_of_a_reply_that_is_over_is_simply_the_next_turn() -> None:
    talk = hold("Hello there", Says("Thank you", after_ms=60_000))
    assert talk.of(AudioInterrupted) == ()
    assert talk.exchanges[1].reply == "You are welcome."


def test_a_turn_may_be_something_that_the_test_does() -> None:
    async def speak_first(session: RealtimeSession) -> None:
        await session.request_response()

    talk = hold(speak_first, "Thank you")
    assert (talk.exchanges[0].said, talk.exchanges[0].heard, talk.exchanges[0].reply) == (
        "",
        "",
        "Hello! How can I help you?",
    )


def test_context_and_history_are_those_of_the_session() -> None:
    @function_tool
    def get_name(context: RunContext[str]) -> str:
        """Get the name."""
        return context.context

    before = MessageItem(item_id="before", role="user", content=(InputText("I am back."),))
    agent = RealtimeAgent(name="A", tools=[get_name])
    talk = hold("Get the name", agent=agent, context="Ada", history=[before])
    assert talk.calls[0].output == "Ada"
    assert talk.exchanges[0].heard == "Get the name"
    assert isinstance(talk.history[0], MessageItem)
    assert talk.history[0].text == "I am back."


@pytest.mark.parametrize(
    "detection",
    [TurnDetection(type="server_vad", silence_duration_ms=1500), TurnDetection(eagerness="low"), None],
    ids=["by silence", "by meaning", "by hand"],
)
def test_a_turn_ends_however_the_session_is_configured(detection: TurnDetection | None) -> None:
    base = AudioConfig(input=AudioInput(turn_detection=detection))
    talk = hold("Thank you", config=SessionConfig(audio=base))
    assert talk.exchanges[0].reply == "You are welcome."


def test_a_session_without_transcription_still_answers() -> None:
    config = SessionConfig(audio=AudioConfig(input=AudioInput(transcription=None, turn_detection=UNSET)))
    [only] = hold("Thank you", config=config).exchanges
    assert (only.heard, only.reply) == ("", "You are welcome.")


def test_whoever_prepares_the_session_hears_it_from_the_start() -> None:
    ready: list[Any] = []
    hold("Hello", prepare=lambda session: session.on("session_ready", ready.append))
    assert len(ready) == 1


def test_a_handoff_is_told_with_who_made_which_call() -> None:
    billing = RealtimeAgent(name="Billing", tools=[get_weather])
    reception = RealtimeAgent(name="Reception", handoffs=[billing])
    replies = [
        {"when": "bill", "call": {"name": "transfer_to_Billing"}, "then": "Billing here."},
        {"when": "weather", "call": {"name": "get_weather", "arguments": {"city": "Rome"}}, "then": "Fine."},
    ]
    talk = hold("I have a question about my bill", "And the weather?", agent=reception, replies=replies)
    assert talk.agents == ("Reception", "Billing")
    assert [it.agent for it in talk.exchanges] == ["Billing", "Billing"]
    assert [(call.name, call.agent) for call in talk.calls] == [
        ("transfer_to_Billing", "Reception"),
        ("get_weather", "Billing"),
    ]
    assert talk.exchanges[0].reply == "Billing here."


def test_a_call_that_must_be_allowed_is_allowed_by_whoever_prepared_for_it() -> None:
    @function_tool(needs_approval=True)
    def get_report() -> str:
        """Get the report."""
        return "all is well"

    def prepare(session: RealtimeSession) -> None:
        async def approve(request: ToolApprovalRequested) -> None:
            await asyncio.sleep(5)
            await session.approve(request)

        session.on("tool_approval_requested", approve)

    [call] = hold("Get the report", agent=RealtimeAgent(name="A", tools=[get_report]), prepare=prepare).calls
    assert call.output == "all is well"


def test_a_turn_that_is_never_answered_is_simply_over() -> None:
    class Silent:
        async def reply(self, _request: ReplyRequest) -> AsyncIterator[Say | CallFunction]:
            for nothing in ():
                yield nothing

    [only] = hold("Hello", replies=Silent()).exchanges
    assert only.reply == ""


def test_an_agent_that_is_not_done_is_told_with_what_it_waits_for() -> None:
    @function_tool(timeout_s=None)
    async def get_report() -> str:
        """Get the report."""
        await asyncio.Event().wait()
        return ""

    agent = RealtimeAgent(name="A", tools=[get_report])
    told = r"not done 30 s after the user said 'Get the report': the call of get_report waits for its output"
    with pytest.raises(SimulationError, match=told):
        hold("Get the report", agent=agent, timeout_s=30)


def test_what_a_turn_raises_comes_out() -> None:
    async def break_down(_session: RealtimeSession) -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        hold("Hello", break_down)


def test_a_tool_that_fails_is_an_error_to_look_at() -> None:
    @function_tool
    def get_report() -> str:
        """Get the report."""
        raise RuntimeError("no paper")

    talk = hold("Get the report", agent=RealtimeAgent(name="A", tools=[get_report]))
    assert len(talk.errors) == 1
    assert "no paper" in str(talk.errors[0].cause)
    assert talk.calls[0].output is not None


def test_arguments_that_are_no_json_are_no_arguments() -> None:
    class Careless:
        async def reply(self, request: ReplyRequest) -> AsyncIterator[Say | CallFunction]:
            if any(item.get("type") == "function_call_output" for item in request.items):
                yield Say("Well.")
            else:
                yield CallFunction("get_weather", "{city:")

    [call] = hold("Hello", replies=Careless()).calls
    assert call.arguments == {}


def test_a_conversation_reads_like_one() -> None:
    talk = hold("What is the weather in Paris?", written=True)
    assert str(talk).splitlines() == [
        "user: What is the weather in Paris?",
        'get_weather({"city": "Paris"}) → sunny in Paris',
        "assistant: The weather is sunny in Paris.",
    ]
    assert talk.usage.requests == 2
    assert talk.agents == ("A",)
    assert talk.of(AudioInterrupted) == ()
    assert any(isinstance(item, FunctionCallItem) for item in talk.history)


def test_neither_file_nor_environment_has_a_say(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "offhook.toml").write_text('transport = "nonsense"\n[session]\ninstructions = "Be rude."\n')
    monkeypatch.setenv("OFFHOOK_EMULATOR_VOICE", "real")
    monkeypatch.setenv("OFFHOOK_EMULATOR_REPLIES", "rules")
    monkeypatch.setenv("OFFHOOK_EMULATOR_SESSION_S", "0.001")
    assert hold("Thank you").exchanges[0].reply == "You are welcome."


def test_without_the_emulator_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("offhook.discovery.entry_points", lambda **_: ())
    with pytest.raises(PluginNotFound, match=r'Run: pip install "offhook-emulator\[speech\]"'):
        hold("Hello")


async def test_it_runs_on_an_ordinary_loop_too() -> None:
    talk = await simulate(AGENT, ["Hello"], written=True)
    assert talk.exchanges[0].reply == "Hello! How can I help you?"
