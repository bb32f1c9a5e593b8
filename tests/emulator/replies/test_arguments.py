"""A tool's arguments are taken from the text by its schema."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook_emulator.replies.arguments import arguments_for, guess
from offhook_emulator.replies.schema import Argument
from offhook_emulator.replies.tools import Tool

from .talk import tool

TEXT = {"type": "string"}
WHOLE = {"type": "integer"}
WEATHER = tool("get_weather", {"city": TEXT}, ["city"])
BOOKING = tool(
    "book_table",
    {"name": TEXT, "guests": WHOLE, "date": TEXT, "time": TEXT, "outdoor": {"type": "boolean"}},
    ["name", "guests"],
)
FLIGHTS = tool("find_flights", {"origin": TEXT, "destination": TEXT, "departure_date": TEXT}, ["origin", "destination"])
MAIL = tool("send_email", {"to": TEXT, "subject": TEXT, "body": TEXT}, ["to", "body"])
ORDER = tool("get_order", {"order_id": TEXT}, ["order_id"])
LIGHTS = tool("set_lights", {"state": {"enum": ["on", "off"]}, "room": TEXT}, ["state"])
PIZZA = tool(
    "order_pizza",
    {"toppings": {"type": "array", "items": TEXT}, "size": {"enum": ["small", "extra_large"]}},
    ["toppings"],
)
TRANSLATE = tool("translate", {"text": TEXT, "target_language": TEXT}, ["text", "target_language"])


def values(wire: dict[str, Any], text: str, answers: dict[str, str] | None = None) -> dict[str, Any]:
    return arguments_for(Tool.of(wire), text, answers).values


def missing(wire: dict[str, Any], text: str) -> list[str]:
    return [argument.name for argument in arguments_for(Tool.of(wire), text).missing]


@pytest.mark.parametrize(
    ("text", "city"),
    [
        ("What is the weather in Paris?", "Paris"),
        ("what's the weather like in tokyo today", "Tokyo"),
        ("tell me the weather for tomorrow in new york city please", "New York City"),
        ("What is the weather in Rio de Janeiro, and will it rain?", "Rio de Janeiro"),
        ("weather Berlin", "Berlin"),
        ("Paris weather, please", "Paris"),
        ("I'm in London, how's the weather?", "London"),
        ("The weather for the city of Lyon", "Lyon"),
        ("The weather in the afternoon in Rome", "Rome"),
        ("The weather in 5 days in Rome", "Rome"),
        ("In degrees celsius, the weather in Oslo", "Oslo"),
    ],
)
def test_a_place_stands_after_a_preposition_or_is_what_is_left(text: str, city: str) -> None:
    assert values(WEATHER, text) == {"city": city}


@pytest.mark.parametrize(
    "text", ["What's the weather?", "how is the weather looking today", "what is the weather like outside right now"]
)
def test_a_place_that_nobody_named_is_missing(text: str) -> None:
    assert missing(WEATHER, text) == ["city"]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string", "default": "Berlin"}, "Berlin"),
        ({"type": "string", "examples": ["Oslo", "Rome"]}, "Oslo"),
        ({"type": ["string", "null"]}, None),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, None),
        ({"type": "boolean"}, False),
    ],
)
def test_what_is_required_and_not_said_comes_from_the_schema(schema: dict[str, Any], value: Any) -> None:
    assert values(tool("get_weather", {"spot": schema}, ["spot"]), "What's the weather?") == {"spot": value}


def test_several_kinds_of_arguments_are_told_apart() -> None:
    assert values(
        BOOKING, "Book a table for two guests under the name of smith, tomorrow at 7 pm, no outdoor seats"
    ) == {
        "name": "Smith",
        "guests": 2,
        "date": "tomorrow",
        "time": "7 pm",
        "outdoor": False,
    }
    assert values(BOOKING, "a table for Johnson, outdoor, twenty two people") == {
        "name": "Johnson",
        "guests": 22,
        "outdoor": True,
    }


def test_a_time_is_not_taken_for_a_number() -> None:
    assert missing(BOOKING, "Book a table for Johnson at 7 pm") == ["guests"]


def test_origin_and_destination_follow_their_own_prepositions() -> None:
    assert values(FLIGHTS, "flights to London from Paris next Friday") == {
        "origin": "Paris",
        "destination": "London",
        "departure_date": "next Friday",
    }
    assert missing(FLIGHTS, "I need a flight to Rome") == ["origin"]


def test_numbers_beside_an_arguments_name_are_its_own_and_others_come_in_order() -> None:
    add = tool("add_numbers", {"a": {"type": "number"}, "b": {"type": "number"}}, ["a", "b"])
    dice = tool("roll_dice", {"count": WHOLE, "sides": WHOLE})

    assert values(add, "add 2.5 and twenty two") == {"a": 2.5, "b": 22}
    assert values(dice, "roll a dice with six sides") == {"sides": 6}


def test_an_enumeration_is_found_by_one_of_its_values() -> None:
    assert values(LIGHTS, "Turn off the lights in the kitchen") == {"state": "off", "room": "Kitchen"}
    assert values(PIZZA, "an extra large pizza with ham, olives and mushrooms please") == {
        "toppings": ["ham", "olives", "mushrooms"],
        "size": "extra_large",
    }


def test_lists_of_choices_and_of_numbers_are_taken_whole() -> None:
    schema = {"days": {"type": "array", "items": {"enum": ["mon", "tue"]}}, "sizes": {"type": "array", "items": WHOLE}}

    assert values(tool("plan", schema), "mon and tue, 3 and 4") == {"days": ["mon", "tue"], "sizes": [3, 4]}


def test_arguments_inside_objects_are_found() -> None:
    nested = tool("get_weather", {"where": {"type": "object", "properties": {"city": TEXT}}}, ["where"])

    assert values(nested, "The weather in Paris") == {"where": {"city": "Paris"}}
    assert missing(nested, "The weather") == ["where"]


def test_a_schema_that_contains_itself_is_no_trap() -> None:
    tree = {
        "type": "function",
        "name": "plant",
        "parameters": {"type": "object", "properties": {"tree": {"$ref": "#"}}},
    }

    assert values(tree, "plant a tree in Paris") == {}


def test_a_number_with_more_digits_than_numbers_have_is_none() -> None:
    assert missing(BOOKING, f"a table for Johnson, {'9' * 400} guests") == ["guests"]


def test_addresses_codes_and_spoken_digits_are_found() -> None:
    assert values(MAIL, "Send an email to bob@example.com saying I will be late") == {
        "to": "bob@example.com",
        "body": "I will be late",
    }
    assert values(ORDER, "my order A-1234") == {"order_id": "A-1234"}
    assert values(ORDER, "order number one two three four") == {"order_id": "1234"}
    assert missing(ORDER, "my order") == ["order_id"]


def test_optional_codes_are_taken_only_beside_their_name() -> None:
    optional = tool("get_order", {"order_id": TEXT})

    assert values(optional, "my order 12") == {"order_id": "12"}
    assert values(optional, "my order of 3 days ago") == {}


def test_a_topic_is_quoted_or_follows_its_opening_word() -> None:
    search = tool("search", {"query": TEXT}, ["query"])

    assert values(search, "search the web for cheap flights to Rome please") == {"query": "cheap flights to Rome"}
    assert values(search, "look up red shoes") == {"query": "red shoes"}
    assert values(TRANSLATE, 'Translate "I am tired" into german') == {
        "text": "I am tired",
        "target_language": "German",
    }


def test_optional_text_is_left_out_unless_it_is_quoted() -> None:
    assert "subject" not in values(MAIL, "Send an email to Bob about lunch")


def test_an_answer_to_a_question_is_taken_for_that_argument() -> None:
    assert values(WEATHER, "What's the weather?", {"city": "New York, please."}) == {"city": "New York"}
    assert values(WEATHER, "What's the weather?", {"city": "It's in paris"}) == {"city": "Paris"}
    assert values(BOOKING, "Book a table for Johnson", {"guests": "We are four."})["guests"] == 4
    assert values(LIGHTS, "The lights, please", {"state": "off"}) == {"state": "off"}
    assert values(LIGHTS, "The lights, please", {"state": "whatever"}) == {"state": "on"}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "hello"),
        ({"enum": ["on", "off"]}, "on"),
        ({"type": "integer", "minimum": 5}, 5),
        ({"type": "number"}, 1),
        ({"type": "boolean"}, False),
        ({"type": "array"}, []),
        ({"type": "object"}, {}),
    ],
)
def test_a_guess_has_the_type_of_the_argument(schema: dict[str, Any], value: Any) -> None:
    assert guess(Argument("x", schema, required=True, nullable=False), "hello.") == value


@given(st.text(max_size=60), st.sampled_from([WEATHER, BOOKING, FLIGHTS, MAIL, ORDER, LIGHTS, PIZZA, TRANSLATE]))
def test_whatever_is_said_what_is_required_is_found_or_missing(text: str, wire: dict[str, Any]) -> None:
    found = arguments_for(Tool.of(wire), text)

    required = set(wire["parameters"]["required"])
    assert required <= set(found.values) | {argument.name for argument in found.missing}
    assert not set(found.values) & {argument.name for argument in found.missing}
