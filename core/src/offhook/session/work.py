"""Work that the model hands off and that outlives its turn: done by the application, each with its own answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from attrs import define, field

from offhook.context import RunContext
from offhook.errors import NotConnected
from offhook.events import WorkDone, WorkStarted
from offhook.function import as_output, ask, origin
from offhook.session.agents import Agents
from offhook.session.conversation import Conversation
from offhook.tool import Background

#: Does the work; gives what the model may say about it, ``Background`` of what it should only know, or nothing.
WorkHandler: TypeAlias = Callable[[RunContext[Any], WorkStarted], Awaitable[Any]]
_FAILED: Final = "That did not work. Tell the user so."


@define(eq=False)
class Work:
    """The handed-off work of one connection. Neither speech nor an interruption ends it."""

    conversation: Conversation
    agents: Agents
    handler: WorkHandler | None = None
    _open: dict[str, asyncio.Task[None]] = field(init=False, factory=dict[str, "asyncio.Task[None]"])

    # Events.

    def work_started(self, event: WorkStarted) -> None:
        """Do it, in a task of its own. Work of the service itself (``hosted``) and calls of tools are done elsewhere."""
        if self.handler is None or event.kind != "delegation" or event.work_id in self._open:
            return
        doing = self._do(self.handler, event)
        self._open[event.work_id] = self.conversation.tasks.start(doing, f"offhook work {event.work_id}")

    def work_done(self, event: WorkDone) -> None:
        """It ended, whoever did it: nobody wants a result any more."""
        task = self._open.pop(event.work_id, None)
        if task is not None and task is not asyncio.current_task():
            task.cancel()

    def abandon(self) -> None:
        """The connection is gone: say which work was left undone."""
        work_ids = tuple(self._open)
        self._open.clear()
        for work_id in work_ids:
            self.conversation.emit(WorkDone(work_id=work_id, status="cancelled"))

    async def _do(self, handler: WorkHandler, event: WorkStarted) -> None:
        try:
            result = await ask(handler, self.conversation.run_context(self.agents.current.agent), event)
            silent = isinstance(result, Background)
            given = result.output if silent else result
            text, status = None if given is None else as_output(given), "completed"
        except Exception as error:  # noqa: BLE001  # the application's own code: the model is told, and so is the application
            self.conversation.fail(
                f"work {event.work_id!r} raised {origin(error)}. The event's cause holds its words.",
                "work_failed",
                error,
            )
            text, silent, status = _FAILED, False, "failed"
        if event.work_id in self._open:
            await self._finish(event.work_id, text, silent=silent, status=status)

    async def _finish(self, work_id: str, text: str | None, *, silent: bool, status: str) -> None:
        transport = self.conversation.transport
        try:
            if text is not None:
                await transport.send_context(text, mode="silent" if silent else "speakable", work_id=work_id)  # type: ignore[attr-defined]  # where there is work, there is this
            await transport.finish_work(work_id, status=status)  # type: ignore[attr-defined]  # as above
        except NotConnected:
            return  # the connection tells that it is gone
        except Exception as error:  # noqa: BLE001  # whatever it was, the model waits, and somebody must know
            self.conversation.fail(f"the result of work {work_id!r} could not be sent: {error}", "work_failed", error)
            status = "failed"
        if self._open.pop(work_id, None):
            self.conversation.emit(WorkDone(work_id=work_id, status=status))
