"""Output guardrails: the assistant's words are checked while they come, and what trips is stopped.

Checks never hold up an event: they run beside, and what they find counts as long as nothing newer was begun. Whoever holds
audio back until its words were checked asks here (``claim``), and is told when there is ``news``.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import define, field

from offhook.agent import RealtimeAgent
from offhook.errors import NotConnected
from offhook.events import AudioEvent, AudioTranscriptDelta, Event, OutputTextDelta, TurnDone, TurnStarted
from offhook.items import MessageItem
from offhook.session.agents import Agents
from offhook.session.checks import Checks, Guards
from offhook.session.conversation import Conversation
from offhook.session.events import GuardrailTripped
from offhook.session.floor import Floor

#: Turns that are remembered, and items of a turn: late audio must find them, and most have few (P10).
_MAX_TURNS: Final = 64
_MAX_ITEMS: Final = 64
#: So many times in a row the model is asked for another answer. One that cannot keep the rule would go on for ever.
_MAX_IN_A_ROW: Final = 3


@define(eq=False)
class Said:
    """The words of one item, and how far they were checked."""

    item_id: str | None
    #: How often it was long enough to be checked.
    steps: int = 0
    #: What was last given to the guardrails.
    checked: str | None = None
    #: So many characters passed. At least one, once anything did, be it that nothing is said.
    cleared: int = 0
    _segments: dict[str, str] = field(init=False, factory=dict[str, str])

    @property
    def text(self) -> str:
        """All words so far, as ``MessageItem.text`` puts them together."""
        return " ".join(filter(None, self._segments.values()))

    def add(self, segment_id: str, text: str, *, replace: bool = False) -> None:
        """Take a piece of a segment, or the whole of it so far."""
        self._segments[segment_id] = text if replace else self._segments.get(segment_id, "") + text


@define(eq=False)
class Turn:
    """One answer: a response, or what is said in one go where there are no turns. It trips once."""

    agent: RealtimeAgent
    turn_id: str | None = None
    tripped: bool = False
    #: Where there are no turns: nothing more belongs to it.
    over: bool = False
    items: OrderedDict[str, Said] = field(init=False, factory=OrderedDict[str, Said])

    def said(self, key: str, item_id: str | None) -> Said:
        """Give the words of an item, none so far if it is new."""
        if key not in self.items:
            self.items[key] = Said(item_id)
            if len(self.items) > _MAX_ITEMS:
                self.items.popitem(last=False)
        return self.items[key]


@define(eq=False)
class Claim:
    """What a piece of audio depends on: the words that were there when it came, or at least the first."""

    _turn: Turn
    _said: Said
    _chars: int

    @property
    def blocked(self) -> bool:
        """Whether it must not be heard."""
        return self._turn.tripped

    @property
    def cleared(self) -> bool:
        """Whether the words up to it passed."""
        return self._said.cleared >= self._chars


@define(eq=False)
class Guardrails:
    """Checks what the assistant says and writes, per item, and stops a turn that trips."""

    conversation: Conversation
    agents: Agents
    floor: Floor
    guards: Guards
    checks: Checks
    #: Called when a text passed or tripped.
    news: Callable[[], None] = field(init=False, default=lambda: None)
    _turns: OrderedDict[str, Turn] = field(init=False, factory=OrderedDict[str, Turn])
    _newest: Turn = field(init=False)
    _in_a_row: int = field(init=False, default=0)

    def __attrs_post_init__(self) -> None:
        self._newest = Turn(self.agents.current.agent)

    def hears(self) -> Mapping[str, Callable[[Any], None]]:
        """Give what is to be heard of the transport, after everyone else."""
        told: dict[str, Callable[[Any], None]] = {
            "audio_transcript_delta": self.audio_transcript_delta,
            "output_text_delta": self.output_text_delta,
        }
        if self._has_turns:
            return told | {"turn_started": self.turn_started, "turn_done": self.turn_done}
        return told | {
            "output_speech_started": self.output_speech_started,
            "output_speech_stopped": self.output_speech_stopped,
            "audio_interrupted": self.audio_interrupted,
        }

    def claim(self, event: AudioEvent) -> Claim:
        """Say what a piece of audio depends on."""
        turn = self._turn_of(event.turn_id or event.response_id)
        latest = next(reversed(turn.items.values()), None)
        said = turn.said(event.item_id or "", event.item_id) if event.item_id or latest is None else latest
        return Claim(turn, said, max(1, len(said.text)))

    # Events.

    def audio_transcript_delta(self, event: AudioTranscriptDelta) -> None:
        """The assistant says something."""
        key = event.item_id or event.segment_id
        turn = self._turn_of(event.turn_id or event.response_id, key)
        said = turn.said(key, event.item_id)
        said.add(event.segment_id, event.text, replace=event.mode == "replace")
        self._look(turn, said, whole=event.final)

    def output_text_delta(self, event: OutputTextDelta) -> None:
        """The assistant writes something."""
        turn = self._turn_of(event.turn_id or event.response_id, event.item_id)
        said = turn.said(event.item_id or "", event.item_id)
        said.add("", event.text)
        self._look(turn, said)

    def turn_started(self, event: TurnStarted) -> None:
        """What was said before is superseded."""
        self._begin(event.turn_id, event.response_id)

    def turn_done(self, event: TurnDone) -> None:
        """All is said: whatever was not checked as a whole is checked now, a turn without words as an empty text."""
        turn = self._turn_of(event.turn_id)
        texts = {item.item_id: item.text for item in event.output if isinstance(item, MessageItem) and item.text}
        for item_id in texts:
            turn.said(item_id, item_id)  # not all words come in pieces
        for key, said in tuple(turn.items.items()) or (("", turn.said("", None)),):
            self._check(turn, said, texts.get(key) or said.text)

    def output_speech_started(self, _: Event) -> None:
        """Where there are no turns: the assistant is heard again."""
        if self._newest.over:
            self._begin()

    def output_speech_stopped(self, _: Event) -> None:
        """Where there are no turns: that was all for now."""
        self._newest.over = True
        for said in self._newest.items.values():
            self._look(self._newest, said, whole=True)

    def audio_interrupted(self, _: Event) -> None:
        """Where there are no turns: the next words are of another answer."""
        self._newest.over = True

    # Turns.

    @property
    def _has_turns(self) -> bool:
        return self.conversation.transport.capabilities.turn_model != "continuous"

    def _begin(self, *ids: str | None) -> Turn:
        """Take up a new turn, under every id that it goes by."""
        if not self._newest.tripped:
            self._in_a_row = 0
        turn_id = next(filter(None, ids), None)
        self._newest = turn = Turn(self.agents.of_turn(turn_id).agent, turn_id)
        for known_as in filter(None, ids):
            self._turns[known_as] = turn
        while len(self._turns) > _MAX_TURNS:
            self._turns.popitem(last=False)
        return turn

    def _turn_of(self, turn_id: str | None, item: str | None = None) -> Turn:
        """Give the turn that something belongs to; what belongs to none is of the newest."""
        if turn_id is not None and self._has_turns:
            return self._turns.get(turn_id) or self._begin(turn_id)
        newest = self._newest
        is_new = item is not None and item not in newest.items
        return self._begin() if is_new and not self._has_turns and (newest.over or newest.tripped) else newest

    # Checking.

    def _look(self, turn: Turn, said: Said, *, whole: bool = False) -> None:
        """Have the words checked, if there are enough new ones or these are all."""
        text = said.text
        due = steps(len(text), self.guards.settings.debounce_chars)
        if whole or due > said.steps:
            said.steps = due
            self._check(turn, said, text)

    def _check(self, turn: Turn, said: Said, text: str) -> None:
        if turn.tripped or text == said.checked:
            return
        said.checked = text
        self.conversation.tasks.start(self._judge(turn, said, text), "offhook output guardrails")

    async def _judge(self, turn: Turn, said: Said, text: str) -> None:
        verdict = await self.checks.verdict(self.guards.outputs, turn.agent, text)
        if verdict.guardrail is None:
            if verdict.complete:
                said.cleared = max(said.cleared, len(text), 1)
                self.news()
        elif not turn.tripped:
            turn.tripped = True
            trip = GuardrailTripped(
                agent=turn.agent,
                guardrail=verdict.guardrail,
                kind="output",
                info=verdict.info,
                item_id=said.item_id,
                response_id=turn.turn_id,
                text=text,
            )
            self.conversation.emit(trip)
            self.news()
            await self._stop(turn, trip)

    async def _stop(self, turn: Turn, trip: GuardrailTripped) -> None:
        """Stop the turn and have the model say something better, unless it does so already."""
        transport = self.conversation.transport
        if turn is self._newest and transport.capabilities.cancel != "none":
            try:
                await transport.interrupt()
            except NotConnected:
                return  # the connection tells that it is gone
            except Exception as error:  # noqa: BLE001  # whatever it was, the assistant speaks on, and somebody must know
                self.conversation.fail(f"the assistant could not be stopped: {error}", "guardrail_not_enforced", error)
        if turn is self._newest:
            await self._give_feedback(trip)

    async def _give_feedback(self, trip: GuardrailTripped) -> None:
        self._in_a_row += 1
        if self._in_a_row > _MAX_IN_A_ROW:
            self.conversation.fail(
                f"{self._in_a_row} answers in a row were stopped, the last one by guardrail {trip.guardrail.name!r}, and "
                "the model is not asked for another. See whether it can keep the rule at all.",
                "guardrail_loop",
            )
            return
        # A user who is speaking will be answered anyway, and must not be talked over meanwhile.
        await self.checks.give_feedback(trip, respond=not self.floor.user_speaks)


def steps(length: int, debounce_chars: int) -> int:
    """Say how often a text of this many characters should have been checked while it grew."""
    if debounce_chars < 0:
        return 0
    return min(length, 1) if debounce_chars == 0 else length // debounce_chars
