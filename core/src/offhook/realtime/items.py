"""Conversation items: between the wire's objects and ``offhook.items``."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from offhook.items import (
    ContentPart,
    ConversationItem,
    FunctionCallItem,
    InputAudio,
    InputImage,
    InputText,
    ItemStatus,
    McpApprovalRequestItem,
    McpCallItem,
    MessageItem,
    OutputAudio,
    OutputText,
    Role,
)
from offhook.wire.codec import as_object

Json = Mapping[str, Any]
#: Two names of one thing: the second is how some services spell it.
MCP_CALL_TYPES = frozenset({"mcp_call", "mcp_tool_call"})
#: Characters of an item id that a client may give (API reference, ``conversation.item.create``).
_LONGEST_ID = 32


def from_wire(item: Json, default_status: ItemStatus) -> ConversationItem | None:
    """Read an item; ``None`` for kinds that are no part of the history (outputs belong to their calls).

    ``default_status`` is for services that leave the status out; an explicit one is kept. Raises ``ValueError`` for an
    item without an id.
    """
    kind = item.get("type")
    if kind == "message":
        return _message(item, _status(item, default_status))
    if kind == "function_call":
        return FunctionCallItem(
            item_id=_id(item),
            call_id=str(item.get("call_id") or _id(item)),
            name=str(item.get("name") or ""),
            arguments=str(item.get("arguments") or ""),
            status="in_progress",  # it is completed by its output
        )
    if kind in MCP_CALL_TYPES:
        return _mcp_call(item, _status(item, default_status))
    if kind == "mcp_approval_request":
        return McpApprovalRequestItem(
            item_id=_id(item),
            server_label=str(item.get("server_label") or ""),
            name=str(item.get("name") or ""),
            arguments=_json_text(item.get("arguments")),
        )
    return None


def message_to_wire(message: str | MessageItem) -> dict[str, Any]:
    """Write a message as ``conversation.item.create`` takes it; a string is something the user wrote.

    Assistant speech becomes text: the API refuses to be told audio that it did not make.
    """
    if isinstance(message, str):
        return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": message}]}
    content = [_part_to_wire(part, message.role) for part in message.content if not _is_silent(part)]
    wire: dict[str, Any] = {"type": "message", "role": message.role, "content": content}
    return {"id": message.item_id, **wire} if is_usable_id(message.item_id) else wire


def is_usable_id(item_id: str) -> bool:
    """Whether the service takes it as the id of an item: it must be short, and ``local:`` ones mean nothing to it."""
    return 0 < len(item_id) <= _LONGEST_ID and not item_id.startswith("local:")


def why_not_written(item: ConversationItem) -> str | None:
    """Say why the service would not take this item in the middle of a conversation; ``None`` if it would."""
    match item:
        case MessageItem() if item.role == "assistant" and any(isinstance(part, OutputAudio) for part in item.content):
            return "the service takes no speech of the assistant that it did not make. Write it as OutputText."
        case MessageItem() if all(_is_silent(part) for part in item.content):
            return "there is nothing in it to read."
        case MessageItem():
            return None
        case FunctionCallItem():
            return (
                "calls are the model's to make; those of an earlier session are given with RealtimeSession(history=…)."
            )
        case McpCallItem() | McpApprovalRequestItem():
            return "what a hosted MCP tool did is the service's own record."


def history_to_wire(items: Sequence[ConversationItem]) -> list[dict[str, Any]]:
    """Write a history so that a new session knows it: messages as text, calls with their outputs."""
    wire: list[dict[str, Any]] = []
    for item in items:
        match item:
            case MessageItem():
                if item.text or any(isinstance(part, InputImage) for part in item.content):
                    wire.append(message_to_wire(item))
            case FunctionCallItem():
                call = {"type": "function_call", "call_id": item.call_id, "name": item.name}
                wire.append({**call, "arguments": item.arguments})
                if item.output is not None:
                    wire.append({"type": "function_call_output", "call_id": item.call_id, "output": item.output})
            case McpCallItem() | McpApprovalRequestItem():
                pass  # the service's own work; it does not take them back
    return wire


def _message(item: Json, status: ItemStatus) -> MessageItem:
    role = cast("Role", item.get("role") if item.get("role") in ("user", "system") else "assistant")
    content = cast("list[Any]", item.get("content") if isinstance(item.get("content"), list) else [])
    parts = (_part(as_object(part), role) for part in content)
    return MessageItem(
        item_id=_id(item), role=role, content=tuple(part for part in parts if part is not None), status=status
    )


def _part(part: Json, role: Role) -> ContentPart | None:
    text, transcript = _text(part, "text") or "", _text(part, "transcript")
    match part.get("type"):
        case "input_audio":
            return InputAudio(transcript=transcript)
        case "input_image":
            return InputImage(image_url=_text(part, "image_url") or "", detail=_text(part, "detail"))
        case "input_text" | "output_text" | "text":
            return OutputText(text) if role == "assistant" else InputText(text)
        case "output_audio" | "audio":
            return OutputAudio(transcript=transcript)
        case _:
            return None


def _text(part: Json, member: str) -> str | None:
    value = part.get(member)
    return value if isinstance(value, str) else None


def _is_silent(part: ContentPart) -> bool:
    # Speech that was never written down: the API takes neither its audio nor an empty text.
    return isinstance(part, (InputAudio, OutputAudio)) and not part.transcript


def _part_to_wire(part: ContentPart, role: Role) -> dict[str, Any]:
    match part:
        case InputImage():
            image = {"type": "input_image", "image_url": part.image_url}
            return {**image, "detail": part.detail} if part.detail else image
        case InputText(text) | OutputText(text):
            words = text
        case InputAudio() | OutputAudio():
            words = part.transcript or ""
    # Whoever says it decides, not how it was said: the service takes nothing else.
    return {"type": "output_text" if role == "assistant" else "input_text", "text": words}


def _mcp_call(item: Json, status: ItemStatus) -> McpCallItem:
    return McpCallItem(
        item_id=_id(item),
        server_label=str(item.get("server_label") or ""),
        name=str(item.get("name") or ""),
        arguments=_json_text(item.get("arguments")),
        output=_text(item, "output"),
        # A copy: the raw event is in the listeners' hands.
        error=copy.deepcopy(as_object(item.get("error"))) or None,
        status=status,
    )


def _status(item: Json, default: ItemStatus) -> ItemStatus:
    status = item.get("status")
    return status if status in ("in_progress", "completed", "incomplete") else default


def _id(item: Json) -> str:
    item_id = item.get("id")
    if not isinstance(item_id, str) or not item_id:
        raise ValueError(f"an item of type {item.get('type')} without an id")
    return item_id


def _json_text(value: Any) -> str:
    if value is None:
        return "{}"
    return value if isinstance(value, str) else json.dumps(value)
