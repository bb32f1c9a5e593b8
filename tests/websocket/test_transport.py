"""offhook_websocket.transport: the Realtime dialect over a real socket, from the key to the last goodbye."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest

from offhook import events as e
from offhook.config import SessionConfig
from offhook.errors import AlreadyConnected, AuthenticationError, ConnectCancelled, ConnectError, NotConnected
from offhook.hookspecs import ConnectOptions
from offhook_websocket import OpenAIRealtimeWebSocket, WebSocketOptions

PATIENCE_S = 5.0


def made(service, **options):
    return OpenAIRealtimeWebSocket(WebSocketOptions(**{"url": service.url, "api_key": service.key, **options}))


async def soon(awaitable):
    return await asyncio.wait_for(awaitable, PATIENCE_S)


async def until(iterator, kind):
    async with asyncio.timeout(PATIENCE_S):
        async for event in iterator:
            if isinstance(event, kind):
                return event
    raise AssertionError(f"no {kind.__name__}")


def nothing_is_left_running():
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("offhook")]


async def test_p01_it_connects_speaks_and_says_goodbye(service, running):
    """P1, P2: and the service confirms the end."""
    async with running(service):
        transport = made(service)
        changes = []
        transport.on("connection_change", changes.append)
        await soon(transport.connect(ConnectOptions(config=SessionConfig(instructions="Be brief."))))
        await transport.send_message("Hi")
        await transport.send_audio(b"\0\0", commit=True)
        await soon(transport.close())
        nothing_is_left_running()
        await service.until(lambda: service.connections[0].close_code is not None)
    assert [frame["type"] for frame in service.frames] == [
        "session.update",
        "conversation.item.create",
        "response.create",
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
    ]
    assert service.frames[0]["session"]["instructions"] == "Be brief."
    assert [change.status for change in changes] == ["connecting", "connected", "disconnecting", "disconnected"]
    assert (changes[-1].reason, changes[-1].finalised) == ("requested", True)
    assert service.connections[0].close_code == 1000
    assert service.handshakes[0]["Authorization"] == f"Bearer {service.key}"


# The key.


async def test_the_key_is_asked_for_at_every_connect(service, running):
    """As text, from a function, or from one that takes its time."""
    keys = iter(["sk-1\n", "sk-2", "sk-3"])

    async def later():
        await asyncio.sleep(0)
        return next(keys)

    async with running(service):
        transport = made(service, api_key=lambda: next(keys))
        for options in (None, ConnectOptions(api_key=later), None, ConnectOptions(api_key="sk-4")):
            await soon(transport.connect(options))
            await soon(transport.close())
    assert [handshake["Authorization"] for handshake in service.handshakes] == [f"Bearer sk-{n}" for n in range(1, 5)]


async def test_without_a_key_the_environment_is_asked_at_connect(service, running, monkeypatch):
    async with running(service):
        transport = made(service, api_key=None)
        with pytest.raises(AuthenticationError, match="Set OPENAI_API_KEY"):
            await soon(transport.connect())
        assert service.handshakes == []
        monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment\n")
        await soon(transport.connect())
        await soon(transport.close())
    assert service.handshakes[0]["Authorization"] == "Bearer sk-of-the-environment"


async def test_a_header_of_one_s_own_needs_no_key(service, running):
    async with running(service):
        transport = made(service, api_key=None, headers={"api-key": "azure"})
        await soon(transport.connect())
        await soon(transport.close())
    assert service.handshakes[0]["api-key"] == "azure"
    assert "Authorization" not in service.handshakes[0]


# What may go wrong.


async def test_p01_p02_a_refused_key_says_so_and_the_transport_can_be_used_again(service, running, caplog):
    """P1, P2: error first, then ``disconnected``; the refusal holds what the service said."""
    body = json.dumps({"error": {"message": "Incorrect API key.", "code": "invalid_api_key"}})
    service.refusal = (401, {"Content-Type": "application/json"}, body)
    async with running(service):
        transport = made(service)
        told = []
        transport.on("error", told.append)
        transport.on("connection_change", told.append)
        with pytest.raises(AuthenticationError, match=r"HTTP 401: Incorrect API key\. Check") as caught:
            await soon(transport.connect())
        assert (caught.value.status, caught.value.code) == (401, "invalid_api_key")
        assert [getattr(event, "status", "error") for event in told] == ["connecting", "error", "disconnected"]
        assert service.key not in repr(caught.value) + repr(told)
        service.refusal = None
        await soon(transport.connect())
        await soon(transport.close())


async def test_b20_a_failed_attempt_changes_no_default(service, running):
    """B20: who hears of its end sees that already, and a connection made then is as if there had been no attempt."""
    service.refusal = (401, {}, "")
    async with running(service):
        transport = made(service, model="mine")
        retries = []

        def retry(event):
            if event.status == "disconnected" and not retries:
                service.refusal = None
                retries.append(asyncio.create_task(transport.connect()))

        transport.on("connection_change", retry)
        with pytest.raises(AuthenticationError):
            await soon(transport.connect(ConnectOptions(model="another", api_key="sk-another")))
        await soon(retries[0])
        assert [headers["Authorization"] for headers in service.handshakes] == [
            "Bearer sk-another",
            f"Bearer {service.key}",
        ]
        assert service.connections[0].request.path == "/v1/realtime?model=mine"
        await soon(transport.close())


async def test_p01_nothing_listening_and_then_something(service, running, closed_port):
    """P1: reusable after a failure."""
    service.url = f"http://127.0.0.1:{closed_port}/v1"
    transport = made(service)
    with pytest.raises(ConnectError, match=r"nothing listens at ws://127\.0\.0\.1"):
        await soon(transport.connect())
    async with running(service, port=closed_port):
        await soon(transport.connect())
        await soon(transport.close())


async def test_p01_closing_during_the_handshake_cancels_it(listening, service):
    """P1: nothing stays open at the other end."""
    arrived, gone = asyncio.Event(), asyncio.Event()

    async def silent(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        arrived.set()
        await reader.read()
        gone.set()

    async with listening(silent) as port:
        service.url = f"ws://127.0.0.1:{port}/v1"
        transport = made(service)
        connecting = asyncio.create_task(transport.connect())
        await soon(arrived.wait())
        with pytest.raises(AlreadyConnected):
            await transport.connect()
        await soon(transport.close())
        with pytest.raises(ConnectCancelled):
            await soon(connecting)
        await soon(gone.wait())


@pytest.mark.parametrize(
    ("code", "reason", "error"),
    [(1000, "remote_hangup", 0), (1001, "remote_hangup", 0), (1011, "lost", 1), (None, "lost", 1)],
)
async def test_a09_b21_p12_the_end_of_a_connection_is_told_and_it_can_be_made_again(
    service, running, code, reason, error
):
    """A9, B21, P12: by a goodbye, by an error, and by no word at all."""
    async with running(service):
        transport = made(service)
        errors, changes = [], transport.events("connection_change")
        transport.on("error", errors.append)
        await soon(transport.connect())
        if code is None:
            service.connections[0].transport.abort()
        else:
            await service.connections[0].close(code, "why")
        async with asyncio.timeout(PATIENCE_S):
            last = [change async for change in changes][-1]
        assert (last.status, last.reason, last.code) == ("disconnected", reason, code or 1006)
        assert [told.fatal for told in errors] == [True] * error
        nothing_is_left_running()
        with pytest.raises(NotConnected):
            await transport.send_message("anyone?")
        await soon(transport.connect())
        await soon(transport.close())


async def test_a_frame_of_900_kb_arrives_whole(service, running):
    audio = bytes(675_000)
    frame = {"type": "response.output_audio.delta", "response_id": "r", "delta": base64.b64encode(audio).decode()}
    async with running(service):
        transport = made(service)
        events = transport.events("audio")
        await soon(transport.connect())
        await service.connections[0].send(json.dumps(frame))
        assert (await until(events, e.AudioEvent)).data == audio
        await soon(transport.close())


async def test_a_frame_over_max_size_loses_the_connection_with_advice(service, running):
    async with running(service):
        transport = made(service, max_size=10_000)
        errors = transport.events("error")
        await soon(transport.connect())
        await service.connections[0].send("x" * 20_000)
        error = await until(errors, e.ErrorEvent)
        assert error.fatal
        assert "raise the transport's max_size" in error.message
        await soon(transport.close())


async def test_p09_p02_a_peer_that_does_not_read_delays_its_sender_alone_and_cannot_keep_us(service, running):
    """P9: sending waits (backpressure), receiving goes on. P2: closing takes no longer than it was given."""
    async with running(service):
        transport = made(service)
        events = transport.events("turn_started", "connection_change")
        await soon(transport.connect())
        service.reads.clear()
        for _ in range(5):  # one that it reads already, and what it takes without reading
            await soon(transport.send_audio(b"\0\0"))
        # More than all the buffers between here and there hold.
        sending = asyncio.create_task(transport.send_audio(bytes(20 * 1024 * 1024)))
        await asyncio.sleep(0)
        await service.connections[0].send(json.dumps({"type": "response.created", "response": {"id": "r"}}))
        assert (await until(events, e.TurnStarted)).turn_id == "r"
        assert not sending.done()
        await soon(transport.close(timeout_s=0.05))
        last = [change async for change in events][-1]
        assert (last.status, last.finalised) == ("disconnected", False)
        await asyncio.wait({sending}, timeout=PATIENCE_S)
        assert sending.done()


async def test_p12_a_peer_that_fell_silent_is_lost(service, listening, deaf, monkeypatch):
    """P12: keepalive notices, and the error says so."""
    monkeypatch.setattr("offhook_websocket.dialer._CLOSE_TIMEOUT_S", 0.01)
    async with listening(deaf('{"type": "session.updated", "session": {}}')) as port:
        service.url = f"ws://127.0.0.1:{port}/v1"
        transport = made(service, ping_interval_s=0.05, ping_timeout_s=0.05)
        errors = transport.events("error")
        await soon(transport.connect())
        error = await until(errors, e.ErrorEvent)
        assert error.fatal
        assert "1011: keepalive ping timeout" in error.message
        await soon(transport.close())


async def test_a_dialer_of_one_s_own_takes_the_place_of_the_socket():
    """Inject the dialer, do not subclass for it."""
    requests = []

    async def dialer(request):
        requests.append(request)
        raise ConnectError("not today")

    transport = OpenAIRealtimeWebSocket(WebSocketOptions(dialer=dialer, api_key="sk-1", headers={"X-Mine": "1"}))
    with pytest.raises(ConnectError, match="not today"):
        await soon(transport.connect())
    [request] = requests
    assert request.url == "wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1"
    assert (request.api_key, request.headers) == ("sk-1", {"X-Mine": "1"})


async def test_b17_a_service_that_accepts_nothing_is_waited_for_as_long_as_the_options_say(service, running, caplog):
    """B17: configurable."""
    service.on_connection = lambda connection: connection.wait_closed()
    async with running(service):
        transport = made(service, ack_timeout_s=0.01)
        await soon(transport.connect())
        assert "config_not_acknowledged" in caplog.text
        await soon(transport.close())


async def test_p11_the_key_is_nowhere_to_be_seen(service, running, caplog):
    """P11: not in a log at DEBUG, not in repr, also when things go wrong."""
    async with running(service):
        transport = made(service)
        changes = transport.events("connection_change")
        await soon(transport.connect())
        service.connections[0].transport.abort()
        async with asyncio.timeout(PATIENCE_S):
            assert [change.status async for change in changes] == ["connecting", "connected", "disconnected"]
    assert service.key not in caplog.text
    assert service.key not in repr(transport)
    assert "unheard_error" in caplog.text
