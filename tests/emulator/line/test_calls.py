"""Calls: a line and its channels on one session, from the first frame to the end from either side."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from offhook.audio.formats import PCMU
from offhook_emulator.line.calls import Call
from offhook_emulator.line.channels import Channels
from offhook_emulator.line.outbox import Outbox
from offhook_emulator.line.switchboard import Switchboard
from offhook_emulator.model.effects import Hangup
from offhook_emulator.model.errors import Refused
from offhook_emulator.replies.rules import Rules
from offhook_emulator.voice.scripted import ScriptedVoice

LOUD, QUIET = b"\x80", b"\xff"  # of PCMU


class FakeLine:
    """A caller who hangs up when the test says so, and learns whether the other side did."""

    def __init__(self) -> None:
        self.hangs_up, self.was_hung_up = asyncio.Event(), asyncio.Event()
        self.breaks: Exception | None = None

    async def run(self, call: Call) -> None:
        try:
            await self.hangs_up.wait()
        except asyncio.CancelledError:
            self.was_hung_up.set()
            raise
        if self.breaks:
            raise self.breaks


class Channel:
    """A control channel of a call."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self.frames: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.closed: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()
        self.outbox = Outbox(self._take, self._close)

    async def _take(self, text: str) -> None:
        self.frames.put_nowait(json.loads(text))

    async def _close(self, code: int, reason: str) -> None:
        self.closed.set_result((code, reason))

    async def send(self, event_type: str, **fields: Any) -> None:
        await self._call.receive(json.dumps({"type": event_type, **fields}))

    async def until(self, event_type: str) -> dict[str, Any]:
        async with asyncio.timeout(10):
            while (frame := await self.frames.get())["type"] != event_type:
                pass
        return frame


class Server:
    """A switchboard, and one call on it."""

    def __init__(self, **options: Any) -> None:
        self.seen: list[tuple[str, str]] = []
        self.line = FakeLine()
        self.switchboard = Switchboard(
            voice=ScriptedVoice(),
            replies=Rules(),
            observer=lambda who, frame: self.seen.append((who, frame["type"])),
            **options,
        )

    async def call(self, **options: Any) -> Call:
        call = Call(self.line, self.switchboard, **options)
        await self.switchboard.calls.start(call)
        return call


@asynccontextmanager
async def _serving(**options: Any) -> AsyncIterator[Server]:
    before = asyncio.all_tasks()
    server = Server(**options)
    async with asyncio.timeout(30):
        yield server
        await server.switchboard.calls.close()
    assert asyncio.all_tasks() == before


@asynccontextmanager
async def _attached(call: Call, *, greet: bool = False) -> AsyncIterator[Channel]:
    channel = Channel(call)
    pump = asyncio.create_task(channel.outbox.pump())
    with call.attached(channel.outbox, greet=greet):
        yield channel
    pump.cancel()
    await asyncio.wait([pump])


async def _ended(call: Call, server: Server) -> None:
    if tasks := [task for _, task in server.switchboard.calls._calls.values()]:
        await asyncio.wait(tasks, timeout=10)
    assert call.over
    assert not server.switchboard.calls._calls


@pytest.fixture
def serving() -> Callable[..., Any]:
    return _serving


async def test_only_the_channel_that_wants_it_is_greeted(serving):
    async with serving() as server:
        call = await server.call(config={"type": "realtime", "instructions": "Be brief."})
        async with _attached(call) as sideband, _attached(call, greet=True) as data:
            created = await data.until("session.created")
            await data.send("session.update", session={"type": "realtime"})
            assert (await sideband.frames.get())["type"] == "session.updated"
    assert created["session"]["instructions"] == "Be brief."
    assert server.seen.count(("server", "session.created")) == 1


async def test_every_channel_sees_every_event_and_any_may_send(serving):
    async with serving() as server:
        call = await server.call()
        async with _attached(call) as one, _attached(call) as two, _attached(call) as three:
            await two.send("session.update", session={"type": "realtime", "instructions": "Be brief."})
            for channel in (one, two, three):
                assert (await channel.until("session.updated"))["session"]["instructions"] == "Be brief."
            await three.send("response.create")
            done = [await channel.until("response.done") for channel in (one, two, three)]
    assert done[0] == done[1] == done[2]
    assert server.seen.count(("server", "response.done")) == 1
    assert server.seen.count(("client", "response.create")) == 1


async def test_a_channel_that_has_gone_is_told_nothing_more_and_the_call_goes_on(serving):
    async with serving() as server:
        call = await server.call()
        async with _attached(call) as one:
            async with _attached(call) as gone:
                pass
            await one.send("session.update", session={"type": "realtime"})
            await one.until("session.updated")
        assert gone.frames.empty()
        assert not call.over


