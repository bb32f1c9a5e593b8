"""offhook.agent: who the model is, and what it can do."""

from __future__ import annotations

import pytest

from offhook.agent import RealtimeAgent
from offhook.errors import ToolError
from offhook.tool import function_tool


@function_tool
def look() -> str:
    """Look."""
    raise NotImplementedError


def test_tools_may_be_given_in_any_sequence():
    assert RealtimeAgent(name="A", tools=[look]).tools == (look,)


def test_two_tools_of_one_name_are_refused_by_name():
    with pytest.raises(ToolError) as refused:
        RealtimeAgent(name="A", tools=[look, function_tool(name="other")(lambda: ""), look])
    assert str(refused.value) == (
        "agent 'A' has several tools named look, which the model cannot tell apart. "
        "Give each a name of its own: function_tool(name=…)."
    )


def test_a_function_that_is_no_tool_is_refused_with_the_way_to_make_one():
    with pytest.raises(ToolError, match="Decorate the function with @function_tool"):
        RealtimeAgent(name="A", tools=[len])


def test_an_agent_cannot_be_changed():
    with pytest.raises(AttributeError):
        RealtimeAgent(name="A").instructions = "Be someone else."  # type: ignore[misc]  # that is the point
