"""offhook.tracing: every event and command as a line, and nothing in it that is anybody's business."""

from __future__ import annotations

import asyncio
import logging
import re
import subprocess
import sys

import pytest
from attrs import define, field, fields, fields_dict

from offhook import events as e
from offhook.capabilities import Capabilities
from offhook.emitter import Emitter
from offhook.errors import NotConnected
from offhook.hookspecs import ConnectOptions, RealtimeTransportEventTypes, event_names
from offhook.items import MessageItem, OutputText
from offhook.loopback import Loopback
from offhook.observers import observe_session
from offhook.plugins import make_transport
from offhook.session.events import AudioStart, RealtimeSessionEventTypes
from offhook.settings import Settings
from offhook.tracing import trace, wanted

PATIENCE_S = 5.0
SECRET = "NEVER-SHOWN"


@pytest.fixture
def lines(caplog):
    """The lines so far, without the name of the transport."""
    caplog.set_level(logging.INFO)
    return lambda: [
        re.sub(r"^loopback#\d{4} ", "", record.getMessage())
        for record in caplog.records
        if record.name == "offhook.trace"
    ]


@pytest.fixture
def transport():
    traced = Loopback()
    trace(traced)
    return traced


# When.


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("yes", True), ("0", False), ("", False), (None, False)])
def test_one_variable_switches_it_on(monkeypatch, value, expected):
    monkeypatch.delenv("OFFHOOK_TRACE", raising=False)
    if value is not None:
        monkeypatch.setenv("OFFHOOK_TRACE", value)
    assert wanted() is expected
    assert make_transport("loopback", settings=Settings())._emitter.wants("raw_event") is expected


def test_switched_off_a_transport_is_what_its_plugin_made(monkeypatch):
    monkeypatch.delenv("OFFHOOK_TRACE", raising=False)
    transport = make_transport("loopback", settings=Settings())
    assert type(transport) is Loopback
    assert not any(transport._emitter.wants(name) for name in event_names(RealtimeTransportEventTypes))


def test_a_traced_transport_is_still_of_its_class(transport):
    assert isinstance(transport, Loopback)
    assert type(transport).__qualname__ == "Loopback"


def test_tracing_twice_writes_once(transport, lines):
    trace(transport)
    transport._emit(e.TurnStarted(turn_id="t"))
    assert lines() == ["event turn_started turn_id=t"]


def test_a_transport_made_by_hand_is_traced_once_a_session_has_it(monkeypatch, lines):
    monkeypatch.setenv("OFFHOOK_TRACE", "1")
    transport, session = Loopback(), Emitter(RealtimeSessionEventTypes)
    observe_session(transport, session.on)
    transport._emit(e.TurnStarted(turn_id="t"))
    session.emit(e.TurnStarted(turn_id="t"))
    session.emit(AudioStart(agent=None))
    assert lines() == ["event turn_started turn_id=t", "session audio_start"]


def test_lines_go_to_stderr_where_nobody_set_up_logging():
    program = "import offhook; t = offhook.make_transport('loopback'); t._emit(offhook.TurnStarted(turn_id='t'))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"OFFHOOK_TRACE": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == ""
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3} loopback#\d{4} event turn_started turn_id=t\n", done.stderr), (
        done.stderr
    )


# What.


async def test_a_conversation_is_events_and_commands_in_order(transport, lines):
    async with asyncio.timeout(PATIENCE_S):
        await transport.connect()
        done = transport.events("turn_done")
        await transport.send_message(SECRET)
        await anext(done)
        await transport.close()
    told = [re.sub(r" \d+\.\d+ms", " ms", line) for line in lines() if "raw_event" not in line]
    assert told[0] == "event connection_change status=connecting"
    assert "command connect ms" in told
    assert "command send_message message=<11 characters> ms" in told
    assert "event output_text_delta text=<11 characters> item_id=item_6 response_id=resp_5 turn_id=resp_5" in told
    assert told[-2:] == [
        "event connection_change status=disconnected reason=requested finalised=True",
        "command close ms",
    ]
    assert SECRET not in "\n".join(lines())


async def test_a_command_that_raises_says_what(transport, lines):
    with pytest.raises(NotConnected):
        await transport.send_audio(bytes(960), commit=True)
    [line] = lines()
    assert re.fullmatch(r"command send_audio audio=<960 bytes> commit=True \d+\.\dms NotConnected", line)


async def test_a_command_called_wrongly_raises_as_it_would(transport):
    with pytest.raises(TypeError):
        await transport.send_audio()


async def test_a_cancelled_command_is_a_line_too(lines):
    class Slow(Loopback):
        async def mute(self, muted):
            started.set()
            await asyncio.Event().wait()

    started, transport = asyncio.Event(), Slow()
    trace(transport)
    task = asyncio.create_task(transport.mute(True))
    async with asyncio.timeout(PATIENCE_S):
        await started.wait()
        task.cancel()
        await asyncio.wait({task})
    assert task.cancelled()
    assert lines()[0].endswith("ms CancelledError")