async def test_what_the_line_hears_becomes_a_turn_and_the_answer_goes_to_the_line(serving):
    async with serving() as server:
        call = await server.call()
        async with _attached(call) as channel:
            await call.hear(LOUD * 8 * 600 + QUIET * 8 * 600, PCMU)
            await channel.until("input_audio_buffer.speech_started")
            done = (await channel.until("response.done"))["response"]
            assert done["status"] == "completed"
            assert len(call.pull()) == 960
            assert (await channel.until("output_audio_buffer.started"))["response_id"] == done["id"]


async def test_a_line_that_hears_nothing_pulls_nothing(serving):
    async with serving() as server:
        assert (await server.call()).pull() == b""


async def test_the_line_tells_of_what_it_noticed_itself(serving):
    async with serving() as server:
        call = await server.call()
        async with _attached(call) as channel:
            call.tell({"type": "input_audio_buffer.dtmf_event_received", "event": "4", "received_at": 1})
            assert (await channel.frames.get())["event"] == "4"


async def test_a_caller_who_hangs_up_ends_the_call_for_all(serving):
    async with serving() as server:
        call = await server.call()
        async with _attached(call) as one, _attached(call) as two:
            server.line.hangs_up.set()
            assert await one.closed == (1000, "The call has ended.")
            assert (await two.closed)[0] == 1000
            await _ended(call, server)
        assert server.switchboard.calls.get(call.id) is None


async def test_hanging_up_reaches_the_line_and_may_be_done_twice(serving):
    async with serving() as server:
        call = await server.call()
        async with _attached(call) as channel:
            call.hang_up("enough")
            call.hang_up("again")
            assert server.switchboard.calls.get(call.id) is None
            await server.line.was_hung_up.wait()
            assert await channel.closed == (1000, "enough")
        await _ended(call, server)


async def test_a_line_that_breaks_ends_the_call(serving):
    async with serving() as server:
        call = await server.call()
        server.line.breaks = ValueError("no carrier")
        async with _attached(call) as channel:
            server.line.hangs_up.set()
            assert (await channel.closed)[0] == 1000
        await _ended(call, server)


async def test_a_session_that_expires_ends_the_call(serving):
    async with serving(session_s=0.01) as server:
        call = await server.call()
        async with _attached(call) as channel:
            await channel.send("session.update", session={"type": "realtime"})
            assert (await channel.until("error"))["error"]["code"] == "session_expired"
            assert (await channel.closed)[0] == 1001
            await server.line.was_hung_up.wait()


async def test_who_attaches_when_it_is_over_is_told_that(serving):
    async with serving() as server:
        call = await server.call()
        call.hang_up()
        async with _attached(call) as channel:
            assert (await channel.closed)[0] == 1000


async def test_calls_are_found_by_their_id(serving):
    async with serving() as server:
        one, two = await server.call(), await server.call(call_id="rtc_mine")
        calls = server.switchboard.calls
        assert one.id.startswith("rtc_")
        assert calls.get(one.id) is one
        assert calls.get("rtc_mine") is two
        assert calls.get("rtc_other") is None


async def test_closing_hangs_up_all_calls_and_waits_for_them(serving):
    async with serving() as server:
        calls = [await server.call() for _ in range(3)]
        await server.switchboard.calls.close()
        assert all(call.over for call in calls)
        assert all(server.switchboard.calls.get(call.id) is None for call in calls)


async def test_a_config_that_is_refused_makes_no_call(serving):
    async with serving() as server:
        with pytest.raises(Refused, match=r"session\.tools"):
            Call(server.line, server.switchboard, config={"type": "realtime", "tools": 1})


async def test_a_channel_that_does_not_read_is_let_go_and_holds_up_nobody():
    channels, closed = Channels(), []

    async def close(code: int, reason: str) -> None:
        closed.append((code, reason))

    async def send(_text: str) -> None: ...

    slow = Outbox(send, close)
    channels.add(slow)
    for _ in range(5):
        channels.put({"type": "filler", "text": "x" * 8 * 1024 * 1024})
        await channels.room()
    channels.put({"type": "too late"})
    size = slow.size
    channels.put({"type": "too late"})
    assert slow.size == size
    await asyncio.wait_for(slow.pump(), 10)
    assert closed == [(1008, "The events of this call were not read for too long.")]


async def test_the_first_reason_for_the_end_is_the_one_that_counts():
    channels = Channels()
    channels.end(Hangup(1000, "first"))
    channels.end(Hangup(1001, "second"))
    late = Outbox(_unsent, _unsent)
    channels.add(late)
    assert list(late._frames) == [Hangup(1000, "first")]


async def _unsent(*_: object) -> None: ...
