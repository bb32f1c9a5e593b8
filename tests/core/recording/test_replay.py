"""offhook.recording.replay: a recording says again what was said, when it was said, whatever it is told."""

from __future__ import annotations

import asyncio

import pytest

from offhook.capabilities import Capabilities
from offhook.errors import ConnectError, NotConnected, RecordingError
from offhook.events import AudioEvent, AudioInterrupted, ConnectionChange, ErrorEvent, FunctionCall
from offhook.realtime.capabilities import REALTIME_CAPABILITIES
from offhook.recording import Recording, ReplayTransport, read_recording, record, replay
from offhook.recording.lines import Header
from offhook.testing import run_virtual


async def heard(transport, *names):
    """Connect, and give what is told until the connection ends."""
    events = []
    for name in names:
        transport.on(name, events.append)
    over = asyncio.Event()
    transport.on("connection_change", lambda event: over.set() if event.status == "disconnected" else None)
    async with asyncio.timeout(60):
        await transport.connect()
        await over.wait()
    return events


def ending(events):
    return next(event for event in events if isinstance(event, ConnectionChange) and event.status == "disconnected")


# What is said


async def test_a_replay_tells_the_events_that_were_told_when_it_was_recorded(kit, loopback, tmp_path):
    names = ("turn_started", "audio", "item_update", "output_text_delta", "turn_done", "session_ready")
    first = []
    for name in names:
        loopback.on(name, first.append)
    with record(loopback, tmp_path / "call.jsonl", audio=True):
        await kit.talk(loopback)
    assert len(first) > 10
    assert await heard(replay(tmp_path / "call.jsonl"), *names) == first


async def test_audio_that_was_left_out_is_silence_of_the_same_length(kit, loopback, tmp_path):
    first = []
    loopback.on("audio", first.append)
    with record(loopback, tmp_path / "call.jsonl"):
        await kit.talk(loopback)
    again = await heard(replay(tmp_path / "call.jsonl"), "audio")
    assert [(event.item_id, event.data) for event in again] == [(event.item_id, event.data) for event in first]
    assert not any(again[0].data)


async def test_commands_are_accepted_and_change_nothing(kit):
    transport = ReplayTransport(kit.opened(kit.received(kit.delta(20), 50)), speed=1)
    events = []
    transport.on("audio", events.append)
    await transport.connect()
    await transport.send_message("Hello")
    await transport.send_audio(bytes(960), commit=True)
    await transport.send_event({"type": "made.up"})
    async for _ in transport.events():
        pass
    assert len(events) == 1
    with pytest.raises(NotConnected):
        await transport.send_message("Hello")


async def test_it_can_do_what_the_recorded_transport_could(kit):
    assert ReplayTransport(kit.opened()).capabilities == REALTIME_CAPABILITIES
    header = Header(capabilities=Capabilities(mute="local", handles_audio=True), model="gpt-realtime")
    transport = ReplayTransport(Recording(header=header, lines=[]))
    assert transport.capabilities == header.capabilities
    assert transport.model == "gpt-realtime"


async def test_where_the_service_played_the_audio_an_interruption_is_its_own_word(kit):
    """The recorded transport was webrtc or sip: speech alone flushes nothing here."""
    header = Header(capabilities=Capabilities(handles_audio=True))
    speech = {"type": "input_audio_buffer.speech_started", "audio_start_ms": 0, "item_id": "item_2"}
    lines = [*kit.opened(kit.received(kit.delta(1000)), kit.received(speech)).lines]
    assert await heard(ReplayTransport(Recording(header=header, lines=lines)), "audio_interrupted") == []
    assert len(await heard(ReplayTransport(Recording(lines=lines)), "audio_interrupted")) == 1


# When