def test_frames_are_told_by_type_and_ids_and_how_much_sound_they_carry(transport, lines):
    payload = {"type": "response.output_audio.delta", "item_id": "i", "delta": SECRET, "part": {"transcript": SECRET}}
    transport._emit(e.RawEvent(payload=payload, audio_ms=20.0))
    transport._emit(e.RawEvent(payload={"serverContent": {"text": SECRET}, "usageMetadata": {}}))
    assert lines() == [
        "event raw_event type=response.output_audio.delta item_id=i audio=20ms",
        "event raw_event keys=serverContent,usageMetadata",
    ]


def test_an_item_is_told_by_its_id(transport, lines):
    item = MessageItem(item_id="item_1", role="assistant", content=(OutputText(text=SECRET),))
    transport._emit(e.ItemUpdate(item=item))
    assert lines() == ["event item_update item=<MessageItem item_1>"]


def test_a_digit_that_somebody_dialled_is_not_told(transport, lines):
    transport._emit(e.Dtmf(key="7"))
    assert lines() == ["event dtmf key=<1 characters>"]


def test_a_word_that_is_none_is_measured(transport, lines):
    transport._emit(e.TurnDone(turn_id="t", status="failed", reason=f"a sentence with {SECRET}"))
    assert lines() == ["event turn_done turn_id=t status=failed reason=<27 characters>"]


def filled(cls):
    """An event with the secret in every field that can hold text, and in no id."""
    values = {}
    for entry in fields(cls):
        kind = str(entry.type)
        if entry.name.endswith("_id") or "Literal" in kind or "Status" in kind:
            continue
        if kind.startswith("str"):
            values[entry.alias] = f"{SECRET} and more"
        elif "Mapping" in kind:
            values[entry.alias] = {SECRET: SECRET, "type": "t"}
        elif kind.startswith("tuple"):
            values[entry.alias] = (SECRET,)
        elif kind == "bytes":
            values[entry.alias] = SECRET.encode()
        elif "ResumeHandle" in kind:
            values[entry.alias] = e.ResumeHandle(transport="x", value=SECRET)
        elif "BaseException" in kind:
            values[entry.alias] = ValueError(SECRET)
    needed = {"turn_id": "t", "item_id": "i", "call_id": "c", "segment_id": "s", "work_id": "w", "item": None}
    needed |= {"status": "connected", "epoch": 1, "time_left_ms": 1}
    return cls(**{name: value for name, value in {**needed, **values}.items() if name in fields_dict(cls)})


EVENTS = [
    cls for cls in vars(e).values() if isinstance(cls, type) and issubclass(cls, e.Event) and hasattr(cls, "hook")
]


@pytest.mark.parametrize("cls", EVENTS, ids=lambda cls: cls.hook)
def test_p11_no_event_shows_content(cls, transport, lines):
    """P11: whatever an event holds, its line has names, ids, sizes and times."""
    transport._emit(filled(cls))
    [line] = [line for line in lines() if line.startswith(f"event {cls.hook}")]
    assert SECRET not in line


async def test_p11_no_command_shows_content(transport, lines):
    """P11: keys, messages, outputs and reasons are measured at most."""
    await asyncio.gather(
        transport.send_message(MessageItem(item_id="i", role="user", content=(OutputText(text=SECRET),))),
        transport.send_event({"type": "session.update", "key": SECRET}),
        transport.send_function_call_output(e.FunctionCall(call_id="c", name="f", arguments=SECRET), SECRET),
        transport.send_mcp_response(None, False, SECRET),
        transport.request_response({"instructions": SECRET}),
        return_exceptions=True,
    )
    async with asyncio.timeout(PATIENCE_S):
        await transport.connect(ConnectOptions(api_key=SECRET, url=f"ws://{SECRET}", model=SECRET))
        await transport.close()
    told = "\n".join(lines())
    assert "call=<FunctionCall c> output=<11 characters>" in told
    assert "reason=<11 characters>" in told
    assert "connect options=<ConnectOptions>" in told
    assert SECRET not in told


# On what.


def test_a_class_with_slots_is_traced(caplog):
    caplog.set_level(logging.INFO)

    @define
    class Slotted:
        name: str = "slotted"
        capabilities: Capabilities = field(factory=Capabilities)

        def on(self, name, listener):
            return lambda: None

        async def close(self, *, timeout_s=5.0):
            return None

    transport = Slotted()
    trace(transport)
    asyncio.run(transport.close(timeout_s=1.0))
    assert "command close timeout_s=1.0" in caplog.text


def test_a_class_that_cannot_be_derived_from_is_said_to_be_so(caplog):
    caplog.set_level(logging.INFO)

    class Childless(Loopback):
        def __init_subclass__(cls):
            raise TypeError("no heirs")

    transport = Childless()
    trace(transport)
    assert "its commands cannot be traced: no heirs" in caplog.text
    transport._emit(e.TurnStarted(turn_id="t"))
    assert "event turn_started turn_id=t" in caplog.text
