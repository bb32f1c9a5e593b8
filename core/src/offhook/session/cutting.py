"""Speech that was cut off: how many of its words were heard, and what of an item stands after that (P6)."""

from __future__ import annotations

import re
from typing import Final, Self

from attrs import define, evolve, field

from offhook.events import AudioInterrupted
from offhook.items import ContentPart, MessageItem, OutputAudio

#: Thai, Lao, Burmese, Khmer, kana, Han and full-width forms: written without spaces, so any character may end a word.
_UNSPACED: Final = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uff00-\uffef"
_WORD: Final = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")


def words_heard(text: str, share: float) -> str:
    """Give the words of ``text`` that were over when ``share`` of its sound was heard; a word begun counts as not heard."""
    limit = len(text.rstrip()) * share
    end = 0
    for word in _WORD.finditer(text):
        if word.end() > limit:
            break
        end = word.end()
    return text[:end]


@define(eq=False)
class Cut:
    """Where a message of the assistant was cut off.

    The service goes on telling the whole text for a while, or none at all. What was heard is worked out once, from the first
    text there is; a text that is shorter than the longest told was cut by the service itself, which knows better.
    """

    content_index: int = 0
    #: How much of that part was heard, 0 to 1. ``None``: nobody knows, and its words stay.
    share: float | None = None
    #: What was heard, once that is worked out.
    words: str | None = None
    _longest: int = field(init=False, default=0)

    @classmethod
    def of(cls, event: AudioInterrupted) -> Self:
        """Read what an interruption says of the item that was playing."""
        share = None
        if event.heard_ms == 0:
            share = 0.0
        elif event.heard_ms is not None and event.received_ms:
            share = min(1.0, event.heard_ms / event.received_ms)
        return cls(event.content_index, share, event.heard_text)

    @classmethod
    def before_it_was_heard(cls) -> Self:
        """Of an item that was queued: nothing of it was heard."""
        return cls(share=0.0)

    @property
    def knows(self) -> bool:
        """Whether anybody knows what was heard."""
        return self.share is not None or self.words is not None

    def apply(self, item: MessageItem) -> MessageItem:
        """Give what is left of ``item``, as it was told or as this left it before."""
        parts = tuple(self._left(index, part) for index, part in enumerate(item.content))
        return evolve(item, content=parts, status="incomplete")

    def _left(self, index: int, part: ContentPart) -> ContentPart:
        if not isinstance(part, OutputAudio) or index < self.content_index or not self.knows:
            return part
        if index > self.content_index:
            return OutputAudio(transcript="") if part.transcript else part
        return OutputAudio(transcript=self._heard(part.transcript)) if part.transcript else part

    def _heard(self, text: str) -> str:
        if len(text) < self._longest:
            self.words = text
        elif self.words is None:
            self.words = words_heard(text, self.share or 0.0)
        self._longest = max(self._longest, len(text))
        return self.words
