"""offhook.realtime.connection and transport: a connection from its first moment to its last, whatever happens in between (P1, P2)."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import re

import pytest

from offhook import events as e
from offhook.audio.formats import PCM16_24K, PCMU
from offhook.config import AudioConfig, AudioInput, AudioOutput, SessionConfig
from offhook.errors import (
    AlreadyConnected,
    AuthenticationError,
    ConfigRejected,
    ConnectCancelled,
    ConnectError,
    ImmutableConfig,
    NotConnected,
    Unsupported,
)
from offhook.hookspecs import ConnectOptions
from offhook.items import InputImage, InputText, McpApprovalRequestItem, MessageItem
from offhook.realtime.capabilities import REALTIME_CAPABILITIES

PATIENCE_S = 5.0
SESSION = {"type": "session.updated", "event_id": "e", "session": {"id": "sess_1"}}
CALL = e.FunctionCall(call_id="c", name="n", arguments="{}")
APPROVAL = McpApprovalRequestItem(item_id="a", server_label="s", name="n", arguments="{}")


@pytest.fixture
def transport(wire):
    return wire.transport()


@pytest.fixture(autouse=True)
def nobody_waits_for_a_peer_that_does_not_read(monkeypatch):
    monkeypatch.setattr("offhook.wire.connection._HANG_UP_S", 0.01)


@pytest.fixture(autouse=True)
def keys_are_never_told(caplog, wire):
    """P11: not at DEBUG, not by asyncio, not by us."""
    caplog.set_level(logging.DEBUG)
    yield
    assert not [record for record in caplog.get_records("call") if wire.key in logging.Formatter().format(record)]


async def soon(awaitable):
    return await asyncio.wait_for(awaitable, PATIENCE_S)


def nothing_is_left_running():
    assert asyncio.all_tasks() == {asyncio.current_task()}


def audio_delta(ms, response="r", item="i"):
    delta = base64.b64encode(bytes(PCM16_24K.size(ms))).decode()
    where = {"response_id": response, "item_id": item, "output_index": 0, "content_index": 0}
    return {"type": "response.output_audio.delta", "delta": delta, **where}


def created(response="r"):
    return {"type": "response.created", "response": {"id": response, "status": "in_progress"}}


def done(response="r"):
    return {"type": "response.done", "response": {"id": response, "status": "completed"}}


# The way in.


async def test_p01_connect_dials_introduces_itself_and_resolves_when_it_was_accepted(wire, record):
    """P1: exactly once, with the session ready by then."""
    transport = wire.transport(headers={"X-Mine": "1"})
    events = record(transport)
    await transport.connect(ConnectOptions(config=SessionConfig(instructions="Be brief.")))
    [request] = wire.requests
    assert request.url == "ws://nowhere/v1/realtime?model=gpt-realtime"
    assert (request.api_key, request.headers, request.call_id) == (wire.key, {"X-Mine": "1"}, None)
    assert request.session == {"instructions": "Be brief."}
    [update] = wire.far.sent
    assert (update["type"], update["session"]) == ("session.update", {"type": "realtime", "instructions": "Be brief."})
    assert [type(event).__name__ for event in events] == [
        "ConnectionChange",
        "ConnectionChange",
        "RawEvent",
        "SessionUpdated",
        "SessionReady",
    ]
    assert events.statuses == ["connecting", "connected"]
    assert transport.status == "connected"
    await transport.close()
    nothing_is_left_running()


async def test_b17_connect_waits_for_the_acceptance(wire, transport):
    """B17, as offhook has it: it resolves on ``session.updated``, not before."""
    wire.answer = wire.ignore
    connecting = asyncio.create_task(transport.connect())
    await soon(wire.dialled.wait())
    await soon(asyncio.sleep(0))
    await wire.far.received("session.update")
    wire.far.say({"type": "session.created", "session": {"id": "sess_1"}})
    await asyncio.sleep(0)
    assert not connecting.done()
    wire.far.say(SESSION)
    await soon(connecting)
    await transport.close()


async def test_b17_without_an_acceptance_connect_goes_on_with_a_warning(wire, record, caplog):
    """B17: after the configurable time, with what was asked for as the best knowledge."""
    wire.answer = wire.ignore
    transport = wire.transport(ack_timeout_s=0.01)
    events = record(transport)
    await transport.connect(ConnectOptions(config=SessionConfig(audio=AudioConfig(input=AudioInput(format=PCMU)))))
    assert "config_not_acknowledged" in caplog.text
    [ready] = events.of(e.SessionReady)
    assert (ready.session_id, ready.input_format) == (None, PCMU)
    wire.far.say(SESSION)
    await events.until(e.SessionUpdated)
    assert len(events.of(e.SessionReady)) == 1
    await transport.close()


async def test_b17_a_service_that_does_not_even_read_the_config_holds_nobody_up(wire):
    """B17: the same time is all it gets; what it was told is still on its way, in order."""
    wire.reads = False
    transport = wire.transport(ack_timeout_s=0.01)
    await soon(transport.connect())
    sending = asyncio.create_task(transport.send_message("Hi", respond=False))
    wire.far.reads.set()
    await soon(sending)
    assert wire.far.kinds == ["session.update", "conversation.item.create"]
    await transport.close()


async def test_the_history_goes_out_after_the_config_and_before_anything_else(wire, transport):
    history = [MessageItem(item_id=str(n), role="user", content=(InputText(str(n)),)) for n in range(3)]
    transport.on(
        "connection_change",
        lambda event: tasks.append(asyncio.create_task(late())) if event.status == "connected" else None,
    )
    tasks = []

    async def late():
        await transport.send_message("late")

    await transport.connect(ConnectOptions(initial_history=history))
    await soon(asyncio.gather(*tasks))
    assert wire.far.kinds == ["session.update", *["conversation.item.create"] * 4, "response.create"]
    assert wire.far.sent[-2]["item"]["content"][0]["text"] == "late"
    await transport.close()


@pytest.mark.parametrize(
    ("asked", "configured", "named"),
    [
        (None, None, "gpt-realtime"),
        ("asked", None, "asked"),
        (None, "configured", "configured"),
        ("asked", "configured", "asked"),
    ],
)
async def test_the_address_and_the_config_name_the_same_model(wire, asked, configured, named):
    transport = wire.transport()
    session = SessionConfig(model=configured) if configured else SessionConfig()
    await transport.connect(ConnectOptions(model=asked, config=session))
    assert wire.requests[0].url.endswith(f"?model={named}")
    told = wire.far.sent[0]["session"].get("model")
    assert told == wire.requests[0].session.get("model") == (named if configured else None)
    await transport.close()


async def test_what_connect_is_told_beats_what_the_transport_was_made_with(wire, transport):
    await transport.connect(ConnectOptions(url="https://elsewhere/v1", call_id="rtc_1", api_key="sk-other"))
    [request] = wire.requests
    assert (request.url, request.api_key) == ("wss://elsewhere/v1/realtime?call_id=rtc_1", "sk-other")
    assert request.call_id == "rtc_1"
    await transport.close()
    await transport.connect()
    assert wire.requests[1].url == "ws://nowhere/v1/realtime?model=gpt-realtime"
    await transport.close()


async def test_a_key_function_is_asked_at_every_connect(wire):
    """And its answer is kept no longer."""
    keys = iter(["sk-first", "sk-second", "sk-third"])

    async def later():
        await asyncio.sleep(0)
        return next(keys)

    transport = wire.transport(api_key=lambda: next(keys))
    for options in (None, ConnectOptions(api_key=later), None):
        await transport.connect(options)
        await transport.close()
    assert [request.api_key for request in wire.requests] == ["sk-first", "sk-second", "sk-third"]


# Ways that end before they led anywhere.


def key_fails(wire):
    def key():
        raise LookupError(wire.key)

    return {"api_key": key}, ConnectError, "LookupError"


def address_is_none(wire):
    return {"url": "nowhere"}, ConnectError, "not an address"


def dialling_fails(wire):
    wire.error = ConnectError("nobody there", status=503, code="down")
    return {}, ConnectError, "nobody there"


def dialling_is_refused(wire):
    wire.error = AuthenticationError("not you", status=401)
    return {}, AuthenticationError, "not you"


def dialling_breaks(wire):
    wire.error = ZeroDivisionError("odd")
    return {}, ConnectError, "ZeroDivisionError: odd"


def config_is_refused(wire):
    wire.answer = wire.refuse
    return {}, ConfigRejected, "refused the session config: no Mend what it names"


def config_is_no_json(wire):
    return {"config": SessionConfig(instructions=object())}, ConnectError, "TypeError"


def _tells_then_closes(error, code):
    def arrange(wire):
        def answer(frame):
            wire.far.say({"type": "error", "error": error})
            wire.far.hang_up(code)
            return []

        wire.answer = answer

    return arrange


def key_is_refused_late(wire):
    error = {"type": "invalid_request_error", "code": "invalid_api_key", "message": "Incorrect API key."}
    _tells_then_closes(error, 3000)(wire)
    return {}, AuthenticationError, r"Incorrect API key\. Check the API key"


def key_is_refused_and_nobody_hangs_up(wire):
    error = {"type": "invalid_request_error", "code": "invalid_api_key", "message": "Incorrect API key."}
    wire.answer = lambda _: [{"type": "error", "error": error}]
    return {}, AuthenticationError, "Incorrect API key"


def service_tells_and_closes(wire):
    _tells_then_closes({"type": "server_error", "code": "overloaded", "message": "Too much."}, 1011)(wire)
    return {}, ConnectError, r"Too much\. Check the model"


def _closes(code, reason=""):
    def answer_of(wire):
        def answer(frame):
            wire.far.hang_up(code, reason)
            return []

        return answer

    return answer_of


def service_hangs_up(wire):
    wire.answer = _closes(1000)(wire)
    return {}, ConnectError, r"before the session began: it closed the connection \(close code 1000\)"


def service_is_lost(wire):
    wire.answer = _closes(1006, "gone")(wire)
    return {}, ConnectError, r"close code 1006: gone\)\. Try again"


FAILURES = [
    key_fails,
    address_is_none,
    dialling_fails,
    dialling_is_refused,
    dialling_breaks,
    config_is_refused,
    config_is_no_json,
    key_is_refused_late,
    key_is_refused_and_nobody_hangs_up,
    service_tells_and_closes,
    service_hangs_up,
    service_is_lost,
]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.__name__)
async def test_p01_p02_a_connect_that_fails_says_why_and_can_be_tried_again(wire, record, failure):
    """P1, P2: an error first, then ``disconnected``; nothing stays open, nothing keeps running, the next try works."""
    told, kind, words = failure(wire)
    transport = wire.transport()
    events = record(transport)
    with pytest.raises(kind, match=words) as caught:
        await soon(transport.connect(ConnectOptions(**told)))
    assert type(caught.value) is kind
    assert wire.key not in str(caught.value) + repr(caught.value)
    assert transport.status == "disconnected"
    assert events.statuses in (["connecting", "disconnected"], ["connecting", "connected", "disconnected"])
    fatal = [event for event in events.of(e.ErrorEvent) if event.fatal]
    assert [(event.message, event.code) for event in fatal] == [(str(caught.value), caught.value.code)]
    assert events.index(fatal[0]) < events.index(events.of(e.ConnectionChange)[-1])
    assert events[-1].reason == "error"
    assert all(channel.close_code is not None for channel in wire.channels)
    nothing_is_left_running()

    wire.error, wire.answer = None, wire.accept
    await soon(transport.connect())
    assert transport.status == "connected"
    await transport.close()
    nothing_is_left_running()


# Closing and giving up, at every moment.


class Moment:
    """A place where ``connect()`` waits."""

    def __init__(self, wire):
        self.wire = wire
        self.key = asyncio.Event()
        self.release = asyncio.Event()

    async def _key(self):
        self.key.set()
        await self.release.wait()
        return "sk-late"

    async def before_it_began(self, transport):
        return asyncio.create_task(transport.connect())

    async def while_the_task_is_young(self, transport):
        connecting = asyncio.create_task(transport.connect())
        await asyncio.sleep(0)
        return connecting

    async def while_the_key_is_fetched(self, transport):
        connecting = asyncio.create_task(transport.connect(ConnectOptions(api_key=self._key)))
        await soon(self.key.wait())
        return connecting

    async def while_dialling(self, transport):
        self.wire.open.clear()
        connecting = asyncio.create_task(transport.connect())
        await soon(self.wire.dialled.wait())
        return connecting

    async def while_the_config_is_not_read(self, transport):
        self.wire.reads = False
        return await self._dialled(transport)

    async def while_the_config_is_not_accepted(self, transport):
        self.wire.answer = self.wire.ignore
        connecting = await self._dialled(transport)
        await self.wire.far.received("session.update")
        return connecting

    async def _dialled(self, transport):
        connected = asyncio.Event()
        stop = transport.on("connection_change", lambda event: connected.set() if event.status == "connected" else None)
        connecting = asyncio.create_task(transport.connect())
        await soon(connected.wait())
        stop()
        return connecting

    def let_go(self):
        self.release.set()
        self.wire.open.set()
        self.wire.reads, self.wire.answer = True, self.wire.accept
        for channel in self.wire.channels:
            channel.reads.set()


ONE = ["connecting", "connected", "disconnecting", "disconnected"]
MOMENTS = [
    "while_the_task_is_young",
    "while_the_key_is_fetched",
    "while_dialling",
    "while_the_config_is_not_read",
    "while_the_config_is_not_accepted",
]


@pytest.mark.parametrize("moment", MOMENTS)
async def test_p01_b22_closing_while_connecting_cancels_it(wire, record, moment):
    """P1, P2, B22: connect raises, close returns when all is gone, no later socket stays open; then it works."""
    transport, place = wire.transport(), Moment(wire)
    events = record(transport)
    connecting = await getattr(place, moment)(transport)
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(transport.close(), transport.close())
    assert transport.status == "disconnected"
    with pytest.raises(ConnectCancelled, match=r"Call connect\(\) to try again"):
        await soon(connecting)
    place.let_go()
    assert events.statuses[-1] == "disconnected"
    assert (events[-1].reason, events.of(e.ErrorEvent)) == ("requested", [])
    assert all(channel.close_code is not None for channel in wire.channels)
    nothing_is_left_running()
    await soon(transport.connect())
    await transport.close()


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("moment", ["before_it_began", *MOMENTS])
async def test_p01_giving_up_while_connecting_leaves_nothing(wire, record, moment, times):
    """P1: an outer time-out or cancellation, be it impatient twice."""
    transport, place = wire.transport(), Moment(wire)
    events = record(transport)
    connecting = await getattr(place, moment)(transport)
    for _ in range(times):
        connecting.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await soon(connecting)
    await soon(transport.close())
    place.let_go()
    assert transport.status == "disconnected"
    assert events.statuses in ([], [*ONE[:1], ONE[-1]], [*ONE[:2], ONE[-1]], ONE)
    assert all(channel.close_code is not None for channel in wire.channels)
    await asyncio.sleep(0)
    nothing_is_left_running()
    await soon(transport.connect())
    await transport.close()


async def test_p01_giving_up_in_the_very_moment_of_success_leaves_nothing(wire, transport):
    """P1: whoever asked for the connection does not get it, so there is none."""
    accepted = asyncio.Event()
    transport.on("session_ready", lambda _: accepted.set())
    connecting = asyncio.create_task(transport.connect())
    await soon(accepted.wait())
    await asyncio.sleep(0)
    if not connecting.done():
        connecting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await soon(connecting)
    assert (transport.status == "disconnected") is connecting.cancelled()
    await transport.close()
    nothing_is_left_running()


@pytest.mark.parametrize("moment", MOMENTS)
async def test_b19_an_overlapping_connect_is_refused_and_the_first_one_goes_on(wire, moment):
    """B19, as offhook has it: on every transport."""
    transport, place = wire.transport(), Moment(wire)
    connecting = await getattr(place, moment)(transport)
    with pytest.raises(AlreadyConnected, match="that connection goes on"):
        await transport.connect()
    place.let_go()
    if wire.channels:
        wire.far.say(SESSION)
    await soon(connecting)
    with pytest.raises(AlreadyConnected, match="is connected"):
        await transport.connect()
    assert transport.status == "connected"
    assert len(wire.channels) == 1
    await transport.close()


async def test_b20_a_failed_attempt_changes_no_default_and_who_hears_of_its_end_may_try_again_at_once(wire):
    """B20: url, model and key of the attempt were for it alone."""
    transport, wire.error = wire.transport(), ConnectError("nobody there")
    retries = []

    def retry(event):
        if event.status == "disconnected" and not retries:
            wire.error = None
            retries.append(asyncio.create_task(transport.connect()))

    transport.on("connection_change", retry)
    other = ConnectOptions(url="ws://elsewhere/v1", model="other", api_key="sk-other")
    with pytest.raises(ConnectError, match="nobody there"):
        await soon(transport.connect(other))
    await soon(retries[0])
    assert transport.status == "connected"
    assert [(request.url, request.model, request.api_key) for request in wire.requests] == [
        ("ws://elsewhere/v1/realtime?model=other", "other", "sk-other"),
        ("ws://nowhere/v1/realtime?model=gpt-realtime", "gpt-realtime", wire.key),
    ]
    await transport.close()
    nothing_is_left_running()


# The way out.


async def test_p02_closing_says_goodbye_once_and_is_idempotent(wire, record, transport):
    """P2: however many close, and whenever."""
    events = record(transport)
    await transport.close()
    await transport.connect()
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*(transport.close() for _ in range(3)))
    await transport.close()
    assert events.statuses == ["connecting", "connected", "disconnecting", "disconnected"]
    last = events[-1]
    assert (last.reason, last.finalised, last.recoverable, last.code) == ("requested", True, False, None)
    assert wire.far.close_code == 1000
    assert events.of(e.ErrorEvent) == []
    nothing_is_left_running()


async def test_p02_a_peer_that_does_not_read_cannot_keep_us(wire, record, transport):
    """P2: closing takes no longer than it was given, and says that the end was not confirmed."""
    events = record(transport)
    await transport.connect()
    wire.far.reads.clear()
    await soon(transport.close(timeout_s=0.01))
    assert (events[-1].status, events[-1].finalised) == ("disconnected", False)
    nothing_is_left_running()


async def test_p02_a_close_that_is_given_up_goes_on_and_the_next_one_waits_for_it(wire, transport):
    """P2: impatience with ``close()`` leaves no transport that hangs for ever."""
    await transport.connect()
    wire.far.reads.clear()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(transport.close(), 0.01)
    assert transport.status == "disconnecting"
    with pytest.raises(AlreadyConnected, match="disconnecting"):
        await transport.connect()
    again = asyncio.create_task(transport.close())
    await asyncio.sleep(0)
    wire.far.reads.set()
    await soon(again)
    assert transport.status == "disconnected"
    nothing_is_left_running()


async def test_p02_closing_wakes_every_waiter(wire, transport):
    """P2: commands that wait for a peer, and whoever iterates."""
    await transport.connect()
    iterating = asyncio.create_task(anext(transport.events("turn_done"), "the end"))
    wire.far.reads.clear()
    sending = [asyncio.create_task(transport.send_message(text)) for text in "ab"]
    await asyncio.sleep(0)
    await soon(transport.close(timeout_s=0.01))
    for task in sending:
        with pytest.raises(NotConnected):
            await soon(task)
    assert await soon(iterating) == "the end"
    nothing_is_left_running()


async def test_p02_closing_while_a_loss_is_cleaned_up_waits_for_that(wire, record, transport):
    """P2: the loss is told once, and close returns when it is."""
    events = record(transport)
    await transport.connect()
    wire.far.reads.clear()
    transport._outbox.post('{"type": "stuck"}')
    wire.far.hang_up(1006)
    wire.far.reads.clear()
    closing = [asyncio.create_task(transport.close()) for _ in range(3)]
    await soon(asyncio.gather(*closing))
    assert events.statuses.count("disconnected") == 1
    nothing_is_left_running()


HUNG_UP = {"reason": "remote_hangup", "finalised": True}
LOST = {"reason": "lost", "recoverable": True}


@pytest.mark.parametrize(
    ("code", "told", "error"),
    [
        (1000, HUNG_UP, None),
        (1001, {**HUNG_UP, "recoverable": True}, None),
        (1006, LOST, r"lost \(close code 1006\)\. Connect again to go on\."),
        (1009, LOST, r"close code 1009: why\)\. .*raise the transport's max_size"),
        (1011, LOST, r"close code 1011: why\)\."),
    ],
)
async def test_b21_a09_p12_a_lost_connection_is_told_error_first(wire, record, code, told, error):
    """B21, A9, P12: never silence; a goodbye on purpose is no error; then it can be connected again."""
    transport = wire.transport()
    events = record(transport)
    await transport.connect()
    wire.far.hang_up(code, "" if code == 1006 else "why")
    change = await events.until(e.ConnectionChange, 3)
    assert change == e.ConnectionChange(status="disconnected", code=code, **told)
    assert events[-1] is change
    if error is None:
        assert events.of(e.ErrorEvent) == []
    else:
        assert events.of(e.ErrorEvent) == [events[-2]]
        assert events[-2].fatal
        assert re.search(error, events[-2].message)
    with pytest.raises(NotConnected):
        await transport.send_message("anyone?")
    await soon(transport.close())
    nothing_is_left_running()
    await soon(transport.connect())
    await transport.close()


@pytest.mark.parametrize(
    ("code", "reason", "recoverable"),
    [("session_expired", "expired", True), ("insufficient_quota", "lost", False), ("server_error", "lost", True)],
)
async def test_p12_what_the_service_said_last_decides_whether_trying_again_may_help(
    wire, record, code, reason, recoverable
):
    """P12: a fatal code is never retried."""
    transport = wire.transport()
    events = record(transport)
    await transport.connect()
    wire.far.say({"type": "error", "error": {"type": "x", "code": code, "message": "m"}})
    wire.far.hang_up(1011)
    change = await events.until(e.ConnectionChange, 3)
    assert (change.reason, change.recoverable) == (reason, recoverable)
    assert [error.fatal for error in events.of(e.ErrorEvent)] == [False, True]


async def test_p12_a_channel_that_breaks_in_its_own_way_is_a_lost_connection(wire, record, transport):
    """P12: whatever it raises, it does not end in silence."""
    events = record(transport)
    await soon(transport.connect())
    wire.far.break_down(RuntimeError("the cable"))
    change = await events.until(e.ConnectionChange, 3)
    [error] = events.of(e.ErrorEvent)
    assert (change.reason, change.recoverable, error.fatal) == ("lost", True, True)
    assert "RuntimeError: the cable" in error.message
    assert isinstance(error.cause, RuntimeError)
    nothing_is_left_running()


async def test_nothing_of_an_old_connection_reaches_the_new_one(wire, record, transport):
    """Upstream's defect 10: a remembered session survives a reconnect."""
    await transport.connect()
    wire.far.say({"type": "session.updated", "session": {"audio": {"output": {"format": {"type": "audio/pcmu"}}}}})
    wire.far.say(created("old"))
    events = record(transport)
    await events.until(e.TurnStarted)
    await transport.close()
    await transport.connect()
    await transport.request_response()
    assert wire.far.kinds[-1] == "response.create"
    wire.far.say(audio_delta(20))
    assert (await events.until(e.AudioEvent)).format == PCM16_24K
    await transport.close()


