"""Items are read for what is still to be answered."""

from __future__ import annotations

from offhook_emulator.replies.conversation import ToolOutput, new_outputs, spoken_turns, text_of, unanswered

from .talk import assistant, call, output, spoke, system, user


def test_the_words_of_a_message_are_its_text_and_its_transcripts() -> None:
    message = {"content": [{"type": "input_text", "text": " See "}, {"type": "input_audio", "transcript": "this."}]}

    assert text_of(message) == "See this."
    assert text_of(spoke(None)) == ""
    assert text_of({"type": "message", "content": None}) == ""


def test_new_outputs_are_those_of_the_calls_the_conversation_ends_with() -> None:
    items = [
        *(user("a"), call("old", "call_0"), output("0", "call_0"), assistant("It is 0.")),
        *(user("b"), call("one", "call_1"), call("two", "call_2"), output("1", "call_1"), output("2", "call_2")),
    ]

    assert new_outputs(items) == [ToolOutput("one", "1"), ToolOutput("two", "2")]


def test_outputs_are_not_new_once_something_followed() -> None:
    items = [user("a"), call("one"), output("1")]

    assert new_outputs([*items, assistant("It is 1.")]) == []
    assert new_outputs([*items, user("b")]) == []
    assert new_outputs([user("a"), call("one")]) == []
    assert new_outputs([]) == []


def test_the_output_of_a_call_that_was_deleted_has_no_name() -> None:
    assert new_outputs([user("a"), output("1")]) == [ToolOutput("", "1")]


def test_unanswered_are_the_messages_since_the_assistant_did_something() -> None:
    first, second = user("b"), user("c")

    assert unanswered([user("a"), assistant("A."), first, system("hint"), second], "user") == [first, second]
    assert unanswered([user("a"), call("one")], "user") == []


def test_turns_join_what_one_side_said_in_a_row() -> None:
    items = [system("x"), user("a"), user("b"), call("one"), output("1"), assistant("A."), assistant("B."), user("c")]

    assert spoken_turns(items) == [("user", "a b"), ("assistant", "A. B."), ("user", "c")]
