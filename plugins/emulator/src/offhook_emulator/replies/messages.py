"""Realtime items as the messages of a chat-completions request, and tools likewise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, cast

from offhook_emulator.replies.conversation import Item, has_image, is_call, text_of
from offhook_emulator.replies.protocol import ReplyRequest

Message = dict[str, Any]


def chat_body(request: ReplyRequest, model: str) -> dict[str, Any]:
    """Make the body of a streamed ``POST /chat/completions``.

    Source: the OpenAI API reference, "Create chat completion".
    """
    body: dict[str, Any] = {"model": model, "stream": True, "messages": chat_messages(request)}
    tools = [_tool(tool) for tool in request.tools if tool.get("type", "function") == "function"]
    if tools:
        body |= {"tools": tools, "tool_choice": _tool_choice(request.tool_choice)}
    return body


def chat_messages(request: ReplyRequest) -> list[Message]:
    """Give the conversation as messages.

    Every call is followed by its output at once, as the endpoint demands; calls that have no output yet are left out.
    """
    outputs = {
        item.get("call_id"): str(item.get("output", ""))
        for item in request.items
        if item.get("type") == "function_call_output"
    }
    messages: list[Message] = [{"role": "system", "content": request.instructions}] if request.instructions else []
    for calls, run in groupby(request.items, key=is_call):
        if calls:
            messages += _call_messages([call for call in run if call.get("call_id") in outputs], outputs)
        else:
            messages += [_message(item) for item in run if item.get("type") == "message"]
    return messages


def _call_messages(calls: Sequence[Item], outputs: Mapping[Any, str]) -> list[Message]:
    if not calls:
        return []
    made = [
        {
            "id": call["call_id"],
            "type": "function",
            "function": {"name": call.get("name", ""), "arguments": call.get("arguments") or "{}"},
        }
        for call in calls
    ]
    results = [{"role": "tool", "tool_call_id": call["call_id"], "content": outputs[call["call_id"]]} for call in calls]
    return [{"role": "assistant", "content": None, "tool_calls": made}, *results]


def _message(item: Item) -> Message:
    text = text_of(item)
    if not has_image(item):
        return {"role": item.get("role"), "content": text}
    images = [
        {"type": "image_url", "image_url": {"url": part.get("image_url", "")}}
        for part in cast(Sequence[Item], item.get("content") or ())
        if part.get("type") == "input_image"
    ]
    return {"role": item.get("role"), "content": [{"type": "text", "text": text}, *images] if text else images}


def _tool(tool: Mapping[str, Any]) -> Message:
    function = {key: tool[key] for key in ("name", "description", "parameters") if tool.get(key) is not None}
    return {"type": "function", "function": function}


def _tool_choice(choice: Any) -> Any:
    if isinstance(choice, Mapping):
        return {"type": "function", "function": {"name": cast(Mapping[str, Any], choice).get("name", "")}}
    return choice
