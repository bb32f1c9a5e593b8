"""Running tools: every call gets exactly one output, whatever the tool does (P7).

A tool that raises, hangs, is unknown or gets malformed arguments is answered in words, so that the model can go on. A call
that the service withdrew, or whose connection is gone, gets none.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from attrs import define, field, frozen

from offhook._log import logger
from offhook.agent import RealtimeAgent
from offhook.errors import NotConnected, ToolError, Unsupported
from offhook.events import ErrorEvent, Event, FunctionCall, FunctionCallCancelled
from offhook.items import ConversationItem
from offhook.session.events import ToolEnd, ToolStart
from offhook.tool import FunctionTool, RunContext

#: Answered calls are remembered so that a repeated one is not run again; this many, so that memory stays flat (P10).
_REMEMBERED = 256


class SendOutput(Protocol):
    """The transport's ``send_function_call_output``."""

    def __call__(self, call: FunctionCall, output: str, start_response: bool = True) -> Awaitable[None]:
        """Answer the call."""
        ...


@frozen
class _Answer:
    """What to tell the model, and whether to ask for a reply to it."""

    output: str
    respond: bool = True


@define(eq=False)
class ToolRunner:
    """Owns the tasks of the calls under way."""

    emit: Callable[[Event], None]
    send_output: SendOutput
    history: Callable[[], Sequence[ConversationItem]]
    context: Any
    _running: dict[str, asyncio.Task[None]] = field(init=False, factory=dict[str, "asyncio.Task[None]"])
    #: Calls of a turn that are not answered yet, and whether one that was wants a reply: one reply serves them all.
    _open: dict[str, set[str]] = field(init=False, factory=dict[str, set[str]])
    _wanting: set[str] = field(init=False, factory=set[str])
    #: Calls that must stay without an output, even if the tool ignores its cancellation.
    _withdrawn: set[str] = field(init=False, factory=set[str])
    _answered: OrderedDict[str, None] = field(init=False, factory=OrderedDict[str, None])

    def start(self, call: FunctionCall, agent: RealtimeAgent) -> None:
        """Run the call in a task of its own. A call that was seen before is not run again."""
        if call.call_id in self._running or call.call_id in self._answered:
            logger().debug("repeated_call_ignored", call_id=call.call_id, tool=call.name)
            return
        self._open.setdefault(call.turn_id or "", set()).add(call.call_id)
        task = asyncio.create_task(self._run(call, agent), name=f"offhook tool {call.name}")
        self._running[call.call_id] = task
        task.add_done_callback(lambda _: self._forget(call.call_id))

    def cancel(self, call_ids: Sequence[str]) -> None:
        """The service withdrew these calls: stop them, and send nothing."""
        for call_id in call_ids:
            if task := self._running.get(call_id):
                self._withdrawn.add(call_id)
                task.cancel()

    def abandon(self, reason: str) -> None:
        """The connection is gone: stop all calls, and say which were left without an output."""
        running = tuple(self._running)
        self.cancel(running)
        if running:
            self.emit(FunctionCallCancelled(call_ids=running, reason=reason))

    async def close(self, reason: str) -> None:
        """Abandon all calls, and return when their tasks have ended."""
        tasks = tuple(self._running.values())
        self.abandon(reason)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, call_id: str) -> None:
        self._running.pop(call_id, None)
        self._withdrawn.discard(call_id)

    async def _run(self, call: FunctionCall, agent: RealtimeAgent) -> None:
        tool = next((tool for tool in agent.tools if tool.name == call.name), None)
        try:
            if tool is None:
                await self._answer(call, self._unknown(call, agent))
                return
            self.emit(ToolStart(agent=agent, tool=tool, call=call))
            answer = await self._invoke(tool, call)
            if call.call_id in self._withdrawn:
                return
            await self._answer(call, answer)
            self.emit(ToolEnd(agent=agent, tool=tool, call=call, output=answer.output))
        except (NotConnected, Unsupported) as error:
            self._fail(f"the output of {call.name!r} could not be sent: {error}", error)
        finally:
            self._settle(call, wants_reply=False)

    async def _invoke(self, tool: FunctionTool, call: FunctionCall) -> _Answer:
        context = RunContext(context=self.context, call=call, history=self.history)
        limit = asyncio.timeout(tool.timeout_s)
        try:
            async with limit:
                return _Answer(await tool.invoke(context, call.arguments))
        except ToolError as error:
            self._fail(f"tool {tool.name!r} was called wrongly: {error}", error)
            return _Answer(f"{tool.name} could not be called: {error}")
        except TimeoutError as error:
            if limit.expired():
                ms = round((tool.timeout_s or 0) * 1000)
                self._fail(f"tool {tool.name!r} did not answer within {ms} ms", error)
                return _Answer(f"{tool.name} did not answer within {ms} ms.")
            return self._failed(tool, error)
        except Exception as error:  # noqa: BLE001  # whatever it raised, the model waits for an output
            return self._failed(tool, error)

    def _failed(self, tool: FunctionTool, error: Exception) -> _Answer:
        self._fail(f"tool {tool.name!r} raised {type(error).__name__}: {error}", error)
        # Without the details: they are for the developer, and the model would read them to the user.
        return _Answer(f"{tool.name} failed. Tell the user that it did not work.")

    def _unknown(self, call: FunctionCall, agent: RealtimeAgent) -> _Answer:
        names = ", ".join(tool.name for tool in agent.tools) or "none"
        self._fail(f"the model called {call.name!r}, and agent {agent.name!r} has no such tool (it has: {names})", None)
        return _Answer(f"There is no tool named {call.name}.", respond=False)

    async def _answer(self, call: FunctionCall, answer: _Answer) -> None:
        self._answered[call.call_id] = None
        while len(self._answered) > _REMEMBERED:
            self._answered.popitem(last=False)
        respond = self._settle(call, wants_reply=answer.respond)
        await self.send_output(call, answer.output, respond)

    def _settle(self, call: FunctionCall, *, wants_reply: bool) -> bool:
        """Take the call off its turn; tells whether it was the last one, and a reply is wanted."""
        turn = call.turn_id or ""
        if wants_reply:
            self._wanting.add(turn)
        calls = self._open.get(turn)
        if calls is None or call.call_id not in calls:
            return False
        calls.discard(call.call_id)
        if calls:
            return False
        del self._open[turn]
        wanted = turn in self._wanting
        self._wanting.discard(turn)
        return wanted

    def _fail(self, message: str, cause: BaseException | None) -> None:
        logger().warning("tool_failed", why=message)
        self.emit(ErrorEvent(message=message, code="tool_error", cause=cause))