@pytest.mark.parametrize(("speed", "seconds"), [(None, 0.0), (1.0, 7.5), (2.0, 3.75), (0.1, 75.0)])
def test_the_pace_is_the_recorded_one_times_the_speed(kit, speed, seconds):
    recording = kit.opened(kit.received(kit.delta(20), 2500), kit.received(kit.delta(20), 2500), kit.End(at_ms=7500))

    async def run():
        transport, came = ReplayTransport(recording, speed=speed), []
        loop = asyncio.get_running_loop()
        transport.on("audio", lambda _: came.append(loop.time()))
        await transport.connect()
        async for _ in transport.events():
            pass
        return came, loop.time()

    came, took = run_virtual(run())
    assert came == pytest.approx([seconds / 3] * 2, abs=0.001)
    assert took == pytest.approx(seconds, abs=0.001)


@pytest.mark.parametrize("speed", [None, 1.0, 3.0])
def test_how_much_was_heard_before_an_interruption_is_what_it_was_then(kit, speed):
    speech = {"type": "input_audio_buffer.speech_started", "audio_start_ms": 900, "item_id": "item_2"}
    created = {"type": "response.created", "response": {"id": "resp_1", "status": "in_progress", "output": []}}
    recording = kit.opened(
        kit.received(created, 100), kit.received(kit.delta(1000), 100), kit.received(speech, 500), kit.End(at_ms=600)
    )
    [event] = run_virtual(heard(ReplayTransport(recording, speed=speed), "audio_interrupted"))
    assert isinstance(event, AudioInterrupted)
    assert event.heard_ms == 400


@pytest.mark.parametrize("speed", [0, -1.0])
def test_a_speed_that_is_none_is_told(kit, speed):
    with pytest.raises(RecordingError, match="Give a number above 0"):
        ReplayTransport(kit.opened(), speed=speed)


# What it waits for


async def test_what_follows_from_the_output_of_a_call_comes_after_it(kit):
    transport = ReplayTransport(
        kit.opened(kit.received(kit.CALLED), kit.sent(kit.ANSWER), kit.received(kit.delta(20))), patience_s=60
    )
    order = []

    async def answer(call: FunctionCall):
        await asyncio.sleep(0.02)
        order.append("answer")
        await transport.send_function_call_output(call, "anything", start_response=False)

    transport.on("function_call", answer)
    transport.on("audio", lambda _: order.append("audio"))
    await heard(transport)
    assert order == ["answer", "audio"]


def test_an_output_that_does_not_come_is_waited_for_with_patience_and_no_longer(kit, caplog):
    recording = kit.opened(kit.received(kit.CALLED), kit.sent(kit.ANSWER), kit.received(kit.delta(20)))

    async def run():
        [event] = await heard(ReplayTransport(recording, patience_s=4), "audio")
        return event, asyncio.get_running_loop().time()

    event, took = run_virtual(run())
    assert isinstance(event, AudioEvent)
    assert took == pytest.approx(4, abs=0.001)
    assert "replay_goes_on_without" in caplog.text


# Strictly


async def again(transport):
    """What ``kit.talk`` does, and then to wait for the end instead of making it."""
    async with asyncio.timeout(10):
        over, done = asyncio.Event(), asyncio.Event()
        errors = []
        transport.on("error", errors.append)
        transport.on("turn_done", lambda _: done.set())
        transport.on("connection_change", lambda event: over.set() if event.status == "disconnected" else None)
        await transport.connect()
        await transport.send_message(transport.words)
        await done.wait()
        await transport.send_audio(bytes(4800))
        await transport.send_audio(bytes(4800), commit=True)
        for _ in range(transport.wishes):
            await transport.request_response()
        await over.wait()
    return errors


def strict(path, *, words="Hello", wishes=1):
    transport = replay(path, strict=True, patience_s=0.05)
    transport.words, transport.wishes = words, wishes
    return transport


async def test_strictly_a_client_that_does_the_same_hears_the_same(kit, loopback, tmp_path):
    """Its audio may be cut otherwise."""
    with record(loopback, tmp_path / "call.jsonl"):
        await kit.talk(loopback)
    assert await again(strict(tmp_path / "call.jsonl")) == []


