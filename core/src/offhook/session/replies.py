"""When a reply to a turn's function calls is due: once, when no more calls can come and each has its output.

Values in, a yes or no out. Asking earlier would have the model answer half of what it asked for, and then again.
"""

from __future__ import annotations

from attrs import define, field

from offhook.events import FunctionCall


@define
class _Calls:
    """Calls of one turn that wait for their outputs, and whether one that has its own wants a reply."""

    open: set[str] = field(factory=set[str])
    wanted: bool = False


@define(eq=False)
class Replies:
    """Every method but ``called`` tells whether a reply is due now; it then is no longer."""

    #: The turn under way, in which more calls may come.
    _turn: str | None = field(init=False, default=None)
    _calls: dict[str, _Calls] = field(init=False, factory=dict[str, _Calls])
    _parked: set[str] = field(init=False, factory=set[str])

    def turn_started(self, turn_id: str) -> bool:
        """A turn began; the one before is over, even if its end got lost."""
        before, self._turn = self._turn, turn_id
        return before is not None and self._due(before)

    def turn_done(self, turn_id: str) -> bool:
        """No more calls will come in this turn."""
        if self._turn == turn_id:
            self._turn = None
        return self._due(turn_id)

    def called(self, call: FunctionCall) -> None:
        """A call waits for its output. Calls without a turn belong to their work, and else stand alone."""
        self._calls.setdefault(_turn_of(call), _Calls()).open.add(call.call_id)

    def parked(self, call: FunctionCall) -> bool:
        """The call will be answered, but not soon: the others of its turn do not wait for it."""
        turn = _turn_of(call)
        if calls := self._calls.get(turn):
            calls.open.discard(call.call_id)
        self._parked.add(call.call_id)
        return self._due(turn)

    def answered(self, call: FunctionCall, *, wanted: bool) -> bool:
        """The call has its output, or will never have one."""
        if call.call_id in self._parked:  # it stands alone
            self._parked.discard(call.call_id)
            return wanted
        turn = _turn_of(call)
        if calls := self._calls.get(turn):
            calls.open.discard(call.call_id)
            calls.wanted = calls.wanted or wanted
        return self._due(turn)

    def _due(self, turn: str) -> bool:
        calls = self._calls.get(turn)
        if calls is None or calls.open or turn == self._turn:
            return False
        del self._calls[turn]
        return calls.wanted


def _turn_of(call: FunctionCall) -> str:
    if call.turn_id is None and call.work_id is not None:
        return f"work {call.work_id}"
    return call.turn_id or f"call {call.call_id}"
