"""offhook.testing.scripted: a transport that follows a script, refuses what its flags refuse, and forgets no surprise."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from offhook.agent import RealtimeAgent
from offhook.audio.formats import PCMU
from offhook.capabilities import Capabilities
from offhook.config import AudioConfig, AudioOutput, SessionConfig
from offhook.contract import check_transport
from offhook.errors import (
    AlreadyConnected,
    AuthenticationError,
    ConnectCancelled,
    ContractError,
    ImmutableConfig,
    NotConnected,
    Unsupported,
)
from offhook.events import (
    AudioEvent,
    ConnectionChange,
    ErrorEvent,
    FunctionCall,
    OutputTextDelta,
    ResumeHandle,
    SessionReady,
    TurnDone,
    TurnStarted,
)
from offhook.hookspecs import ConnectOptions
from offhook.items import InputImage, McpApprovalRequestItem, MessageItem
from offhook.session import RealtimeSession
from offhook.testing import (
    IncompleteScript,
    ScriptedTransport,
    UnexpectedCommand,
    emit,
    expect,
    fail,
    in_any_order,
    lose,
)

CALL = FunctionCall(call_id="call_1", name="get_weather", arguments="{}")
APPROVAL = McpApprovalRequestItem(item_id="i", server_label="s", name="n", arguments="{}")
PATIENCE_S = 5.0
KEY = "sk-not-to-be-seen"
WEAKEST = Capabilities()
STRONGEST = Capabilities(
    turn_model="response",
    history="mutable",
    cancel="server",
    truncate="client",
    turn_control="both",
    request_response=True,
    deliveries=frozenset({"speak"}),
    mute="local",
    images=True,
    mcp=True,
    clear_audio=True,
    context_modes=frozenset({"silent"}),
    delegation=True,
    mutable_config=frozenset({"audio.output.voice"}),
)
FLAGGED = {
    "send_audio": lambda it: it.send_audio(b"\0\0", commit=True),
    "add_image": lambda it: it.add_image(InputImage(image_url="data:,")),
    "request_response": lambda it: it.request_response(),
    "interrupt": lambda it: it.interrupt(),
    "mute": lambda it: it.mute(muted=True),
    "reset_history": lambda it: it.reset_history((), ()),
    "send_mcp_response": lambda it: it.send_mcp_response(APPROVAL, approved=True),
    "send_function_call_output": lambda it: it.send_function_call_output(CALL, "x", delivery="speak"),
    "send_context": lambda it: it.send_context("x", mode="silent"),
    "clear_audio": lambda it: it.clear_audio(),
    "finish_work": lambda it: it.finish_work("work"),
}
ALWAYS = {
    "send_event": lambda it: it.send_event({"type": "x"}),
    "send_message": lambda it: it.send_message("hi"),
    "update_session_config": lambda it: it.update_session_config(
        SessionConfig(audio=AudioConfig(output=AudioOutput(voice="marin")))
    ),
}


def text(words):
    return OutputTextDelta(text=words)


async def connected(*steps, **options):
    transport = ScriptedTransport(steps, **options)
    transport.heard = []
    for name in ("connection_change", "session_ready", "output_text_delta", "error", "audio"):
        transport.on(name, transport.heard.append)
    await transport.connect()
    return transport


async def soon():
    """Let what was scheduled happen."""
    for _ in range(10):
        await asyncio.sleep(0)


def words(transport):
    return [event.text for event in transport.heard if isinstance(event, OutputTextDelta)]


# The contract.


@pytest.mark.parametrize("capabilities", [WEAKEST, STRONGEST], ids=["weakest", "strongest"])
def test_it_is_a_transport_as_the_contract_has_it_whatever_its_flags(capabilities):
    check_transport(ScriptedTransport(capabilities=capabilities))


@pytest.mark.parametrize("name", sorted(FLAGGED))
async def test_what_a_flag_refuses_is_refused_and_not_recorded(name):
    transport = await connected(capabilities=WEAKEST, strict=False)
    with pytest.raises(Unsupported):
        await FLAGGED[name](transport)
    assert [command.name for command in transport.commands] == ["connect"]


@pytest.mark.parametrize("name", sorted(FLAGGED))
async def test_what_a_flag_allows_is_recorded(name):
    transport = await connected(capabilities=STRONGEST, strict=False)
    await FLAGGED[name](transport)
    assert [command.name for command in transport.commands] == ["connect", name]


@pytest.mark.parametrize("name", sorted({**FLAGGED, **ALWAYS}))
async def test_every_command_needs_a_connection(name):
    transport = ScriptedTransport(capabilities=STRONGEST, strict=False)
    with pytest.raises(NotConnected):
        await {**FLAGGED, **ALWAYS}[name](transport)
    assert transport.commands == ()


async def test_reports_of_the_loudspeaker_follow_their_flag():
    strong = await connected(capabilities=STRONGEST)
    strong.played(20.0)
    assert strong.commands[-1].arguments == {"ms": 20.0}
    weak = await connected(capabilities=WEAKEST)
    with pytest.raises(Unsupported):
        weak.played(20.0)


async def test_audio_that_travels_elsewhere_is_refused():
    transport = await connected(capabilities=Capabilities(handles_audio=True), strict=False)
    with pytest.raises(Unsupported, match="handles_audio"):
        await transport.send_audio(b"\0\0")


async def test_config_that_cannot_change_is_refused_and_what_does_not_differ_is_not():
    transport = ScriptedTransport(capabilities=STRONGEST, strict=False)
    await transport.connect(ConnectOptions(config=SessionConfig(instructions="Be kind.")))
    await transport.update_session_config(SessionConfig(instructions="Be kind."))
    with pytest.raises(ImmutableConfig) as caught:
        await transport.update_session_config(SessionConfig(instructions="Be quick."))
    assert caught.value.fields == ("instructions",)


async def test_muting_is_remembered_where_there_is_any():
    assert ScriptedTransport().muted is None
    transport = await connected(expect("mute", muted=True), capabilities=STRONGEST)
    assert transport.muted is False
    await transport.mute(muted=True)
    assert transport.muted is True


async def test_wishes_for_a_reply_are_numbered_so_that_a_script_can_answer_them():
    transport = await connected(strict=False)
    assert [await transport.request_response(), await transport.request_response({})] == ["request_1", "request_2"]


# The connection.


async def test_a_connection_is_told_and_ended_as_the_life_cycle_has_it():
    transport = await connected()
    await transport.close()
    await transport.close()
    changes = [event for event in transport.heard if isinstance(event, ConnectionChange)]
    assert [change.status for change in changes] == ["connecting", "connected", "disconnecting", "disconnected"]
    assert changes[-1].reason == "requested"
    transport.assert_complete()


async def test_the_facts_are_those_of_the_flags_or_those_given():
    made = await connected(capabilities=Capabilities(input_formats=(PCMU,)))
    assert [event.input_format for event in made.heard if isinstance(event, SessionReady)] == [PCMU]
    facts = SessionReady(session_id="mine")
    given = await connected(ready=facts)
    assert facts in given.heard


async def test_a_second_connect_is_refused_and_harms_nothing():
    transport = await connected()
    with pytest.raises(AlreadyConnected):
        await transport.connect()
    assert transport.status == "connected"


async def test_closing_while_connecting_cancels_it():
    transport = ScriptedTransport()
    connecting = asyncio.create_task(transport.connect())
    await asyncio.sleep(0)
    await transport.close()
    with pytest.raises(ConnectCancelled):
        await connecting
    assert transport.status == "disconnected"


async def test_a_connection_that_fails_can_be_made_the_next_time():
    transport = ScriptedTransport([fail("connect", AuthenticationError("no")), emit(text("hello"))])
    errors = []
    transport.on("error", errors.append)
    with pytest.raises(AuthenticationError):
        await transport.connect()
    assert transport.status == "disconnected"
    assert errors[0].fatal
    await transport.connect()
    await transport.completed()


async def test_a_lost_connection_is_told_with_its_reason():
    transport = await connected()
    transport.lose(reason="expired", code=1001, recoverable=False)
    change = transport.heard[-1]
    assert (change.status, change.reason, change.code, change.recoverable) == ("disconnected", "expired", 1001, False)
    with pytest.raises(NotConnected):
        await transport.send_message("hi")
    with pytest.raises(NotConnected):
        transport.lose()
    with pytest.raises(NotConnected):
        transport.emit(text("x"))


async def test_a_script_goes_on_over_a_lost_connection():
    transport = await connected(emit(text("one")), lose(), emit(text("two")), expect("send_message"))
    await soon()
    assert transport.status == "disconnected"
    assert words(transport) == ["one"]
    assert any(isinstance(event, ErrorEvent) and event.fatal for event in transport.heard)
    await transport.connect()
    await transport.send_message("hi")
    await transport.completed()
    assert words(transport) == ["one", "two"]


# The script.


async def test_events_follow_the_command_they_belong_to_after_it_returned():
    transport = await connected(expect("send_message", emit=[text("a"), text("b")]), emit(text("c")))
    await transport.send_message("hi")
    assert words(transport) == []
    await transport.completed()
    assert words(transport) == ["a", "b", "c"]


async def test_others_get_their_turn_between_two_events():
    transport = await connected(expect("send_message", emit=[text("a"), text("b")]))
    order = []
    transport.on("output_text_delta", lambda event: order.append(event.text))
    transport.on("output_text_delta", lambda _: asyncio.get_running_loop().call_soon(order.append, "other"))
    await transport.send_message("hi")
    await soon()
    assert order == ["a", "other", "b", "other"]


async def test_events_by_hand_come_at_once_and_after_those_that_are_due():
    transport = await connected(expect("send_message", emit=text("a")))
    await transport.send_message("hi")
    transport.emit(text("b"), text("c"))
    assert words(transport) == ["a", "b", "c"]


async def test_arguments_that_are_not_named_may_be_anything():
    transport = await connected(expect("send_message"), expect("send_message", respond=False))
    await transport.send_message("whatever")
    await transport.send_message("whatever else", respond=False)
    transport.assert_complete()


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        ("hello", True),
        ("hullo", False),
        (str, True),
        (MessageItem, False),
        (lambda message: "ell" in message, True),
        (lambda message: "x" in message, False),
    ],
)
async def test_an_argument_is_compared_by_value_class_or_function(wanted, fits):
    transport = await connected(expect("send_message", message=wanted))
    if fits:
        await transport.send_message("hello")
        transport.assert_complete()
    else:
        with pytest.raises(UnexpectedCommand, match="message is 'hello', not "):
            await transport.send_message("hello")


async def test_outputs_of_parallel_calls_may_come_in_any_order():
    outputs = [expect("send_function_call_output", output="a"), expect("send_function_call_output", output="b")]
    transport = await connected(in_any_order(*outputs), expect("request_response"))
    await transport.send_function_call_output(CALL, "b", start_response=False)
    with pytest.raises(UnexpectedCommand, match="output='a'"):
        await transport.request_response()
    await transport.send_function_call_output(CALL, "a", start_response=False)
    await transport.request_response()
    assert transport.commands[-1].name == "request_response"


async def test_a_command_can_be_let_fail():
    transport = await connected(fail("send_message", RuntimeError("too long")), emit(text("on")), expect("interrupt"))
    with pytest.raises(RuntimeError, match="too long"):
        await transport.send_message("hi")
    await soon()
    assert words(transport) == ["on"]
    await transport.interrupt()
    transport.assert_complete()


async def test_a_surprise_names_what_was_expected_and_what_came():
    transport = await connected(expect("send_message", message="hello"), expect("interrupt"))
    with pytest.raises(UnexpectedCommand) as caught:
        await transport.request_response()
    told = str(caught.value)
    assert "expects send_message(message='hello', …) (step 1 of 2)" in told
    assert "request_response(response=None) came" in told


async def test_a_surprise_after_the_end_says_what_to_add():
    transport = await connected()
    with pytest.raises(UnexpectedCommand, match=r"over after 0 steps.*Add expect\('send_message'\).*allow="):
        await transport.send_message("hi")


async def test_a_surprise_that_was_swallowed_is_told_at_the_end():
    transport = await connected(expect("interrupt"))
    with contextlib.suppress(Exception):
        await transport.send_message("hi")
    await transport.interrupt()
    with pytest.raises(UnexpectedCommand):
        transport.assert_complete()
    with pytest.raises(UnexpectedCommand):
        await transport.completed()
    with pytest.raises(UnexpectedCommand):
        await transport.received("send_audio")


async def test_steps_that_were_never_reached_are_told():
    transport = await connected(expect("interrupt"), expect("send_message"))
    await transport.interrupt()
    with pytest.raises(
        IncompleteScript, match=r"waits for send_message\(…\) \(step 2 of 2\).*came: connect.*interrupt"
    ):
        transport.assert_complete()


async def test_what_is_allowed_may_come_at_any_time():
    transport = await connected(expect("interrupt"), allow={"send_audio"})
    for _ in range(3):
        await transport.send_audio(b"\0\0")
    await transport.interrupt()
    await transport.send_audio(b"\0\0")
    transport.assert_complete()


async def test_without_strictness_other_commands_are_let_through():
    transport = await connected(expect("interrupt", emit=text("stopped")), strict=False)
    await transport.send_message("hi")
    await transport.interrupt()
    await transport.completed()
    assert words(transport) == ["stopped"]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: expect("send_mesage"), "Did you mean 'send_message'"),
        (lambda: fail("on", RuntimeError()), "there is no command 'on'"),
        (lambda: expect("send_message", text="hi"), "send_message has no argument 'text'.*message, respond"),
    ],
)
def test_a_step_that_no_command_can_meet_is_refused_when_it_is_written(make, told):
    with pytest.raises(ContractError, match=told):
        make()


async def test_a_command_is_waited_for():
    transport = await connected(expect("send_message"), expect("send_message"))

    async def talk():
        await transport.send_message("one")
        await asyncio.sleep(0)
        await transport.send_message("two")

    talking = asyncio.create_task(talk())
    assert (await transport.received("send_message", 2)).arguments["message"] == "two"
    await talking


async def test_a_command_that_does_not_come_is_told_in_time():
    transport = await connected(expect("send_message"))
    with pytest.raises(IncompleteScript, match=r"waited 0.01 s for send_message to come 1 times.*came: connect"):
        await transport.received("send_message", timeout_s=0.01)
    with pytest.raises(IncompleteScript, match="the script to be over"):
        await transport.completed(timeout_s=0.01)


# Records.


async def test_a_record_is_a_copy():
    transport = await connected(strict=False)
    event = {"type": "x", "inner": {"n": 1}}
    assert await transport.send_event(event)
    event["inner"]["n"] = 2
    assert transport.commands[-1].arguments["event"] == {"type": "x", "inner": {"n": 1}}
    with pytest.raises(TypeError):
        transport.commands[-1].arguments["event"] = {}


async def test_no_record_holds_a_secret():
    mcp = {"type": "mcp", "server_label": "s", "authorization": KEY, "headers": {"X-Key": KEY}}
    options = ConnectOptions(
        api_key=KEY,
        url=f"wss://there/v1?key={KEY}",
        config=SessionConfig(tools=(mcp,), provider={"api_key": KEY}),
        resume=ResumeHandle(transport="scripted", value=KEY),
    )
    transport = ScriptedTransport(
        [expect("connect", options=options), expect("send_event", event={"session": {"tools": [mcp]}})]
    )
    await transport.connect(options)
    await transport.send_event({"session": {"tools": [mcp]}})
    transport.assert_complete()
    seen = transport.commands[0].arguments["options"]
    assert (seen.url, seen.resume.transport) == ("wss://there/v1", "scripted")
    assert KEY not in repr([(command.arguments, seen.resume.value, seen.url) for command in transport.commands])
    assert seen.config.tools[0]["server_label"] == "s"


async def test_no_message_shows_audio():
    transport = await connected(expect("send_message"))
    with pytest.raises(UnexpectedCommand, match="<4 bytes>"):
        await transport.send_audio(b"abcd")


# With a session.


async def test_a_session_of_a_script():
    heard = []
    script = [
        expect(
            "send_message",
            message="Hello",
            emit=[
                TurnStarted(turn_id="1"),
                AudioEvent(data=b"\0\0" * 240),
                text("Hi!"),
                TurnDone(turn_id="1"),
            ],
        )
    ]
    transport = ScriptedTransport(script)
    async with RealtimeSession(RealtimeAgent(name="A", instructions="Be kind."), transport=transport) as session:
        session.on("output_text_delta", lambda event: heard.append(event.text))
        await session.send_message("Hello")
        await transport.completed()
    assert heard == ["Hi!"]
    assert transport.commands[0].arguments["options"].config.instructions == "Be kind."
    transport.assert_complete()
