"""An agent that stands in for the recorded one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from offhook.agent import RealtimeAgent
from offhook.context import ToolContext
from offhook.recording.reader import Recording
from offhook.tool import FunctionTool
from offhook.wire.codec import as_object


def recorded_agent(recording: Recording) -> RealtimeAgent:
    """Make an agent with the instructions and the function tools of the recorded one; the tools give the recorded outputs.

    A call that had no output gets none: its tool waits until the connection ends.
    """
    sessions = [as_object(event.get("session")) for event in recording.sent if event.get("type") == "session.update"]
    outputs = _outputs(recording)
    tools = {tool["name"]: tool for session in sessions for tool in session.get("tools") or () if _is_function(tool)}
    told = next((session["instructions"] for session in sessions if session.get("instructions")), "")
    return RealtimeAgent(name="recorded", instructions=told, tools=[_tool(tool, outputs) for tool in tools.values()])


def _outputs(recording: Recording) -> dict[str, str]:
    items = [as_object(event.get("item")) for event in recording.sent]
    return {item["call_id"]: item["output"] for item in items if item.get("type") == "function_call_output"}


def _is_function(tool: Any) -> bool:
    return as_object(tool).get("type") == "function" and isinstance(as_object(tool).get("name"), str)


def _tool(tool: Mapping[str, Any], outputs: Mapping[str, str]) -> FunctionTool:
    async def answer(run: ToolContext[Any], _arguments: str) -> str:
        if run.call.call_id not in outputs:
            await asyncio.Event().wait()
        return outputs[run.call.call_id]

    return FunctionTool(
        name=tool["name"],
        description=tool.get("description", ""),
        parameters=dict(as_object(tool.get("parameters"))),
        invoke=answer,
        timeout_s=None,
    )
