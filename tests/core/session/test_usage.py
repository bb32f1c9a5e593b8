"""offhook.session.usage: what was used adds up, and totals do not."""

from __future__ import annotations

from offhook.events import Usage, UsageUpdate
from offhook.session.usage import add


def of(tokens, **details):
    return Usage(requests=1, input_tokens=tokens, output_tokens=1, total_tokens=tokens + 1, input_details=details)


def total_of(*usages, kind="delta"):
    total = Usage()
    for usage in usages:
        total = add(total, UsageUpdate(usage=usage, kind=kind))
    return total


def test_tokens_and_requests_add_up():
    assert total_of(of(10), of(20)) == Usage(requests=2, input_tokens=30, output_tokens=2, total_tokens=32)


def test_details_add_up_name_by_name_and_in_depth():
    one = of(10, text_tokens=4, cached_tokens_details={"audio_tokens": 1})
    other = of(10, text_tokens=5, audio_tokens=2, cached_tokens_details={"audio_tokens": 2, "text_tokens": 3})
    assert total_of(one, other).input_details == {
        "text_tokens": 9,
        "audio_tokens": 2,
        "cached_tokens_details": {"audio_tokens": 3, "text_tokens": 3},
    }


def test_a_null_detail_says_nothing():
    """Real services send explicit nulls."""
    one, other = of(1, text_tokens=4, cached=None), of(1, text_tokens=None, cached={"audio_tokens": 2})
    assert total_of(one, other, one).input_details == {"text_tokens": 8, "cached": {"audio_tokens": 2}}


def test_a_detail_that_changes_its_kind_is_taken_as_it_comes():
    assert total_of(of(1, tier="a", cached=3), of(1, tier="b", cached={"n": 1})).input_details == {
        "tier": "b",
        "cached": {"n": 1},
    }


def test_a_total_replaces():
    assert total_of(of(5), of(20), of(20), kind="total") == of(20)


def test_an_update_of_seconds_alone_changes_no_tokens():
    assert total_of(of(5), None) == of(5)


def test_adding_changes_neither_side():
    one = of(1, text_tokens=1)
    total_of(one, of(1, text_tokens=1))
    assert one.input_details == {"text_tokens": 1}
