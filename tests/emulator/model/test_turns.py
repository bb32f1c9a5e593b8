"""Where speech starts and stops."""

from __future__ import annotations

import pytest

from offhook_emulator.model.turns import TurnDetector, TurnRules, turn_rules

HOP_MS = 20
RULES = TurnRules(threshold=0.5, prefix_ms=300, silence_ms=200)
SPEECH, UNSURE, SILENCE = 0.9, 0.4, 0.1


def _changes(hops: list[tuple[int, float]], rules: TurnRules = RULES) -> list[tuple[str, int]]:
    """Runs of ``(milliseconds, probability)`` in; each change with the end of its hop out."""
    detector, changes, at = TurnDetector(), [], 0
    for duration_ms, probability in hops:
        for _ in range(duration_ms // HOP_MS):
            change = detector.hop(probability, at, at + HOP_MS, rules)
            at += HOP_MS
            if change:
                changes.append((change, at))
    return changes


@pytest.mark.parametrize(
    ("hops", "changes"),
    [
        ([(1000, SILENCE)], []),
        ([(40, SPEECH), (1000, SILENCE)], []),  # a click
        ([(60, SPEECH)], [("started", 60)]),
        ([(40, SPEECH), (20, SILENCE), (40, SPEECH)], []),
        ([(500, SPEECH), (180, SILENCE)], [("started", 60)]),
        ([(500, SPEECH), (200, SILENCE)], [("started", 60), ("stopped", 700)]),
        ([(500, SPEECH), (180, SILENCE), (20, SPEECH), (180, SILENCE)], [("started", 60)]),
        ([(500, SPEECH), (1000, UNSURE)], [("started", 60)]),  # neither speech nor silence
        ([(500, SPEECH), (100, SILENCE), (100, UNSURE), (20, SILENCE)], [("started", 60), ("stopped", 720)]),
        ([(500, SPEECH), (200, SILENCE), (60, SPEECH)], [("started", 60), ("stopped", 700), ("started", 760)]),
    ],
)
def test_speech_starts_after_60_ms_and_stops_after_the_silence(hops, changes):
    assert _changes(hops) == changes


def test_a_higher_threshold_takes_less_for_speech():
    assert _changes([(500, 0.6)], TurnRules(threshold=0.7, prefix_ms=0, silence_ms=200)) == []


def test_silence_of_zero_ends_speech_with_its_first_silent_hop():
    changes = _changes([(100, SPEECH), (20, SILENCE)], TurnRules(threshold=0.5, prefix_ms=0, silence_ms=0))
    assert changes[-1] == ("stopped", 120)


def test_the_start_of_speech_is_where_its_first_hop_began():
    detector = TurnDetector()
    for at in range(100, 160, HOP_MS):
        detector.hop(SPEECH, at, at + HOP_MS, RULES)
    assert detector.started_ms == 100


def test_server_vad_gives_its_own_numbers():
    detection = {"type": "server_vad", "threshold": 0.7, "prefix_padding_ms": 100, "silence_duration_ms": 900}
    assert turn_rules(detection) == TurnRules(threshold=0.7, prefix_ms=100, silence_ms=900)


def test_the_more_eager_semantic_vad_is_the_less_it_waits():
    waits = [turn_rules({"type": "semantic_vad", "eagerness": word}).silence_ms for word in ("high", "medium", "low")]
    assert waits == sorted(set(waits))
    assert turn_rules({"type": "semantic_vad", "eagerness": "auto"}).silence_ms == waits[1]
