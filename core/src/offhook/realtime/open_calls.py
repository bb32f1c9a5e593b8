"""Function calls that wait for their outputs, so that an output shows in the history as soon as it is sent."""

from __future__ import annotations

from typing import Final

from attrs import define, evolve, field

from offhook.events import FunctionCall
from offhook.items import FunctionCallItem

#: Calls that are never answered must not make this grow for ever (P10).
_MAX_OPEN: Final = 256


@define(eq=False)
class OpenCalls:
    """By call id; a call is here from the moment it is known until it has its output."""

    _open: dict[str, FunctionCallItem] = field(init=False, factory=dict[str, FunctionCallItem])

    def called(self, call: FunctionCall) -> None:
        """The model made a call."""
        item_id = call.item_id or call.call_id
        self.shown(FunctionCallItem(item_id=item_id, call_id=call.call_id, name=call.name, arguments=call.arguments))

    def shown(self, call: FunctionCallItem) -> None:
        """The conversation has a call, whoever made it."""
        self._open[call.call_id] = call
        while len(self._open) > _MAX_OPEN:
            del self._open[next(iter(self._open))]

    def answered(self, call_id: str, output: str) -> FunctionCallItem | None:
        """Give the call with its output; ``None`` where that was shown before, when it was sent."""
        call = self._open.pop(call_id, None)
        return None if call is None else evolve(call, output=output, status="completed")

    def withdrawn(self, call_id: str) -> bool:
        """Nobody will answer the call; tells whether it was still waiting."""
        return self._open.pop(call_id, None) is not None
