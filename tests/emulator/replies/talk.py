"""Short ways to write conversations and tools, as the wire has them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from offhook_emulator.replies.protocol import CallFunction, ReplyRequest, Say

Item = dict[str, Any]


def user(text: str) -> Item:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def spoke(transcript: str | None) -> Item:
    return {"type": "message", "role": "user", "content": [{"type": "input_audio", "transcript": transcript}]}


def system(text: str) -> Item:
    return {"type": "message", "role": "system", "content": [{"type": "input_text", "text": text}]}


def assistant(text: str) -> Item:
    return {"type": "message", "role": "assistant", "content": [{"type": "output_audio", "transcript": text}]}


def call(name: str, call_id: str = "call_1", arguments: str = "{}") -> Item:
    return {"type": "function_call", "name": name, "call_id": call_id, "arguments": arguments}


def output(text: str, call_id: str = "call_1") -> Item:
    return {"type": "function_call_output", "call_id": call_id, "output": text}


def tool(
    name: str, properties: dict[str, Any] | None = None, required: Sequence[str] = (), description: str = ""
) -> Item:
    schema = {"type": "object", "properties": properties or {}, "required": list(required)}
    return {"type": "function", "name": name, "description": description, "parameters": schema}


def request(
    *items: Item, tools: Sequence[Item] = (), instructions: str = "", tool_choice: Any = "auto"
) -> ReplyRequest:
    return ReplyRequest(instructions=instructions, items=items, tools=tools, tool_choice=tool_choice)


def plain(pieces: Sequence[Say | CallFunction]) -> list[Any]:
    """Give what is said as one text, and calls as (name, arguments)."""
    said = "".join(piece.text for piece in pieces if isinstance(piece, Say))
    calls = [(piece.name, json.loads(piece.arguments)) for piece in pieces if isinstance(piece, CallFunction)]
    return [said, *calls] if said else calls
