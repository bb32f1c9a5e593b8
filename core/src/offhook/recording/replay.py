"""A transport whose service is a recording: it says again what was said then, and needs no network and no key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Final

from offhook._log import logger
from offhook.errors import ConnectError, RecordingError
from offhook.realtime.transport import OpenAIRealtimeBase
from offhook.recording.counterpart import Counterpart, patient
from offhook.recording.lines import End, Frame
from offhook.recording.reader import RecordedConnection, Recording, read_recording
from offhook.recording.redaction import restore
from offhook.wire.channel import DialRequest
from offhook.wire.codec import as_object, dumps, loads

#: How long the replay waits for what the client has to send, in seconds.
PATIENCE_S: Final = 10.0
#: How long a service may take to accept the config, in seconds of its own time.
_ACK_S: Final = 5.0
#: RFC 6455 close codes: for a goodbye whose code nobody noted, and for an end without one.
_GOODBYE: Final = 1000
_NO_GOODBYE: Final = 1006


def replay(
    path: str | Path, *, speed: float | None = None, strict: bool = False, patience_s: float = PATIENCE_S
) -> ReplayTransport:
    """Make a transport that replays the recording at ``path``. Raises ``RecordingError``; see ``ReplayTransport``."""
    return ReplayTransport(read_recording(path), speed=speed, strict=strict, patience_s=patience_s)


class ReplayTransport(OpenAIRealtimeBase):
    """Says what the recorded service said, over the capabilities of the recorded transport.

    Whatever it is told is accepted, and changes nothing of what comes. The n-th ``connect()`` replays the n-th connection.
    The time of the conversation is that of the recording, so that how much was heard before an interruption is what it was
    then, at any speed.
    """

    def __init__(
        self,
        recording: Recording,
        *,
        speed: float | None = None,
        strict: bool = False,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """Make a transport, disconnected.

        ``speed`` 1.0 is the recorded pace, 2.0 twice that; ``None`` waits for nothing but the outputs of function calls,
        and for those no longer than ``patience_s``. ``strict`` waits for everything that the recorded client sent but its
        audio, and ends the connection with an error at the first difference. Raises ``RecordingError`` for a speed that is
        none.
        """
        if speed is not None and speed <= 0:
            raise RecordingError(f"a recording cannot be replayed at speed {speed}. Give a number above 0, or none.")
        self.recording = recording
        self._left = iter(recording.connections)
        self._speed = speed
        self._strict = strict
        self._patience_s = patience_s
        self._at_ms = 0.0
        header = recording.header
        super().__init__(
            "replay",
            self._dial_recorded,
            url="ws://replay/v1/realtime",
            model=header.model,
            capabilities=header.capabilities,
            service_plays=header.capabilities.handles_audio,
            ack_timeout_s=_ACK_S / min(speed or 1.0, 1.0),
            clock=lambda: self._at_ms / 1000,
        )

    async def _dial_recorded(self, request: DialRequest) -> _ReplayChannel:  # noqa: ARG002  # there is nowhere to dial
        connection = next(self._left, None)
        if connection is None:
            raise ConnectError("the recording has no further connection. Make a new transport to replay it again.")
        if not connection.frames:
            reason = connection.end.reason if connection.end else None
            raise ConnectError(f"in the recording, this connection was not made ({reason}). Connect again to go on.")
        return _ReplayChannel(
            connection,
            Counterpart(self._strict),
            _Pace(self._speed, connection.frames[0].at_ms),
            patience_s=self._patience_s,
            on_time=self._on_time,
        )

    def _on_time(self, at_ms: float) -> None:
        self._at_ms = at_ms


class _Pace:
    """When a line is due, on the clock of the loop."""

    def __init__(self, speed: float | None, start_ms: float) -> None:
        self._speed = speed
        self._last_ms = start_ms
        self._due = asyncio.get_running_loop().time()

    def next(self, at_ms: float) -> float:
        """Give the time at which the next line is due. After a delay the rest comes later, and not all at once."""
        now = asyncio.get_running_loop().time()
        if self._speed is None:
            return now
        self._due = max(self._due + (at_ms - self._last_ms) / 1000 / self._speed, now)
        self._last_ms = at_ms
        return self._due


class _ReplayChannel:
    """Both the wire and the far end of it."""

    def __init__(
        self,
        connection: RecordedConnection,
        client: Counterpart,
        pace: _Pace,
        *,
        patience_s: float,
        on_time: Callable[[float], None],
    ) -> None:
        self.close_code: int | None = None
        self.close_reason = ""
        self._frames: Sequence[Frame] = patient(connection.frames)
        self._end = connection.end or End(at_ms=self._frames[-1].at_ms)
        self._client = client
        self._pace = pace
        self._patience_s = patience_s
        self._on_time = on_time
        self._news = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[str]:
        for frame in self._frames:
            await self._until(self._pace.next(frame.at_ms))
            if frame.direction == "sent":
                await self._client_sends(frame)
            if self.close_code is not None:
                return
            self._on_time(max(frame.at_ms, 0.0))
            if frame.direction == "received":
                yield dumps(restore(frame.event))
        await self._until(self._pace.next(self._end.at_ms))
        self._finish()

    async def send(self, text: str) -> None:
        if self.close_code is not None:
            raise ConnectionError("the replay is over")
        self._client.take(as_object(loads(text)))
        self._news.set()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        if self.close_code is None:
            self.close_code, self.close_reason = code, reason
            self._news.set()

    async def _until(self, due: float) -> None:
        """Wait until it is time, or the client has closed. Others on the loop get their turn in any case."""
        await asyncio.sleep(0)
        while self.close_code is None and asyncio.get_running_loop().time() < due:
            if not await self._news_before(due):
                return

    async def _client_sends(self, frame: Frame) -> None:
        """Wait for what the client has to send here. Raises ``RecordingError`` in a strict replay that differs."""
        deadline = asyncio.get_running_loop().time() + self._patience_s
        while self.close_code is None and self._client.waits_for(frame.event):
            if not await self._news_before(deadline):
                self._give_up(frame)
                return
        if self.close_code is None and (difference := self._client.difference(frame.event)) is not None:
            raise _differs(f"it sent {difference}", frame.at_ms)

    def _give_up(self, frame: Frame) -> None:
        kind = frame.event.get("type")
        if self._client.strict:
            raise _differs(f"it sent no {kind}", frame.at_ms)
        logger().warning("replay_goes_on_without", type=kind, at_ms=frame.at_ms, waited_s=self._patience_s)

    async def _news_before(self, deadline: float) -> bool:
        self._news.clear()
        try:
            async with asyncio.timeout_at(deadline):
                await self._news.wait()
        except TimeoutError:
            return False
        return True

    def _finish(self) -> None:
        if self.close_code is not None:
            return
        if (kind := self._client.beyond) is not None:
            raise _differs(f"it sent {kind} beyond what was recorded", self._end.at_ms)
        abrupt = self._end.reason in {"lost", "error"}
        self.close_code = self._end.code or (_NO_GOODBYE if abrupt else _GOODBYE)
        self.close_reason = "the recording ends here"


def _differs(how: str, at_ms: float) -> RecordingError:
    return RecordingError(
        f"the client does not do what the recorded one did at {at_ms / 1000:.1f} s: {how}. "
        "Leave strict out to replay it all the same"
    )
