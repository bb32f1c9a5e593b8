"""offhook.kinds: what annotations say, in words and to the text of environment variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from offhook.config import Maybe
from offhook.hookspecs import ApiKey
from offhook.kinds import describe, from_text
from offhook.wire.channel import Dialer


@frozen
class Group:
    inner: int = 0


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (str, "a string"),
        (int, "a whole number"),
        (float | None, 'a number or "none"'),
        (Maybe[bool], "true or false"),
        (Maybe[str | None], 'a string or "none"'),
        (Annotated[int, "of something"], "a whole number"),
        (Literal["a", "b"], "one of 'a', 'b'"),
        (tuple[str, ...], "a list, each of it a string"),
        (Sequence[Any], "a list"),
        (list, "a list"),
        (Mapping[str, int], "a table"),
        (Group | None, 'a table or "none"'),
        (int | Group | Mapping[str, Any], "a whole number or a table"),
        (Any, "anything"),
        (Dialer, "Dialer (which only a program can give)"),
        (ApiKey, "a string or a function (which only a program can give)"),
    ],
)
def test_a_kind_is_described_in_words_of_the_file(kind, words):
    assert describe(kind) == words


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (str, "5", "5"),
        (str, "true", "true"),
        (str | None, "none", "none"),
        (ApiKey | None, "sk-1", "sk-1"),
        (Path, "/there", "/there"),
        (Any, "5", "5"),
        (int, "5", 5),
        (int, "five", "five"),
        (int | str, "5", 5),
        (int | str, "inf", "inf"),
        (float | None, "2.5", 2.5),
        (float | None, "none", "none"),
        (bool, "1", True),
        (bool, "Yes", True),
        (bool, "ON", True),
        (bool, "0", False),
        (bool, "off", False),
        (Maybe[bool | None], "true", True),
        (bool, "perhaps", "perhaps"),
        (tuple[str, ...], "a, b,,c", ["a", "b", "c"]),
        (tuple[int, ...], "8000,16000", [8000, 16000]),
        (tuple[str, ...], '["a,b"]', ["a,b"]),
        (Literal[8000, 16000], "16000", 16000),
        (Literal["near", "far"], "near", "near"),
        (Mapping[str, str], '{ "x-name" = "value" }', {"x-name": "value"}),
        (Group | None, "{ inner = 3 }", {"inner": 3}),
        (int, "5\nmore = 6", 5),
    ],
)
def test_text_means_what_the_kind_makes_of_it(kind, text, value):
    found = from_text(kind, text)
    assert (type(found), found) == (type(value), value)


@given(st.text())
def test_text_for_a_string_is_never_touched(text):
    assert from_text(str, text) == text


@given(st.one_of(st.integers(), st.floats(allow_nan=False)))
def test_numbers_come_back_from_their_text(number):
    assert from_text(type(number), str(number)) == number
