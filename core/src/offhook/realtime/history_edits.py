"""Edits of the conversation: which items to delete and to create, and which edits cannot be made (B43).

The service takes no change of an item: one that changes, or moves, is deleted and created anew. It takes text; speech and
calls are its own work, and cannot be brought back once they are deleted. So such an edit is refused as a whole, before
anything of it is sent.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Final

from attrs import define, evolve, field

from offhook.errors import HistoryError
from offhook.items import ConversationItem, FunctionCallItem, MessageItem
from offhook.realtime.items import is_usable_id, message_to_wire, why_not_written
from offhook.realtime.responses import Frame
from offhook.realtime.unseen import Unseen

#: ``previous_item_id`` of an item that is to stand at the front.
_FRONT: Final = "root"


@define(eq=False)
class HistoryEdits:
    """Makes the frames of an edit, and knows which edits are still on their way."""

    new_id: Callable[[str], str]
    unseen: Unseen
    #: Item id -> id of the frame that was sent for it.
    _deleting: dict[str, str] = field(init=False, factory=dict[str, str])
    _creating: dict[str, str] = field(init=False, factory=dict[str, str])

    def frames(self, old: Sequence[ConversationItem], new: Sequence[ConversationItem]) -> list[Frame]:
        """Give the frames that make of ``old`` ``new``: deletions first, then creations in order.

        What an earlier edit has sent already is not sent again. Raises ``HistoryError`` for what cannot be done.
        """
        new = self._named(old, new)
        kept = _kept(old, new)
        _refuse_what_cannot_be_written(old, [item for item in new if item.item_id not in kept])
        deletions = list(self._deletions(old, kept))
        return [*deletions, *self._creations(new, kept)]

    def deleted(self, item_id: str) -> None:
        """The service deleted an item."""
        self._deleting.pop(item_id, None)

    def created(self, item_id: str) -> None:
        """The service has an item."""
        self._creating.pop(item_id, None)

    def refused(self, event_id: str | None) -> None:
        """The service refused a frame: nothing will come of it."""
        for under_way in (self._deleting, self._creating):
            for item_id in [item_id for item_id, sent in under_way.items() if sent == event_id]:
                del under_way[item_id]

    def _named(self, old: Sequence[ConversationItem], new: Sequence[ConversationItem]) -> list[ConversationItem]:
        """Give every item an id that the service takes, so that the next can follow it."""
        known = {item.item_id for item in old}
        named: dict[str, ConversationItem] = {}
        for item in new:
            item_id = item.item_id
            if item_id not in known and not is_usable_id(item_id):
                item_id = self._free_id(known | set(named))
            if item_id in named:
                raise HistoryError(f"the new history has two items {item_id!r}. Leave item_id empty for new messages.")
            named[item_id] = evolve(item, item_id=item_id)
        return list(named.values())

    def _free_id(self, taken: Collection[str]) -> str:
        # An earlier connection may have used the same numbers.
        while (item_id := self.new_id("item")) in taken:
            pass
        return item_id

    def _deletions(self, old: Sequence[ConversationItem], kept: Collection[str]) -> Iterator[Frame]:
        for item in old:
            if item.item_id in kept:
                continue
            output = self.unseen.output_of(item.call_id) if isinstance(item, FunctionCallItem) else None
            for item_id in (output, item.item_id):  # an output does not outlive its call
                if item_id is not None and item_id not in self._deleting:
                    event_id = self._deleting[item_id] = self.new_id("history")
                    yield {"type": "conversation.item.delete", "event_id": event_id, "item_id": item_id}

    def _creations(self, new: Sequence[ConversationItem], kept: Collection[str]) -> Iterator[Frame]:
        staying = [place for place, item in enumerate(new) if item.item_id in kept]
        last = staying[-1] if staying else -1
        previous: str | None = None
        for place, item in enumerate(new):
            item_id = item.item_id
            if item_id not in kept and item_id not in self._creating and isinstance(item, MessageItem):
                event_id = self._creating[item_id] = self.new_id("history")
                frame: Frame = {"type": "conversation.item.create", "event_id": event_id}
                # What comes after all that stays comes at the end, wherever that is by then: someone may be speaking.
                if place != last + 1 or previous is None:
                    frame["previous_item_id"] = self._anchor(previous)
                yield {**frame, "item": message_to_wire(item)}
            if item_id not in self._deleting or item_id in self._creating:
                previous = item_id

    def _anchor(self, previous: str | None) -> str:
        return _FRONT if previous is None else self.unseen.last_behind(previous, but=self._deleting)


def _kept(old: Sequence[ConversationItem], new: Sequence[ConversationItem]) -> set[str]:
    """Give the ids of what can stay: unchanged, and in the order that it has; as many items as possible."""
    places = {item.item_id: place for place, item in enumerate(old)}
    same = [item.item_id for item in new if item.item_id in places and old[places[item.item_id]] == item]
    rising = _longest_rise([places[item_id] for item_id in same])
    return {item_id for item_id in same if places[item_id] in rising}


def _longest_rise(numbers: Sequence[int]) -> set[int]:
    """Give the longest rising sequence among different numbers, by patience sorting."""
    ends: list[int] = []
    before: dict[int, int | None] = {}
    for number in numbers:
        at = bisect_left(ends, number)
        before[number] = ends[at - 1] if at else None
        ends[at : at + 1] = [number]
    rise: set[int] = set()
    number = ends[-1] if ends else None
    while number is not None:
        rise.add(number)
        number = before[number]
    return rise


def _refuse_what_cannot_be_written(old: Sequence[ConversationItem], written: Sequence[ConversationItem]) -> None:
    before: Mapping[str, ConversationItem] = {item.item_id: item for item in old}
    for item in written:
        if (reason := why_not_written(item)) is not None:
            doing = "changed or moved" if item.item_id in before else "added"
            raise HistoryError(
                f"the item {item.item_id!r} cannot be {doing}: {reason} Nothing was sent; leave it as it is, or take it out."
            )
