"""What a long conversation leaves behind: nothing that grows (P10), nothing that tells a secret (P11), and no process."""

from __future__ import annotations

import asyncio
import base64
import gc
import logging
import subprocess
import sys
import tracemalloc
from collections import deque
from collections.abc import Mapping

import pytest

from offhook import emitter
from offhook.agent import RealtimeAgent
from offhook.audio.formats import PCM16_24K
from offhook.queues import MAX_AUDIO_MS, MAX_CONTROL_EVENTS
from offhook.session import RealtimeSession
from offhook.tool import function_tool

PATIENCE_S = 60.0
AUDIO = base64.b64encode(bytes(PCM16_24K.size(100))).decode()


@function_tool
async def look() -> str:
    """Look."""
    return "seen"


def turn(number):
    """What a service says in a whole turn: words heard, words and audio said, a call; and then all of it is deleted."""
    response, said, call = f"resp_{number}", f"said_{number}", f"call_{number}"
    where = {"response_id": response, "item_id": said, "output_index": 0, "content_index": 0}
    asked = {"id": f"asked_{number}", "type": "message", "role": "user", "content": [{"type": "input_audio"}]}
    function_call = {"id": f"item_{call}", "type": "function_call", "status": "completed", "call_id": call}
    function_call |= {"name": "look", "arguments": "{}"}
    transcription = "conversation.item.input_audio_transcription"
    yield {"type": "input_audio_buffer.speech_started", "item_id": asked["id"], "audio_start_ms": 0}
    yield {"type": "conversation.item.added", "item": asked, "previous_item_id": None}
    yield {"type": "response.created", "response": {"id": response, "status": "in_progress", "output": []}}
    yield {"type": f"{transcription}.delta", "item_id": asked["id"], "content_index": 0, "delta": "Hel"}
    yield {"type": "response.output_audio_transcript.delta", **where, "delta": "Hi"}
    yield {"type": "response.output_audio.delta", **where, "delta": AUDIO}
    if number % 2:
        yield {"type": f"{transcription}.completed", "item_id": asked["id"], "content_index": 0, "transcript": "Hello"}
        yield {"type": "response.output_audio.done", **where}
    yield {"type": "response.output_item.done", "response_id": response, "output_index": 1, "item": function_call}
    yield {"type": "response.done", "response": {"id": response, "status": "completed", "output": [function_call]}}


def forget(number):
    output = {"id": f"output_{number}", "type": "function_call_output", "call_id": f"call_{number}", "output": "seen"}
    yield {"type": "conversation.item.added", "item": output, "previous_item_id": f"item_call_{number}"}
    for item_id in (f"asked_{number}", f"item_call_{number}"):
        yield {"type": "conversation.item.deleted", "item_id": item_id}
    yield {"type": "response.created", "response": {"id": f"reply_{number}", "status": "in_progress", "output": []}}
    yield {"type": "response.done", "response": {"id": f"reply_{number}", "status": "completed", "output": []}}


async def talk(session, far, turns):
    for number in turns:
        for frame in turn(number):
            far.say(frame)
        await far.received("response.create")
        for frame in forget(number):
            far.say(frame)
        async for event in session:
            if event.hook == "agent_end" and event.turn_id == f"reply_{number}":
                break
        far.sent.clear()


def traced():
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def contents(thing, seen=None):
    """Count what is held in the containers of ``thing`` and of every object of ours that it holds."""
    seen = set() if seen is None else seen
    if id(thing) in seen or isinstance(thing, type):
        return 0
    seen.add(id(thing))
    if isinstance(thing, Mapping):
        return len(thing) + sum(contents(value, seen) for value in thing.values())
    if isinstance(thing, (list, tuple, set, frozenset, deque)):
        return len(thing) + sum(contents(value, seen) for value in thing)
    if not type(thing).__module__.startswith("offhook"):
        return 0
    names = [
        *getattr(thing, "__dict__", ()),
        *(name for cls in type(thing).__mro__ for name in getattr(cls, "__slots__", ())),
    ]
    return sum(contents(getattr(thing, name, None), seen) for name in names if name not in {"__weakref__", "__dict__"})


def test_a11_p10_a_thousand_responses_leave_the_state_of_a_session_flat(wire, monkeypatch):
    # On a busy machine it would warn of slow listeners, and pytest keeps what is logged.
    monkeypatch.setattr(emitter, "SLOW_LISTENER_S", float("inf"))
    asyncio.run(thousand_responses(wire))  # not in debug mode, which keeps more than the session does


