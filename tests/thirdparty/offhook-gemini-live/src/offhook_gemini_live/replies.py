"""Replies that are asked for, one at a time: asking while the model has a turn would interrupt it (P8)."""

from __future__ import annotations

from attrs import define


@define
class Replies:
    """Which wishes for a reply are out, and which wait."""

    #: One was asked for, and its turn is not over.
    asked: bool = False
    _waiting: int = 0

    def want(self, *, busy: bool, own: bool) -> bool:
        """Want a reply; tells whether to ask for it now. Wishes that wait coalesce unless one is its ``own``."""
        if not (busy or self.asked):
            self.asked = True
            return True
        self._waiting += own or not self._waiting
        return False

    def turn_over(self) -> bool:
        """The model is free; tells whether to ask for a reply that waited."""
        self.asked = bool(self._waiting)
        self._waiting -= self.asked
        return self.asked