async def test_strictly_a_client_that_does_something_else_is_told_what(kit, loopback, tmp_path):
    with record(loopback, tmp_path / "call.jsonl"):
        await kit.talk(loopback)
    [missing] = await again(strict(tmp_path / "call.jsonl", wishes=0))
    assert "it sent no response.create" in missing.message
    [beyond] = await again(strict(tmp_path / "call.jsonl", wishes=2))
    assert "beyond what was recorded" in beyond.message


async def test_strictly_other_words_end_the_connection_with_an_error_that_does_not_hold_them(kit, loopback, tmp_path):
    with record(loopback, tmp_path / "call.jsonl"):
        await kit.talk(loopback)
    transport = replay(tmp_path / "call.jsonl", strict=True)
    events = []
    transport.on("error", events.append)
    transport.on("connection_change", events.append)
    async with asyncio.timeout(kit.PATIENCE_S):
        await transport.connect()
        await transport.send_message("Farewell")
        async for _ in transport.events():
            pass
    error = next(event for event in events if isinstance(event, ErrorEvent))
    assert error.fatal
    assert "it sent another item.content in conversation.item.create" in error.message
    assert "Farewell" not in error.message
    assert ending(events).reason == "lost"


# How it ends


@pytest.mark.parametrize(
    ("end", "reason", "code"),
    [
        ({"reason": "requested"}, "remote_hangup", 1000),
        ({"reason": "remote_hangup", "code": 1001}, "remote_hangup", 1001),
        ({"reason": "lost", "code": 1011}, "lost", 1011),
        ({"reason": "lost"}, "lost", 1006),
        (None, "remote_hangup", 1000),
    ],
)
async def test_a_connection_ends_as_it_did(kit, end, reason, code):
    lines = [] if end is None else [kit.End(**end)]
    found = ending(await heard(ReplayTransport(kit.opened(*lines)), "connection_change"))
    assert (found.reason, found.code) == (reason, code)


async def test_each_connect_replays_the_next_connection(kit):
    lines = kit.opened(kit.End(reason="lost")).lines
    transport = ReplayTransport(Recording(lines=[*lines, kit.End(reason="error"), *lines]))
    await heard(transport)
    with pytest.raises(ConnectError, match=r"this connection was not made \(error\)"):
        await transport.connect()
    await heard(transport)
    with pytest.raises(ConnectError, match="no further connection"):
        await transport.connect()


async def test_it_can_be_closed_in_the_middle(kit):
    transport = ReplayTransport(kit.opened(kit.received(kit.delta(20), 3_600_000)), speed=1)
    events = []
    transport.on("connection_change", events.append)
    await transport.connect()
    async with asyncio.timeout(kit.PATIENCE_S):
        await transport.close()
    assert ending(events).reason == "requested"
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_service_that_refused_the_config_refuses_it_again(kit):
    error = {"type": "invalid_request_error", "code": "invalid_value", "message": "no", "event_id": "offhook_config_1"}
    refused = Recording(lines=[kit.sent(kit.UPDATE), kit.received({"type": "error", "error": error})])
    with pytest.raises(ConnectError, match="refused the session config: no"):
        await ReplayTransport(refused).connect()


# What was recorded elsewhere


async def test_streams_of_real_services_replay_whole_and_without_an_error(corpus):
    for path in sorted((corpus / "streams").glob("*ws__*.jsonl")):
        recording = read_recording(path).as_monologue()
        transport = ReplayTransport(recording)
        transport._ack_timeout_s = 0.01
        events = []
        transport.on("*", events.append)
        transport.on("error", events.append)
        try:
            await heard(transport)
        except ConnectError:
            # Other dialects acknowledge no config of ours, and the recording is over before it is given up on.
            assert "google" in path.name or "xai" in path.name or "gemini" in path.name, path.name
        raw = [event for event in events if event.hook == "raw_event"]
        assert [event.payload for event in raw] == recording.received, path.name
