"""offhook.session.utterances: what one side says, put together where the service has no items."""

from __future__ import annotations

import pytest

from offhook.events import AudioTranscriptDelta, InputTranscriptDelta
from offhook.items import InputAudio, MessageItem, OutputAudio
from offhook.session.utterances import Utterances


@pytest.fixture
def said():
    return Utterances("assistant")


def words(text, segment="s", **members):
    return AudioTranscriptDelta(segment_id=segment, text=text, **members)


def items(utterances):
    return [(each.text, each.over) for each in utterances._recent]


def test_without_sound_to_go_by_a_segment_is_an_utterance(said):
    said.add(words("Hello"))
    said.add(words(" there", final=True))
    said.add(words("Bye", "t"))
    assert items(said) == [("Hello there", True), ("Bye", False)]


def test_segments_between_two_silences_are_one_utterance(said):
    said.begin(0)
    said.add(words("Hello.", "s", final=True))
    said.add(words("How are you?", "t"))
    said.end(900)
    said.add(words("Bye", "u"))
    assert items(said) == [("Hello. How are you?", True), ("Bye", False)]


def test_words_before_their_sound_are_of_that_sound(said):
    first = said.add(words("Hello"))
    assert said.begin(100) is first


def test_the_end_of_a_sound_that_never_began_is_nothing(said):
    assert said.end(100) is None


def test_late_words_belong_to_the_first_utterance_that_has_none(said):
    first, _ = said.begin(None), said.end(None)
    second, _ = said.begin(None), said.end(None)
    assert said.add(words("one", "s")) is first
    assert said.add(words("two", "t")) is second


def test_scenario_10_late_words_join_the_utterance_in_whose_time_they_were_said(said):
    """Scenario 10: in the order in which they were said."""
    said.begin(0)
    said.add(words("one", "a", start_ms=0, end_ms=300))
    said.add(words("three", "c", start_ms=600, end_ms=900))
    said.end(1000)
    said.begin(2000)
    said.add(words("next", "d", start_ms=2000))
    said.add(words("two", "b", start_ms=300))
    assert items(said) == [("one two three", True), ("next", False)]


def test_an_utterance_that_goes_on_spans_what_comes(said):
    said.begin(0)
    said.add(words("one", "a", start_ms=0))
    assert said.add(words("two", "b", start_ms=5000)).text == "one two"


def test_without_sound_the_words_tell_when_it_was(said):
    said.add(words("one", "a", start_ms=0, end_ms=500, final=True))
    said.add(words("three", "c", start_ms=1000, end_ms=1500, final=True))
    assert said.add(words("two", "b", start_ms=400)).text == "one two"


def test_revised_words_replace_those_of_their_segment(said):
    for text in ("Hello?", "Hello, my name is", "Hello, my name is Ada."):
        said.add(words(text, mode="replace", final=True))
    assert items(said) == [("Hello, my name is Ada.", True)]


def test_an_utterance_keeps_the_id_that_the_transport_gave(said):
    assert said.add(words("Hello", item_id="local:mine")).item_id == "local:mine"
    assert said.add(words("there", "t", item_id="local:mine")).text == "Hello there"
    assert said.add(words("Bye", "u", item_id="local:other")).text == "Bye"


@pytest.mark.parametrize(
    ("role", "part", "kind"),
    [("user", InputAudio, InputTranscriptDelta), ("assistant", OutputAudio, AudioTranscriptDelta)],
)
def test_an_utterance_is_an_item_under_a_local_id(role, part, kind):
    said = Utterances(role)
    utterance = said.add(kind(segment_id="s", text="Hello"))
    content = (part(transcript="Hello"),)
    item = MessageItem(item_id=f"local:{role}_1", role=role, content=content, status="in_progress")
    assert said.item(utterance) == item


def test_p10_only_the_recent_ones_are_remembered_and_those_without_words_are_named(said):
    """P10: noise is no utterance."""
    for number in range(20):
        said.begin(number)
        said.end(number)
    said.add(words("x"))
    assert said.forget() == ["local:assistant_2", "local:assistant_3", "local:assistant_4"]
    assert len(said._recent) == 16
