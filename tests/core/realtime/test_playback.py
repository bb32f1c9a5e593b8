"""offhook.realtime.playback: what was heard, in whole ms, never more than was received (P6)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.realtime.playback import Playback, Truncation


@pytest.fixture
def playback():
    return Playback()


def test_nothing_received_is_nothing_to_truncate(playback):
    assert not playback.playing(5.0)
    assert playback.interrupt(5.0) == []


def test_b13_p06_without_reports_a_speaker_is_assumed_that_plays_what_arrives(playback):
    """B13, P6: from the moment it arrives, in order, without pause."""
    playback.received("i", 0, 1000, 10.0)
    assert playback.interrupt(10.25) == [Truncation("i", 0, 250, 1000)]
    assert not playback.playing(10.25)


def test_p06_a_reported_position_is_believed_and_the_clock_is_not(playback):
    """P6: exact, whatever time it is."""
    playback.received("i", 0, 1000, 10.0)
    playback.played(120)
    assert playback.interrupt(99.0) == [Truncation("i", 0, 120, 1000)]


def test_p06_the_first_report_counts_from_the_beginning(playback):
    """P6: what was assumed until then was a guess, and nothing to add to."""
    playback.received("i", 0, 100, 10.0)
    playback.received("i", 0, 100, 10.05)
    playback.played(20)
    playback.received("i", 0, 100, 10.1)
    assert playback.interrupt(10.1) == [Truncation("i", 0, 20, 300)]


def test_p06_after_an_interruption_the_assumed_speaker_begins_anew(playback):
    """P6: what was flushed is not in front of what comes."""
    playback.received("a", 0, 5000, 10.0)
    playback.interrupt(10.5)
    playback.received("b", 0, 1000, 10.5)
    assert playback.interrupt(10.75) == [Truncation("b", 0, 250, 1000)]


def test_p06_heard_is_never_above_received_in_whole_ms(playback):
    """P6: cut down, not rounded."""
    playback.received("i", 0, 100.9, 0.0)
    assert playback.interrupt(60.0) == [Truncation("i", 0, 100, 100)]


def test_p06_what_was_heard_to_its_end_is_not_truncated(playback):
    """P6: and not announced as playing either."""
    playback.received("i", 0, 100, 0.0)
    playback.finished("i")
    assert not playback.playing(0.2)
    assert playback.interrupt(0.2) == []


def test_b13_audio_that_still_plays_after_it_was_generated_can_be_truncated(playback):
    """Upstream 0.17 reset its bookkeeping on ``output_audio.done``, and could not."""
    playback.received("i", 0, 3000, 0.0)
    playback.finished("i")
    assert playback.interrupt(1.0) == [Truncation("i", 0, 1000, 3000)]


def test_b13_n03_an_item_starts_to_play_when_the_one_before_it_ends(playback):
    """B13, N3: upstream 0.17 kept the first item's start time: 125 ms would be reported where 6 were heard."""
    playback.received("a", 0, 119, 0.0)
    playback.received("b", 0, 100, 0.0625)
    assert playback.interrupt(0.125) == [Truncation("b", 0, 6, 100)]


def test_p06_later_items_that_nobody_heard_are_truncated_at_nought(playback):
    """P6: several queued items, each told separately, the one that plays first."""
    for item in ("a", "b", "c"):
        playback.received(item, 0, 100, 0.0)
    playback.played(130)
    assert playback.interrupt(0.0) == [Truncation("b", 0, 30, 100), Truncation("c", 0, 0, 100)]


def test_p06_content_parts_of_one_item_are_told_apart(playback):
    """P6: per item and content index."""
    playback.received("i", 0, 100, 0.0)
    playback.received("i", 1, 100, 0.0)
    playback.played(150)
    assert playback.interrupt(0.0) == [Truncation("i", 1, 50, 100)]


def test_a_position_given_with_the_interruption_beats_the_reported_one(playback):
    playback.received("i", 0, 100, 0.0)
    playback.played(80)
    assert playback.interrupt(0.0, heard_ms=20) == [Truncation("i", 0, 20, 100)]


