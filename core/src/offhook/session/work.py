"""Work that the model hands off and that outlives its turn: done by the application, each with its own answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from attrs import define, field

from offhook.context import RunContext
from offhook.errors import NotConnected
from offhook.events import WorkDone, WorkStarted
from offhook.function import as_output, settle
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
    _open: set[str] = field(init=False, factory=set[str])

    # Events.

    def work_started(self, event: WorkStarted) -> None:
        """Do it, in a task of its own. Work of the service itself (``hosted``) and calls of tools are done elsewhere."""
        if self.handler is None or event.kind != "delegation":
            return
        self._open.add(event.work_id)
        self.conversation.tasks.start(self._do(self.handler, event), f"offhook work {event.work_id}")

    def work_done(self, event: WorkDone) -> None:
        """It ended, whoever did it."""
        self._open.discard(event.work_id)

    def abandon(self) -> None:
        """The connection is gone: say which work was left undone."""
        while self._open:
            self.conversation.emit(WorkDone(work_id=self._open.pop(), status="cancelled"))

    async def _do(self, handler: WorkHandler, event: WorkStarted) -> None:
        try:
            result = await settle(handler(self.conversation.run_context(self.agents.current.agent), event))
            status = "completed"
        except Exception as error:  # noqa: BLE001  # the application's own code: the model is told, and so is the application
            self.conversation.fail(
                f"work {event.work_id!r} raised {type(error).__name__}: {error}", "work_failed", error
            )
            result, status = _FAILED, "failed"
        if event.work_id in self._open:
            await self._finish(event.work_id, result, status)

    async def _finish(self, work_id: str, result: Any, status: str) -> None:
        transport = self.conversation.transport
        try:
            if result is not None:
                await self._say(work_id, result)
            await transport.finish_work(work_id, status=status)  # type: ignore[attr-defined]  # where there is work, there is this
        except NotConnected:
            return  # the connection tells that it is gone
        except Exception as error:  # noqa: BLE001  # whatever it was, the model waits, and somebody must know
            self.conversation.fail(f"the result of work {work_id!r} could not be sent: {error}", "work_failed", error)
        if work_id in self._open:
            self._open.discard(work_id)
            self.conversation.emit(WorkDone(work_id=work_id, status=status))

    async def _say(self, work_id: str, result: Any) -> None:
        silent = isinstance(result, Background)
        text = as_output(result.output if silent else result)
        await self.conversation.transport.send_context(  # type: ignore[attr-defined]  # as above
            text, mode="silent" if silent else "speakable", work_id=work_id
        )
