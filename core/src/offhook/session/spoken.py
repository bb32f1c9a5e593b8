"""History from words alone, where the service has no items: what each side says becomes one item per utterance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from attrs import define, field, frozen

from offhook.events import AudioTranscriptDelta
from offhook.session.history import History
from offhook.session.utterances import Delta, Utterance, Utterances

Side: TypeAlias = Literal["user", "assistant"]


@frozen
class Change:
    """An item that was added or changed."""

    item_id: str
    new: bool


def _sides() -> Mapping[Side, Utterances]:
    return {"user": Utterances("user"), "assistant": Utterances("assistant")}


@define(eq=False)
class Spoken:
    """Both sides' utterances, written into the history as they grow."""

    history: History
    _of: Mapping[Side, Utterances] = field(init=False, factory=_sides)
    _last: dict[Side, Utterance] = field(init=False, factory=dict[Side, Utterance])

    def begins(self, side: Side, at_ms: int | None) -> None:
        """A side is heard: what it says has its place from now on."""
        utterances = self._of[side]
        self.history.reserve(utterances.begin(at_ms).item_id)
        self._forget(utterances)

    def ends(self, side: Side, at_ms: int | None) -> list[Change]:
        """It fell silent."""
        utterances = self._of[side]
        utterance = utterances.end(at_ms)
        return [self._put(utterances, utterance)] if utterance and utterance.text else []

    def says(self, delta: Delta) -> tuple[str, list[Change]] | None:
        """It is told what was said; gives the item, and what changed. ``None``: the transport shows that item itself."""
        side: Side = "assistant" if isinstance(delta, AudioTranscriptDelta) else "user"
        utterances = self._of[side]
        if delta.item_id and self.history.get(delta.item_id) and not utterances.has(delta.item_id):
            return None
        utterance = utterances.add(delta)
        settled = self._settled(side, utterance)
        self._forget(utterances)
        written = [self._put(utterances, utterance)] if utterance.text else []
        return utterance.item_id, settled + written

    def _settled(self, side: Side, utterance: Utterance) -> list[Change]:
        """Without sound to go by, an utterance is over when the next begins: its last word need not be marked."""
        last, self._last[side] = self._last.get(side), utterance
        if last is None or last is utterance or last.sounded or last.over or not last.text:
            return []
        last.over = True
        return [self._put(self._of[side], last)]

    def _put(self, utterances: Utterances, utterance: Utterance) -> Change:
        return Change(utterance.item_id, self.history.put(utterances.item(utterance)))

    def _forget(self, utterances: Utterances) -> None:
        for item_id in utterances.forget():
            self.history.remove(item_id)
