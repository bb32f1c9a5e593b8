"""offhook.session.usage: what was used adds up, and totals replace what they are totals of."""

from __future__ import annotations

from offhook.events import Usage, UsageUpdate
from offhook.session.usage import Tally


def of(tokens, **details):
    return Usage(requests=1, input_tokens=tokens, output_tokens=1, total_tokens=tokens + 1, input_details=details)


def tally_of(*updates):
    tally = Tally()
    for update in updates:
        tally.add(update)
    return tally.total


def total_of(*usages, **members):
    return tally_of(*(UsageUpdate(usage=usage, **members) for usage in usages))


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


def test_a_total_replaces_earlier_figures_of_its_scope():
    assert total_of(of(5), of(20), of(20), kind="total", scope="session") == of(20)


def test_a_total_replaces_figures_that_were_added_before_it():
    added = UsageUpdate(usage=of(5), scope="session")
    assert tally_of(added, added, UsageUpdate(usage=of(7), scope="session", kind="total"), added) == Usage(
        requests=2, input_tokens=12, output_tokens=2, total_tokens=14
    )


def test_a_total_of_the_session_leaves_other_scopes_alone():
    session = UsageUpdate(usage=of(20), scope="session", kind="total")
    response = UsageUpdate(usage=of(5), scope="response", response_id="r")
    work = UsageUpdate(usage=of(3), scope="work", work_id="w", kind="total")
    assert tally_of(response, session, work, session).input_tokens == 28


def test_totals_of_two_responses_are_two():
    one, other = (UsageUpdate(usage=of(5), response_id=name, kind="total") for name in "ab")
    assert tally_of(one, other, one).requests == 2


def test_scenario_10_seconds_of_audio_are_counted_as_totals():
    """5 s, 20 s, 20 s are 20 s, and not 45; tokens are left as they are."""
    updates = [UsageUpdate(kind="total", scope="session", audio_seconds=seconds) for seconds in (5.0, 20.0, 20.0)]
    assert tally_of(UsageUpdate(usage=of(5), response_id="r"), *updates) == Usage(
        requests=1, input_tokens=5, output_tokens=1, total_tokens=6, audio_seconds=20.0
    )


def test_seconds_that_are_added_add_up():
    assert tally_of(*(UsageUpdate(audio_seconds=2.5) for _ in range(3))).audio_seconds == 7.5


def test_a_new_connection_counts_from_nought_on_top_of_the_one_before():
    tally = Tally()
    for _ in range(2):
        tally.settle()
        tally.add(UsageUpdate(usage=of(20), kind="total", scope="session", audio_seconds=10.0))
    assert (tally.total.input_tokens, tally.total.audio_seconds) == (40, 20.0)


def test_p10_what_is_remembered_does_not_grow_with_the_responses():
    """P10: and none of them is lost, nor the session's own total."""
    tally = Tally()
    tally.add(UsageUpdate(usage=of(1), kind="total", scope="session"))
    for number in range(1000):
        tally.add(UsageUpdate(usage=of(1), response_id=f"r{number}"))
    tally.add(UsageUpdate(usage=of(2), kind="total", scope="session"))
    assert tally.total.input_tokens == 1002
    assert len(tally._figures) < 100


def test_adding_changes_neither_side():
    one = of(1, text_tokens=1)
    total_of(one, of(1, text_tokens=1))
    assert one.input_details == {"text_tokens": 1}


def test_totals_of_two_turns_are_two_where_there_are_no_responses():
    updates = [UsageUpdate(usage=of(5), kind="total", scope="turn", turn_id=turn_id) for turn_id in ("t1", "t2")]
    assert tally_of(*updates).input_tokens == 10
