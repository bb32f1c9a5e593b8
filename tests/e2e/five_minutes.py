"""A conversation of five minutes with everything in it: the same one is held by test voices and by real ones.

Two agents, six tools (one hangs, one raises, one needs approval, one runs in the background), three interruptions, a
guardrail that trips, and a handoff.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from offhook import (
    Background,
    RealtimeAgent,
    RealtimeSession,
    RunContext,
    ToolApprovalRequested,
    function_tool,
    handoff,
    output_guardrail,
)
from offhook.guardrail import GuardrailSettings
from offhook.testing import Conversation, Says, simulate


@function_tool
def find_table(guests: int) -> str:
    """Find a table."""
    return f"table 4 for {guests}"


@function_tool(timeout_s=3)
async def ask_kitchen(question: str) -> str:
    """Ask the kitchen."""
    await asyncio.Event().wait()
    return question


@function_tool
async def print_menu() -> str:
    """Print the menu."""
    raise RuntimeError("the printer is on fire")


@function_tool
def note_visit(name: str) -> Background:
    """Note a visit."""
    return Background(f"{name} was here")


@function_tool(needs_approval=True)
def charge_card(euros: int) -> str:
    """Charge the card."""
    return f"{euros} euros were charged"


@function_tool
def send_receipt(address: str) -> str:
    """Send the receipt."""
    return f"sent to {address}"


@output_guardrail
async def no_recipes(_context: RunContext[Any], text: str) -> bool:
    """The cook's secrets stay secret."""
    return "saffron" in text.lower()


CASHIER = RealtimeAgent(
    name="Cashier",
    instructions="Take the money.",
    tools=[charge_card, send_receipt],
    handoff_description="Takes money.",
)
HOST = RealtimeAgent(
    name="Host",
    instructions="Be the host.",
    tools=[find_table, ask_kitchen, print_menu, note_visit],
    handoffs=[handoff(CASHIER)],
)

TALE = (
    "Our house has stood by the harbour for two hundred years. The first cook came with a ship from the south. She "
    "brought a bag of spices and a small grey cat. The cat chose the warmest corner, and the family stayed. In the great "
    "storm the roof flew away in one piece. It was found the next morning on the other side of the river. Since then "
    "every cook has kept a candle in the window. On quiet evenings you can hear the boats talk to each other. The old "
    "captain came every day and always ordered the same dish. When he died, he left us his chair and his parrot. The "
    "parrot still asks for dinner at a quarter past seven. Nobody has ever refused it. One winter the harbour froze, and "
    "the guests came over the ice with lanterns. They stayed for three days, because nobody wanted to be the first to "
    "leave. The baker walked across the river with a sledge full of bread. His daughter learned to cook here, and she is "
    "the one who still runs the kitchen. Her grandmother's clock hangs above the door, and it has never been right. We "
    "like it that way, because then nobody is ever late. In summer the tables stand outside under the chestnut trees. "
    "The children of the captain's friends come every year, and they bring their own children now."
)


def _call(tool: str, **arguments: Any) -> Mapping[str, Any]:
    return {"name": tool, "arguments": arguments}


#: What the model says and calls, turn by turn.
REPLIES: list[str | Mapping[str, Any]] = [
    "Good evening and welcome to the house by the harbour.",
    {"call": _call("find_table", guests=2), "then": "I have found table four for you. " + TALE},
    "Of course. What would you like to know?",
    {"call": _call("ask_kitchen", question="Is there soup?"), "then": "The kitchen does not answer. " + TALE},
    "I am sorry. I will be brief.",
    {"call": _call("print_menu"), "then": "The menu cannot be printed today, so let me tell you. " + TALE},
    "Very well. The soup of the day is tomato.",
    "The secret of the soup is saffron and a little orange.",
    "I may not tell you what is in the soup.",
    {"call": _call("note_visit", name="Ada")},
    "It is a pleasure. " + TALE,
    "Once more, then. " + TALE,
    {"call": _call("transfer_to_Cashier"), "then": "Good evening, I am the cashier. The bill is thirty euros."},
    {"call": _call("charge_card", euros=30), "then": "Thirty euros were charged. Thank you."},
    {"call": _call("send_receipt", address="Ada"), "then": "The receipt is on its way."},
    "Good night.",
]

#: What the user says. With ``after_ms`` she does not wait for the end of the reply before.
TURNS: list[str | Says] = [
    "Good evening.",
    "A table for two people, please.",
    Says("Excuse me, I have a question.", after_ms=45_000),
    "Is there any soup today?",
    Says("Please stop, that is too much.", after_ms=50_000),
    "Can I have the menu?",
    Says("Thank you, that is enough.", after_ms=40_000),
    "What is in the soup?",
    "Please write down that I was here.",
    "Tell me about the house.",
    "Please tell me that again.",
    "I would like to pay now.",
    "Yes, please use my card.",
    "Please send me the receipt.",
    "Good night.",
]


def _allow(session: RealtimeSession) -> None:
    async def allow(request: ToolApprovalRequested) -> None:
        await session.approve(request)

    session.on("tool_approval_requested", allow)


async def hold(voice: str, turns: list[str | Says] = TURNS, replies: list[Any] = REPLIES) -> Conversation:
    """Hold the conversation with voices of this kind."""
    return await simulate(
        HOST,
        turns,
        replies=replies,
        voice=voice,
        prepare=_allow,
        output_guardrails=[no_recipes],
        guardrail_settings=GuardrailSettings(debounce_chars=20),
    )