async def thousand_responses(wire):
    session = RealtimeSession(RealtimeAgent(name="A", tools=[look]), transport=wire.transport())
    async with session, asyncio.timeout(PATIENCE_S):
        far = wire.channels[0]
        tracemalloc.start()
        try:
            await talk(session, far, range(400))  # what is remembered for a while has come to its bound
            before, memory = contents(session), traced()
            await talk(session, far, range(400, 1000))
            grown = traced() - memory
        finally:
            tracemalloc.stop()
        assert contents(session) < before + 10
        assert session.history == ()
        assert grown < 20_000, "33 bytes a turn"
    assert [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_p10_a_session_that_nobody_reads_holds_a_bounded_amount(wire):
    session = RealtimeSession(RealtimeAgent(name="A"), transport=wire.transport())
    done = asyncio.Event()
    session.on("dtmf", lambda _: done.set())
    async with session, asyncio.timeout(PATIENCE_S):
        far = wire.channels[0]
        where = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
        for _ in range(int(MAX_AUDIO_MS / 100) + 50):
            far.say({"type": "response.output_audio.delta", **where, "delta": AUDIO})
        for number in range(MAX_CONTROL_EVENTS):
            far.say({"type": "conversation.item.deleted", "item_id": str(number)})
        far.say({"type": "input_audio_buffer.dtmf_event_received", "event": "1"})
        await done.wait()
        queue = session._listening._reading._unread._queue
        assert len(queue._control) <= MAX_CONTROL_EVENTS
        assert queue._audio_ms <= MAX_AUDIO_MS
        assert queue.dropped_audio_ms > 0


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO])
async def test_p11_neither_keys_nor_audio_are_logged_even_when_all_goes_wrong(wire, line, caplog, level):
    @function_tool
    async def fail() -> str:
        raise RuntimeError("no")

    key = "sk-a-very-secret-key"
    with caplog.at_level(level):
        async with line(tools=[fail], api_key=key) as it:
            it.session.on("audio", lambda _: 1 / 0)
            it.session.on("error", lambda _: 1 / 0)
            where = {"response_id": "resp_1", "item_id": "reply", "output_index": 0, "content_index": 0}
            it.begins()
            it.far.say({"type": "response.output_audio.delta", **where, "delta": AUDIO})
            it.far.say({"type": "response.output_audio.delta", **where, "delta": "not base64!"})
            it.far.say({"type": "response.output_audio.delta", "delta": AUDIO})
            it.far.say('{"type": "response.output_audio.delta", "delta": "' + AUDIO)
            it.calls("fail", "call_1")
            it.calls("fly", "call_2")
            it.ends()
            it.far.say({"type": "error", "error": {"message": "No."}})
            await it.far.received("conversation.item.create", 2)
            await it.session.send_audio(bytes(PCM16_24K.size(100)))
            await it.settled()
            it.far.hang_up(1006)
            async with asyncio.timeout(PATIENCE_S):
                async for event in it.session:
                    caplog.records.append(logging.makeLogRecord({"msg": repr(event), "name": "test"}))
    told = "\n".join(record.getMessage() + (record.exc_text or "") for record in caplog.records)
    assert "listener_failed" in told
    assert key not in told
    assert AUDIO[:40] not in told
    assert "\\x00\\x00\\x00\\x00" not in told


def test_a_tool_that_hangs_in_a_thread_does_not_keep_the_program_from_ending():
    program = """
import asyncio, json, threading
from offhook.agent import RealtimeAgent
from offhook.loopback import Loopback
from offhook.session import RealtimeSession
from offhook.tool import function_tool

@function_tool
def hang() -> str:
    threading.Event().wait()

class Calling(Loopback):
    def __init__(self):
        super().__init__()
        self.on("session_ready", lambda _: asyncio.get_running_loop().call_soon(self._call))

    def _call(self):
        item = {"id": "i", "type": "function_call", "status": "completed", "call_id": "c", "name": "hang", "arguments": "{}"}
        frame = {"type": "response.output_item.done", "response_id": "r", "output_index": 0, "item": item}
        self._apply(self._protocol.receive(json.dumps(frame), 0.0))

async def main():
    async with RealtimeSession(RealtimeAgent(name="A", tools=[hang]), transport=Calling()) as session:
        async for event in session:
            if event.hook == "agent_tool_start":
                break
        await asyncio.sleep(0)
        assert any(thread.name == "offhook tool hang" for thread in threading.enumerate())

asyncio.run(main())
print("ended")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "ended", "")
