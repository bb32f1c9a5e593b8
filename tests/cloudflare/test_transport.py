"""The transport over a stand-in of the runtime: a conversation's worth of frames, both ways."""

from __future__ import annotations

import asyncio
import json

import pytest

from offhook.errors import AlreadyConnected, AuthenticationError, ConnectCancelled, ConnectError, NotConnected
from offhook.hookspecs import ConnectOptions
from offhook.realtime.capabilities import REALTIME_CAPABILITIES
from offhook_cloudflare import CloudflareOptions, CloudflareRealtimeTransportLayer

SESSION = {"id": "sess_1", "type": "realtime"}


@pytest.fixture
def service(socket):
    """A service that accepts every config at once, as the emulator does."""
    sent = socket.send

    def send(text):
        sent(text)
        event = json.loads(text)
        if event["type"] == "session.update":
            socket.fire("message", data=json.dumps({"type": "session.updated", "session": SESSION}))

    socket.send = send
    return socket


def make(runtime, **options):
    return CloudflareRealtimeTransportLayer(CloudflareOptions(**{"api_key": "sk-1", **options}), runtime=runtime)


def sent(socket):
    return [json.loads(text)["type"] for (text,) in socket.did("send")]


async def test_connect_talks_to_the_address_of_the_options_and_waits_for_the_config(runtime, service):
    transport = make(runtime, url="http://127.0.0.1:9/v1", model="m")
    await transport.connect()
    assert runtime.asked[0][0] == "http://127.0.0.1:9/v1/realtime?model=m"
    assert transport.status == "connected"
    assert sent(service)[0] == "session.update"
    await transport.close()
    assert transport.status == "disconnected"
    assert service.did("close") == [(1000, "")]


async def test_b17_connect_resolves_when_the_config_is_accepted(runtime, socket):
    asked = asyncio.Event()
    socket.send = lambda _text: asked.set()
    transport = make(runtime)
    heard = transport.events("raw_event")
    connecting = asyncio.create_task(transport.connect())
    await asyncio.wait_for(asked.wait(), 5)
    socket.fire("message", data=json.dumps({"type": "session.created", "session": SESSION}))
    await asyncio.wait_for(anext(heard), 5)
    assert not connecting.done()
    socket.fire("message", data=json.dumps({"type": "session.updated", "session": SESSION}))
    await asyncio.wait_for(connecting, 5)
    await transport.close()


async def test_b19_an_overlapping_connect_is_refused_and_leaves_the_first_alone(runtime, service):
    transport = make(runtime)
    first = asyncio.create_task(transport.connect())
    await asyncio.wait_for(runtime.dialling.wait(), 5)
    with pytest.raises(AlreadyConnected):
        await transport.connect()
    await asyncio.wait_for(first, 5)
    assert len(runtime.asked) == 1
    await transport.close()


async def test_a_frame_that_comes_with_accept_is_not_lost(runtime, service):
    accept = service.accept

    def accept_and_speak():
        accept()
        service.fire("message", data=json.dumps({"type": "session.created", "session": SESSION}))

    service.accept = accept_and_speak
    transport = make(runtime)
    seen = []
    transport.on("*", lambda event: seen.append(event.payload["type"]))
    await transport.connect()
    assert seen == ["session.created", "session.updated"]
    await transport.close()


async def test_key_of_the_environment_is_taken_where_none_is_given(runtime, service, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-env")
    transport = make(runtime, api_key=None)
    await transport.connect()
    assert runtime.asked[0][1]["authorization"] == "Bearer sk-env"
    await transport.close()


async def test_key_of_the_connection_beats_that_of_the_options(runtime, service):
    async def fetch_key():
        return "sk-fresh"

    transport = make(runtime)
    await transport.connect(ConnectOptions(api_key=fetch_key))
    assert runtime.asked[0][1]["authorization"] == "Bearer sk-fresh"
    await transport.close()


async def test_after_a_refusal_the_transport_can_be_connected_again(runtime, service):
    good = runtime.answer
    runtime.refuse(401, {"error": {"message": "no", "code": "invalid_api_key"}})
    transport = make(runtime)
    with pytest.raises(AuthenticationError):
        await transport.connect()
    assert transport.status == "disconnected"
    runtime.answer = good
    await transport.connect()
    await transport.close()


async def test_close_while_connecting_aborts_the_request(runtime):
    runtime.answer = None
    transport = make(runtime)
    connecting = asyncio.create_task(transport.connect())
    await asyncio.wait_for(runtime.dialling.wait(), 5)
    await transport.close()
    with pytest.raises(ConnectCancelled):
        await connecting
    assert runtime.aborted


async def test_close_by_the_service_ends_the_conversation_and_leaves_nothing_behind(runtime, service):
    transport = make(runtime)
    await transport.connect()
    changes = transport.events("connection_change")
    service.fire("close", code=1000, reason="")
    service.fire("error", message="Network connection lost.")
    change = await asyncio.wait_for(anext(changes), 5)
    assert (change.status, change.reason, change.code) == ("disconnected", "remote_hangup", 1000)
    assert service.listeners == {}
    assert all(proxy.destroyed for proxy in runtime.proxies)
    with pytest.raises(NotConnected):
        await transport.send_message("hello?")


async def test_b21_a_lost_connection_is_told_with_the_error_first(runtime, service):
    transport = make(runtime)
    await transport.connect()
    events = transport.events("error", "connection_change")
    service.fire("error", message="Network connection lost.")
    error, change = [await asyncio.wait_for(anext(events), 5) for _ in range(2)]
    assert error.fatal
    assert "Network connection lost." in error.message
    assert (change.status, change.reason) == ("disconnected", "lost")


async def test_a_failing_listener_of_the_program_does_not_reach_the_socket(runtime, service, caplog):
    transport = make(runtime)
    await transport.connect()
    transport.on("*", lambda _event: 1 / 0)
    later = transport.events("raw_event")
    service.fire("message", data='{"type":"rate_limits.updated","rate_limits":[]}')
    await asyncio.wait_for(anext(later), 5)
    assert transport.status == "connected"
    await transport.close()


async def test_capabilities_are_those_of_the_dialect_over_a_channel_that_carries_audio(runtime):
    assert make(runtime).capabilities == REALTIME_CAPABILITIES


async def test_a_dialer_of_the_options_takes_the_place_of_the_built_in_one():
    async def dialer(request):
        raise ConnectError("mine was asked")

    transport = CloudflareRealtimeTransportLayer(CloudflareOptions(api_key="k", dialer=dialer))
    with pytest.raises(ConnectError, match="mine was asked"):
        await transport.connect()
