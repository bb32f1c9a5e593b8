"""Keeping the history: what items and words do to it, and telling so."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, evolve, field

from offhook.events import (
    AudioInterrupted,
    AudioTranscriptDelta,
    InputTranscriptDelta,
    ItemDeleted,
    ItemUpdate,
    OutputSpeechStarted,
    OutputSpeechStopped,
    SpeechStarted,
    SpeechStopped,
    TurnDone,
)
from offhook.items import MessageItem
from offhook.session.captions import Captions
from offhook.session.conversation import Conversation
from offhook.session.cutting import Cut
from offhook.session.events import HistoryAdded, HistoryUpdated
from offhook.session.spoken import Change, Spoken


@define(eq=False)
class Chronicle:
    """Writes the conversation's history, and shows words as they come."""

    conversation: Conversation
    captions: Captions = field(init=False, factory=Captions)
    #: Where the service has no items.
    _spoken: Spoken | None = field(init=False)
    #: The newest message of the assistant, and the turn and item of its newest words.
    _newest: str | None = field(init=False, default=None)
    _speaking: tuple[str | None, str | None] = field(init=False, default=(None, None))
    #: Whether the transport tells when the assistant is heard, and whether it is now.
    _tells: bool = field(init=False)
    _audible: bool = field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        flags = self.conversation.transport.capabilities
        self._spoken = Spoken(self.conversation.history) if flags.items == "local" else None
        self._tells = "output" in flags.speech_events

    # Words.

    def audio_transcript_delta(self, event: AudioTranscriptDelta) -> None:
        """The assistant said something. What it only means to say, or was cut off before, was not said."""
        if event.stage == "planned" or self.captions.is_over(event.segment_id):
            return
        item_id = self._say(event) or event.item_id
        self._speaking = (event.response_id or event.turn_id, item_id)
        caption = self.captions.add(event)
        self.conversation.emit(caption if caption.item_id == item_id else evolve(caption, item_id=item_id))

    def input_transcript_delta(self, event: InputTranscriptDelta) -> None:
        """The user said something; when that is final, history has it. Without items of the service, at once."""
        caption, item_id = self.captions.add(event), self._say(event)
        if item_id is None and event.final and event.item_id and caption.text:
            self._show(event.item_id, new=self.conversation.history.heard(event.item_id, caption.text))
        self.conversation.emit(evolve(caption, item_id=item_id or event.item_id))

    def turn_done(self, event: TurnDone) -> None:
        """Nothing more of this turn will be said."""
        self.captions.end_turn(event.turn_id)

    def speech_started(self, event: SpeechStarted) -> None:
        """The user is heard: the words may come much later."""
        if self._spoken and event.item_id is None:
            self._spoken.begins("user", event.at_ms)

    def speech_stopped(self, event: SpeechStopped) -> None:
        """The user fell silent."""
        if self._spoken and event.item_id is None:
            self._show_all(self._spoken.ends("user", event.at_ms))

    def output_speech_started(self, event: OutputSpeechStarted) -> None:
        """The assistant is heard."""
        self._audible = True
        if self._spoken:
            self._spoken.begins("assistant", event.at_ms)

    def output_speech_stopped(self, event: OutputSpeechStopped) -> None:
        """The assistant fell silent."""
        self._audible = False
        if self._spoken:
            self._show_all(self._spoken.ends("assistant", event.at_ms))

    def audio_interrupted(self, event: AudioInterrupted) -> None:
        """The assistant was cut off: history keeps what was heard, where anybody knows (P6)."""
        item_id = event.item_id or self._being_heard(event.response_id or event.turn_id)
        self._audible = False
        if self._spoken:
            self._show_all(self._spoken.ends("assistant", None))
        if item_id is not None:
            self._cut(item_id, Cut.of(event))
        for unheard in event.unheard:
            self._cut(unheard, Cut.before_it_was_heard())

    # Items.

    def item_update(self, event: ItemUpdate) -> None:
        """An item appeared, or changed."""
        item = event.item
        self._show(item.item_id, new=self.conversation.history.put(item, event.previous_item_id))

    def item_deleted(self, event: ItemDeleted) -> None:
        """An item is gone."""
        self.captions.item_deleted(event.item_id)
        if self.conversation.history.remove(event.item_id):
            self._updated(event.item_id)

    # What they share.

    def _say(self, event: AudioTranscriptDelta | InputTranscriptDelta) -> str | None:
        """Write words down as an item of our own, where the transport shows none; gives its id."""
        said = self._spoken.says(event) if self._spoken else None
        if said is None:
            return None
        item_id, changes = said
        self._show_all(changes)
        return item_id

    def _being_heard(self, turn_id: str | None) -> str | None:
        """Say which item an interruption means that names none."""
        if self._tells and not self._audible:
            return None
        turn, item_id = self._speaking
        return item_id if turn_id is not None and turn_id == turn else self._newest

    def _cut(self, item_id: str, cut: Cut) -> None:
        history = self.conversation.history
        changed = history.cut(item_id, cut, self.captions.said(item_id))
        item = history.get(item_id)
        if cut.knows and isinstance(item, MessageItem) and (caption := self.captions.cut(item_id, item.text)):
            self.conversation.emit(caption)
        if changed:
            self._updated(item_id)

    def _show_all(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self._show(change.item_id, new=change.new)

    def _show(self, item_id: str, *, new: bool) -> None:
        item = self.conversation.history.get(item_id)
        if new and item is not None:
            if isinstance(item, MessageItem) and item.role == "assistant":
                self._newest = item_id
            self.conversation.emit(HistoryAdded(item=item))
        self._updated(item_id)

    def _updated(self, item_id: str) -> None:
        history = self.conversation.history
        self.conversation.emit(
            HistoryUpdated(
                item_id=item_id,
                item=history.get(item_id),
                previous_item_id=history.before(item_id),
                history=lambda: history.items,
            )
        )