@pytest.mark.parametrize(("heard", "told"), [(-5, 0), (5_000, 100)])
def test_p06_a_position_given_is_clamped(playback, heard, told):
    """P6: to what was received."""
    playback.received("i", 0, 100, 0.0)
    assert playback.interrupt(0.0, heard_ms=heard) == [Truncation("i", 0, told, 100)]


def test_a_pause_between_two_replies_is_not_played(playback):
    playback.received("a", 0, 100, 0.0)
    playback.finished("a")
    playback.received("b", 0, 100, 60.0)
    assert playback.interrupt(60.0625) == [Truncation("b", 0, 62, 100)]


def test_fractions_of_a_millisecond_add_up_to_the_end(playback):
    """Reported in one sum what was received in three: floats differ by a hair, and that is not audio."""
    for _ in range(3):
        playback.received("i", 0, 100 / 48, 0.0)
    playback.finished("i")
    playback.played(300 / 48 - 1e-9)
    assert not playback.playing(0.0)


def test_p06_nothing_is_truncated_for_the_last_fraction_of_a_millisecond(playback):
    """P6: in whole ms it was heard to its end."""
    playback.received("i", 0, 100.5, 0.0)
    playback.finished("i")
    playback.played(100)
    assert playback.interrupt(0.0) == []


def test_p06_nothing_is_sent_for_a_part_without_audio(playback):
    """P6: a delta may be empty."""
    playback.received("i", 0, 0.0, 0.0)
    assert playback.interrupt(0.0) == []


def test_a_clock_that_goes_backwards_plays_nothing(playback):
    playback.received("i", 0, 100, 10.0)
    assert playback.interrupt(9.0) == [Truncation("i", 0, 0, 100)]


def test_p10_a_sink_that_stopped_reporting_does_not_make_it_grow(playback):
    """P10: bounded, whatever the sink does."""
    playback.played(1)
    for number in range(2000):
        playback.received(f"i{number}", 0, 100, 0.0)
        playback.finished(f"i{number}")
    assert len(playback._parts) <= 64


MS = st.one_of(st.integers(0, 400).map(float), st.floats(0, 400), st.sampled_from([100 / 48, 33 / 48, 2.5]))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("received"), st.sampled_from("abc"), st.integers(0, 1), MS),
        st.tuples(st.just("finished"), st.sampled_from("abc")),
        st.tuples(st.just("played"), MS),
        st.tuples(st.just("wait"), MS),
        st.tuples(st.just("interrupt"), st.one_of(st.none(), st.integers(-10, 500))),
    ),
    max_size=40,
)


@given(STEPS)
def test_p06_heard_is_whole_never_above_received_and_never_falls(steps):
    """P6: for any order of arrivals, reports, pauses and interruptions."""
    playback, now = Playback(), 0.0
    received, heard = {}, {}
    for step in steps:
        match step:
            case ("received", item, index, ms):
                before = playback._find(item, index)
                playback.received(item, index, ms, now)
                if before is None or playback._find(item, index) is not before:  # it was over, and begins again
                    received[item, index] = heard[item, index] = 0.0
                received[item, index] += ms
            case ("finished", item):
                playback.finished(item)
            case ("played", ms):
                playback.played(ms)
            case ("wait", ms):
                now += ms / 1000
            case ("interrupt", heard_ms):
                for cut in playback.interrupt(now, heard_ms):
                    assert type(cut.audio_end_ms) is int
                    assert 0 <= cut.audio_end_ms <= cut.received_ms <= received[cut.item_id, cut.content_index]
                assert not playback.playing(now)
        for part in playback._parts:
            key = (part.item_id, part.content_index)
            assert heard[key] <= part.played_ms <= part.received_ms
            assert part.received_ms == pytest.approx(received[key])
            heard[key] = part.played_ms


@given(st.lists(MS.filter(lambda ms: ms > 0), min_size=1, max_size=10), st.floats(0, 5))
def test_p06_a_sink_that_reports_everything_has_heard_everything(pieces, slack):
    """P6: whatever sizes the reports have."""
    playback = Playback()
    for number, ms in enumerate(pieces):
        playback.received(f"i{number}", 0, ms, 0.0)
        playback.finished(f"i{number}")
    for ms in reversed(pieces):
        playback.played(ms)
    playback.played(slack)
    assert playback.interrupt(0.0) == []
