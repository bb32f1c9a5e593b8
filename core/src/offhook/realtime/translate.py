"""Server events to events of the contract, where no state is needed."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, cast

from offhook import events as e
from offhook._log import logger
from offhook.config import UNSET, Maybe
from offhook.items import ConversationItem, ItemStatus, McpApprovalRequestItem, McpCallItem
from offhook.realtime import server_events as s
from offhook.realtime.items import from_wire
from offhook.realtime.playback import Truncation
from offhook.wire.codec import as_object

Json = Mapping[str, Any]


def truncate(cut: Truncation) -> dict[str, Any]:
    """Tell the model how much of its speech was heard (``conversation.item.truncate``)."""
    return {
        "type": "conversation.item.truncate",
        "item_id": cut.item_id,
        "content_index": cut.content_index,
        "audio_end_ms": cut.audio_end_ms,
    }


def update(wire: Json, default_status: ItemStatus, previous: Maybe[str | None] = UNSET) -> list[Any]:
    """Show an item, if it is of a kind that history holds."""
    item = from_wire(wire, default_status)
    return [] if item is None else [e.ItemUpdate(item=item, previous_item_id=previous)]


def item(wire: Json, previous: Maybe[str | None], *, done: bool) -> list[Any]:
    """Show an item of the conversation and, when it is done, what follows from it."""
    if wire.get("type") == "mcp_list_tools":
        return [_tools_listed(wire)] if done else []
    effects = update(wire, "completed" if done else "in_progress", previous)
    if not done or not effects:
        return effects
    match effects[0].item:
        case McpCallItem() as call:
            return [*effects, e.McpToolCallCompleted(item=call)]
        case McpApprovalRequestItem() as request:
            return [*effects, e.McpApprovalRequest(item=request)]
        case _:
            return effects


def function_call(event: s.OutputItemEvent) -> e.FunctionCall:
    """Read a completed function call."""
    wire = event.item
    call_id = str(wire.get("call_id") or wire.get("id"))
    return e.FunctionCall(
        call_id=call_id,
        name=str(wire.get("name") or ""),
        arguments=str(wire.get("arguments") or ""),
        item_id=wire.get("id"),
        response_id=event.response_id,
        turn_id=event.response_id,
        work_id=call_id,
    )


def turn_done(response: s.Response) -> list[e.Event]:
    """The end of a response: what it used, then the turn."""
    usage = _usage(response.usage)
    used = [e.UsageUpdate(usage=usage, response_id=response.id)] if usage else []
    return [
        *used,
        e.TurnDone(
            turn_id=response.id,
            response_id=response.id,
            status=response.status or "completed",
            reason=_reason(response.status_details),
            output=tuple(_items(response.output)),
            usage=usage,
        ),
    ]


def output_transcript(event: s.OutputDelta | s.OutputTranscriptDone) -> e.AudioTranscriptDelta:
    """A piece of what the assistant says, or all of it at the end."""
    whole = isinstance(event, s.OutputTranscriptDone)
    return e.AudioTranscriptDelta(
        segment_id=f"{event.item_id}:{event.content_index}",
        text=event.transcript if isinstance(event, s.OutputTranscriptDone) else event.delta,
        mode="replace" if whole else "append",
        final=whole,
        item_id=event.item_id,
        response_id=event.response_id,
    )


def output_text(event: s.OutputDelta) -> e.OutputTextDelta:
    """A piece of a written answer."""
    return e.OutputTextDelta(
        text=event.delta, item_id=event.item_id, response_id=event.response_id, turn_id=event.response_id
    )


def input_delta(event: s.TranscriptionDelta) -> list[e.Event]:
    """A piece of what the user said."""
    return [_input(event.item_id, event.content_index, event.delta or "", mode="append", final=False)]


def input_final(event: s.TranscriptionCompleted) -> list[e.Event]:
    """All that the user said."""
    return [_input(event.item_id, event.content_index, event.transcript, mode="replace", final=True)]


def input_failed(event: s.TranscriptionFailed) -> list[e.Event]:
    """The user's words could not be written down: the segment ends as it stands, so that no one waits for more.

    That is no error of the conversation: the model hears, it does not read.
    """
    code = event.error.code or event.error.type
    logger().warning("transcription_failed", item_id=event.item_id, code=code, why=event.error.message)
    return [_input(event.item_id, event.content_index, "", mode="append", final=True)]


def dtmf(event: s.DtmfReceived) -> list[e.Event]:
    """A key of the caller's telephone."""
    return [e.Dtmf(key=event.event)]


def _input(item_id: str, content_index: int | None, text: str, *, mode: Any, final: bool) -> e.InputTranscriptDelta:
    return e.InputTranscriptDelta(
        segment_id=f"{item_id}:{content_index or 0}", text=text, mode=mode, final=final, item_id=item_id
    )


def _tools_listed(wire: Json) -> e.McpToolsListed:
    # A copy: the raw event is in the listeners' hands.
    tools = tuple(copy.deepcopy(wire.get("tools") or []))
    return e.McpToolsListed(server_label=str(wire.get("server_label") or ""), tools=tools)


def _items(output: Any) -> list[ConversationItem]:
    # What makes no sense must not keep the turn from ending.
    entries = cast("list[Any]", output if isinstance(output, list) else [])
    readable = (wire for wire in map(as_object, entries) if isinstance(wire.get("id"), str))
    found = (from_wire(wire, "completed") for wire in readable)
    return [entry for entry in found if entry is not None]


def _usage(wire: Json | None) -> e.Usage | None:
    if not wire:
        return None
    inputs, outputs = _count(wire.get("input_tokens")), _count(wire.get("output_tokens"))
    return e.Usage(
        requests=1,
        input_tokens=inputs,
        output_tokens=outputs,
        total_tokens=inputs + outputs,
        input_details=copy.deepcopy(as_object(wire.get("input_token_details"))),
        output_details=copy.deepcopy(as_object(wire.get("output_token_details"))),
    )


def _count(tokens: Any) -> int:
    return int(tokens) if isinstance(tokens, (int, float)) else 0


def _reason(details: Any) -> str | None:
    details = as_object(details)
    return as_object(details.get("error")).get("code") or details.get("reason")
