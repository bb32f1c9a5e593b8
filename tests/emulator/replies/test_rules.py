"""The rules, in their order."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook_emulator.replies.protocol import Say
from offhook_emulator.replies.rules import Rules, answer

from .talk import assistant, call, output, plain, request, spoke, system, tool, user

TEXT = {"type": "string"}
WEATHER = tool("get_weather", {"city": TEXT}, ["city"], "Get the weather in a city.")
TIME = tool("get_current_time", {"timezone": TEXT})
FLIGHTS = tool("find_flights", {"origin": TEXT, "destination": TEXT}, ["origin", "destination"])


def reply(*items: dict[str, object], **options: object) -> list[object]:
    return plain(list(answer(request(*items, **options))))


def test_a_tool_that_the_user_names_is_called_with_its_arguments() -> None:
    assert reply(user("What is the weather in Paris?"), tools=[WEATHER, TIME]) == [("get_weather", {"city": "Paris"})]


def test_a_transcript_counts_as_text() -> None:
    assert reply(spoke("what's the weather in paris"), tools=[WEATHER]) == [("get_weather", {"city": "Paris"})]


def test_several_tools_named_in_one_utterance_are_all_called_each_with_its_part() -> None:
    assert reply(user("The weather in Paris and the time in Tokyo"), tools=[TIME, WEATHER]) == [
        ("get_current_time", {"timezone": "Tokyo"}),
        ("get_weather", {"city": "Paris"}),
    ]


def test_a_part_that_lacks_an_argument_takes_it_from_the_whole_text() -> None:
    assert reply(user("the weather and the time in Rome, please"), tools=[WEATHER, TIME]) == [
        ("get_weather", {"city": "Rome"}),
        ("get_current_time", {"timezone": "Rome"}),
    ]


def test_a_required_argument_that_nobody_said_is_asked_for() -> None:
    assert reply(user("What's the weather?"), tools=[WEATHER]) == ["Which city?"]


def test_the_answer_to_that_question_completes_the_call() -> None:
    asked = [user("What's the weather?"), assistant("Which city?")]

    assert reply(*asked, spoke("In Paris."), tools=[WEATHER]) == [("get_weather", {"city": "Paris"})]


def test_arguments_are_asked_for_one_after_the_other() -> None:
    items = [user("I need a flight"), assistant("Which origin?"), user("From Berlin, please")]

    assert reply(*items, tools=[FLIGHTS]) == ["Which destination?"]
    assert reply(*items, assistant("Which destination?"), user("New York"), tools=[FLIGHTS]) == [
        ("find_flights", {"origin": "Berlin", "destination": "New York"})
    ]


def test_another_request_or_a_refusal_drops_the_question() -> None:
    asked = [user("What's the weather?"), assistant("Which city?")]

    assert reply(*asked, user("What time is it?"), tools=[WEATHER, TIME]) == [("get_current_time", {})]
    assert reply(*asked, user("Never mind."), tools=[WEATHER]) == ["I understood: Never mind."]


def test_outputs_are_spoken_even_where_a_tool_is_required() -> None:
    items = [user("What is the weather in Paris?"), call("get_weather"), output("sunny")]

    assert reply(*items, tools=[WEATHER], tool_choice="required") == ["The weather is sunny."]


def test_words_since_the_outputs_come_first() -> None:
    items = [user("The weather in Paris?"), call("get_weather"), output("sunny"), user("And the time?")]

    assert reply(*items, tools=[WEATHER, TIME]) == [("get_current_time", {})]


def test_with_tool_choice_none_nothing_is_called() -> None:
    [said] = reply(user("What is the weather in Paris?"), tools=[WEATHER], tool_choice="none")

    assert "weather in Paris" in str(said)


def test_a_required_call_is_made_in_any_case() -> None:
    assert reply(user("Hello!"), tools=[WEATHER, TIME], tool_choice="required") == [("get_weather", {"city": "Hello"})]
    assert reply(user("The time?"), tools=[WEATHER, TIME], tool_choice="required") == [("get_current_time", {})]
    assert reply(user("Hello!"), tool_choice="required") == ["Hello! How can I help you?"]


def test_a_call_chosen_by_name_is_made_whatever_was_said() -> None:
    choice = {"type": "function", "name": "get_current_time"}

    assert reply(user("Hello"), tools=[WEATHER, TIME], tool_choice=choice) == [("get_current_time", {})]


def test_a_choice_that_is_not_on_offer_is_none() -> None:
    choice = {"type": "function", "name": "gone"}

    assert reply(user("The weather in Paris"), tools=[WEATHER], tool_choice=choice) == [
        ("get_weather", {"city": "Paris"})
    ]


def test_a_wish_for_a_long_story_is_told_sentence_by_sentence() -> None:
    pieces = list(answer(request(user("Please tell me a very long story."))))

    assert len(pieces) > 15
    assert all(isinstance(piece, Say) and len(piece.text) < 130 for piece in pieces)


def test_pieces_joined_are_the_text() -> None:
    pieces = list(answer(request(instructions="Say to the user: One. Two. Three.")))

    assert pieces == [Say("One. "), Say("Two. "), Say("Three.")]


def test_anything_else_is_shown_to_be_understood() -> None:
    assert reply(user("I like trains."), tools=[WEATHER]) == ["I understood: you like trains."]


def test_messages_in_a_row_are_one_utterance() -> None:
    assert reply(user("What is the weather"), user("in Paris?"), tools=[WEATHER]) == [
        ("get_weather", {"city": "Paris"})
    ]


def test_speech_that_was_not_understood_is_asked_for_again() -> None:
    assert reply(spoke(None)) == ["I am sorry, I did not catch that. Could you say it again?"]


def test_a_picture_is_acknowledged() -> None:
    picture = {"type": "message", "role": "user", "content": [{"type": "input_image", "image_url": "data:"}]}

    assert reply(picture) == ["I have got your picture."]


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([], "Hello! How can I help you?"),
        ([user("Hi"), assistant("Hello!")], "Is there anything else I can help you with?"),
        ([user("The weather in Paris"), call("get_weather")], "One moment, please. I am still waiting for an answer."),
        ([system("Say: We close soon.")], "We close soon."),
        (
            [user("Hi"), assistant("Hello!"), system("The user looks at page 3.")],
            "I understood: the user looks at page 3.",
        ),
    ],
)
def test_where_the_user_said_nothing_new_the_assistant_has_something_to_say(
    items: list[dict[str, object]], expected: str
) -> None:
    assert reply(*items) == [expected]


def test_words_that_the_session_is_told_to_say_are_said_once() -> None:
    instructions = 'Open with "Welcome to Acme!"'

    assert reply(instructions=instructions) == ["Welcome to Acme!"]
    assert reply(assistant("Welcome to Acme!"), instructions=instructions) == [
        "Is there anything else I can help you with?"
    ]


def test_a_tool_that_tells_stories_is_called_for_one() -> None:
    assert reply(user("Tell me a story"), tools=[tool("tell_story")]) == [("tell_story", {})]


def test_a_system_message_counts_as_words_where_the_user_has_none() -> None:
    assert reply(system("What is the weather in Paris?"), tools=[WEATHER]) == [("get_weather", {"city": "Paris"})]


async def test_the_source_of_replies_gives_the_same_answer_each_time() -> None:
    asked = request(user("What is the weather in Paris?"), tools=[WEATHER])

    first = [piece async for piece in Rules().reply(asked)]

    assert first == [piece async for piece in Rules().reply(asked)] == list(answer(asked))


@pytest.mark.parametrize("text", ["tell " * 40_000, "the weather in " * 20_000, "A " * 50_000, "9" * 100_000])
def test_a_very_long_text_does_not_hold_up_the_event_loop(text: str) -> None:
    start = time.process_time()

    assert reply(user(text), tools=[WEATHER])
    assert time.process_time() - start < 0.5


@given(st.text(max_size=80), st.sampled_from(["auto", "none", "required"]))
def test_whatever_is_said_there_is_a_reply(text: str, choice: str) -> None:
    assert reply(user(text), tools=[WEATHER, TIME, FLIGHTS], tool_choice=choice)