# Commands.

COMMANDS = {
    "send_event": ({"type": "x"},),
    "send_message": ("Hi",),
    "send_audio": (b"\0\0",),
    "add_image": (InputImage(image_url="data:x"),),
    "clear_audio": (),
    "request_response": (),
    "update_session_config": (SessionConfig(instructions="x"),),
    "send_function_call_output": (CALL, "o"),
    "send_mcp_response": (APPROVAL, True),
    "interrupt": (),
}


@pytest.mark.parametrize("command", COMMANDS)
async def test_b16_every_command_needs_a_connection(wire, transport, command):
    """B16, as offhook has it: audio too; before, while connecting, and after."""

    async def refused(status):
        with pytest.raises(NotConnected, match=rf"{command}\(\) needs a connection.*{status}|send_message\(\)"):
            await getattr(transport, command)(*COMMANDS[command])

    await refused("disconnected")
    wire.open.clear()
    connecting = asyncio.create_task(transport.connect())
    await soon(wire.dialled.wait())
    await refused("connecting")
    wire.open.set()
    await soon(connecting)
    await transport.close()
    await refused("disconnected")
    assert wire.far.kinds == ["session.update"]


@pytest.mark.parametrize(
    ("command", "arguments", "kinds"),
    [
        ("send_event", ({"type": "input_audio_buffer.clear"},), ["input_audio_buffer.clear"]),
        ("send_message", ("Hi",), ["conversation.item.create", "response.create"]),
        ("send_audio", (b"\0\0",), ["input_audio_buffer.append"]),
        ("add_image", (InputImage(image_url="data:x"),), ["conversation.item.create", "response.create"]),
        ("clear_audio", (), ["input_audio_buffer.clear"]),
        ("request_response", ({"instructions": "x"},), ["response.create"]),
        ("update_session_config", (SessionConfig(instructions="x"),), ["session.update"]),
        ("update_session_config", (SessionConfig(),), []),
        ("send_function_call_output", (CALL, "o"), ["conversation.item.create", "response.create"]),
        ("send_function_call_output", (CALL, "o", False), ["conversation.item.create"]),
        ("send_mcp_response", (APPROVAL, True), ["conversation.item.create"]),
        ("interrupt", (), []),
    ],
)
async def test_b11_a_command_returns_when_its_frames_are_on_the_wire(wire, transport, command, arguments, kinds):
    """B11: in order, all of them, before the call returns."""
    await transport.connect()
    await getattr(transport, command)(*arguments)
    assert wire.far.kinds[1:] == kinds
    await transport.close()


