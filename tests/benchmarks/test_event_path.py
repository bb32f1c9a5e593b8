"""The gates on the event path: ratios within one run, so that a slow machine changes nothing."""

from __future__ import annotations

import pytest
from event_path import compare, growth

pytest.importorskip("agents", reason="the peers group is not installed: uv run --group peers pytest")


@pytest.mark.timeout(240)
def test_an_event_with_100_ms_of_audio_costs_two_fifths_of_openai_agents_or_less() -> None:
    """Median of five alternated pairs, with orjson and pybase64. About a third on a quiet machine."""
    assert compare(audio_bytes=4800).ratio >= 2.5


@pytest.mark.timeout(240)
def test_an_event_costs_the_same_at_turn_1000_as_at_turn_10() -> None:
    """A12, P10: nothing on the event path grows with the conversation."""
    assert growth() <= 1.1
