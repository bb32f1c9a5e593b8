"""Five minutes with everything in them end with the exact history, whoever speaks."""

from __future__ import annotations

import re

import pytest
from five_minutes import CASHIER, HOST, TALE, TURNS, hold

from offhook import AgentHandoff, AudioInterrupted, FunctionCallItem, GuardrailTripped, HistoryUpdated, MessageItem
from offhook.testing import Conversation, Says, run_virtual

TOOLS = [
    ("Host", "find_table", "table 4 for 2"),
    ("Host", "ask_kitchen", "ask_kitchen did not answer within 3000 ms."),
    ("Host", "print_menu", "print_menu failed. Tell the user that it did not work."),
    ("Host", "note_visit", "Ada was here"),
    ("Host", "transfer_to_Cashier", '{"assistant": "Cashier"}'),
    ("Cashier", "charge_card", "30 euros were charged"),
    ("Cashier", "send_receipt", "sent to Ada"),
]
STOPPED = (
    "Your last answer was stopped, because of this rule: no_recipes. Apologise in a few words, and answer again in a way "
    "that keeps the rule."
)


def up_to(words: str) -> str:
    """The tale as far as it was heard."""
    return TALE[: TALE.index(words) + len(words)]


HISTORY = [
    ("user", "Good evening."),
    ("assistant", "Good evening and welcome to the house by the harbour."),
    ("user", "A table for two people, please."),
    ("find_table", "table 4 for 2"),
    ("assistant", "I have found table four for you. " + up_to("over the ice with")),
    ("user", "Excuse me, I have a question."),
    ("assistant", "Of course. What would you like to know?"),
    ("user", "Is there any soup today?"),
    ("ask_kitchen", "ask_kitchen did not answer within 3000 ms."),
    ("assistant", "The kitchen does not answer. " + up_to("to be the first to leave. The")),
    ("user", "Please stop, that is too much."),
    ("assistant", "I am sorry. I will be brief."),
    ("user", "Can I have the menu?"),
    ("print_menu", "print_menu failed. Tell the user that it did not work."),
    ("assistant", "The menu cannot be printed today, so let me tell you. " + up_to("at a quarter past")),
    ("user", "Thank you, that is enough."),
    ("assistant", "Very well. The soup of the day is tomato."),
    ("user", "What is in the soup?"),
    ("assistant", ""),
    ("user", STOPPED),
    ("assistant", "I may not tell you what is in the soup."),
    ("user", "Please write down that I was here."),
    ("note_visit", "Ada was here"),
    ("user", "Tell me about the house."),
    ("assistant", "It is a pleasure. " + TALE),
    ("user", "Please tell me that again."),
    ("assistant", "Once more, then. " + TALE),
    ("user", "I would like to pay now."),
    ("transfer_to_Cashier", '{"assistant": "Cashier"}'),
    ("assistant", "Good evening, I am the cashier. The bill is thirty euros."),
    ("user", "Yes, please use my card."),
    ("charge_card", "30 euros were charged"),
    ("assistant", "Thirty euros were charged. Thank you."),
    ("user", "Please send me the receipt."),
    ("send_receipt", "sent to Ada"),
    ("assistant", "The receipt is on its way."),
    ("user", "Good night."),
    ("assistant", "Good night."),
]


def told(conversation: Conversation) -> list[tuple[str, str | None]]:
    """The history as pairs: who and what, or which function and its output."""
    return [
        (item.role, item.text) if isinstance(item, MessageItem) else (item.name, item.output)
        for item in conversation.history
        if isinstance(item, (MessageItem, FunctionCallItem))
    ]


def heard(said: str | Says) -> list[str]:
    """What was said, as words alone: a real ear hears no commas."""
    return re.findall(r"\w+", (said.text if isinstance(said, Says) else said).lower())


@pytest.fixture(scope="module", params=["scripted", "real"])
def conversation(request: pytest.FixtureRequest) -> tuple[str, Conversation]:
    """The conversation, held once by each kind of voice."""
    return request.param, run_virtual(hold(request.param))


def test_it_takes_five_minutes(conversation: tuple[str, Conversation]) -> None:
    assert conversation[1].duration_s > 300


def test_it_ends_with_the_exact_history(conversation: tuple[str, Conversation]) -> None:
    """Word for word with test voices, whose pace is known; with real ones the cuts are where they are."""
    voice, talk = conversation
    if voice == "scripted":
        assert told(talk) == HISTORY
    else:
        assert [who for who, _ in told(talk)] == [who for who, _ in HISTORY]


def test_the_same_tools_are_called_by_the_same_agents(conversation: tuple[str, Conversation]) -> None:
    _, talk = conversation
    assert [(call.agent, call.name, call.output) for call in talk.calls] == TOOLS
    assert talk.agents == ("Host", "Cashier")
    assert talk.of(AgentHandoff) == (AgentHandoff(from_agent=HOST, to_agent=CASHIER),)


def test_three_times_the_user_interrupts_and_once_a_guardrail(conversation: tuple[str, Conversation]) -> None:
    _, talk = conversation
    reasons = [event.reason for event in talk.of(AudioInterrupted)]
    assert reasons == ["user_speech", "user_speech", "user_speech", "client"]
    assert [trip.guardrail for trip in talk.of(GuardrailTripped)] == [talk.of(GuardrailTripped)[0].guardrail]


def test_every_word_of_the_user_was_understood(conversation: tuple[str, Conversation]) -> None:
    _, talk = conversation
    assert [heard(it.heard.replace(STOPPED, "")) for it in talk.exchanges] == [heard(turn) for turn in TURNS]


def test_the_last_event_of_the_history_shows_all_of_it(conversation: tuple[str, Conversation]) -> None:
    _, talk = conversation
    assert talk.of(HistoryUpdated)[-1].history == talk.history