async def test_send_event_gives_the_id_it_used(wire, transport):
    await transport.connect()
    event_id = await transport.send_event({"type": "x"})
    assert wire.far.sent[-1] == {"type": "x", "event_id": event_id}
    assert await transport.send_event({"type": "x", "event_id": "mine"}) == "mine"
    await transport.close()


@pytest.mark.parametrize(("delivery", "replies"), [(None, 1), ("speak", 1), ("silent", 0)])
async def test_an_output_enters_the_talk_as_it_is_told(wire, transport, delivery, replies):
    await transport.connect()
    await transport.send_function_call_output(CALL, "o", delivery=delivery)
    assert wire.far.kinds.count("response.create") == replies
    await transport.close()


@pytest.mark.parametrize(
    "ask",
    [
        lambda t: t.mute(True),
        lambda t: t.send_function_call_output(CALL, "o", delivery="interrupt"),
        lambda t: t.send_function_call_output(CALL, "o", final=False),
    ],
)
async def test_p08_what_it_cannot_do_is_refused_before_anything_is_sent(wire, transport, ask):
    """P8 and rule (e) of the contract."""
    await transport.connect()
    with pytest.raises(Unsupported):
        await ask(transport)
    assert wire.far.kinds == ["session.update"]
    await transport.close()


async def test_a_config_that_cannot_change_is_refused_before_anything_is_sent(wire, transport):
    await transport.connect(ConnectOptions(config=SessionConfig(model="m")))
    with pytest.raises(ImmutableConfig):
        await transport.update_session_config(SessionConfig(model="n", instructions="x"))
    assert wire.far.kinds == ["session.update"]
    await transport.close()


