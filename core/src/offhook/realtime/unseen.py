"""Items that the service keeps and the history does not show: outputs of calls, lists of MCP tools, decisions.

The service still counts them: the item behind one names it as the item before, and an output that outlives its call is
refused. So this says what stands in front of them, and which belong to what.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from attrs import define, field, frozen

from offhook.config import UNSET, Maybe

#: Beyond so many the oldest is forgotten (P10): what follows it then counts as following something unknown.
_REMEMBERED: Final = 1024


@frozen
class _Item:
    #: The item of the history that it stands behind, ``None`` for the front.
    behind: str | None
    call_id: str | None


@define(eq=False)
class Unseen:
    """Unseen items by id."""

    _items: dict[str, _Item] = field(init=False, factory=dict[str, _Item])

    def add(self, item_id: str, previous: Maybe[str | None], *, call_id: str | None = None) -> None:
        """An unseen item stands behind ``previous``, of which the service may have said nothing (``UNSET``)."""
        behind = self.shown(previous)
        if behind is UNSET or item_id in self._items:
            return
        self._items[item_id] = _Item(behind, call_id)  # type: ignore[arg-type]  # UNSET was left out above
        while len(self._items) > _REMEMBERED:
            del self._items[next(iter(self._items))]

    def shown(self, previous: Maybe[str | None]) -> Maybe[str | None]:
        """Give the item that the history shows for ``previous``: itself, or the one that it stands behind."""
        item = self._items.get(previous) if isinstance(previous, str) else None
        return previous if item is None else item.behind

    def last_behind(self, item_id: str, *, but: Collection[str] = ()) -> str:
        """Give the last of the items that stand behind ``item_id``, other than ``but``; itself if there are none."""
        behind = (unseen for unseen, item in reversed(self._items.items()) if item.behind == item_id)
        return next((unseen for unseen in behind if unseen not in but), item_id)

    def output_of(self, call_id: str) -> str | None:
        """Give the id of the item that holds a call's output."""
        return next((unseen for unseen, item in self._items.items() if item.call_id == call_id), None)

    def deleted(self, item_id: str) -> None:
        """An item is gone; what stood behind it stands behind nothing that is known."""
        self._items.pop(item_id, None)
        for unseen in [unseen for unseen, item in self._items.items() if item.behind == item_id]:
            del self._items[unseen]
