"""How fast each turn was: a record per turn, or per utterance where there are no turns.

A record is told when its turn is over and has been heard, or when the next one begins after its end. Turns may overlap: the
service answers the user while a response outside of the conversation is under way. Times are those of the event loop's clock
at which this side learned of each thing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import define, field

from offhook.agent_events import ToolEnd, ToolStart
from offhook.events import Event, FunctionCallCancelled, TurnDone, TurnStarted, Usage
from offhook.items import MessageItem, OutputAudio, OutputText
from offhook.prices import Prices
from offhook.session.conversation import Conversation
from offhook.session.events import TurnTiming
from offhook.session.playout import Playout

#: Turns that may be under way at once. One that never ends must not make this grow (P10).
_MAX_TURNS: Final = 8


@define(eq=False)
class _Record:
    """One turn. Times are seconds."""

    turn_id: str | None = None
    response_id: str | None = None
    #: When the user had stopped speaking.
    asked: float | None = None
    received: float | None = None
    heard: float | None = None
    tool_s: float | None = None
    reaction_s: float | None = None
    over: bool = False
    usage: Usage | None = None


@define(eq=False)
class _Tools:
    """For how long any tool was at work since the last turn began."""

    _running: set[str] = field(init=False, factory=set[str])
    _since: float = field(init=False, default=0.0)
    _spent_s: float | None = field(init=False, default=None)

    def start(self, call_id: str) -> None:
        """A tool began to work."""
        if not self._running:
            self._since = _now()
        self._running.add(call_id)

    def end(self, call_id: str) -> None:
        """Its output was sent, or will never be."""
        if call_id not in self._running:
            return
        self._running.discard(call_id)
        if not self._running:
            self._spent_s = (self._spent_s or 0.0) + _now() - self._since

    def take(self) -> float | None:
        """Give the seconds, and begin anew; ``None`` where none has ended."""
        spent, self._spent_s = self._spent_s, None
        return spent


@define(eq=False)
class Timing:
    """Keeps the records of the turns under way: one, nearly always."""

    conversation: Conversation
    playout: Playout
    prices: Prices | None = None
    _records: dict[str | None, _Record] = field(init=False, factory=dict[str | None, _Record])
    _tools: _Tools = field(init=False, factory=_Tools)
    #: When the user stopped speaking; the first audio that follows is the answer.
    _asked: float | None = field(init=False, default=None)
    #: Since when somebody wants the assistant to be silent.
    _alarm: float | None = field(init=False, default=None)
    #: Tells the records once all was heard.
    _waiter: asyncio.Task[None] | None = field(init=False, default=None)

    def hears(self) -> Mapping[str, Callable[[Any], None]]:
        """Give what is to be heard of the transport, after everyone else."""
        return {
            "speech_started": self.speech_started,
            "speech_stopped": self.speech_stopped,
            "turn_started": self.turn_started,
            "turn_done": self.turn_done,
            "audio_done": self.audio_done,
            "audio_interrupted": self.audio_interrupted,
            "output_speech_started": self.output_speech_started,
            "output_speech_stopped": self.output_speech_stopped,
        }

    def hears_of_session(self) -> Mapping[str, Callable[[Any], None]]:
        """Give what is to be heard of what the session itself tells."""
        return {
            "agent_tool_start": self.tool_start,
            "agent_tool_end": self.tool_end,
            "function_call_cancelled": self.function_call_cancelled,
        }

    def forget_speech(self) -> None:
        """What the user said was taken back: nothing answers it."""
        self._asked = None

    def interrupt(self) -> None:
        """The application wants the assistant to be silent."""
        self._alarm = _now()

    def end(self) -> None:
        """The connection is over: tell what is known."""
        self._tell_all(over=False)

    # What is heard of the assistant: see ``Playout``.

    def received(self, turn_id: str | None) -> None:
        """The first audio of a turn came."""
        record = self._records.get(turn_id)
        if record is None and not self._records:
            record = self._begin(turn_id)
        if record is not None and record.received is None:  # what comes of a turn that was told is too late
            record.received = _now()
            record.asked, self._asked = self._asked, None

    def heard(self, turn_id: str | None) -> None:
        """The first audio of a turn was played."""
        record = self._records.get(turn_id)
        if record is not None and record.heard is None:
            record.heard = _now()

    # Events.

    def speech_started(self, _: Event) -> None:
        """The user speaks, be it on, or over the assistant."""
        self._asked = None
        self._alarm = _now() if self.playout.speaking else None

    def speech_stopped(self, _: Event) -> None:
        """The user waits for an answer."""
        self._asked = _now()
        self._alarm = None

    def turn_started(self, event: TurnStarted) -> None:
        """A turn began; of those that were over nothing more is to be learned."""
        self._tell_all(over=True)
        self._begin(event.turn_id).response_id = event.response_id

    def turn_done(self, event: TurnDone) -> None:
        """No more will be said in this turn."""
        record = self._records.get(event.turn_id) or self._begin(event.turn_id)
        record.response_id, record.usage = event.response_id, event.usage
        if _has(OutputText, event) and record.received is None:
            self._asked = None  # that was the answer, and it makes no sound
        self._end(record, awaited=self.playout.told and _has(OutputAudio, event))

    def audio_done(self, _: Event) -> None:
        """Where there are no turns, this ends an utterance."""
        if self._without_turns and (record := self._newest) is not None:
            self._end(record)

    def audio_interrupted(self, _: Event) -> None:
        """The assistant was cut short."""
        record, alarm = self._newest, self._alarm
        self._alarm = None
        if record is None:
            return
        if alarm is not None and record.reaction_s is None:
            record.reaction_s = _now() - alarm
        if self._without_turns:
            self._end(record)

    def output_speech_started(self, _: Event) -> None:
        """The service is audible: received and heard are one."""
        record = self._newest or self._begin(None)
        self.received(record.turn_id)
        self.heard(record.turn_id)

    def output_speech_stopped(self, _: Event) -> None:
        """It fell silent."""
        record = self._newest
        if record is not None and (record.over or self._without_turns):
            self._end(record)

    def tool_start(self, event: ToolStart) -> None:
        """A tool begins to work."""
        self._tools.start(event.call.call_id)

    def tool_end(self, event: ToolEnd) -> None:
        """Its output was sent."""
        self._tools.end(event.call.call_id)

    def function_call_cancelled(self, event: FunctionCallCancelled) -> None:
        """These will never have one."""
        for call_id in event.call_ids:
            self._tools.end(call_id)

    # The records.

    @property
    def _without_turns(self) -> bool:
        return self.conversation.transport.capabilities.turn_model == "continuous"

    @property
    def _newest(self) -> _Record | None:
        return next(reversed(self._records.values()), None)

    def _begin(self, turn_id: str | None) -> _Record:
        record = self._records[turn_id] = _Record(turn_id, tool_s=self._tools.take())
        if len(self._records) > _MAX_TURNS:
            self._tell(next(iter(self._records.values())))
        return record

    def _end(self, record: _Record, *, awaited: bool = False) -> None:
        record.over = True
        if self.playout.speaking:
            if self._waiter is None:
                self._waiter = self.conversation.tasks.start(self._tell_when_heard(), "offhook turn timing")
        elif not awaited or record.received is not None:
            self._tell(record)

    async def _tell_when_heard(self) -> None:
        await self.playout.silence()
        self._waiter = None
        self._tell_all(over=True)

    def _tell_all(self, *, over: bool) -> None:
        """Tell of every turn, or of those that are ``over``."""
        if self._waiter is not None:
            self._waiter.cancel()
            self._waiter = None
        for record in [record for record in self._records.values() if record.over or not over]:
            self._tell(record)

    def _tell(self, record: _Record) -> None:
        if self._records.pop(record.turn_id, None) is not record:  # a listener was quicker
            return
        cost = self.prices.cost(record.usage) if self.prices and record.usage else None
        event = TurnTiming(
            turn_id=record.turn_id,
            response_id=record.response_id,
            first_audio_ms=_ms(record.asked, record.received),
            first_played_ms=_ms(record.asked, record.heard),
            tool_ms=_ms(0.0, record.tool_s),
            interrupt_ms=_ms(0.0, record.reaction_s),
            usage=record.usage,
            cost=cost,
        )
        self.conversation.emit(event)


def _has(kind: type[OutputAudio | OutputText], event: TurnDone) -> bool:
    messages = (item for item in event.output if isinstance(item, MessageItem))
    return any(isinstance(part, kind) for message in messages for part in message.content)


def _ms(since: float | None, until: float | None) -> int | None:
    return None if since is None or until is None else round((until - since) * 1000)


def _now() -> float:
    return asyncio.get_running_loop().time()