def test_the_flags_say_what_the_methods_do(transport):
    assert transport.capabilities == REALTIME_CAPABILITIES
    assert transport.capabilities.request_response
    assert transport.muted is None


async def test_p06_what_a_sink_reports_is_what_the_model_is_told(wire, record, transport):
    """P6, B13: cancel, flush, truncate; the position is that of the sink."""
    events = record(transport)
    await transport.connect()
    wire.far.say(created())
    wire.far.say(audio_delta(1000))
    await events.until(e.AudioEvent)
    transport.played(120)
    await transport.interrupt()
    cancel, truncate = wire.far.sent[-2:]
    assert cancel["type"] == "response.cancel"
    assert (truncate["type"], truncate["audio_end_ms"]) == ("conversation.item.truncate", 120)
    assert events.of(e.AudioInterrupted)[0].heard_ms == 120
    await transport.close()


# A peer that does not read, and listeners that do not behave.


async def test_p09_a_peer_that_does_not_read_delays_its_sender_and_nobody_else(wire, record, transport):
    """P9: commands wait (backpressure is theirs), and the receive loop still delivers."""
    events = record(transport)
    await transport.connect()
    wire.far.reads.clear()
    sending = asyncio.create_task(transport.send_audio(bytes(4800)))
    wire.far.say(created())
    wire.far.say(audio_delta(100))
    await events.until(e.AudioEvent)
    assert not sending.done()
    interrupting = asyncio.create_task(transport.interrupt())
    await events.until(e.AudioInterrupted)
    assert not interrupting.done()
    wire.far.reads.set()
    await soon(asyncio.gather(sending, interrupting))
    assert wire.far.kinds[1:] == ["input_audio_buffer.append", "response.cancel", "conversation.item.truncate"]
    await transport.close()


