"""The transport beside a phone call: what it sends, what it tells, and what it refuses."""

from __future__ import annotations

import asyncio
import json

import pytest

from offhook import (
    ConnectOptions,
    Dtmf,
    FunctionCall,
    RealtimeAgent,
    RealtimeSession,
    SessionConfig,
    TurnDone,
    function_tool,
)
from offhook.errors import AlreadyConnected, AuthenticationError, ConnectError, Unsupported
from offhook_sip import OpenAIRealtimeSIP, SIPOptions
from offhook_sip.errors import CallNotFound, MissingCallId


async def attach(options, call_id, **more):
    transport = OpenAIRealtimeSIP(options)
    await transport.connect(ConnectOptions(call_id=call_id, **more))
    return transport


@pytest.mark.parametrize("options", [None, ConnectOptions(), ConnectOptions(call_id="")])
async def test_connect_without_call_id_is_refused_and_nothing_is_told_or_dialled(socket, options):
    transport = OpenAIRealtimeSIP(SIPOptions(api_key="sk-1", dialer=socket))
    told = []
    for name in ("connection_change", "error"):
        transport.on(name, told.append)
    with pytest.raises(MissingCallId, match=r"missing call_id.*IncomingCall\.call_id"):
        await transport.connect(options)
    assert (told, socket.dialled, transport.status) == ([], [], "disconnected")
    assert issubclass(MissingCallId, ConnectError)


async def test_connect_attaches_by_call_id_unchanged_and_names_no_model(socket, options, call_id):
    transport = await attach(options, call_id, model="m")
    (request,) = socket.dialled
    assert request.url == "wss://api.openai.com/v1/realtime?call_id=rtc_u0_7%2Fx%3D1"
    assert (request.call_id, request.api_key) == (call_id, "sk-1")
    await transport.close()


async def test_connect_sends_the_config_and_no_audio_format(socket, options, call_id):
    transport = await attach(options, call_id, config=SessionConfig(instructions="Be brief."))
    (update,) = socket.sent
    assert update["type"] == "session.update"
    assert update["session"] == {"type": "realtime", "instructions": "Be brief."}
    await transport.close()


async def test_b17_connect_resolves_when_the_config_is_accepted(socket, options, call_id):
    socket.accepts = False
    connecting = asyncio.create_task(attach(options, call_id))
    update = await socket.hears("session.update")
    assert not connecting.done()
    socket.says({"type": "session.updated", "session": update["session"]})
    transport = await asyncio.wait_for(connecting, 5)
    await transport.close()


async def test_b17_connect_resolves_with_a_warning_when_the_config_is_not_accepted_in_time(socket, call_id, caplog):
    socket.accepts = False
    transport = await attach(SIPOptions(api_key="sk-1", dialer=socket, ack_timeout_s=0.01), call_id)
    assert "config_not_acknowledged" in caplog.text
    assert transport.status == "connected"
    await transport.close()


async def test_b19_an_overlapping_connect_is_refused_and_leaves_the_first_alone(socket, options, call_id):
    socket.accepts = False
    transport = OpenAIRealtimeSIP(options)
    first = asyncio.create_task(transport.connect(ConnectOptions(call_id=call_id)))
    update = await socket.hears("session.update")
    with pytest.raises(AlreadyConnected):
        await transport.connect(ConnectOptions(call_id="rtc_2"))
    socket.says({"type": "session.updated", "session": update["session"]})
    await asyncio.wait_for(first, 5)
    assert [request.call_id for request in socket.dialled] == [call_id]
    await transport.close()


async def test_b21_a_lost_connection_is_told_with_the_error_first(socket, options, call_id):
    transport = await attach(options, call_id)
    events = transport.events("error", "connection_change")
    socket.hangs_up(1006)
    async with asyncio.timeout(5):
        error, change = [event async for event in events]
    assert (error.hook, error.fatal) == ("error", True)
    assert (change.status, change.reason) == ("disconnected", "lost")


async def test_send_audio_is_refused_with_the_reason_and_nothing_is_sent(socket, options, call_id):
    transport = await attach(options, call_id)
    for arguments in ({"audio": b"\0\0"}, {"audio": b"", "commit": True}):
        with pytest.raises(Unsupported, match="phone line") as caught:
            await transport.send_audio(**arguments)
        assert caught.value.flag == "handles_audio=True"
    assert socket.types == ["session.update"]
    await transport.close()


async def test_interruption_cancels_the_response_and_clears_what_the_caller_would_hear(socket, options, call_id):
    transport = await attach(options, call_id)
    started = transport.events("output_speech_started", "audio_interrupted")
    socket.says(
        {"type": "response.created", "response": {"id": "resp_1", "status": "in_progress", "output": []}},
        {"type": "output_audio_buffer.started", "response_id": "resp_1"},
    )
    await asyncio.wait_for(anext(started), 5)
    await transport.interrupt()
    assert socket.types == ["session.update", "response.cancel", "output_audio_buffer.clear"]
    socket.says({"type": "output_audio_buffer.cleared", "response_id": "resp_1"})
    interrupted = await asyncio.wait_for(anext(started), 5)
    assert (interrupted.reason, interrupted.heard_ms) == ("server", None)
    await transport.close()


async def test_interruption_of_speech_that_was_made_already_clears_it(socket, options, call_id):
    transport = await attach(options, call_id)
    await transport.interrupt()
    assert socket.types == ["session.update", "output_audio_buffer.clear"]
    await transport.close()


async def test_speech_of_the_caller_interrupts_nothing_here_because_the_service_does_it(socket, options, call_id):
    transport = await attach(options, call_id)
    heard = transport.events("speech_started")
    socket.says({"type": "input_audio_buffer.speech_started", "audio_start_ms": 640, "item_id": "item_1"})
    assert (await asyncio.wait_for(anext(heard), 5)).at_ms == 640
    assert socket.types == ["session.update"]
    await transport.close()


