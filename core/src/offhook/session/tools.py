"""Running tools: every call gets exactly one output, whatever the tool does (P7).

A tool that raises, hangs, is unknown or gets malformed arguments is answered in words, so that the model can go on. A call
that the service withdrew, or whose connection is gone, gets none.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from attrs import define, field, frozen

from offhook._log import logger
from offhook.agent import RealtimeAgent
from offhook.errors import NotConnected, ToolError
from offhook.events import ErrorEvent, Event, FunctionCall, FunctionCallCancelled
from offhook.hookspecs import RealtimeTransportLayer
from offhook.items import ConversationItem
from offhook.session.events import ToolEnd, ToolStart
from offhook.session.replies import Replies
from offhook.tool import FunctionTool, RunContext

#: Calls are remembered so that a repeated one is not run again; this many, so that memory stays flat (P10).
_REMEMBERED: Final = 256
#: How long a tool may take to clean up when the session is closed.
_GRACE_S: Final = 5.0


@frozen
class _Answer:
    """What to tell the model, and whether to ask for a reply to it."""

    output: str
    respond: bool = True


@define(eq=False)
class ToolRunner:
    """Runs the calls of one connection. Each has a task that answers it, and the tool another, which can be left behind."""

    emit: Callable[[Event], None]
    transport: RealtimeTransportLayer
    history: Callable[[], Sequence[ConversationItem]]
    context: Any
    #: Calls that wait for their output. One that is not here any more is not answered, whatever its tool gives.
    _open: dict[str, FunctionCall] = field(init=False, factory=dict[str, FunctionCall])
    _working: dict[str, asyncio.Task[str]] = field(init=False, factory=dict[str, "asyncio.Task[str]"])
    _seen: OrderedDict[str, None] = field(init=False, factory=OrderedDict[str, None])
    _replies: Replies = field(init=False, factory=Replies)
    _tools: set[asyncio.Task[str]] = field(init=False, factory=set["asyncio.Task[str]"])
    _chores: set[asyncio.Task[None]] = field(init=False, factory=set["asyncio.Task[None]"])

    def start(self, call: FunctionCall, agent: RealtimeAgent) -> None:
        """Run the call in a task of its own. A call that was seen before is not run again."""
        if call.call_id in self._seen:
            logger().debug("repeated_call_ignored", call_id=call.call_id, tool=call.name)
            return
        self._seen[call.call_id] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        if self.transport.status != "connected":  # it is being closed: an output has no way back
            self.emit(FunctionCallCancelled(call_ids=(call.call_id,), reason="closed"))
            return
        self._open[call.call_id] = call
        self._replies.called(call)
        self._do(self._serve(call, agent), f"offhook call {call.name}")

    def turn_started(self, turn_id: str) -> None:
        """Calls may come in this turn until it is done."""
        if self.transport.capabilities.turn_model != "continuous" and self._replies.turn_started(turn_id):
            self._ask_for_reply()

    def turn_done(self, turn_id: str) -> None:
        """No more calls will come in this turn; if all have their outputs, a reply is due."""
        if self._replies.turn_done(turn_id):
            self._ask_for_reply()

    def cancel(self, call_ids: Sequence[str]) -> None:
        """The service withdrew these calls: stop them, and send nothing."""
        for call_id in call_ids:
            call = self._withdraw(call_id)
            if call is not None and self._replies.answered(call, wanted=False):
                self._ask_for_reply()

    def abandon(self, reason: str) -> None:
        """The connection is gone: stop all calls, and say which were left without an output."""
        call_ids = tuple(self._open)
        for call_id in call_ids:
            self._withdraw(call_id)
        if call_ids:
            self.emit(FunctionCallCancelled(call_ids=call_ids, reason=reason))

    async def wait_stopped(self) -> None:
        """Return when the tools that were stopped have cleaned up. One that ignores it is left behind."""
        # A tool may close its own session; it must not wait for itself.
        stopped = self._tools - {asyncio.current_task()}
        if stopped:
            _, late = await asyncio.wait(stopped, timeout=_GRACE_S)
            for task in late:
                logger().warning("tool_does_not_stop", task=task.get_name(), waited_s=_GRACE_S)

    def _withdraw(self, call_id: str) -> FunctionCall | None:
        work = self._working.get(call_id)
        if work is not None and work is not asyncio.current_task():
            work.cancel()
        return self._open.pop(call_id, None)

    async def _serve(self, call: FunctionCall, agent: RealtimeAgent) -> None:
        if call.call_id not in self._open:
            return
        tool = next((tool for tool in agent.tools if tool.name == call.name), None)
        if tool is None:
            await self._send(call, self._unknown(call, agent))
            return
        self.emit(ToolStart(agent=agent, tool=tool, call=call))
        answer = await self._work(tool, call)
        if await self._send(call, answer):
            self.emit(ToolEnd(agent=agent, tool=tool, call=call, output=answer.output))

    async def _work(self, tool: FunctionTool, call: FunctionCall) -> _Answer:
        context = RunContext(context=self.context, call=call, history=self.history)
        work = asyncio.create_task(_invoke(tool, context), name=f"offhook tool {tool.name}")
        self._working[call.call_id] = work
        self._tools.add(work)
        work.add_done_callback(self._ended)
        try:
            # Not awaited itself: it may ignore its cancellation, and the model does not wait for that.
            await asyncio.wait({work}, timeout=tool.timeout_s)
        finally:
            del self._working[call.call_id]
        return self._outcome(tool, work) if call.call_id in self._open else _Answer("")

    def _outcome(self, tool: FunctionTool, work: asyncio.Task[str]) -> _Answer:
        if not work.done():
            work.cancel()
            ms = round((tool.timeout_s or 0) * 1000)
            self._fail(f"tool {tool.name!r} did not answer within {ms} ms")
            return _Answer(f"{tool.name} did not answer within {ms} ms.")
        error = asyncio.CancelledError() if work.cancelled() else work.exception()
        if error is None:
            return _Answer(work.result())
        if isinstance(error, ToolError):
            self._fail(f"tool {tool.name!r} was called wrongly: {error}", error)
            return _Answer(f"{tool.name} could not be called: {error}")
        self._fail(f"tool {tool.name!r} raised {type(error).__name__}: {error}", error)
        # Without the details: they are for the developer, and the model would read them to the user.
        return _Answer(f"{tool.name} failed. Tell the user that it did not work.")

    def _unknown(self, call: FunctionCall, agent: RealtimeAgent) -> _Answer:
        names = ", ".join(tool.name for tool in agent.tools) or "none"
        self._fail(f"the model called {call.name!r}, and agent {agent.name!r} has no such tool (it has: {names})")
        return _Answer(f"There is no tool named {call.name}.", respond=False)

    async def _send(self, call: FunctionCall, answer: _Answer) -> bool:
        """Answer the call, unless it was withdrawn; tells whether it was answered."""
        if call.call_id not in self._open:
            return False
        due = self._replies.answered(call, wanted=answer.respond)
        respond = due if self.transport.capabilities.request_response else answer.respond
        try:
            await self.transport.send_function_call_output(call, answer.output, respond)
        except Exception as error:  # noqa: BLE001  # whatever it was, the call has no output, and somebody must know
            self._unsent(call, error)
            return False
        return self._open.pop(call.call_id, None) is not None

    def _unsent(self, call: FunctionCall, error: Exception) -> None:
        lost = isinstance(error, NotConnected)
        if not lost:
            self._fail(f"the output of {call.name!r} could not be sent: {error}", error)
        if self._open.pop(call.call_id, None):
            reason = "connection_lost" if lost else "not_sent"
            self.emit(FunctionCallCancelled(call_ids=(call.call_id,), reason=reason))

    def _ask_for_reply(self) -> None:
        if self.transport.capabilities.request_response:
            self._do(self._request_reply(), "offhook reply")

    async def _request_reply(self) -> None:
        try:
            await self.transport.request_response()
        except NotConnected:
            pass  # the connection tells that it is gone
        except Exception as error:  # noqa: BLE001  # whatever it was, the model now waits, and somebody must know
            self._fail(f"no reply to the tools could be asked for: {error}", error)

    def _fail(self, message: str, cause: BaseException | None = None) -> None:
        logger().warning("tool_failed", why=message)
        self.emit(ErrorEvent(message=message, code="tool_error", cause=cause))

    def _do(self, chore: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(chore, name=name)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)

    def _ended(self, work: asyncio.Task[str]) -> None:
        self._tools.discard(work)
        if not work.cancelled():
            work.exception()  # asyncio complains about one that nobody looked at


async def _invoke(tool: FunctionTool, context: RunContext[Any]) -> str:
    try:
        return await tool.invoke(context, context.call.arguments)
    except SystemExit as error:
        # From argparse or the like. The loop would pass it on, and end the program with everyone's calls.
        raise RuntimeError(f"it wanted to exit with {error.code!r}") from error