async def test_p08_a_message_given_up_while_it_waited_goes_out_with_its_reply(wire, record, transport):
    """P8: or every later reply would wait for a create that nobody sent."""
    events = record(transport)
    await transport.connect()
    wire.far.reads.clear()
    audio = asyncio.create_task(transport.send_audio(b"\0\0"))
    await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(transport.send_message("Hi"), 0.01)
    wire.far.reads.set()
    await soon(audio)
    await wire.far.received("response.create")
    wire.far.say(created())
    wire.far.say(done())
    await events.until(e.TurnDone)
    await transport.request_response()
    assert wire.far.kinds.count("response.create") == 2
    await transport.close()


async def test_b05_p08_the_next_reply_goes_out_after_the_listeners_heard_of_the_last_one(wire, record, transport):
    """B5, B6: raw_event, turn_done, then the queued create, which no listener has to ask for."""
    events = record(transport)
    await transport.connect()
    await transport.request_response()
    wire.far.say(created())
    await events.until(e.TurnStarted)
    await transport.send_message("a")
    await transport.send_message("b")
    assert wire.far.kinds.count("response.create") == 1
    seen = []
    transport.on("turn_done", lambda _: seen.append(wire.far.kinds.count("response.create")))
    wire.far.say(done())
    await wire.far.received("response.create", 2)
    assert seen == [1]
    assert isinstance(events[-2], e.RawEvent)
    await transport.close()


