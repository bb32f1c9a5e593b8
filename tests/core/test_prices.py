"""offhook.prices: what a conversation costs, to the last digit."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.events import Usage
from offhook.prices import Prices

PRICES = Prices(
    input_text=4, input_audio=32, output_text=16, output_audio=64, cached_text="0.4", cached_audio=0.4, input_image=5
)
MILLION = 1_000_000


def reading(total=0, **details):
    return Usage(input_tokens=total, input_details=details)


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        (Usage(), "0"),
        (reading(MILLION, text_tokens=MILLION), "4"),
        (reading(MILLION, audio_tokens=MILLION), "32"),
        (reading(MILLION, image_tokens=MILLION), "5"),
        (Usage(output_tokens=MILLION, output_details={"text_tokens": MILLION}), "16"),
        (Usage(output_tokens=MILLION, output_details={"audio_tokens": MILLION}), "64"),
        (reading(119, text_tokens=100, audio_tokens=19), "0.001008"),
        (reading(MILLION), "4"),
        (Usage(output_tokens=MILLION), "16"),
    ],
)
def test_each_direction_and_modality_has_its_price_and_what_is_not_assigned_is_text(usage, cost):
    assert PRICES.cost(usage) == Decimal(cost)


@pytest.mark.parametrize(
    ("details", "cost"),
    [
        ({"text_tokens": MILLION, "cached_tokens": MILLION, "cached_tokens_details": {"text_tokens": MILLION}}, "0.4"),
        (
            {"audio_tokens": MILLION, "cached_tokens": MILLION, "cached_tokens_details": {"audio_tokens": MILLION}},
            "0.4",
        ),
        ({"image_tokens": MILLION, "cached_tokens_details": {"image_tokens": MILLION}}, "5"),
        ({"text_tokens": MILLION // 2, "audio_tokens": MILLION // 2, "cached_tokens": MILLION}, "0.4"),
        ({"text_tokens": MILLION // 2, "audio_tokens": MILLION // 2, "cached_tokens": MILLION // 2}, "16.2"),
        ({"text_tokens": MILLION, "cached_tokens": 5 * MILLION}, "0.4"),
        ({"text_tokens": MILLION, "cached_tokens": None, "cached_tokens_details": None}, "4"),
    ],
)
def test_what_was_read_before_is_cheaper_and_never_more_than_was_read(details, cost):
    assert PRICES.cost(reading(MILLION, **details)) == Decimal(cost)


def test_what_has_no_price_of_its_own_costs_as_much_as_the_nearest():
    """Cached input as much as other input, images as much as text."""
    plain = Prices(input_text=4, input_audio=32, output_text=16, output_audio=64)
    usage = reading(
        MILLION, image_tokens=MILLION, cached_tokens=MILLION, cached_tokens_details={"image_tokens": MILLION}
    )
    assert plain.cost(usage) == 4


def test_minutes_can_have_a_price_too():
    prices = Prices(input_text=0, input_audio=0, output_text=0, output_audio=0, audio_minute="0.06")
    assert prices.cost(Usage(audio_seconds=90.0)) == Decimal("0.09")


def test_a_float_is_the_number_that_was_written():
    assert Prices(input_text=0.1, input_audio=0.2, output_text=0.3, output_audio=0.4).input_text == Decimal("0.1")


TOKENS = st.integers(0, 10**9)


@given(
    st.dictionaries(st.sampled_from(["text_tokens", "audio_tokens", "image_tokens", "cached_tokens"]), TOKENS), TOKENS
)
def test_nothing_costs_less_than_nothing_whatever_the_details_say(details, total):
    assert PRICES.cost(reading(total, **details)) >= 0
