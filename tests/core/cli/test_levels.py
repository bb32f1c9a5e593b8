"""offhook.cli.levels: how loud sound is."""

from __future__ import annotations

from array import array

import pytest

from offhook.cli.levels import FLOOR_DB, Level, rms

FULL_SCALE = array("h", [-32_768] * 100).tobytes()


@pytest.mark.parametrize(
    ("samples", "expected"), [([], 0), ([0, 0], 0), ([300] * 9, 300), ([-300, 300], 300), ([0, 0, 0, 800], 400)]
)
def test_rms_is_the_root_of_the_mean_square(samples, expected):
    assert rms(array("h", samples).tobytes()) == expected


def test_half_a_sample_is_left_out():
    assert rms(array("h", [300]).tobytes() + b"x") == 300
    assert rms(b"x") == 0


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_level_jumps_up_and_sinks_slowly_to_the_floor():
    clock = Clock()
    level = Level(clock)
    assert level.decibels == FLOOR_DB
    level.hear(FULL_SCALE)
    assert level.decibels == 0
    clock.now = 0.5
    assert level.decibels == -20
    level.hear(bytes(200))
    assert level.decibels == -20
    level.hear(FULL_SCALE)
    assert level.decibels == 0
    clock.now = 100
    assert level.decibels == FLOOR_DB


def test_a_softer_sound_takes_over_once_the_loud_one_has_sunk_below_it():
    clock = Clock()
    level = Level(clock)
    level.hear(FULL_SCALE)
    soft = array("h", [3277] * 100).tobytes()
    level.hear(soft)
    assert level.decibels == 0
    clock.now = 0.75
    level.hear(soft)
    assert level.decibels == pytest.approx(-20, abs=0.01)