@pytest.mark.parametrize("error", [RuntimeError("mine"), asyncio.CancelledError()])
async def test_p09_a_listener_that_fails_does_not_reach_the_receive_loop(wire, record, transport, error):
    """P9: nor the listener after it."""

    def failing(_):
        raise error

    transport.on("turn_started", failing)
    transport.on("*", failing)
    events = record(transport)
    await transport.connect()
    wire.far.say(created("r1"))
    wire.far.say(done("r1"))
    await events.until(e.TurnDone)
    assert [event.turn_id for event in events.of(e.TurnStarted)] == ["r1"]
    await transport.close()


async def test_p03_p04_b01_b02_every_frame_is_seen_raw_and_none_ends_the_conversation(wire, record, transport):
    """P3, P4, A5, A6, B1, B2: in order and unchanged; what is no JSON is not seen at all."""
    frames = [{"type": "unknown", "a": [1]}, {"no": "type"}, {"type": "response.created"}, created(), done()]
    events = record(transport)
    await transport.connect()
    for frame in frames:
        wire.far.say(frame)
        wire.far.say("no json")
        wire.far.say(b"\xff\xfe")
    await events.until(e.TurnDone)
    assert [event.payload for event in events.of(e.RawEvent)][1:] == frames
    assert events.of(e.ErrorEvent) == []
    assert transport.status == "connected"
    await transport.close()


