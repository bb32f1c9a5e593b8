"""Words as they come: transcript pieces of either side, put together into one event with the whole text so far."""

from __future__ import annotations

from attrs import define, field

from offhook.events import AudioTranscriptDelta, InputTranscriptDelta
from offhook.session.events import TranscriptEvent


@define
class Captions:
    """Segments that are still open, by id. A segment is forgotten when it is final, or when its turn is over (P10)."""

    _open: dict[str, str] = field(init=False, factory=dict[str, str])
    _of_turn: dict[str, set[str]] = field(init=False, factory=dict[str, set[str]])

    def add(self, delta: AudioTranscriptDelta | InputTranscriptDelta) -> TranscriptEvent:
        """Take a piece; give the segment so far."""
        known = self._open.get(delta.segment_id, "")
        text = known + delta.text if delta.mode == "append" else delta.text
        self._keep(delta, text)
        return TranscriptEvent(
            role="user" if isinstance(delta, InputTranscriptDelta) else "assistant",
            text=text,
            delta=text.removeprefix(known),
            final=delta.final,
            item_id=delta.item_id,
        )

    def end_turn(self, turn_id: str) -> None:
        """Nothing more of this turn will come, be it final or not."""
        for segment in self._of_turn.pop(turn_id, ()):
            self._open.pop(segment, None)

    def _keep(self, delta: AudioTranscriptDelta | InputTranscriptDelta, text: str) -> None:
        if delta.final:
            self._open.pop(delta.segment_id, None)
            return
        self._open[delta.segment_id] = text
        if delta.response_id is not None:
            self._of_turn.setdefault(delta.response_id, set()).add(delta.segment_id)
