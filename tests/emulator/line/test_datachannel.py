"""The data channel of a call: what it may carry, how fast, and what is still said at the end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from offhook_emulator.line.calls import Call
from offhook_emulator.line.datachannel import ControlChannel
from offhook_emulator.line.switchboard import Switchboard
from offhook_emulator.replies.rules import Rules
from offhook_emulator.voice.scripted import ScriptedVoice


class FakeChannel:
    """A data channel as aiortc has them. What is sent stays in its buffer while ``stuck``."""

    def __init__(self) -> None:
        self.readyState, self.bufferedAmount, self.bufferedAmountLowThreshold = "open", 0, 0
        self.stuck = False
        self.sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._handlers: dict[str, Callable[..., None]] = {}

    def on(self, event: str, handler: Callable[..., None]) -> None:
        self._handlers[event] = handler

    def emit(self, event: str, *arguments: Any) -> None:
        self._handlers[event](*arguments)

    def send(self, text: str) -> None:
        self.sent.put_nowait(json.loads(text))
        if self.stuck:
            self.bufferedAmount += len(text)

    def flow(self) -> None:
        self.stuck, self.bufferedAmount = False, 0
        self.emit("bufferedamountlow")

    def close(self) -> None:
        self.readyState = "closed"

    def say(self, event_type: str, **fields: Any) -> None:
        self.emit("message", json.dumps({"type": event_type, **fields}))

    async def until(self, event_type: str) -> dict[str, Any]:
        async with asyncio.timeout(10):
            while (frame := await self.sent.get())["type"] != event_type:
                pass
        return frame


class _Line:
    """A caller of whom only the data channel is there."""

    def __init__(self, channel: FakeChannel, max_message: int) -> None:
        self.control = ControlChannel(channel, max_message=max_message)

    async def run(self, call: Call) -> None:
        await self.control.serve(call)


@asynccontextmanager
async def _calling(channel: FakeChannel, *, max_message: int = 0) -> AsyncIterator[Call]:
    switchboard = Switchboard(voice=ScriptedVoice(), replies=Rules())
    async with asyncio.timeout(30):
        line = _Line(channel, max_message)
        call = Call(line, switchboard)
        await switchboard.calls.start(call)
        yield call
        await switchboard.calls.close()


@pytest.fixture
def channel() -> FakeChannel:
    return FakeChannel()


def _write(channel: FakeChannel, text: str) -> None:
    content = [{"type": "input_text", "text": text}]
    channel.say("conversation.item.create", item={"type": "message", "role": "user", "content": content})


async def test_what_is_sent_before_the_call_takes_it_is_not_lost(channel):
    line = _Line(channel, 0)
    channel.say("session.update", session={"type": "realtime", "instructions": "Be brief."})
    switchboard = Switchboard(voice=ScriptedVoice(), replies=Rules())
    await switchboard.calls.start(Call(line, switchboard))
    await channel.until("session.created")
    assert (await channel.until("session.updated"))["session"]["instructions"] == "Be brief."
    await switchboard.calls.close()


async def test_a_binary_message_is_refused_and_the_call_goes_on(channel):
    async with _calling(channel):
        channel.emit("message", b"\0")
        assert (await channel.until("error"))["error"]["code"] == "invalid_event"
        channel.say("session.update", session={"type": "realtime"})
        await channel.until("session.updated")


async def test_an_item_whose_audio_the_caller_cannot_take_comes_without_it(channel):
    async with _calling(channel, max_message=4096):
        audio = {"type": "input_audio", "audio": "gICAgICA" * 1000, "transcript": "Hello."}
        channel.say("conversation.item.create", item={"id": "i", "type": "message", "role": "user", "content": [audio]})
        channel.say("conversation.item.retrieve", item_id="i")
        item = (await channel.until("conversation.item.retrieved"))["item"]
        assert item["content"] == [{"type": "input_audio", "transcript": "Hello."}]


async def test_an_event_that_is_too_long_all_the_same_is_named(channel):
    async with _calling(channel, max_message=4096):
        _write(channel, "é" * 4000)
        message = (await channel.until("error"))["error"]["message"]
        assert "'conversation.item.added'" in message
        assert "4096 bytes" in message


async def test_a_caller_who_does_not_take_it_is_waited_for(channel):
    async with _calling(channel):
        await channel.until("session.created")
        channel.stuck = True
        _write(channel, "x" * 300_000)
        await channel.until("conversation.item.added")
        channel.say("session.update", session={"type": "realtime"})
        await asyncio.sleep(0)
        assert channel.sent.empty()
        channel.flow()
        await channel.until("session.updated")


async def test_a_caller_whose_channel_breaks_is_not_waited_for(channel):
    async with _calling(channel):
        await channel.until("session.created")
        channel.stuck = True
        _write(channel, "x" * 300_000)
        await channel.until("conversation.item.added")
        channel.close()
        channel.emit("close")


async def test_the_last_words_are_still_sent_and_then_it_is_closed(channel):
    async with _calling(channel) as call:
        await channel.until("session.created")
        call.tell({"type": "farewell"})
        call.hang_up()
    await channel.until("farewell")
    assert channel.readyState == "closed"
