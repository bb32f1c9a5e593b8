"""offhook.tool: a Python function becomes something the model may call."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import enum
import functools
import json
import threading
from typing import Any

import attrs
import pydantic
import pytest

from offhook.agent import RealtimeAgent
from offhook.context import RunContext, ToolContext
from offhook.errors import ToolError
from offhook.events import FunctionCall
from offhook.function import as_output
from offhook.tool import DEFAULT_TIMEOUT_S, function_tool

CALL = FunctionCall(call_id="call_1", name="tool", arguments="")
CONTEXT = ToolContext(context={"user": "Ada"}, agent=RealtimeAgent(name="A"), call=CALL, history=lambda: ("item",))


async def run(tool, **arguments):
    return as_output(await tool.invoke(CONTEXT, json.dumps(arguments)))


@function_tool
def get_weather(city: str, days: int = 1) -> str:
    """Say what the weather
    is like.

    More for those who read on.

    Args:
        city: The city,
            in English.
        days (int): How many days.

    Returns:
        city: not this one.
    """
    return f"{city} {days}"


def test_the_schema_comes_from_the_signature_and_the_docstring():
    assert get_weather.to_wire() == {
        "type": "function",
        "name": "get_weather",
        "description": "Say what the weather is like.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "The city, in English."},
                "days": {"type": "integer", "default": 1, "description": "How many days."},
            },
            "required": ["city"],
            "additionalProperties": False,
        },
    }
    assert get_weather.timeout_s == DEFAULT_TIMEOUT_S


def test_an_args_section_right_below_the_summary_is_no_part_of_it():
    @function_tool
    def look(where: str) -> str:
        """Look around.
        Args:
            where: The direction.
        """
        raise NotImplementedError

    assert look.description == "Look around."
    assert look.parameters["properties"]["where"]["description"] == "The direction."


def test_what_is_said_to_the_decorator_beats_the_function():
    @function_tool(name="look-up", description="Find out.", timeout_s=None)
    def look():
        """Look."""

    assert (look.name, look.description, look.timeout_s) == ("look-up", "Find out.", None)


@pytest.mark.parametrize("timeout_s", [0, -1, float("nan")])
def test_a_timeout_that_is_no_time_is_refused(timeout_s):
    with pytest.raises(ToolError, match="is no time to run in"):
        function_tool(name="look", timeout_s=timeout_s)(lambda: "x")


@pytest.mark.parametrize("name", ["get weather", "größe", "x" * 65])
def test_a_name_that_no_service_takes_is_refused(name):
    with pytest.raises(ToolError, match="Give it a name of up to 64 letters"):
        function_tool(name=name)(lambda: "x")


def test_a_function_without_a_name_needs_one():
    with pytest.raises(ToolError, match=r"function_tool\(name=…\)"):
        function_tool(lambda: "x")
    assert function_tool(name="look")(lambda: "x").name == "look"


async def test_the_arguments_reach_the_function_by_name():
    assert await run(get_weather, city="Paris", days=3) == "Paris 3"
    assert await run(get_weather, city="Paris") == "Paris 1"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ('{"city": ', "the arguments are not JSON"),
        ("[]", "the arguments are no JSON object but list"),
        ("null", "the arguments are no JSON object but NoneType"),
        ("{}", "argument 'city' is missing"),
        ("", "argument 'city' is missing"),
        ('{"city": 1}', "argument 'city': expected string, got 1"),
        ('{"city": "x", "planet": 1}', "unknown argument 'planet'"),
    ],
)
async def test_arguments_that_do_not_fit_are_refused_with_the_reason_and_nothing_runs(arguments, why):
    with pytest.raises(ToolError, match=why):
        await get_weather.invoke(CONTEXT, arguments)


async def test_no_arguments_at_all_are_an_empty_object():
    assert await function_tool(name="look")(lambda: "seen").invoke(CONTEXT, "") == "seen"


async def test_a_first_parameter_annotated_run_context_is_filled_in_and_not_shown():
    @function_tool
    def look(run: RunContext[dict[str, str]], where: str) -> Any:
        return [run.context["user"], run.call.call_id, list(run.history), where]

    assert list(look.parameters["properties"]) == ["where"]
    assert json.loads(await run(look, where="left")) == ["Ada", "call_1", ["item"], "left"]


async def test_a_run_context_without_its_type_is_one_too():
    @function_tool
    async def who(run: RunContext) -> str:
        return run.context["user"]

    assert await run(who) == "Ada"


async def test_a_plain_function_runs_beside_the_loop_and_a_coroutine_function_on_it():
    def plain():
        return threading.current_thread() is threading.main_thread()

    async def coroutine():
        return threading.current_thread() is threading.main_thread()

    assert await run(function_tool(plain)) == "false"
    assert await run(function_tool(coroutine)) == "true"


async def test_a_coroutine_function_behind_a_plain_decorator_is_awaited():
    async def look() -> str:
        await asyncio.sleep(0)
        return "seen"

    @function_tool
    @functools.wraps(look)
    def decorated():
        return look()

    assert await run(decorated) == "seen"


class Desk:
    """Ask at the desk."""

    async def __call__(self, question: str) -> str:
        return f"object {question}"

    def method(self, question: str) -> str:
        """Ask the method."""
        return f"method {question}"


def ask(question: str, place: str) -> str:
    """Ask somewhere."""
    return f"{place} {question}"


@pytest.mark.parametrize(
    ("function", "description", "answer"),
    [
        (Desk(), "Ask at the desk.", "object why"),
        (Desk().method, "Ask the method.", "method why"),
        (functools.partial(ask, place="here"), "Ask somewhere.", "here why"),
    ],
    ids=["object", "method", "partial"],
)
async def test_any_kind_of_callable_can_be_a_tool(function, description, answer):
    tool = function_tool(name="ask")(function)
    assert tool.description == description
    assert await run(tool, question="why") == answer


class Colour(enum.Enum):
    RED = "red"


@attrs.frozen
class Weather:
    sky: str
    at: dt.date


@dataclasses.dataclass
class Wind:
    knots: int


class Wave(pydantic.BaseModel):
    metres: float


@pytest.mark.parametrize(
    ("result", "output"),
    [
        ("as it is", "as it is"),
        ("", ""),
        (None, "null"),
        (True, "true"),
        ({"größe": 1}, '{"größe": 1}'),
        ([1, (2, 3)], "[1, [2, 3]]"),
        ({"a"}, '["a"]'),
        (Colour.RED, '"red"'),
        ([Weather("blue", dt.date(2026, 11, 24))], '[{"sky": "blue", "at": "2026-11-24"}]'),
        (Wind(12), '{"knots": 12}'),
        ([Wave(metres=1.5)], '[{"metres": 1.5}]'),
        (dt.date(2026, 11, 24), '"2026-11-24"'),
    ],
)
def test_the_output_is_text_as_it_is_and_json_of_everything_else(result, output):
    assert as_output(result) == output


def test_bytes_are_no_output():
    with pytest.raises(ToolError, match="gave bytes, which the model cannot read"):
        as_output(b"\x00")


async def test_what_the_function_raises_is_the_callers():
    @function_tool
    def fail():
        raise KeyError("x")

    with pytest.raises(KeyError):
        await run(fail)


def one_by_one():
    yield "a"


async def one_by_one_async():
    yield "a"


@pytest.mark.parametrize("function", [one_by_one, one_by_one_async])
def test_a_function_that_yields_is_no_tool(function):
    with pytest.raises(ToolError, match=f"{function.__name__}: a call has one output"):
        function_tool(function)
