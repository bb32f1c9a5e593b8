"""Words as they come: transcript pieces of either side, put together into one event with the whole text so far."""

from __future__ import annotations

from collections import deque
from typing import Final

from attrs import define, field

from offhook.events import AudioTranscriptDelta, InputTranscriptDelta
from offhook.session.events import TranscriptEvent

#: Some segments never become final; beyond so many, the oldest is given up (P10).
_MAX_OPEN: Final = 64


@define
class _Segment:
    text: str
    turn_id: str | None
    item_id: str | None


@define
class Captions:
    """Segments that are still open, by id. One is forgotten when it is final, or when its turn is over (P10)."""

    _open: dict[str, _Segment] = field(init=False, factory=dict[str, _Segment])
    _over: deque[str] = field(init=False, factory=lambda: deque[str](maxlen=_MAX_OPEN))

    def add(self, delta: AudioTranscriptDelta | InputTranscriptDelta) -> TranscriptEvent:
        """Take a piece; give the segment so far."""
        segment = self._open.get(delta.segment_id)
        known = segment.text if segment else ""
        text = known + delta.text if delta.mode == "append" else delta.text
        if delta.final:
            self._open.pop(delta.segment_id, None)
        elif segment:
            segment.text = text
        else:
            self._keep(delta.segment_id, _Segment(text, delta.turn_id or delta.response_id, delta.item_id))
        return TranscriptEvent(
            role="user" if isinstance(delta, InputTranscriptDelta) else "assistant",
            text=text,
            delta=text.removeprefix(known),
            final=delta.final,
            item_id=delta.item_id,
        )

    def said(self, item_id: str) -> str:
        """Give what an item is known to say so far, while that is still growing."""
        return next((segment.text for segment in reversed(self._open.values()) if segment.item_id == item_id), "")

    def cut(self, item_id: str, heard: str) -> TranscriptEvent | None:
        """The assistant was cut off: give the last event of the segment that was growing. No more of it is taken."""
        segments = self.item_deleted(item_id)
        self._over += segments
        return TranscriptEvent(role="assistant", text=heard, final=True, item_id=item_id) if segments else None

    def item_deleted(self, item_id: str) -> list[str]:
        """No more words of this item will come; gives the segments that were still growing."""
        segments = [segment_id for segment_id, segment in self._open.items() if segment.item_id == item_id]
        for segment_id in segments:
            del self._open[segment_id]
        return segments

    def is_over(self, segment_id: str) -> bool:
        """Whether the segment was cut off."""
        return segment_id in self._over

    def end_turn(self, turn_id: str) -> None:
        """Nothing more of this turn will come, be it final or not."""
        for segment_id in [key for key, segment in self._open.items() if segment.turn_id == turn_id]:
            del self._open[segment_id]

    def _keep(self, segment_id: str, segment: _Segment) -> None:
        self._open[segment_id] = segment
        if len(self._open) > _MAX_OPEN:
            del self._open[next(iter(self._open))]
