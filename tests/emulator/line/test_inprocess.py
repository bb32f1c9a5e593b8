"""The in-process line: a client and its session in one program."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from offhook_emulator.line.inprocess import InProcessChannel
from offhook_emulator.line.switchboard import Switchboard
from offhook_emulator.replies.rules import Rules
from offhook_emulator.voice.scripted import ScriptedVoice

PATIENCE_S = 5


class Line:
    """A channel to a session, and whether what it was made with was let go."""

    def __init__(self, **settings: Any) -> None:
        self.let_go = 0
        switchboard = Switchboard(**{"voice": ScriptedVoice(), "replies": Rules(), **settings})
        self.channel = InProcessChannel(switchboard, model="gpt-realtime", let_go=self._let_go)
        self._frames = aiter(self.channel)

    async def _let_go(self) -> None:
        self.let_go += 1

    async def send(self, kind: str, **members: Any) -> None:
        await self.channel.send(json.dumps({"type": kind, **members}))

    async def until(self, kind: str) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            while (frame := json.loads(await anext(self._frames)))["type"] != kind:
                pass
        return frame

    async def rest(self) -> list[str]:
        async with asyncio.timeout(PATIENCE_S):
            return [json.loads(frame)["type"] async for frame in self._frames]


async def test_a_session_greets_and_takes_what_is_sent() -> None:
    line = Line()
    assert (await line.until("session.created"))["session"]["model"] == "gpt-realtime"
    await line.send("session.update", session={"type": "realtime", "instructions": "Be kind."})
    assert (await line.until("session.updated"))["session"]["instructions"] == "Be kind."
    await line.channel.close()


async def test_closing_ends_the_session_and_all_its_work() -> None:
    line = Line()
    await line.send("response.create", response={"instructions": "Say: " + "again and " * 500})
    await line.until("response.output_audio.delta")
    before = asyncio.all_tasks()
    await line.channel.close(1000, "enough")
    assert (line.channel.close_code, line.channel.close_reason) == (1000, "enough")
    assert line.let_go == 1
    assert asyncio.all_tasks() < before
    assert asyncio.all_tasks() == {asyncio.current_task()}
    with pytest.raises(ConnectionError):
        await line.send("response.create")


async def test_closing_twice_changes_nothing() -> None:
    line = Line()
    await line.channel.close(1000)
    await line.channel.close(4000, "late")
    assert (line.channel.close_code, line.let_go) == (1000, 1)


async def test_an_expired_session_says_so_and_then_is_over() -> None:
    line = Line(session_s=0.01)
    assert (await line.until("error"))["error"]["code"] == "session_expired"
    assert await line.rest() == []
    assert line.channel.close_code == 1001
    await line.channel.close()
    assert line.let_go == 1


async def test_a_session_that_fails_is_over_and_the_log_says_why(caplog: pytest.LogCaptureFixture) -> None:
    class Deaf(ScriptedVoice):
        def detector(self) -> Any:
            raise RuntimeError("no ears")

    line = Line(voice=Deaf())
    assert await line.rest() == []
    assert line.channel.close_code == 1011
    await line.channel.close()
    assert line.let_go == 1
    assert "no ears" in caplog.text


async def test_closing_that_is_cancelled_lets_go_at_once() -> None:
    hold = asyncio.Event()

    class Stubborn(Rules):
        async def reply(self, request: Any) -> Any:
            try:
                await asyncio.Event().wait()
            finally:
                await hold.wait()
            yield

    line = Line(replies=Stubborn())
    await line.send("response.create")
    await line.until("response.created")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await line.channel.close()
    hold.set()
    await asyncio.wait({line.channel._serving}, timeout=PATIENCE_S)
    assert line.let_go == 1


async def test_a_client_that_does_not_read_bounds_what_waits_for_it() -> None:
    line = Line()
    frame = json.dumps({"type": "session.update", "session": {"type": "realtime", "instructions": "x" * 20_000}})

    async def send_for_ever() -> None:
        while True:
            await line.channel.send(frame)

    sending = asyncio.create_task(send_for_ever())
    async with asyncio.timeout(PATIENCE_S):
        while len(line.channel._up._frames) < 256:  # noqa: ASYNC110 - it tells nobody when it is full
            await asyncio.sleep(0)
    for _ in range(10):
        await asyncio.sleep(0)
    assert (len(line.channel._up._frames), len(line.channel._down._frames)) == (256, 256)
    await line.channel.close()
    with pytest.raises(ConnectionError):
        await sending
