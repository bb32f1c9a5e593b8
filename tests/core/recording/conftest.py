"""What a recording is made of, and a loopback conversation to record."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace

import pytest

from offhook.loopback import Loopback
from offhook.recording import Recording
from offhook.recording.lines import End, Frame, to_json
from offhook.wire.codec import b64encode

PATIENCE_S = 10.0
UPDATE = {"type": "session.update", "event_id": "offhook_config_1", "session": {"type": "realtime"}}
READY = {"type": "session.updated", "event_id": "event_1", "session": {"type": "realtime", "id": "sess_1"}}
CALL = {"type": "function_call", "id": "item_1", "call_id": "call_1", "name": "look", "arguments": "{}"}
#: A call that is complete, and its answer.
CALLED = {"type": "response.output_item.done", "response_id": "resp_1", "output_index": 0, "item": CALL}
ANSWER = {
    "type": "conversation.item.create",
    "item": {"type": "function_call_output", "call_id": "call_1", "output": "a tree"},
}


def sent(event, at_ms=0.0):
    return Frame(direction="sent", event=event, at_ms=at_ms)


def received(event, at_ms=0.0):
    return Frame(direction="received", event=event, at_ms=at_ms)


def delta(ms, item_id="item_1"):
    """A piece of speech, in PCM16 at 24 kHz."""
    audio = b64encode(b"\x01\x00" * (24 * ms))
    where = {"response_id": "resp_1", "item_id": item_id, "output_index": 0, "content_index": 0}
    return {"type": "response.output_audio.delta", "delta": audio, **where}


def opened(*lines):
    """A recording of a connection that is accepted, and then goes as ``lines`` say."""
    return Recording(lines=[sent(UPDATE), received(READY), *lines])


async def talk(transport):
    """Write and speak to a loopback, and hear both again."""
    done = asyncio.Event()
    transport.on("turn_done", lambda _: done.set())
    async with asyncio.timeout(PATIENCE_S):
        await transport.connect()
        await transport.send_message("Hello")
        await done.wait()
        done.clear()
        await transport.send_audio(bytes(9600), commit=True)
        await transport.request_response()
        await done.wait()
        await transport.close()


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def write(path, recording):
    """Write a recording as another program would: without a header."""
    path.write_text("".join(json.dumps(to_json(line)) + "\n" for line in recording.lines))
    return path


@pytest.fixture
def kit():
    """What is above."""
    return SimpleNamespace(
        ANSWER=ANSWER,
        CALLED=CALLED,
        PATIENCE_S=PATIENCE_S,
        READY=READY,
        UPDATE=UPDATE,
        End=End,
        delta=delta,
        lines_of=lines_of,
        opened=opened,
        received=received,
        sent=sent,
        talk=talk,
        write=write,
    )


@pytest.fixture
def loopback():
    return Loopback()
