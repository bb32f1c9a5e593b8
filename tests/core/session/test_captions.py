"""offhook.session.captions: words as they come, of either side, each event with all of them so far."""

from __future__ import annotations

import pytest

from offhook.events import AudioTranscriptDelta, InputTranscriptDelta
from offhook.session.captions import Captions


@pytest.fixture
def captions():
    return Captions()


def assistant(text, segment="s", **more):
    return AudioTranscriptDelta(segment_id=segment, text=text, item_id="item", response_id="turn", **more)


def user(text, segment="s", **more):
    return InputTranscriptDelta(segment_id=segment, text=text, item_id="item", **more)


def test_pieces_add_up(captions):
    first, second = captions.add(assistant("Hel")), captions.add(assistant("lo"))
    assert (first.text, first.delta, first.final) == ("Hel", "Hel", False)
    assert (second.text, second.delta, second.final) == ("Hello", "lo", False)
    assert (second.role, second.item_id) == ("assistant", "item")


def test_n10_the_users_words_come_in_pieces_too(captions):
    captions.add(user("Hel"))
    caption = captions.add(user("lo"))
    assert (caption.role, caption.text) == ("user", "Hello")


def test_the_whole_at_the_end_brings_only_what_was_missing(captions):
    captions.add(assistant("Hello"))
    last = captions.add(assistant("Hello.", mode="replace", final=True))
    assert (last.text, last.delta, last.final) == ("Hello.", ".", True)


def test_words_that_were_revised_come_whole(captions):
    captions.add(user("hello word"))
    last = captions.add(user("Hello, world.", mode="replace", final=True))
    assert (last.text, last.delta) == ("Hello, world.", "Hello, world.")


def test_a_service_that_always_gives_the_whole_makes_pieces_too(captions):
    captions.add(user("Hello", mode="replace"))
    assert captions.add(user("Hello, my", mode="replace")).delta == ", my"


def test_segments_do_not_mix(captions):
    captions.add(assistant("one", segment="1"))
    captions.add(user("zwei", segment="2"))
    assert captions.add(assistant("!", segment="1")).text == "one!"


def test_a_failed_transcription_closes_with_what_there_was(captions):
    """N10: ``.failed`` ends the segment, so that no one waits for more."""
    captions.add(user("Hel"))
    last = captions.add(user("", final=True))
    assert (last.text, last.delta, last.final) == ("Hel", "", True)


@pytest.mark.parametrize("end", ["final", "turn"])
def test_p10_what_is_final_or_of_an_ended_turn_is_forgotten(captions, end):
    for number in range(50):
        captions.add(assistant("Hello", segment=str(number), final=end == "final"))
    captions.end_turn("turn")
    assert not captions._open
    assert captions.add(assistant("x", segment="0")).text == "x"


def test_the_end_of_a_turn_leaves_the_segments_of_others(captions):
    captions.add(user("Hel"))
    captions.end_turn("turn")
    assert captions.add(user("lo")).text == "Hello"


def test_p10_segments_that_never_become_final_are_given_up_oldest_first(captions):
    for number in range(1_000):
        captions.add(user("Hello", segment=str(number)))
    assert len(captions._open) < 100
    assert captions.add(user("!", segment="999")).text == "Hello!"
    assert captions.add(user("!", segment="0")).text == "!"


def test_n10_a_deleted_item_has_no_more_words(captions):
    """N10: what was said of it so far is forgotten with it."""
    captions.add(user("Hel"))
    captions.item_deleted("item")
    assert captions.said("item") == ""
    assert not captions._open


def test_speech_that_was_cut_off_ends_with_what_was_heard_and_takes_no_more(captions):
    captions.add(assistant("one two"))
    last = captions.cut("item", "one")
    assert (last.text, last.delta, last.final) == ("one", "", True)
    assert captions.is_over("s")
    assert captions.cut("item", "one") is None


def test_speech_whose_words_were_complete_is_told_no_second_time(captions):
    """The history says what of it was heard."""
    captions.add(assistant("one two", final=True))
    assert captions.cut("item", "one") is None
    assert not captions.is_over("s")


def test_p10_segments_of_a_turn_without_responses_end_with_it(captions):
    captions.add(AudioTranscriptDelta(segment_id="s", text="Hel", turn_id="turn"))
    captions.end_turn("turn")
    assert captions._open == {}
