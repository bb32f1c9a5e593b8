"""offhook.session.cutting: how many words were heard, and what of an item stands after that."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.events import AudioInterrupted
from offhook.items import InputImage, MessageItem, OutputAudio, OutputText
from offhook.session.cutting import Cut, words_heard


@pytest.mark.parametrize(
    ("text", "share", "heard"),
    [
        ("one two three four", 0.5, "one two"),
        ("one two three four", 0.45, "one two"),
        ("one two three four", 0.37, "one"),
        ("one two", 0.0, ""),
        ("one two", 1.0, "one two"),
        ("one two ", 1.0, "one two"),
        ("extraordinary", 0.9, ""),
        ("  one two", 0.6, "  one"),
        ("日本語を話します", 0.5, "日本語を"),
        ("I say 日本語", 0.8, "I say 日"),
        ("", 0.5, ""),
    ],
)
def test_a_word_counts_when_all_of_it_was_heard(text, share, heard):
    assert words_heard(text, share) == heard


@given(st.text(), st.floats(0, 1))
def test_p06_what_was_heard_is_a_beginning_of_the_text_and_never_more_than_its_share(text, share):
    """P6: history never claims more than was heard."""
    heard = words_heard(text, share)
    assert text.startswith(heard)
    assert len(heard) <= len(text.rstrip()) * share


def spoken(*transcripts, status="completed"):
    parts = tuple(OutputAudio(transcript=transcript) for transcript in transcripts)
    return MessageItem(item_id="i", role="assistant", content=parts, status=status)


def interrupted(**members):
    return Cut.of(AudioInterrupted(epoch=1, item_id="i", **members))


def test_a_message_is_cut_in_proportion_and_is_incomplete():
    cut = interrupted(heard_ms=500, received_ms=1000)
    assert cut.apply(spoken("one two three four")) == spoken("one two", status="incomplete")


def test_parts_before_the_one_that_played_stay_and_those_after_it_were_not_heard():
    cut = interrupted(heard_ms=500, received_ms=1000, content_index=1)
    assert cut.apply(spoken("zero", "one two", "three")) == spoken("zero", "one", "", status="incomplete")


def test_what_was_written_or_shown_stays():
    item = MessageItem(item_id="i", role="assistant", content=(OutputText("see"), InputImage(image_url="data:")))
    assert Cut.before_it_was_heard().apply(item).content == item.content


def test_the_words_that_the_transport_gives_are_the_words_that_were_heard():
    assert interrupted(heard_text="one").apply(spoken("one two")) == spoken("one", status="incomplete")


@pytest.mark.parametrize("told", [{}, {"heard_ms": 500}, {"heard_ms": 500, "received_ms": 0}, {"received_ms": 500}])
def test_p06_without_a_position_no_word_is_taken_away_and_none_is_invented(told):
    """P6: the message is marked, and that is all."""
    assert interrupted(**told).apply(spoken("one two")) == spoken("one two", status="incomplete")


def test_nothing_heard_is_a_position_too():
    assert interrupted(heard_ms=0).apply(spoken("one two")) == spoken("", status="incomplete")


def test_words_that_come_later_are_cut_when_they_come():
    cut = interrupted(heard_ms=500, received_ms=1000)
    assert cut.apply(spoken(None)) == spoken(None, status="incomplete")
    assert cut.apply(spoken("one two three four")) == spoken("one two", status="incomplete")


def test_what_was_heard_is_worked_out_once():
    """The service was ahead of what it had sent: the rest of its words were never received, so never heard."""
    cut = interrupted(heard_ms=500, received_ms=1000)
    cut.apply(spoken("one two"))
    assert cut.apply(spoken("one two three four")) == spoken("one", status="incomplete")


def test_b42_a_text_that_the_service_cut_itself_wins():
    """B42: it knows what was heard."""
    cut = interrupted(heard_ms=500, received_ms=1000)
    cut.apply(spoken("one two three four"))
    assert cut.apply(spoken("one two three")) == spoken("one two three", status="incomplete")
    assert cut.apply(spoken("one two three four")) == spoken("one two three", status="incomplete")


def test_applied_to_what_it_left_it_changes_nothing():
    cut = interrupted(heard_ms=500, received_ms=1000)
    left = cut.apply(spoken("one two three four"))
    assert cut.apply(left) == left
