"""Words in step with their audio."""

from __future__ import annotations

import pytest

from offhook_emulator.line.words import WordClock, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello there. ", ["Hello", " there. "]),
        (" Great to meet you!", [" Great", " to", " meet", " you!"]),
        ("one\n\ntwo", ["one", "\n\ntwo"]),
        (" ", [" "]),
        ("", []),
    ],
)
def test_words_joined_are_the_text(text, expected):
    assert words(text) == expected
    assert "".join(expected) == text


def test_words_run_a_little_ahead_of_their_audio():
    clock = WordClock("one two three four five six seven eight nine ten")
    first = clock.until(0)
    assert first[0] == "one"
    assert len(first) < 4
    assert "".join([*first, *clock.until(1000), *clock.rest()]) == "one two three four five six seven eight nine ten"
    assert clock.rest() == []
