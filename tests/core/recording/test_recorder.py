"""offhook.recording.recorder: both directions get into the file, whole and at once, and nothing else changes."""

from __future__ import annotations

import asyncio
import json
import stat

import pytest

from offhook.capabilities import Capabilities
from offhook.errors import RecordingError
from offhook.events import ConnectionChange, RawEvent
from offhook.recording import Recorder, read_recording, record
from offhook.testing import run_virtual
from offhook.transport import TransportBase


class Foreign(TransportBase):
    """A transport of another dialect, which does not tell what it sends."""

    def __init__(self):
        super().__init__("foreign", Capabilities(images=True))

    def say(self, event):
        self._emit(event)

    def go(self, **change):
        self._change(ConnectionChange(**change))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "call.jsonl"


def test_a_recorder_knows_its_file_and_that_nothing_failed(loopback, path):
    with record(loopback, path) as recorder:
        assert isinstance(recorder, Recorder)
        assert (recorder.path, recorder.failure) == (path, None)


async def test_both_directions_are_recorded_in_the_order_of_the_wire(kit, loopback, path):
    with record(loopback, path):
        await kit.talk(loopback)
    header, *lines, end = kit.lines_of(path)
    assert header["recording"] == 1
    types = [(line["direction"], line["event"]["type"]) for line in lines]
    assert types[:5] == [
        ("sent", "session.update"),
        ("received", "session.updated"),
        ("sent", "conversation.item.create"),
        ("sent", "response.create"),
        ("received", "conversation.item.added"),
    ]
    assert types.index(("sent", "input_audio_buffer.append")) < types.index(
        ("received", "input_audio_buffer.committed")
    )
    assert end["ended"] == {"reason": "requested", "code": None}


async def test_every_raw_event_is_in_the_recording_as_it_came(kit, loopback, path):
    heard = []
    loopback.on("*", lambda event: heard.append(event.payload))
    with record(loopback, path, audio=True):
        await kit.talk(loopback)
    assert read_recording(path).received == heard
    assert any(event["type"] == "response.output_audio.delta" for event in heard)


async def test_audio_is_only_in_the_recording_if_it_was_asked_for(kit, loopback, path):
    for audio, kept in ((False, dict), (True, str)):
        with record(loopback, path, audio=audio):
            await kit.talk(loopback)
        recording = read_recording(path)
        assert recording.header.audio is audio
        deltas = [event["delta"] for event in recording.of("response.output_audio.delta")]
        appends = [event["audio"] for event in recording.sent if event["type"] == "input_audio_buffer.append"]
        assert {type(audio) for audio in (*deltas, *appends)} == {kept}


async def test_the_header_says_what_was_recorded_and_by_whom(kit, loopback, path):
    loopback._model = "gpt-realtime"
    with record(loopback, path):
        await kit.talk(loopback)
    header = read_recording(path).header
    assert (header.transport, header.model, header.sent) == ("loopback", "gpt-realtime", True)
    assert header.capabilities == loopback.capabilities
    assert header.offhook
    assert header.started_at.endswith("+00:00")


async def test_of_a_transport_that_does_not_tell_what_it_sends_the_other_half_is_recorded(path):
    transport = Foreign()
    with record(transport, path):
        transport.go(status="connecting")
        transport.go(status="connected")
        transport.say(RawEvent(payload={"serverContent": {"turnComplete": True}}))
        transport.say(RawEvent(payload={"type": "new"}, direction="local"))
        transport.go(status="disconnected", reason="lost", code=1011)
    recording = read_recording(path)
    assert recording.header.sent is False
    assert recording.header.capabilities == Capabilities(images=True)
    assert recording.received == [{"serverContent": {"turnComplete": True}}]
    assert (recording.connections[0].end.reason, recording.connections[0].end.code) == ("lost", 1011)


def test_times_are_those_of_the_loop_from_the_first_attempt_to_connect(path):
    async def talk():
        transport = Foreign()
        with record(transport, path):
            await asyncio.sleep(5)
            transport.go(status="connecting")
            await asyncio.sleep(0.25)
            transport.go(status="connected")
            transport.say(RawEvent(payload={}))
            await asyncio.sleep(1)
            transport.go(status="disconnected")

    run_virtual(talk())
    assert [line.at_ms for line in read_recording(path).lines] == [250.0, 1250.0]


async def test_a_line_is_in_the_file_as_soon_as_its_event_was_told(loopback, path):
    """Whatever becomes of the program then: each line is whole, and none waits in it."""
    with record(loopback, path):
        found = []
        loopback.on("*", lambda _: found.append(path.read_text().splitlines()[-1]))
        await loopback.connect()
        assert [json.loads(line)["event"]["type"] for line in found] == ["session.updated"]
        await loopback.close()


async def test_several_connections_are_one_recording(kit, loopback, path):
    with record(loopback, path):
        await kit.talk(loopback)
        await kit.talk(loopback)
    assert [len(found.frames) > 5 for found in read_recording(path).connections] == [True, True]


async def test_after_close_nothing_more_is_recorded_and_nobody_listens(kit, loopback, path):
    recorder = record(loopback, path)
    await loopback.connect()
    recorder.close()
    recorder.close()
    size = path.stat().st_size
    await loopback.send_message("Hello")
    await loopback.close()
    assert path.stat().st_size == size
    assert not loopback._emitter.wants("raw_event")


async def test_only_its_owner_may_read_a_recording(loopback, path):
    record(loopback, path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_recording_that_is_there_is_replaced(loopback, path):
    path.write_text("what was\n" * 1000)
    with record(loopback, path):
        await loopback.connect()
        await loopback.close()
    assert read_recording(path).of("session.updated")


def test_a_place_that_cannot_be_written_is_told_at_once(loopback, tmp_path):
    with pytest.raises(RecordingError, match=r"cannot be written: No such file or directory\. Choose another place"):
        record(loopback, tmp_path / "absent" / "call.jsonl")
    assert not loopback._emitter.wants("raw_event")


async def test_p09_a_full_disk_ends_the_recording_and_not_the_conversation(kit, loopback, caplog):
    """``/dev/full`` is a disk without room."""
    with record(loopback, "/dev/full") as recorder:
        await kit.talk(loopback)
    assert "No space left on device" in str(recorder.failure)
    assert caplog.text.count("recording_stopped") == 1
    assert "listener_failed" not in caplog.text
