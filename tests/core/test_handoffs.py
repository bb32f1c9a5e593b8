"""offhook.handoffs: what leads from one agent to another, as the model is shown it."""

from __future__ import annotations

import pytest

from offhook import Handoff, RealtimeAgent, handoff
from offhook.errors import ToolError
from offhook.handoffs import as_handoffs

CLERK = RealtimeAgent(name="Front desk", handoff_description="Knows the house.")


def test_an_agent_alone_stands_for_its_handoff():
    assert as_handoffs([CLERK], "A") == as_handoffs([handoff(CLERK)], "A") == as_handoffs(lambda: [CLERK], "A")


def test_a_handoff_is_a_tool_named_and_described_after_its_agent():
    assert handoff(CLERK).to_wire() == {
        "type": "function",
        "name": "transfer_to_Front_desk",
        "description": "Hand the conversation over to the Front desk agent. Knows the house.",
        "parameters": {"type": "object", "properties": {}, "required": [], "additionalProperties": False},
    }


def test_a_handoff_may_be_named_and_described_otherwise():
    named = handoff(CLERK, tool_name="ask_the_clerk", description="Whatever it is.")
    assert named == Handoff(agent=CLERK, tool_name="ask_the_clerk", description="Whatever it is.")


def test_what_is_neither_agent_nor_handoff_is_refused_with_the_remedy():
    with pytest.raises(ToolError, match=r"'A' was given 'Clerk' as a handoff\. Pass a RealtimeAgent"):
        as_handoffs(["Clerk"], "A")


def test_a_handoff_of_a_name_that_no_service_takes_is_refused_and_a_long_agents_is_cut():
    with pytest.raises(
        ToolError, match=r"'Front desk' cannot be a tool named 'to the clerk'\. .* handoff\(agent, tool_name"
    ):
        handoff(CLERK, tool_name="to the clerk")
    assert handoff(RealtimeAgent(name="x" * 99)).tool_name == f"transfer_to_{'x' * 52}"
