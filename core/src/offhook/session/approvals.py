"""Calls that a person must allow: asked for, decided once, and remembered where told so."""

from __future__ import annotations

import asyncio

from attrs import define, field, frozen

from offhook.agent import RealtimeAgent
from offhook.context import ToolContext
from offhook.errors import NotConnected, ToolError
from offhook.events import McpApprovalRequest
from offhook.function import ask, parse_arguments
from offhook.session.agents import Agents
from offhook.session.conversation import Conversation
from offhook.session.events import ToolApprovalRequested
from offhook.tool import FunctionTool


@frozen
class Decision:
    """A person's answer. ``message`` is what the model reads about a rejection."""

    approved: bool
    message: str | None = None


#: Decisions that stand for all later calls of a tool by an agent.
Standing = dict[tuple[RealtimeAgent, str], Decision]


@define(eq=False)
class Approvals:
    """The approvals of one connection."""

    conversation: Conversation
    agents: Agents
    standing: Standing
    _asked: dict[str, ToolApprovalRequested] = field(init=False, factory=dict[str, ToolApprovalRequested])
    _waiting: dict[str, asyncio.Future[Decision]] = field(init=False, factory=dict[str, "asyncio.Future[Decision]"])

    async def needed(self, tool: FunctionTool, context: ToolContext[object]) -> bool:
        """Whether a person must allow this call. Without arguments that the policy could be asked with, one must."""
        if isinstance(tool.needs_approval, bool):
            return tool.needs_approval
        try:
            arguments = parse_arguments(context.call.arguments)
        except ToolError:
            return True
        return await ask(tool.needs_approval, context, arguments)

    def decided(self, tool: FunctionTool, context: ToolContext[object]) -> Decision | None:
        """Give the decision that stands for all calls of this tool, if there is one."""
        return self.standing.get((context.agent, tool.name))

    async def ask(self, tool: FunctionTool, context: ToolContext[object]) -> Decision:
        """Ask, and wait for the decision however long it takes."""
        call_id = context.call.call_id
        waiting = self._waiting[call_id] = asyncio.get_running_loop().create_future()
        try:
            self._tell(call_id, ToolApprovalRequested(agent=context.agent, tool=tool, call=context.call, origin=self))
            return await waiting
        finally:
            self._asked.pop(call_id, None)
            del self._waiting[call_id]

    async def decide(self, request: ToolApprovalRequested, decision: Decision, *, always: bool) -> None:
        """Decide a request; one that is decided already stays as it is.

        Raises ``ToolError`` for a request of another connection, or one that was altered, and what the transport raises.
        """
        request_id = self._id_of(request)
        if self._asked.get(request_id, request) is not request:
            raise ToolError(
                "this is not the request that was made, but a copy of it. Decide the event that you were given."
            )
        if self._asked.pop(request_id, None) is None:
            return
        if always:
            self.standing[request.agent, request.tool_name] = decision
        if request.item is not None:
            await self._send(request, decision)
        elif not (waiting := self._waiting[request_id]).done():
            waiting.set_result(decision)

    # Events.

    def mcp_approval_request(self, event: McpApprovalRequest) -> None:
        """The service wants to call a hosted MCP tool. A repeated request is told once."""
        if event.item.item_id in self._asked:
            return
        request = ToolApprovalRequested(agent=self.agents.current.agent, item=event.item, origin=self)
        standing = self.standing.get((request.agent, request.tool_name))
        if standing is None:
            self._tell(event.item.item_id, request)
        else:
            self.conversation.tasks.start(self._answer(request, standing), f"offhook approval {request.tool_name}")

    def _id_of(self, request: ToolApprovalRequested) -> str:
        if request.origin is not self or self.conversation.over:
            raise ToolError(
                f"the request to call {request.tool_name!r} belongs to a connection that is over, and so does the call. "
                "There is nothing left to decide."
            )
        return request.call.call_id if request.call else request.item.item_id if request.item else ""

    def _tell(self, request_id: str, request: ToolApprovalRequested) -> None:
        self._asked[request_id] = request
        self.conversation.emit(request)

    async def _answer(self, request: ToolApprovalRequested, standing: Decision) -> None:
        try:
            await self._send(request, standing)
        except NotConnected:
            pass  # the connection tells that it is gone
        except Exception as error:  # noqa: BLE001  # whatever it was, the service waits, and somebody must know
            self.conversation.fail(f"{request.tool_name!r} could not be decided: {error}", "approval_not_sent", error)
            self.conversation.emit(request)  # a person may try

    async def _send(self, request: ToolApprovalRequested, decision: Decision) -> None:
        """Answer the service; if that fails, the request can be decided again."""
        assert request.item is not None  # noqa: S101  # only requests of the service come here
        try:
            await self.conversation.transport.send_mcp_response(request.item, decision.approved, decision.message)
        except BaseException:
            self._asked[request.item.item_id] = request
            raise
