"""The calls of one connection: which are open, and which were seen before. Values in, a verdict out."""

from __future__ import annotations

import json
from collections import OrderedDict
from enum import Enum, auto
from typing import Any, Final, cast

from attrs import define, field, frozen

from offhook.events import FunctionCall

#: Calls are remembered so that a repeated one is not run again; this many, so that memory stays flat (P10).
_REMEMBERED: Final = 256
#: Outputs are remembered as well, but they may be long.
_OUTPUTS: Final = 16


@frozen
class Answer:
    """What to tell the model, and whether to ask for a reply to it: at once, when nobody speaks, or not at all."""

    output: str
    reply: str = "now"


class Arrival(Enum):
    """What a call turned out to be."""

    #: To be run.
    NEW = auto()
    #: Here again after it was answered.
    ANSWERED = auto()
    #: Here again while it is worked on, or after it was withdrawn: there is nothing to do.
    KNOWN = auto()
    #: Another call under an id that was used.
    CONFLICT = auto()


@define(eq=False)
class Calls:
    """Every call has exactly one output, or one cancellation and then none (P7)."""

    #: Calls that wait for their output. One that is not here any more is not answered, whatever its tool gives.
    open: dict[str, FunctionCall] = field(init=False, factory=dict[str, FunctionCall])
    _fingerprints: OrderedDict[str, str] = field(init=False, factory=OrderedDict[str, str])
    _answers: OrderedDict[str, Answer] = field(init=False, factory=OrderedDict[str, Answer])

    def arrive(self, call: FunctionCall) -> Arrival:
        """Take a call. A repeated one has the same name and arguments, however they are spelt."""
        fingerprint = _fingerprint(call)
        known = self._fingerprints.get(call.call_id)
        if known is None and call.call_id in self.open:  # a person may take longer than we remember
            known = _fingerprint(self.open[call.call_id])
        if known is None:
            _remember(self._fingerprints, call.call_id, fingerprint, _REMEMBERED)
            self.open[call.call_id] = call
            return Arrival.NEW
        if known != fingerprint:
            return Arrival.CONFLICT
        return Arrival.ANSWERED if call.call_id in self._answers else Arrival.KNOWN

    def answer_to(self, call_id: str) -> Answer:
        """Give what an answered call was answered."""
        return self._answers[call_id]

    def answered(self, call_id: str, answer: Answer) -> bool:
        """The call has its output; tells whether it was still open."""
        if self.open.pop(call_id, None) is None:
            return False
        _remember(self._answers, call_id, answer, _OUTPUTS)
        return True

    def withdraw(self, call_id: str) -> FunctionCall | None:
        """The call will have no output; gives it, if it was still open."""
        return self.open.pop(call_id, None)


def _remember(table: OrderedDict[str, Any], key: str, value: Any, limit: int) -> None:
    table[key] = value
    if len(table) > limit:
        table.popitem(last=False)


def _fingerprint(call: FunctionCall) -> str:
    try:
        arguments = json.dumps(_canonical(json.loads(call.arguments or "{}")), sort_keys=True)
    except (ValueError, RecursionError):
        arguments = call.arguments
    return f"{call.name} {arguments}"


def _canonical(value: Any) -> Any:
    """Give numbers one spelling: 1.0 and 1 mean the same to a model."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_canonical(entry) for entry in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {key: _canonical(entry) for key, entry in cast("dict[str, Any]", value).items()}
    return value
