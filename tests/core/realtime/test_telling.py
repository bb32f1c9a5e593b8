"""What a connection tells beside its events: what it sends, which model it asked for, and in the log, which one it is."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
import structlog

from offhook import _log
from offhook.errors import ConnectError
from offhook.events import AudioEvent
from offhook.hookspecs import ConnectOptions

DELTA = {"type": "response.output_audio.delta", "response_id": "resp_1", "item_id": "item_1", "delta": "AAAA"}


async def connected(wire, **options):
    transport = wire.transport()
    await transport.connect(ConnectOptions(**options))
    return transport


def fail(_event):
    raise RuntimeError("no content here")


def lines(caplog, event):
    return [record.getMessage() for record in caplog.records if f"event='{event}'" in record.getMessage()]


def number(line):
    return int(re.search(r"connection=(\d+)", line)[1])


# What is sent, and which model


async def test_every_frame_that_reaches_the_service_is_told_in_order(wire):
    transport, told = wire.transport(), []
    stop = transport.on_sent(lambda text: told.append(json.loads(text)))
    await transport.connect()
    await transport.send_message("Hello")
    await transport.send_audio(b"xx", commit=True)
    assert told == wire.far.sent
    assert len(told) == 5
    stop()
    await transport.send_message("Bye")
    assert len(told) == 5
    await transport.close()


async def test_who_listens_to_what_is_sent_hears_every_later_connection_too(wire):
    transport, told = wire.transport(), []
    transport.on_sent(told.append)
    for _ in range(2):
        await transport.connect()
        await transport.close()
    assert [json.loads(text)["type"] for text in told] == ["session.update"] * 2


async def test_the_model_is_the_one_that_was_asked_for(wire):
    transport = wire.transport()
    assert transport.model == "gpt-realtime"
    await transport.connect(ConnectOptions(model="gpt-realtime-mini"))
    assert transport.model == "gpt-realtime-mini"
    await transport.close()


# The log


async def test_lines_of_two_connections_can_be_told_apart(wire, record, caplog):
    first, second = await connected(wire), await connected(wire, call_id="rtc_1")
    for transport in (first, second):
        transport.on("audio", fail)
    for far, transport in zip(wire.channels, (first, second), strict=True):
        heard = record(transport)
        far.say(DELTA)
        await heard.until(AudioEvent)
        await transport.close()
    one, other = lines(caplog, "listener_failed")
    assert "transport='test'" in one
    assert "call_id" not in one
    assert "call_id='rtc_1'" in other
    assert number(one) != number(other)


async def test_once_the_service_has_named_the_session_lines_name_it_too(wire, caplog):
    transport = wire.transport()
    transport.on("connection_change", fail)
    await transport.connect()
    await transport.close()
    connecting, connected, disconnecting, disconnected = lines(caplog, "listener_failed")
    assert "session_id" not in connecting + connected
    assert "session_id='sess_1'" in disconnecting
    assert "session_id='sess_1'" in disconnected
    assert len({number(line) for line in (connecting, connected, disconnecting, disconnected)}) == 1


async def test_what_an_async_listener_does_is_logged_under_the_connection_it_heard(wire, caplog):
    failed = asyncio.Event()

    async def listen(_event):
        failed.set()
        raise RuntimeError

    transport = wire.transport()
    transport.on("session_ready", listen)
    await transport.connect()
    await asyncio.wait_for(failed.wait(), 5)
    await transport.close()
    [line] = lines(caplog, "listener_failed")
    assert "transport='test'" in line


async def test_the_next_connection_of_a_transport_has_another_number(wire, caplog):
    transport = wire.transport()
    transport.on("session_ready", fail)
    for _ in range(2):
        await transport.connect()
        await transport.close()
    assert len({number(line) for line in lines(caplog, "listener_failed")}) == 2


async def test_the_ids_do_not_leak_into_the_caller(wire, caplog):
    transport = await connected(wire)
    _log.logger().warning("mine")
    await transport.close()
    assert lines(caplog, "mine") == ["event='mine'"]


async def test_a_connection_within_a_scope_carries_its_ids_too(wire, caplog):
    transport = wire.transport()
    transport.on("session_ready", fail)
    scope = _log.log_scope(session="front desk")
    await asyncio.create_task(transport.connect(), context=scope)
    await transport.close()
    [line] = lines(caplog, "listener_failed")
    assert "session='front desk'" in line
    assert "transport='test'" in line


async def test_a_refusal_is_logged_under_its_connection(wire, caplog):
    wire.error = ConnectError("no")
    transport = wire.transport()
    with pytest.raises(ConnectError):
        await transport.connect()
    [line] = lines(caplog, "unheard_error")
    assert "transport='test'" in line


@pytest.fixture
def configured():
    """An application that configured structlog: the lines it gets."""
    _log._base.cache_clear()
    with structlog.testing.capture_logs() as logs:
        yield logs
    structlog.reset_defaults()
    _log._base.cache_clear()


async def test_an_application_s_own_structlog_gets_the_ids_as_members(wire, configured):
    transport = wire.transport()
    transport.on("session_ready", fail)
    await transport.connect()
    await transport.close()
    [line] = [line for line in configured if line["event"] == "listener_failed"]
    assert line["transport"] == "test"
    assert isinstance(line["connection"], int)
