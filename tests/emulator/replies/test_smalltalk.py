"""Where no tool is named, the rules greet, tell a story, or show that they understood."""

from __future__ import annotations

import pytest

from offhook_emulator.replies.smalltalk import greeting, heard, story_for, told_to_say


@pytest.mark.parametrize(
    ("instructions", "expected"),
    [
        ("", "Hello! How can I help you?"),
        ("You are Ava. Be brief.", "Hello! How can I help you?"),
        ("Greet the user with cheer.", "Hello! How lovely to hear from you. How can I help you today?"),
        ("You are Ava. Greet the caller.", "Hello! My name is Ava. How can I help you today?"),
        ("You are a helpful assistant. Welcome the user.", "Hello! How can I help you today?"),
    ],
)
def test_instructions_that_say_to_greet_shape_the_greeting(instructions: str, expected: str) -> None:
    assert greeting(instructions) == expected


@pytest.mark.parametrize(
    ("instructions", "expected"),
    [
        ('Always greet callers with "Welcome to Acme!" first.', "Welcome to Acme!"),
        ("Say to the user: Hello, thank you for calling.", "Hello, thank you for calling."),
        ("Be kind.\nSay exactly: One moment.\nThen wait.", "One moment."),
        ("Greet the user. The shop is called “Acme”.", None),
        ("Be brief.", None),
    ],
)
def test_words_that_instructions_give_are_found(instructions: str, expected: str | None) -> None:
    assert told_to_say(instructions) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello!", "Hello! How can I help you?"),
        ("good morning", "Hello! How can I help you?"),
        ("Thank you very much", "You are welcome."),
        ("Okay, bye.", "Goodbye! It was nice talking to you."),
        ("I like my new bike.", "I understood: you like your new bike."),
        ("Paris is nice", "I understood: Paris is nice."),
        ("", "I am sorry, I did not catch that. Could you say it again?"),
        ("?!", "I am sorry, I did not catch that. Could you say it again?"),
    ],
)
def test_an_answer_shows_that_the_words_were_understood(text: str, expected: str) -> None:
    assert heard(text) == expected


@pytest.mark.parametrize("text", ["What is the capital of France?", "what is the capital of france"])
def test_a_question_is_repeated(text: str) -> None:
    assert heard(text).lower().startswith("you asked: what is the capital of france? ")


def test_the_gist_of_a_long_text_is_its_beginning() -> None:
    assert heard("word " * 100) == f"I understood: {'word ' * 14}and so on."


@pytest.mark.parametrize("text", ["Tell me a story", "tell me a very long story please", "a long story, please"])
def test_a_wish_for_a_story_is_granted_with_a_long_one(text: str) -> None:
    story = story_for(text)

    assert story
    assert len(story) > 1000


def test_a_story_is_announced_with_its_topic() -> None:
    assert (story_for("Tell me a long story about dragons.") or "").startswith("Here is a story about dragons. ")


@pytest.mark.parametrize("text", ["What is your history?", "I read the news", "Hello"])
def test_other_wishes_are_no_stories(text: str) -> None:
    assert story_for(text) is None
