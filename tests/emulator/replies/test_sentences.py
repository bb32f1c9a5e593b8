"""Outputs of any shape are spoken in sentences."""

from __future__ import annotations

import pytest

from offhook_emulator.replies.conversation import ToolOutput
from offhook_emulator.replies.sentences import spoken


@pytest.mark.parametrize(
    ("name", "output", "expected"),
    [
        ("get_weather", "The weather in Paris is sunny.", "The weather in Paris is sunny."),
        ("get_weather", "It is foggy and 12 degrees", "It is foggy and 12 degrees."),
        ("get_weather", "sunny", "The weather is sunny."),
        ("get_weather", '"sunny"', "The weather is sunny."),
        ("get_weather", '{"c": 21}', "The c is 21."),
        (
            "get_weather",
            '{"city": "Paris", "temperature_c": 21.0}',
            "The city is Paris and the temperature is 21 degrees Celsius.",
        ),
        (
            "get_weather",
            "{'rain': False, 'wind': {'speed_kmh': 5}}",
            "The rain is no and the wind speed is 5 kilometers per hour.",
        ),
        ("get_weather", '{"city": null}', "Done."),
        ("add_numbers", "5", "The answer is 5."),
        ("get_time", "12:30", "The time is 12:30."),
        ("", "42", "The answer is 42."),
        ("list_users", '["Ann", "Bob", "Cy"]', "The users are Ann, Bob and Cy."),
        ("get_order_status", "shipped", "The order status is shipped."),
        ("list_users", "[]", "I found nothing."),
        ("list", "[1, 2, 3, 4, 5, 6, 7]", "The answer is 1, 2, 3, 4, 5 and 2 more."),
        ("orders", '[{"id": 1}, {"id": 2}]', "The id is 1. The id is 2."),
        ("orders", "[" + ",".join(['{"id": 1}'] * 7) + "]", "The id is 1. " * 5 + "And 2 more."),
        (
            "get_user",
            '{"tags": ["a", "b"], "home": {"city": "Rome"}}',
            "The tags are a and b and the home city is Rome.",
        ),
        ("anything", '{"result": "All good"}', "All good."),
        ("anything", '{"error": "no such city"}', "I am sorry, that did not work: no such city."),
        ("anything", '{"error": {"code": 404}}', "I am sorry, that did not work: the code is 404."),
        ("anything", "", "Done."),
        ("anything", "null", "Done."),
        ("anything", "ok", "Done."),
        ("anything", "true", "Done."),
        ("anything", "false", "I am sorry, that did not work."),
        ("anything", "{broken", "The anything is {broken."),
    ],
)
def test_an_output_is_a_sentence(name: str, output: str, expected: str) -> None:
    assert spoken([ToolOutput(name, output)]) == expected


def test_several_outputs_are_spoken_in_their_order() -> None:
    outputs = [ToolOutput("get_weather", "sunny"), ToolOutput("get_time", "noon")]

    assert spoken(outputs) == "The weather is sunny. The time is noon."


def test_output_too_long_to_look_into_is_spoken_as_it_is() -> None:
    text = "[" * 200_000

    assert spoken([ToolOutput("list", text)]) == f"The answer is {text}."


def test_deeply_nested_output_is_spoken_as_it_is() -> None:
    text = "[" * 5000

    assert spoken([ToolOutput("list", text)]) == f"The answer is {text}."
