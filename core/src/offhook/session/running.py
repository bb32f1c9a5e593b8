"""Running one tool for one call, and putting into words for the model whatever came of it (P7)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Literal

from attrs import define, field

from offhook._log import logger
from offhook.context import ToolContext
from offhook.errors import ToolError
from offhook.events import FunctionCall
from offhook.function import as_output, ask, contained, origin, parse_arguments
from offhook.session.calls import Answer
from offhook.session.conversation import Conversation
from offhook.tool import Background, FailureFormatter, FunctionTool, InputCheck, OutputCheck, ToolFailure


@define(eq=False)
class Runner:
    """Runs tools. Each has a task of its own, which can be left behind if it does not end."""

    conversation: Conversation
    formatter: FailureFormatter | None = None
    _working: dict[str, tuple[FunctionTool, asyncio.Task[Any]]] = field(init=False, factory=dict)  # pyright: ignore[reportUnknownVariableType]

    async def run(self, tool: FunctionTool, context: ToolContext[Any]) -> Answer:
        """Run the tool and give its answer, whatever it does; never raises but when cancelled."""
        call = context.call
        work = self.conversation.tasks.start(_invoke(tool, context), f"offhook tool {tool.name}")
        self._working[call.call_id] = (tool, work)
        try:
            # Not awaited itself: it may ignore its cancellation, and the model does not wait for that.
            await asyncio.wait({work}, timeout=tool.timeout_s)
        finally:
            withdrawn = self._working.pop(call.call_id, None) is None
        return Answer("", "never") if withdrawn else self._outcome(tool, call, work)

    def withdraw(self, call_id: str) -> None:
        """Stop the tool that works on this call, unless it is the one that asks for it; nobody wants its answer."""
        _, work = self._working.pop(call_id, (None, None))
        if work is not None and work is not asyncio.current_task():
            work.cancel()

    def interrupted(self) -> None:
        """The assistant was interrupted: stop the tools whose work is then for nothing."""
        for tool, work in self._working.values():
            if tool.on_interrupt == "cancel" and work is not asyncio.current_task():
                work.cancel()

    def words(self, failure: ToolFailure, tool: FunctionTool | None = None) -> str:
        """Give what the model reads about a failure: in the tool's words, the session's, or our own."""
        formatters = (tool.failure_formatter if tool else None, self.formatter)
        return next(
            (words for words in (_ask(ask, failure) for ask in formatters if ask) if words is not None), failure.message
        )

    def _outcome(self, tool: FunctionTool, call: FunctionCall, work: asyncio.Task[Any]) -> Answer:
        if not work.done():
            work.cancel()
            ms = round((tool.timeout_s or 0) * 1000)
            return self._failed(tool, call, "timed_out", f"{tool.name} did not answer within {ms} ms.", TimeoutError())
        if work.cancelled() and tool.on_interrupt == "cancel":
            return Answer(f"{tool.name} was stopped, because the user interrupted.", "never")
        error = asyncio.CancelledError() if work.cancelled() else work.exception()
        if error is None:
            return work.result()
        if isinstance(error, ToolError):
            return self._failed(tool, call, "malformed", f"{tool.name} could not be called: {error}", error)
        # Without the details: they are for the developer, and the model would read them to the user.
        return self._failed(tool, call, "raised", f"{tool.name} failed. Tell the user that it did not work.", error)

    def _failed(
        self,
        tool: FunctionTool,
        call: FunctionCall,
        kind: Literal["raised", "timed_out", "malformed"],
        message: str,
        error: BaseException,
    ) -> Answer:
        why = {
            "timed_out": message,
            "malformed": f"tool {tool.name!r} was called wrongly. The event's cause says how.",
            "raised": f"tool {tool.name!r} raised {origin(error)}. The event's cause holds its words.",
        }[kind]
        self.conversation.fail(why, "tool_error", error)
        words = self.words(ToolFailure(kind=kind, call=call, message=message, error=error), tool)
        return Answer(words, tool.reply)


async def _invoke(tool: FunctionTool, context: ToolContext[Any]) -> Answer:
    with contained():
        result = await tool.invoke(context, context.call.arguments)
    background = isinstance(result, Background)
    output = as_output(result.output if background else result)
    return Answer(await _checked(tool.output_guardrails, context, output), "never" if background else tool.reply)


async def refused(tool: FunctionTool, context: ToolContext[Any]) -> str | None:
    """Ask the tool's input guardrails, in order; gives what the first one that minds says instead of an output.

    Malformed arguments are not theirs to judge: the tool will tell the model what is wrong with them.
    """
    if not tool.input_guardrails:
        return None
    try:
        arguments = parse_arguments(context.call.arguments)
    except ToolError:
        return None
    return await _first(tool.input_guardrails, context, arguments)


async def _first(checks: Sequence[InputCheck], context: ToolContext[Any], arguments: dict[str, Any]) -> str | None:
    for check in checks:
        if (instead := await _words_of(check, context, arguments)) is not None:
            return instead
    return None


async def _checked(checks: Sequence[OutputCheck], context: ToolContext[Any], output: str) -> str:
    for check in checks:
        instead = await _words_of(check, context, output)
        output = output if instead is None else instead
    return output


async def _words_of(check: InputCheck | OutputCheck, *given: Any) -> str | None:
    words: object = await ask(check, *given)
    if words is None or isinstance(words, str):
        return words
    raise ToolError(
        f"a guardrail gave {type(words).__name__}. Have it give None to let pass, or what the model reads instead."
    )


def _ask(formatter: FailureFormatter, failure: ToolFailure) -> str | None:
    try:
        with contained():
            words: object = formatter(failure)
    except Exception as error:  # noqa: BLE001  # the model still gets an answer, only not in these words
        logger().warning("failure_formatter_failed", tool=failure.call.name, kind=failure.kind, why=origin(error))
        return None
    return words if isinstance(words, str) else None
