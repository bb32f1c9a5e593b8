"""A scripted conversation goes as the scenario says."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from offhook_emulator.replies.script import Script

from .talk import assistant, call, output, plain, request, spoke, user


@pytest.fixture
def play(tmp_path: Path) -> Any:
    """Give a function: scenario in, function from items to replies out."""

    def load(scenario: str) -> Any:
        path = tmp_path / "scene.yaml"
        path.write_text(dedent(scenario))
        script = Script.load(path)

        async def reply(*items: dict[str, Any]) -> list[Any]:
            return plain([piece async for piece in script.reply(request(*items))])

        return reply

    return load


MATCHING = """
    - when: weather in (?P<city>\\w+)
      say: Let me see.
      call: {name: get_weather, arguments: {city: "{city}", days: 3, tags: ["{city}", "{unknown}"]}}
      then: "In {city}: {output}"
    - when: both
      call:
        - {name: one}
        - {name: two}
    - when: "*"
      say: Pardon?
"""


async def test_the_first_entry_that_fits_answers_every_time(play: Any) -> None:
    reply = play(MATCHING)

    assert await reply(user("hello")) == ["Pardon?"]
    assert await reply(user("hello"), assistant("Pardon?"), user("hello")) == ["Pardon?"]


async def test_groups_of_the_expression_fill_texts_and_arguments(play: Any) -> None:
    assert await play(MATCHING)(spoke("The WEATHER in Paris, please")) == [
        "Let me see.",
        ("get_weather", {"city": "Paris", "days": 3, "tags": ["Paris", "{unknown}"]}),
    ]


async def test_what_follows_the_output_is_said_with_it(play: Any) -> None:
    items = [user("weather in Rome"), assistant("Let me see."), call("get_weather"), output("It is sunny in Rome.")]

    assert await play(MATCHING)(*items) == ["In Rome: It is sunny in Rome."]


async def test_without_a_next_step_the_outputs_are_spoken(play: Any) -> None:
    items = [user("both"), call("one", "1"), call("two", "2"), output("First.", "1"), output("Second.", "2")]

    assert await play(MATCHING)(user("both")) == [("one", {}), ("two", {})]
    assert await play(MATCHING)(*items) == ["First. Second."]


async def test_steps_follow_each_other_output_by_output(play: Any) -> None:
    reply = play("""
        - when: order
          call: {name: find}
          then:
            say: Found it.
            call: {name: cancel}
            then: It is cancelled.
    """)
    first = [user("my order"), call("find", "1"), output("7", "1")]

    assert await reply(*first) == ["Found it.", ("cancel", {})]
    assert await reply(*first, assistant("Found it."), call("cancel", "2"), output("ok", "2")) == ["It is cancelled."]


async def test_entries_without_a_condition_are_a_play_in_order(play: Any) -> None:
    reply = play("""
        - say: One.
        - when: help
          say: You asked for help.
        - say: Two.
    """)
    items = [user("a"), assistant("One.")]

    assert await reply(user("a")) == ["One."]
    assert await reply(*items, user("help")) == ["You asked for help."]
    assert await reply(*items, user("b")) == ["Two."]
    assert await reply(*items, user("help"), assistant("You asked for help."), user("b")) == ["Two."]
    assert await reply(*items, user("b"), assistant("Two."), user("c")) == ["The scenario has no entry for: c."]


async def test_messages_in_a_row_are_one_turn(play: Any) -> None:
    reply = play("[{say: One.}, {say: Two.}]")

    assert await reply(user("a"), user("b")) == ["One."]


async def test_a_response_before_the_user_spoke_answers_the_empty_text(play: Any) -> None:
    reply = play("""
        - when: ^$
          say: Welcome. What can I do for you?
        - say: First turn.
    """)

    assert await reply() == ["Welcome. What can I do for you?"]
    assert await reply(assistant("Welcome."), user("hi")) == ["First turn."]
    assert await reply(user("hi"), assistant("First turn.")) == ["Welcome. What can I do for you?"]


async def test_outputs_that_no_entry_expects_are_spoken(play: Any) -> None:
    assert await play("[{when: a, say: A.}]")(user("b"), call("f"), output("It is done.")) == ["It is done."]
    assert await play("[{when: a, say: A.}]")() == ["The scenario has no entry for: a turn without words."]
