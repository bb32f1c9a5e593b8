"""Text is cut so that speaking begins early and nothing is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook_emulator.voice.phrasing import phrases, sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("Hello", ["Hello"]),
        ("Hello. How are you?", ["Hello. ", "How are you?"]),
        ("Hi! \n\nBye.", ["Hi! \n\n", "Bye."]),
        ("One\ntwo", ["One\n", "two"]),
        ("Dr. Smith is in. Go!", ["Dr. Smith is in. ", "Go!"]),
        ("J. Doe paid 3.50 dollars. Thanks", ["J. Doe paid 3.50 dollars. ", "Thanks"]),
        ('She said "stop." Then she left.', ['She said "stop." ', "Then she left."]),
        ("Fruit, e.g. apples. More", ["Fruit, e.g. apples. ", "More"]),
    ],
)
def test_sentences_end_at_end_punctuation_and_keep_the_space_after_it(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@given(st.text(alphabet='ab .!?\n"Dr', max_size=80))
def test_sentences_joined_are_the_text(text: str) -> None:
    assert "".join(sentences(text)) == text


def test_a_short_sentence_is_spoken_in_one_go() -> None:
    assert list(phrases("The weather in Paris is sunny, 21 degrees.")) == ["The weather in Paris is sunny, 21 degrees."]


def test_a_long_first_sentence_is_cut_at_a_clause_so_that_its_beginning_is_spoken_early() -> None:
    text = "Sure, I can help with that, and if you like I can also look up the status of your last order. Shall I?"

    first, second, third = phrases(text)

    assert first == "Sure, I can help with that,"
    assert second.startswith("and if you like")
    assert third == "Shall I?"


def test_later_sentences_are_not_cut_at_clauses() -> None:
    later = "It was shipped on Monday, and it should arrive on Thursday, or on Friday, or at the latest on Saturday."

    assert list(phrases(f"Yes. {later}")) == ["Yes.", later]


def test_a_first_sentence_without_a_clause_is_not_cut() -> None:
    text = "The quick brown fox jumped over the lazy dog in the middle of the night under a bright full moon."

    assert list(phrases(text)) == [text]


@given(st.text(alphabet="abc .,!?\n", max_size=1500))
def test_phrases_are_bounded_and_lose_no_letter(text: str) -> None:
    found = list(phrases(text))

    assert all(0 < len(phrase) <= 240 for phrase in found)
    assert "".join("".join(found).split()) == "".join(text.split())
