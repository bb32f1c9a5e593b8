"""Refusals read like the service's own."""

from __future__ import annotations

import pytest

from offhook_emulator.model import fields
from offhook_emulator.model.errors import Refused


@pytest.mark.parametrize(
    ("check", "value", "message"),
    [
        (fields.string, 1, "Invalid type for 'x': expected a string, but got an integer instead."),
        (fields.boolean, "yes", "Invalid type for 'x': expected a boolean, but got a string instead."),
        (fields.integer(), True, "Invalid type for 'x': expected an integer, but got a boolean instead."),
        (fields.integer(), 1.5, "Invalid type for 'x': expected an integer, but got a decimal instead."),
        (fields.number(0, 1), None, "Invalid type for 'x': expected a decimal, but got null instead."),
        (fields.list_of(fields.string), {}, "Invalid type for 'x': expected an array, but got an object instead."),
        (fields.list_of(fields.string), ["a", []], "Invalid type for 'x[1]': expected a string, but got an array instead."),
        (fields.mapping, [], "Invalid type for 'x': expected an object, but got an array instead."),
        (fields.integer(1), 0, "Invalid 'x': integer below minimum value. Expected a value >= 1, but got 0 instead."),
        (fields.number(0, 1), 1.5, "Invalid 'x': decimal above maximum value. Expected a value <= 1, but got 1.5 instead."),
        (fields.choice("a", "b"), "c", "Invalid value: 'c'. Supported values are: 'a' and 'b'."),
        (fields.choice("a", "b", "c"), "d", "Invalid value: 'd'. Supported values are: 'a', 'b', and 'c'."),
        (fields.shape({}), {"y": 1}, "Unknown parameter: 'x.y'."),
        (fields.shape({"y": fields.string}, required=["y"]), {}, "Missing required parameter: 'x.y'."),
        (fields.variants("type", {"a": fields.anything}), {}, "Missing required parameter: 'x.type'."),
        (fields.audio_bytes, "no base64!", "Invalid 'x'. Expected base64-encoded audio bytes but got an invalid value."),
        (fields.audio_bytes, "", "Invalid 'x'. Expected base64-encoded audio bytes but got empty bytes."),
    ],
)  # fmt: skip
def test_a_refusal_says_what_was_expected_where(check, value, message):
    with pytest.raises(Refused) as refused:
        check(value, "x")
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (fields.nullable(fields.string), None),
        (fields.integer(1, 2), 2),
        (fields.number(0, 1), 1),
        (fields.word_or_object(["auto"], fields.mapping), "auto"),
        (fields.word_or_object(["auto"], fields.mapping), {"a": 1}),
        (fields.shape({"y": fields.list_of(fields.boolean)}), {"y": [True]}),
    ],
)
def test_what_fits_is_given_back(check, value):
    assert check(value, "x") == value


def test_audio_is_decoded():
    assert fields.audio_bytes("AAEC", "audio") == b"\0\1\2"
