"""Where someone starts and stops speaking: a state machine over speech probabilities.

Speech starts with 60 ms of likely speech in a row (a click is shorter), and stops after ``silence_ms`` without any.
In between, a probability that is neither clearly speech nor clearly silence changes nothing (Silero's hysteresis).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

from attrs import frozen

_ONSET_MS: Final = 60
_HYSTERESIS: Final = 0.15
#: ``semantic_vad`` waits for the end of a thought. We cannot read thoughts: an eager model waits less.
_SEMANTIC_SILENCE_MS: Final = {"high": 300, "medium": 600, "auto": 600, "low": 1000}
_SEMANTIC_THRESHOLD: Final = 0.5
_SEMANTIC_PREFIX_MS: Final = 300


@frozen(kw_only=True)
class TurnRules:
    """When a turn starts and stops. Times in milliseconds."""

    threshold: float
    prefix_ms: int
    silence_ms: int


def turn_rules(turn_detection: Mapping[str, Any]) -> TurnRules:
    """Give the rules of a ``turn_detection`` object that has all its fields."""
    if turn_detection["type"] == "semantic_vad":
        return TurnRules(
            threshold=_SEMANTIC_THRESHOLD,
            prefix_ms=_SEMANTIC_PREFIX_MS,
            silence_ms=_SEMANTIC_SILENCE_MS[turn_detection["eagerness"]],
        )
    return TurnRules(
        threshold=turn_detection["threshold"],
        prefix_ms=turn_detection["prefix_padding_ms"],
        silence_ms=turn_detection["silence_duration_ms"],
    )


Change: TypeAlias = Literal["started", "stopped"]


class TurnDetector:
    """Follows one stream of hops. ``started_ms`` is where the latest speech began, without padding."""

    def __init__(self) -> None:
        self.speaking = False
        self.started_ms = 0
        self._onset_ms: int | None = None  # where a run of likely speech began
        self._silent_since_ms: int | None = None

    def reset(self) -> None:
        """Forget the speech that is under way."""
        self.speaking, self._onset_ms, self._silent_since_ms = False, None, None

    def hop(self, probability: float, start_ms: int, end_ms: int, rules: TurnRules) -> Change | None:
        """Take the speech probability of the hop from ``start_ms`` to ``end_ms``; say whether something changed."""
        step = self._while_speaking if self.speaking else self._while_silent
        return step(probability, start_ms, end_ms, rules)

    def _while_silent(self, probability: float, start_ms: int, end_ms: int, rules: TurnRules) -> Change | None:
        if probability < rules.threshold:
            self._onset_ms = None
            return None
        if self._onset_ms is None:
            self._onset_ms = start_ms
        if end_ms - self._onset_ms < _ONSET_MS:
            return None
        self.started_ms = self._onset_ms
        self.speaking, self._onset_ms = True, None
        return "started"

    def _while_speaking(self, probability: float, start_ms: int, end_ms: int, rules: TurnRules) -> Change | None:
        if probability >= rules.threshold:
            self._silent_since_ms = None
        elif probability < rules.threshold - _HYSTERESIS:
            if self._silent_since_ms is None:
                self._silent_since_ms = start_ms
            if end_ms - self._silent_since_ms >= rules.silence_ms:
                self.reset()
                return "stopped"
        return None
