"""The user of a simulated conversation: speaks, listens, and knows when the agent is done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

from offhook import events as e
from offhook.audio.formats import PCM16_24K, AudioFormat
from offhook.audio.frames import silence
from offhook.hookspecs import event_names
from offhook.items import FunctionCallItem
from offhook.session import RealtimeSession
from offhook.session.events import RealtimeSessionEventTypes
from offhook.wire.codec import as_object

#: The user's microphone gives pieces of so many milliseconds.
_FRAME_MS: Final = 100
#: Nobody detects the end of a turn after so much silence.
_LONGEST_SILENCE_MS: Final = 30_000
#: The agent is done once nothing was to be done or heard for so long: what follows from what takes no longer.
_SETTLED_S: Final = 1.0
#: A reply may be long in coming (a transcript is checked first), and may not come at all.
_NO_REPLY_S: Final = 10.0


class SimulationError(AssertionError):
    """The simulated conversation did not go on."""


class SimulatedUser:
    """Hears everything that ``session`` tells. ``speech`` gives words as audio in a format."""

    def __init__(self, session: RealtimeSession, speech: Callable[[str, AudioFormat], Awaitable[bytes]]) -> None:
        self.events: list[e.Event] = []
        #: Names of agents, in the order in which they had the conversation.
        self.agents: list[str] = [session.agent.name]
        #: Who made which call.
        self.callers: dict[str, str] = {}
        self._session = session
        self._speech = speech
        self._news = asyncio.Event()
        self._format = PCM16_24K
        self._config: Any = {}
        self._replies: set[str] = set()
        self._replied = False
        self._withdrawn: set[str] = set()
        self._pauses = 0
        self._first_sound_at: float | None = None
        self._plays_until = 0.0
        for name in sorted(event_names(RealtimeSessionEventTypes) - {"raw_event"}):
            session.on(name, self._hear)

    # Speaking.

    def begins(self) -> None:
        """A turn of the user begins: what it is answered is yet to come."""
        self._replied, self._first_sound_at = False, None

    async def says(self, text: str) -> None:
        """Say ``text``, and be silent until the agent knows that it is over. Takes as long as speaking does."""
        pauses = self._pauses
        for frame in self._frames(await self._speech(text, self._format)):
            await self._send(frame)
        if not self._detects_turns():
            await self._session.send_audio(b"", commit=True)
            await self._session.request_response()
            return
        for _ in range(0, _LONGEST_SILENCE_MS, _FRAME_MS):
            if self._pauses > pauses:
                return
            await self._send(silence(self._format, _FRAME_MS))
        raise SimulationError(
            f"{_LONGEST_SILENCE_MS // 1000} s of silence after {text!r} did not end the turn. Look at the session's "
            "turn_detection, or let the turn be written."
        )

    async def _send(self, frame: bytes) -> None:
        # A microphone has it only once it was spoken.
        await asyncio.sleep(self._format.duration_ms(len(frame)) / 1000)
        await self._session.send_audio(frame)

    def _frames(self, audio: bytes) -> Iterator[bytes]:
        step = self._format.size(_FRAME_MS)
        return (audio[at : at + step] for at in range(0, len(audio), step))

    def _detects_turns(self) -> bool:
        hearing = as_object(as_object(as_object(self._config).get("audio")).get("input"))
        return hearing.get("turn_detection") is not None

    # Listening.

    async def has_heard(self, ms: int) -> None:
        """Return ``ms`` after the first sound of the reply; at its end, where it makes no sound."""
        while self._first_sound_at is None:
            if not await self._something_happens(_NO_REPLY_S) and not self._busy():
                return
        await asyncio.sleep(max(self._first_sound_at + ms / 1000 - self._now(), 0))

    async def is_answered(self, *, wanted: bool) -> None:
        """Return when all that the agent does has been done, and heard; ``wanted``: a reply is to be expected."""
        while True:
            patience_s = _SETTLED_S if self._replied or not wanted else _NO_REPLY_S
            still_playing_s = max(self._plays_until - self._now(), 0)
            if not await self._something_happens(still_playing_s + patience_s) and not self._busy():
                return

    def waits_for(self) -> str:
        """Say in words what keeps the agent from being done."""
        return ", ".join(self._busy()) or "it fell silent only now"

    async def _something_happens(self, timeout_s: float) -> bool:
        self._news.clear()
        try:
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            return False
        return True

    def _busy(self) -> list[str]:
        replies = [f"reply {turn_id} is being made" for turn_id in sorted(self._replies)]
        return replies + [
            f"the call of {item.name} waits for its output"
            for item in self._session.history
            if isinstance(item, FunctionCallItem) and item.output is None and item.call_id not in self._withdrawn
        ]

    def _hear(self, event: e.Event) -> None:
        self.events.append(event)
        if self._session.agent.name != self.agents[-1]:
            self.agents.append(self._session.agent.name)
        self._follow_the_line(event)
        self._follow_the_agent(event)
        self._news.set()

    def _follow_the_line(self, event: e.Event) -> None:
        match event:
            case e.SessionReady():
                self._config, self._format = event.config, event.input_format or PCM16_24K
            case e.SessionUpdated():
                self._config = event.config
            case e.SpeechStopped():
                self._pauses += 1
            case e.AudioEvent():
                self._play(event.audio_ms / 1000)
            case e.AudioInterrupted():
                self._plays_until = self._now()
            case _:
                pass

    def _follow_the_agent(self, event: e.Event) -> None:
        match event:
            case e.TurnStarted():
                self._replies.add(event.turn_id)
                self._replied = True
            case e.TurnDone():
                self._replies.discard(event.turn_id)
            case e.FunctionCall():
                self.callers[event.call_id] = self._session.agent.name
            case e.FunctionCallCancelled():
                self._withdrawn.update(event.call_ids)
            case _:
                pass

    def _play(self, seconds: float) -> None:
        now = self._now()
        if self._first_sound_at is None:
            self._first_sound_at = now
        self._plays_until = max(self._plays_until, now) + seconds

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
