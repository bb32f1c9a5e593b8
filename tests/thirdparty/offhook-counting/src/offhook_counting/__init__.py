"""An observer for offhook: counts what comes over the wire and times the assistant's turns.

It is installed, and that is all: when a connection ends, the logger ``offhook_counting`` has a line about it.
"""

from __future__ import annotations

import logging
from collections import Counter
from time import perf_counter

from offhook import ConnectionChange, RawEvent, ToolEnd, TurnDone, TurnStarted, hookimpl

__all__ = ["Counting"]

_LOGGER = logging.getLogger(__name__)


class Counting:
    """What happened on one transport. offhook makes one for each."""

    def __init__(self) -> None:
        #: How many frames there were of each type.
        self.frames: Counter[str] = Counter()
        #: How long each turn took, in milliseconds.
        self.turns_ms: list[float] = []
        #: How many tools ran, where a session is on the transport.
        self.tools = 0
        self._began: dict[str, float] = {}

    @hookimpl
    def raw_event(self, event: RawEvent) -> None:
        """Count a frame."""
        self.frames[str(event.payload.get("type"))] += 1

    @hookimpl
    def turn_started(self, event: TurnStarted) -> None:
        """Start the clock."""
        self._began[event.turn_id] = perf_counter()

    @hookimpl
    def turn_done(self, event: TurnDone) -> None:
        """Stop it."""
        if (began := self._began.pop(event.turn_id, None)) is not None:
            self.turns_ms.append((perf_counter() - began) * 1000)

    @hookimpl
    def agent_tool_end(self, event: ToolEnd) -> None:
        """Count a tool: of all these hooks the only one that a session calls."""
        self.tools += 1

    @hookimpl
    def connection_change(self, event: ConnectionChange) -> None:
        """Say what it was, once it is over."""
        if event.status == "disconnected":
            slowest = max(self.turns_ms, default=0.0)
            _LOGGER.info(
                "%d frames; %d turns, the slowest took %.0f ms; %d tools",
                self.frames.total(),
                len(self.turns_ms),
                slowest,
                self.tools,
            )
