"""A service that says again what a recorded one said: a WebSocket server for one recorded stream."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

from attrs import define, evolve, field, frozen
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

Frame: TypeAlias = dict[str, Any]
Step: TypeAlias = tuple[Literal["sent", "received"], Frame]


@frozen
class Recording:
    """What went over one socket, in order. ``sent`` is what the recorded client sent, ``received`` what its service did."""

    steps: Sequence[Step]

    @property
    def sent(self) -> list[Frame]:
        """The client's frames."""
        return [frame for direction, frame in self.steps if direction == "sent"]

    @property
    def received(self) -> list[Frame]:
        """The service's frames."""
        return [frame for direction, frame in self.steps if direction == "received"]

    def of(self, *kinds: str) -> list[Frame]:
        """The service's frames of some types."""
        return [frame for frame in self.received if frame.get("type") in kinds]

    def as_monologue(self) -> Recording:
        """The service's frames alone, which then wait for nobody."""
        return evolve(self, steps=[step for step in self.steps if step[0] == "received"])


def load(path: Path) -> Recording:
    """Read a recording."""
    lines = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    return Recording(_patient([(line["direction"], line["event"]) for line in lines]))


@contextlib.asynccontextmanager
async def serving(recording: Recording) -> AsyncIterator[str]:
    """Serve the recording to every client that connects; gives the URL."""
    async with serve(lambda connection: _Replay(connection).run(recording), "127.0.0.1", 0) as server:
        host, port = next(iter(server.sockets)).getsockname()
        yield f"ws://{host}:{port}/v1"


@define(eq=False)
class _Replay:
    """Says each frame once the client has sent as much of each type as the recorded one had sent before it."""

    connection: ServerConnection
    _came: Counter[str] = field(init=False, factory=Counter)
    _awaited: Counter[str] = field(init=False, factory=Counter)
    _news: asyncio.Event = field(init=False, factory=asyncio.Event)

    async def run(self, recording: Recording) -> None:
        reading = asyncio.create_task(self._read())
        try:
            for direction, frame in recording.steps:
                if direction == "received":
                    await self.connection.send(json.dumps(frame))
                else:
                    await self._client_sent(frame["type"])
            await reading
        except ConnectionClosed:
            pass  # the client has heard enough
        finally:
            reading.cancel()

    async def _read(self) -> None:
        async for message in self.connection:
            self._came[json.loads(message)["type"]] += 1
            self._news.set()

    async def _client_sent(self, kind: str) -> None:
        self._awaited[kind] += 1
        while self._came[kind] < self._awaited[kind]:
            self._news.clear()
            await self._news.wait()


def _patient(steps: list[Step]) -> list[Step]:
    """Let a tool's output wait for its call to be complete.

    The recorded clients answered as soon as the arguments were; others wait for ``response.output_item.done``.
    """
    patient: list[Step] = []
    early: dict[str, Step] = {}
    complete: set[str] = set()
    for step in steps:
        item = step[1].get("item", {})
        call_id = item.get("call_id", "")
        if item.get("type") == "function_call_output" and step[0] == "sent" and call_id not in complete:
            early[call_id] = step
            continue
        patient.append(step)
        if step[1].get("type") == "response.output_item.done" and item.get("type") == "function_call":
            complete.add(call_id)
            patient.extend([early.pop(call_id)] if call_id in early else [])
    assert not early, "a recorded output has no call"
    return patient
