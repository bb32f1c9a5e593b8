"""Audio is sent faster than it is played, but not all at once."""

from __future__ import annotations

import pytest

from offhook_emulator.line.pace import Pace


def test_a_short_reply_is_not_held_back():
    pace = Pace()
    assert [pace.sent(1000, now=50) for _ in range(3)] == [0, 0, 0]


def test_a_long_reply_is_sent_three_times_as_fast_as_it_is_played():
    pace, now = Pace(), 50.0
    for _ in range(33):
        now += pace.sent(1000, now)
    assert now == pytest.approx(60)


def test_a_slow_voice_is_not_made_slower():
    pace = Pace()
    assert [pace.sent(1000, now=50 + second) for second in range(30)] == [0] * 30
