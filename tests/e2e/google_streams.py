"""Recorded conversations of Google's services, served again over a real socket."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

from attrs import frozen
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

Frame: TypeAlias = dict[str, Any]
Step: TypeAlias = tuple[Literal["sent", "received"], Frame]
#: Every recording of Google's, Developer API and Vertex AI.
STREAMS = [
    "test_gateway_ws__test_gateway_gemini_text_in_audio_out",
    "test_google_ws__test_asap_enqueue_waits_for_response_boundary",
    "test_google_ws__test_audio_in_server_vad_turn",
    "test_google_ws__test_message_history_seeding",
    "test_google_ws__test_text_in_audio_out_turn",
    "test_parity_ws__test_history_seeding_parity[gateway-google]",
    "test_parity_ws__test_history_seeding_parity[google-current]",
    "test_parity_ws__test_history_seeding_parity[google-previous]",
    "test_parity_ws__test_text_tool_round_parity[gateway-google]",
    "test_parity_ws__test_text_tool_round_parity[google-current]",
    "test_parity_ws__test_text_tool_round_parity[google-previous]",
]
#: The recorded client wrote its messages' names in snake case; the service takes either.
_CAMEL = {"client_content": "clientContent", "realtime_input": "realtimeInput", "tool_response": "toolResponse"}


@frozen
class Recording:
    """What went over one socket, in order, the client's messages by their documented names."""

    steps: Sequence[Step]

    @property
    def sent(self) -> list[Frame]:
        """The client's messages."""
        return [frame for direction, frame in self.steps if direction == "sent"]

    @property
    def received(self) -> list[Frame]:
        """The service's messages."""
        return [frame for direction, frame in self.steps if direction == "received"]

    @property
    def setup(self) -> Frame:
        """The body of the first message."""
        return self.sent[0]["setup"]

    @property
    def contents(self) -> list[Frame]:
        """Every ``serverContent``."""
        return [frame["serverContent"] for frame in self.received if "serverContent" in frame]

    def interrupted(self, by: Literal["user", "client"]) -> Recording:
        """Break in after the first piece of audio. No recording has it; the frames are the documented ones.

        One piece more comes late, the turn ends, and what the recording still holds is the next turn.
        """
        audible = [place for place, (side, frame) in enumerate(self.steps) if side == "received" and audio_of(frame)]
        broken, late = audible[:2]
        stop: list[Step] = [("sent", {"clientContent": {"turnComplete": False}})] if by == "client" else []
        breaks_in: list[Step] = [
            *stop,
            ("received", {"serverContent": {"interrupted": True}}),
            self.steps[late],
            ("received", {"serverContent": {"turnComplete": True}}),
        ]
        return Recording(
            [*self.steps[: broken + 1], *breaks_in, *self.steps[broken + 1 : late], *self.steps[late + 1 :]]
        )

    def withdrawn(self) -> Recording:
        """Take the first call back, and end there: likewise in no recording, and documented."""
        at = next(place for place, (_, frame) in enumerate(self.steps) if "toolCall" in frame)
        (call,) = self.steps[at][1]["toolCall"]["functionCalls"]
        taken_back: Step = ("received", {"toolCallCancellation": {"ids": [call["id"]]}})
        return Recording([*self.steps[: at + 1], taken_back, ("received", {"serverContent": {"turnComplete": True}})])


def load(path: Path) -> Recording:
    """Read a recording."""
    lines = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    return Recording([(line["direction"], named(line["event"])) for line in lines])


def named(frame: Frame) -> Frame:
    """Give a client's message by its documented name."""
    return {_CAMEL.get(name, name): body for name, body in frame.items()}


def audio_of(frame: Frame) -> list[bytes]:
    """Give the pieces of audio in a frame of either side."""
    parts = frame.get("serverContent", {}).get("modelTurn", {}).get("parts", [])
    pieces = [part["inlineData"] for part in parts if "inlineData" in part]
    if audio := frame.get("realtimeInput", {}).get("audio"):
        pieces.append(audio)
    return [base64.urlsafe_b64decode(piece["data"].translate({43: "-", 47: "_"})) for piece in pieces]


class Service:
    """A service that says again what the recorded one said, to one client."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        #: What the client said.
        self.heard: list[Frame] = []
        self._news = asyncio.Event()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Serve; gives the URL."""
        async with serve(self._talk, "127.0.0.1", 0) as server:
            host, port = next(iter(server.sockets)).getsockname()
            yield f"ws://{host}:{port}/ws/google.Service.BidiGenerateContent"

    async def _talk(self, connection: ServerConnection) -> None:
        """Say each message once the client has sent as many of each kind as the recorded one had before it."""
        listening = asyncio.create_task(self._listen(connection))
        awaited: Counter[str] = Counter()
        try:
            for direction, frame in self._recording.steps:
                if direction == "received":
                    await connection.send(json.dumps(frame).encode())
                else:
                    awaited[next(iter(frame))] += 1
                    await self._until(awaited)
            await listening
        except ConnectionClosed:
            pass  # the client has heard enough
        finally:
            listening.cancel()

    async def _listen(self, connection: ServerConnection) -> None:
        async for message in connection:
            self.heard.append(json.loads(message))
            self._news.set()

    async def _until(self, awaited: Counter[str]) -> None:
        while not awaited <= Counter(next(iter(frame)) for frame in self.heard):
            self._news.clear()
            await self._news.wait()