async def test_raw_events_are_not_made_for_nobody(wire, transport):
    await transport.connect()
    events = transport.events("turn_started")
    wire.far.say(created())
    assert (await soon(anext(events))).turn_id == "r"
    assert not transport._emitter.wants("raw_event")
    await transport.close()


async def test_p11_neither_key_nor_audio_is_ever_logged(wire, record, caplog):
    """P11: at DEBUG, through a whole conversation with everything that can be warned about."""
    transport = wire.transport()
    record(transport)
    transport.on("turn_started", lambda _: 1 / 0)
    await transport.connect(ConnectOptions(config=SessionConfig(audio=AudioConfig(output=AudioOutput(voice="ash")))))
    secret = base64.b64encode(b"SECRET SPEECH").decode()
    await transport.send_audio(b"SECRET SPEECH")
    for frame in (
        created(),
        {**audio_delta(20), "delta": secret},
        {**audio_delta(20), "delta": secret + "*"},
        "{" + secret,
    ):
        wire.far.say(frame)
    wire.far.say(done())
    wire.far.hang_up(1006)
    await soon(transport.close())
    assert "listener_failed" in caplog.text
    assert secret not in caplog.text
    assert "SECRET SPEECH" not in caplog.text
    assert wire.key not in repr(transport) + repr(wire.requests) + repr(ConnectOptions(api_key=wire.key))