async def test_keys_that_the_caller_presses_are_told(socket, options, call_id):
    transport = await attach(options, call_id)
    keys = transport.events("dtmf")
    socket.says({"type": "input_audio_buffer.dtmf_event_received", "event": "#", "received_at": 1750287100})
    event = await asyncio.wait_for(anext(keys), 5)
    assert isinstance(event, Dtmf)
    assert (event.key, event.direction) == ("#", "received")
    await transport.close()


def test_capabilities_say_that_the_media_is_elsewhere_and_the_service_truncates():
    flags = OpenAIRealtimeSIP().capabilities
    assert flags.handles_audio
    assert flags.dtmf
    assert (flags.truncate, flags.output_pacing, flags.turn_control) == ("server", "realtime", "server")
    assert (flags.input_formats, flags.output_formats) == ((), ())
    assert flags.speech_events == {"input", "output"}
    assert flags.mute == "none"
    assert flags.resume == "none"
    assert not {"audio.input.format", "audio.output.format"} & flags.mutable_config


async def test_key_of_the_environment_is_taken_where_none_is_given(socket, call_id, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-env")
    transport = await attach(SIPOptions(dialer=socket), call_id)
    assert socket.dialled[0].api_key == "sk-env"
    await transport.close()


async def test_no_key_at_all_is_told_before_dialling_with_the_table_of_this_transport(socket, call_id):
    with pytest.raises(AuthenticationError, match=r"\[transports\.sip\]"):
        await attach(SIPOptions(dialer=socket), call_id)
    assert socket.dialled == []


async def test_headers_with_an_authorization_need_no_key(socket, call_id):
    transport = await attach(SIPOptions(dialer=socket, headers={"Api-Key": "k"}), call_id)
    assert socket.dialled[0].headers == {"Api-Key": "k"}
    await transport.close()


async def test_unknown_call_is_told_as_such_and_the_transport_can_attach_to_another(socket, options, call_id):
    socket.refuse = ConnectError("HTTP 404", status=404, code="call_id_not_found")
    transport = OpenAIRealtimeSIP(options)
    with pytest.raises(CallNotFound) as caught:
        await transport.connect(ConnectOptions(call_id=call_id))
    error = caught.value
    assert (error.call_id, error.status, error.code) == (call_id, 404, "call_id_not_found")
    assert "hung up" in str(error)
    socket.refuse = None
    await transport.connect(ConnectOptions(call_id="rtc_2"))
    await transport.close()


async def test_other_refusals_stay_what_they_are(socket, options, call_id):
    socket.refuse = AuthenticationError("HTTP 401", status=401)
    with pytest.raises(AuthenticationError) as caught:
        await attach(options, call_id)
    assert not isinstance(caught.value, CallNotFound)


async def test_hang_up_of_the_caller_ends_the_session(socket, options, call_id, settings):
    agent = RealtimeAgent(name="Ann")
    async with RealtimeSession(
        agent, transport=OpenAIRealtimeSIP(options), call_id=call_id, settings=settings
    ) as session:
        socket.hangs_up()
        async with asyncio.timeout(5):
            last = [event async for event in session][-1]
    assert (last.status, last.reason) == ("disconnected", "remote_hangup")


async def test_tool_is_run_beside_the_call_and_a_reply_asked_for(socket, options, call_id, settings):
    @function_tool
    def get_weather(city: str) -> str:
        return f"sunny in {city}"

    agent = RealtimeAgent(name="Ann", tools=[get_weather])
    item = {
        "id": "item_1",
        "type": "function_call",
        "status": "completed",
        "call_id": "call_1",
        "name": "get_weather",
        "arguments": '{"city": "Paris"}',
    }
    response = {"id": "resp_1", "status": "in_progress", "output": []}
    async with RealtimeSession(
        agent, transport=OpenAIRealtimeSIP(options), call_id=call_id, settings=settings
    ) as session:
        called = session.events("function_call")
        socket.says(
            {"type": "response.created", "response": response},
            {"type": "response.output_item.done", "response_id": "resp_1", "output_index": 0, "item": item},
            {"type": "response.done", "response": {**response, "status": "completed", "output": [item]}},
        )
        assert isinstance(await asyncio.wait_for(anext(called), 5), FunctionCall)
        answer = await socket.hears("conversation.item.create")
        assert answer["item"] == {"type": "function_call_output", "call_id": "call_1", "output": "sunny in Paris"}
        await socket.hears("response.create")


@pytest.mark.parametrize("name", ["audio_turn", "text_turn"])
async def test_recorded_sideband_of_the_real_service_is_understood(corpus, socket, options, call_id, name):
    recording = corpus / "streams" / f"test_openai_ws_sideband__test_webrtc_sideband_{name}.jsonl"
    frames = [json.loads(line) for line in recording.read_text().splitlines()]
    transport = await attach(options, call_id)
    seen = []
    transport.on("*", lambda event: seen.append(event.payload["type"]))
    events = transport.events()
    received = [frame["event"] for frame in frames if frame["direction"] == "received"]
    socket.says(*received)
    socket.hangs_up()
    async with asyncio.timeout(5):
        told = [event async for event in events]
    assert seen == [event["type"] for event in received]
    (done,) = [event for event in told if isinstance(event, TurnDone)]
    assert done.status == "completed"
    kinds = {event.hook for event in told}
    assert "error" not in kinds
    if name == "audio_turn":
        assert {"output_speech_started", "output_speech_stopped", "audio_transcript_delta"} <= kinds
        assert "audio" not in kinds
