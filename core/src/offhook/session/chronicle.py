"""Keeping the history: what items and words do to it, and telling so."""

from __future__ import annotations

from attrs import define, field

from offhook.events import AudioTranscriptDelta, InputTranscriptDelta, ItemDeleted, ItemUpdate, TurnDone
from offhook.session.captions import Captions
from offhook.session.conversation import Conversation
from offhook.session.events import HistoryAdded, HistoryUpdated


@define(eq=False)
class Chronicle:
    """Writes the conversation's history, and shows words as they come."""

    conversation: Conversation
    captions: Captions = field(init=False, factory=Captions)

    # Events.

    def audio_transcript_delta(self, event: AudioTranscriptDelta) -> None:
        """The assistant said something."""
        self.conversation.emit(self.captions.add(event))

    def input_transcript_delta(self, event: InputTranscriptDelta) -> None:
        """The user said something; when that is final, history has it."""
        caption = self.captions.add(event)
        if event.final and event.item_id and caption.text:
            self._show(event.item_id, new=self.conversation.history.heard(event.item_id, caption.text))
        self.conversation.emit(caption)

    def turn_done(self, event: TurnDone) -> None:
        """Nothing more of this turn will be said."""
        self.captions.end_turn(event.turn_id)

    def item_update(self, event: ItemUpdate) -> None:
        """An item appeared, or changed."""
        self._show(event.item.item_id, new=self.conversation.history.put(event.item, event.previous_item_id))

    def item_deleted(self, event: ItemDeleted) -> None:
        """An item is gone."""
        if self.conversation.history.remove(event.item_id):
            self._updated(event.item_id)

    def _show(self, item_id: str, *, new: bool) -> None:
        item = self.conversation.history.get(item_id)
        if new and item is not None:
            self.conversation.emit(HistoryAdded(item=item))
        self._updated(item_id)

    def _updated(self, item_id: str) -> None:
        history = self.conversation.history
        self.conversation.emit(HistoryUpdated(item_id=item_id, history=lambda: history.items))
