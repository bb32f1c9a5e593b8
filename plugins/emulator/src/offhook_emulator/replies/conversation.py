"""Reading Realtime items: what was said, by whom, and what is still to be answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from attrs import frozen

Item = Mapping[str, Any]


@frozen
class ToolOutput:
    """What a function call came back with; ``name`` is empty where the call is not among the items."""

    name: str
    output: str


def text_of(item: Item) -> str:
    """Give the words of a message: text as written, audio as transcribed."""
    parts: Sequence[Item] = item.get("content") or ()
    words = (part.get("text") or part.get("transcript") or "" for part in parts)
    return " ".join(text.strip() for text in words if text.strip())


def is_message(item: Item, role: str) -> bool:
    """Tell whether the item is a message of that role: ``user``, ``assistant`` or ``system``."""
    return item.get("type") == "message" and item.get("role") == role


def has_image(item: Item) -> bool:
    """Tell whether a message shows a picture."""
    return any(part.get("type") == "input_image" for part in item.get("content") or ())


def new_outputs(items: Sequence[Item]) -> list[ToolOutput]:
    """Give the outputs that nobody has spoken of yet: those of the calls that the conversation ends with."""
    ending = list(takewhile(_is_function_item, reversed(items)))[::-1]
    if not ending or ending[-1].get("type") != "function_call_output":
        return []
    names = {item.get("call_id"): str(item.get("name", "")) for item in items if is_call(item)}
    return [
        ToolOutput(names.get(item.get("call_id"), ""), str(item.get("output", "")))
        for item in ending
        if not is_call(item)
    ]


def is_call(item: Item) -> bool:
    """Tell whether the item is a function call."""
    return item.get("type") == "function_call"


def unanswered(items: Sequence[Item], role: str) -> list[Item]:
    """Give the messages of that role since the assistant last did something, oldest first."""
    since = takewhile(lambda item: not (is_message(item, "assistant") or _is_function_item(item)), reversed(items))
    return [item for item in since if is_message(item, role)][::-1]


def spoken_turns(items: Sequence[Item]) -> list[tuple[str, str]]:
    """Give the talk as turns, oldest first: who (``user`` or ``assistant``) and what; a run of one role is one turn."""
    turns = list[tuple[str, str]]()
    for item in items:
        role = str(item.get("role"))
        if item.get("type") != "message" or role == "system":
            continue
        if turns and turns[-1][0] == role:
            turns[-1] = role, f"{turns[-1][1]} {text_of(item)}".strip()
        else:
            turns.append((role, text_of(item)))
    return turns


def _is_function_item(item: Item) -> bool:
    return item.get("type") in {"function_call", "function_call_output"}
