"""What is being said, and by whom. The service has neither items nor ids, so the conversation is kept, and named, here.

Every method gives the events that follow. The rules for what the service leaves open:

* A turn begins with the first thing that comes of it and ends with ``turnComplete``.
* What was begun and interrupted is *cut*: what still comes of its audio is never heard (P5).
* The user's words are complete when the turn that answers them is; an interruption ends them too, and begins new ones.
"""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterator
from typing import Literal, TypeAlias

from attrs import define, evolve

from offhook import events as e
from offhook.audio.formats import AudioFormat
from offhook.items import ConversationItem, InputAudio, ItemStatus, MessageItem, OutputAudio, OutputText

Events: TypeAlias = Iterator[e.Event]


@define(eq=False)
class _Turn:
    """One turn of the model. It becomes a message once there is something to hear or read."""

    turn_id: str
    #: The item before anything of this turn.
    follows: str | None
    said: str = ""
    written: str = ""
    #: Whether the conversation has its message; whether audio came, and may still come; whether more words may.
    shown: bool = False
    audible: bool = False
    sounding: bool = False
    transcribing: bool = False
    cut: bool = False

    @property
    def item_id(self) -> str:
        return f"local:{self.turn_id}"

    def message(self, status: ItemStatus) -> MessageItem:
        spoken = (OutputAudio(transcript=self.said or None),) if self.said or self.audible else ()
        written = (OutputText(self.written),) if self.written else ()
        return MessageItem(item_id=self.item_id, role="assistant", content=(*spoken, *written), status=status)


class Conversation:
    """The talk of one connection: the model's turn, the user's words, and the epoch of what is heard."""

    def __init__(self) -> None:
        self._counter = itertools.count(1)
        self._turns = itertools.count(1)
        self._epoch = 1
        self._turn: _Turn | None = None
        self._words: str | None = None
        self._last: str | None = None
        #: Whether there was audio since the last interruption.
        self._audible = False

    @property
    def turn_id(self) -> str | None:
        """The turn that the model has, if it has one."""
        return self._turn.turn_id if self._turn is not None else None

    @property
    def was_cut(self) -> bool:
        """Whether that turn was interrupted."""
        return self._turn is not None and self._turn.cut

    def add(self, item: ConversationItem) -> Events:
        """Show an item that came whole, under an id of ours."""
        if not item.item_id.startswith("local:"):
            item = evolve(item, item_id=f"local:item_{next(self._counter)}")
        self._last = item.item_id
        yield e.ItemUpdate(item=item, origin="local")

    # The user.

    def heard(self, text: str, language: str | None = None) -> Events:
        """The user said something. Words may come late: then they belong before the turn that answers them."""
        if self._words is None:
            text = text.lstrip()
            self._words = f"local:words_{next(self._counter)}"
            item = MessageItem(item_id=self._words, role="user", content=(InputAudio(),), status="in_progress")
            if self._turn is None or self._turn.cut:
                self._last = self._words
                yield e.ItemUpdate(item=item, origin="local")
            else:
                yield e.ItemUpdate(item=item, previous_item_id=self._turn.follows, origin="local")
        yield e.InputTranscriptDelta(segment_id=self._words, item_id=self._words, text=text, language=language)

    def end_words(self) -> Events:
        """What the user said is complete."""
        words, self._words = self._words, None
        if words is not None:
            yield e.InputTranscriptDelta(segment_id=words, item_id=words, text="", final=True)

    # The model.

    def begin(self) -> Generator[e.Event, None, _Turn]:
        """Something of a turn came; gives the turn."""
        if self._turn is None:
            self._turn = _Turn(turn_id=f"turn_{next(self._turns)}", follows=self._last)
            yield e.TurnStarted(turn_id=self._turn.turn_id, derived=True)
        return self._turn

    def said(self, text: str, language: str | None = None) -> Events:
        """The model said something, in words."""
        turn = yield from self._show()
        turn.said += text
        turn.transcribing = True
        yield self._transcript(turn, text, language=language)

    def end_transcript(self) -> Events:
        """No more words of this turn will come."""
        if self._turn is not None and self._turn.transcribing:
            self._turn.transcribing = False
            yield self._transcript(self._turn, "", final=True)

    def wrote(self, text: str) -> Events:
        """The model wrote something."""
        turn = yield from self._show()
        turn.written += text
        yield e.OutputTextDelta(text=text, item_id=turn.item_id, turn_id=turn.turn_id)

    def audio(self, data: bytes, form: AudioFormat) -> Events:
        """The model is heard, unless it was interrupted."""
        turn = yield from self._show()
        if turn.cut:
            return
        self._audible = turn.audible = turn.sounding = True
        yield e.AudioEvent(data=data, format=form, epoch=self._epoch, item_id=turn.item_id, turn_id=turn.turn_id)

    def end_audio(self) -> Events:
        """No more audio of this turn will come."""
        turn = self._turn
        if turn is not None and turn.sounding:
            turn.sounding = False
            yield e.AudioDone(epoch=self._epoch, item_id=turn.item_id, turn_id=turn.turn_id)

    def cut(self, reason: Literal["user_speech", "client"]) -> Events:
        """Flush now, also where the turn is over: what is played lags behind what came. Twice for one turn is once."""
        turn = self._turn
        if turn.cut if turn is not None else not self._audible:
            return
        self._audible = False
        if turn is not None:
            turn.cut, turn.sounding = True, False
        yield e.AudioInterrupted(
            epoch=self._epoch,
            reason=reason,
            item_id=turn.item_id if turn is not None and turn.shown else None,
            turn_id=turn.turn_id if turn is not None else None,
        )
        self._epoch += 1

    def end_turn(self, *, reason: str | None = None, idle: bool = True, usage: e.Usage | None = None) -> Events:
        """The turn is over, even if nothing came of it."""
        turn = yield from self.begin()
        yield from self.end_audio()
        yield from self.end_transcript()
        if not turn.cut:
            yield from self.end_words()
        output = turn.message("incomplete" if turn.cut else "completed")
        if turn.shown:
            yield e.ItemUpdate(item=output, origin="local")
        self._turn = None
        yield e.TurnDone(
            turn_id=turn.turn_id,
            derived=True,
            status="cancelled" if turn.cut else "completed",
            reason=reason,
            idle=idle,
            output=(output,) if turn.shown else (),
            usage=usage,
        )

    def _show(self) -> Generator[e.Event, None, _Turn]:
        turn = yield from self.begin()
        if not turn.shown:
            turn.shown = True
            self._last = turn.item_id
            yield e.ItemUpdate(item=turn.message("in_progress"), origin="local")
        return turn

    def _transcript(
        self, turn: _Turn, text: str, *, language: str | None = None, final: bool = False
    ) -> e.AudioTranscriptDelta:
        return e.AudioTranscriptDelta(
            segment_id=turn.item_id,
            item_id=turn.item_id,
            turn_id=turn.turn_id,
            text=text,
            final=final,
            language=language,
        )
