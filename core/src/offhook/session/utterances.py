"""Who said what, where the service has no items: what one side says is put together into utterances.

An utterance is what is said between two silences, where the transport tells of those, and a segment of the transcript where
it does not. It gets its place when its sound begins, and keeps it however late its words come; late words belong to the
utterance in whose time they were said.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Literal

from attrs import define, field

from offhook.events import AudioTranscriptDelta, InputTranscriptDelta
from offhook.items import InputAudio, ItemStatus, MessageItem, OutputAudio

#: Utterances for which words may still come; beyond these, they would come very late (P10).
_RECENT: Final = 16
Delta = AudioTranscriptDelta | InputTranscriptDelta


@define(eq=False)
class _Piece:
    text: str = ""
    start_ms: int | None = None


@define(eq=False)
class Utterance:
    """Something that one side says."""

    item_id: str
    begun_ms: int | None = None
    ended_ms: int | None = None
    #: Whether its sound began, and whether all of it is over.
    sounded: bool = False
    over: bool = False
    _pieces: dict[str, _Piece] = field(init=False, factory=dict[str, _Piece])

    @property
    def text(self) -> str:
        """All its words, in the order of their time where that is known."""
        pieces = [piece for piece in self._pieces.values() if piece.text.strip()]
        if all(piece.start_ms is not None for piece in pieces):
            pieces.sort(key=lambda piece: piece.start_ms or 0)
        return " ".join(piece.text.strip() for piece in pieces)

    def holds(self, segment_id: str) -> bool:
        """Whether the segment is part of it."""
        return segment_id in self._pieces

    def spans(self, at_ms: int) -> bool:
        """Whether it was being said at that time."""
        return (
            self.begun_ms is not None
            and self.begun_ms <= at_ms
            and (at_ms < self.ended_ms if self.ended_ms is not None else not self.over)
        )

    def add(self, delta: Delta) -> None:
        """Take some words."""
        piece = self._pieces.setdefault(delta.segment_id, _Piece())
        piece.text = piece.text + delta.text if delta.mode == "append" else delta.text
        if piece.start_ms is None:
            piece.start_ms = delta.start_ms
        if not self.sounded:  # then only the words say when it was
            self.begun_ms = _either(min, self.begun_ms, delta.start_ms)
            self.ended_ms = _either(max, self.ended_ms, delta.end_ms)
            self.over = self.over or delta.final


@define(eq=False)
class Utterances:
    """What one side says. The conversation has an item for each utterance, under an id of ours."""

    role: Literal["user", "assistant"]
    _recent: deque[Utterance] = field(init=False, factory=deque[Utterance])
    _count: int = field(init=False, default=0)

    def begin(self, at_ms: int | None) -> Utterance:
        """Sound begins: of a new utterance, unless words came before their sound."""
        last = self._recent[-1] if self._recent else None
        if last is None or last.sounded or last.over:
            last = self._new()
        last.sounded = True
        last.begun_ms = _either(min, last.begun_ms, at_ms)
        return last

    def end(self, at_ms: int | None) -> Utterance | None:
        """Sound ends; gives the utterance that is over."""
        for utterance in reversed(self._recent):
            if utterance.sounded and not utterance.over:
                utterance.over, utterance.ended_ms = True, at_ms
                return utterance
        return None

    def has(self, item_id: str) -> bool:
        """Whether the item is one of these."""
        return any(utterance.item_id == item_id for utterance in self._recent)

    def add(self, delta: Delta) -> Utterance:
        """Give words to the utterance that they belong to."""
        utterance = self._of(delta) or self._new(delta.item_id)
        utterance.add(delta)
        return utterance

    def forget(self) -> list[str]:
        """Stop waiting for words that would come very late; gives the items that never had any."""
        gone: list[str] = []
        while len(self._recent) > _RECENT:
            utterance = self._recent.popleft()
            if not utterance.text:
                gone.append(utterance.item_id)
        return gone

    def item(self, utterance: Utterance) -> MessageItem:
        """Give the utterance as an item."""
        part = OutputAudio if self.role == "assistant" else InputAudio
        status: ItemStatus = "completed" if utterance.over else "in_progress"
        return MessageItem(
            item_id=utterance.item_id, role=self.role, content=(part(transcript=utterance.text),), status=status
        )

    def _of(self, delta: Delta) -> Utterance | None:
        known = (each for each in self._recent if each.holds(delta.segment_id) or each.item_id == delta.item_id)
        if (utterance := next(known, None)) is not None or delta.item_id is not None:
            return utterance
        if delta.start_ms is not None:
            timely = (each for each in reversed(self._recent) if each.spans(delta.start_ms))
            if (utterance := next(timely, None)) is not None:
                return utterance
        # Words come in order: these are of the first that has none yet, or else of the one being said.
        wordless = (each for each in self._recent if not each.text)
        sounding = (each for each in reversed(self._recent) if each.sounded and not each.over)
        return next(wordless, None) or next(sounding, None)

    def _new(self, item_id: str | None = None) -> Utterance:
        self._count += 1
        utterance = Utterance(item_id or f"local:{self.role}_{self._count}")
        self._recent.append(utterance)
        return utterance


def _either(choose: Callable[[int, int], int], old: int | None, new: int | None) -> int | None:
    if old is None or new is None:
        return new if old is None else old
    return choose(old, new)
