"""Values that are made once, on first use, whichever thread asks first."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Lazy(Generic[Value]):
    """Makes its value when it is first asked for. Where making it fails, the next caller tries again."""

    def __init__(self, make: Callable[[], Value]) -> None:
        self._make = make
        self._made: list[Value] = []
        self._lock = Lock()

    def get(self) -> Value:
        """Give the value; blocks while it is being made."""
        with self._lock:
            if not self._made:
                self._made.append(self._make())
            return self._made[0]
