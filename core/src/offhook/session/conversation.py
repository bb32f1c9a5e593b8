"""What the parts of a session share, for as long as one connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import define, field

from offhook._log import logger
from offhook.agent import RealtimeAgent
from offhook.context import RunContext, ToolContext
from offhook.events import ErrorEvent, Event, FunctionCall
from offhook.hookspecs import RealtimeTransportLayer
from offhook.session.history import History
from offhook.session.servers import Servers
from offhook.session.tasks import Tasks


@define(eq=False)
class Conversation:
    """One connection: its transport, who listens, what runs and what was said. A new connection has a new one."""

    transport: RealtimeTransportLayer
    #: Tells everyone who listens to the session.
    emit: Callable[[Event], None]
    #: The application's own object.
    context: Any = None
    #: The session's: a server stays connected over connections.
    servers: Servers = field(factory=Servers)
    tasks: Tasks = field(init=False, factory=Tasks)
    history: History = field(init=False, factory=History)
    #: Whether it is gone: the transport may be another connection's by now.
    over: bool = field(init=False, default=False)

    def run_context(self, agent: RealtimeAgent) -> RunContext[Any]:
        """Tell code of the application where it runs."""
        return RunContext(context=self.context, agent=agent, history=lambda: self.history.items)

    def tool_context(self, agent: RealtimeAgent, call: FunctionCall) -> ToolContext[Any]:
        """Tell a tool where it runs."""
        return ToolContext(context=self.context, agent=agent, call=call, history=lambda: self.history.items)

    def fail(self, message: str, code: str, cause: BaseException | None = None) -> None:
        """Tell of something that went wrong in the application's own code; the conversation goes on.

        ``message`` is logged: it must not hold what people said, so none of the words of the application's exceptions.
        """
        logger().warning(code, why=message)
        self.emit(ErrorEvent(message=message, code=code, cause=cause))
