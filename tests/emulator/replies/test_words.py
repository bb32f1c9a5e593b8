"""Words, numbers and times are recognised in written and in spoken form."""

from __future__ import annotations

import pytest

from offhook_emulator.replies.words import CLOCK, DATE, numbers, split_name, stem


@pytest.mark.parametrize("name", ["getCurrentWeather", "get_current_weather", "get-current-weather"])
def test_identifiers_are_split_into_words(name: str) -> None:
    assert split_name(name) == ["get", "current", "weather"]


@pytest.mark.parametrize(
    ("one", "other"),
    [("order", "orders"), ("city", "cities"), ("weather", "weather's"), ("remind", "reminder"), ("bus", "Bus")],
)
def test_forms_of_a_word_have_one_stem(one: str, other: str) -> None:
    assert stem(one) == stem(other)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12 and -3.5", [12, -3.5]),
        ("1,250 people", [1250]),
        ("twenty two", [22]),
        ("Twenty-two", [22]),
        ("three hundred and five", [305]),
        ("a hundred", [100]),
        ("two thousand five hundred", [2500]),
        ("one two three", [1, 2, 3]),
        ("zero", [0]),
        ("A4 b2b someone tenor", []),
    ],
)
def test_numbers_are_found_in_digits_and_in_words(text: str, expected: list[float]) -> None:
    assert [value for value, _, _ in numbers(text)] == expected


@pytest.mark.parametrize(
    "date",
    ["tomorrow", "next Friday", "Monday", "July 4th", "4 July 2026", "2026-07-04", "in three days", "this weekend"],
)
def test_days_are_recognised(date: str) -> None:
    found = DATE.search(f"Book it for {date}, please")

    assert found
    assert found[0] == date


@pytest.mark.parametrize(
    "time", ["7 pm", "7:30 pm", "19:30", "seven o'clock", "half past six", "noon", "in ten minutes"]
)
def test_times_of_day_are_recognised(time: str) -> None:
    found = CLOCK.search(f"Call me {time}, please")

    assert found
    assert found[0] == time


@pytest.mark.parametrize("text", ["I am tired", "may I come", "what am I", "in the house"])
def test_other_words_are_no_times(text: str) -> None:
    assert not DATE.search(text)
    assert not CLOCK.search(text)
