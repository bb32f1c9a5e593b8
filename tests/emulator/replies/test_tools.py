"""Which tools an utterance names."""

from __future__ import annotations

import pytest

from offhook_emulator.replies.tools import function_tools, named_in

from .talk import tool

WEATHER = tool("get_weather", {"city": {"type": "string"}}, description="Get the temperature in a city.")
FORECAST = tool("get_weather_forecast")
TIME = tool("getCurrentTime")
STATUS = tool("get_order_status")
CANCEL = tool("cancel_order")
ORDER = tool("get_order")
ROLL = tool("roll_dice", description="Throws a die.")
SEARCH = tool("search")
BILLING = tool("transfer_to_billing_department")


def names(text: str, *tools: dict[str, object]) -> list[str]:
    return [tool.name for tool in named_in(text, function_tools(tools))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What's the weather in Paris?", ["get_weather"]),
        ("what time is it", ["getCurrentTime"]),
        ("the weather and the time, please", ["get_weather", "getCurrentTime"]),
        ("Roll two dice", ["roll_dice"]),
        ("I have a question about billing", ["transfer_to_billing_department"]),
        ("search for shoes", ["search"]),
        ("Hello, how are you?", []),
        ("Tell me about your city", []),
        ("", []),
    ],
)
def test_a_tool_is_named_by_the_nouns_of_its_name(text: str, expected: list[str]) -> None:
    assert names(text, WEATHER, TIME, ROLL, SEARCH, BILLING) == expected


def test_of_two_tools_with_the_same_noun_the_better_named_one_wins() -> None:
    assert names("the weather forecast", WEATHER, FORECAST) == ["get_weather_forecast"]
    assert names("the weather in Rome", FORECAST, WEATHER) == ["get_weather"]
    assert names("cancel my order", ORDER, STATUS, CANCEL) == ["cancel_order"]
    assert names("the status of my order", ORDER, STATUS, CANCEL) == ["get_order_status"]
    assert names("my orders", STATUS, CANCEL, ORDER) == ["get_order"]


def test_of_two_tools_named_alike_the_first_is_taken() -> None:
    assert names("the weather", tool("get_weather"), tool("fetch_weather")) == ["get_weather"]


def test_a_verb_names_a_tool_where_no_noun_does() -> None:
    assert names("Please roll again", WEATHER, ROLL) == ["roll_dice"]
    assert names("please cancel it", STATUS, CANCEL) == ["cancel_order"]


def test_a_telling_word_of_the_description_names_a_tool_where_the_name_does_not() -> None:
    assert names("What is the temperature in Paris?", TIME, WEATHER) == ["get_weather"]
    assert names("throw a die", tool("fn_1", description="Throw a 6 sided dice"), TIME) == []


def test_only_function_tools_with_a_name_count() -> None:
    assert function_tools([{"type": "mcp", "server_label": "weather"}, {"type": "function"}]) == []
