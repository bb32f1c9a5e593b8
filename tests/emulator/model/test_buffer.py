"""The input buffer keeps its place on the session's timeline."""

from __future__ import annotations

from offhook_emulator.model.buffer import BYTES_PER_MS, InputBuffer


def _audio(duration_ms: int, value: int = 0) -> bytes:
    return bytes([value]) * (duration_ms * BYTES_PER_MS)


def test_positions_count_from_the_first_sample_ever_written():
    buffer = InputBuffer()
    buffer.write(_audio(100))
    buffer.clear()
    buffer.write(_audio(50))
    assert (buffer.position_ms, buffer.duration_ms) == (150, 50)


def test_what_is_taken_lies_between_two_positions_and_what_follows_stays():
    buffer = InputBuffer()
    for value in range(4):
        buffer.write(_audio(100, value))
    assert buffer.take(100, 300) == _audio(100, 1) + _audio(100, 2)
    assert buffer.take() == _audio(100, 3)
    assert buffer.duration_ms == 0


def test_trimming_drops_what_lies_before_a_position():
    buffer = InputBuffer()
    buffer.write(_audio(100))
    buffer.trim(60)
    buffer.trim(20)
    buffer.trim(-5)
    assert (buffer.position_ms, buffer.duration_ms) == (100, 40)
