"""Serving the model's calls: every call gets exactly one output, whatever the tool does (P7).

A tool that raises, hangs, is unknown or gets malformed arguments is answered in words, so that the model can go on. A call
that the service withdrew, or whose connection is gone, gets none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from attrs import define, field

from offhook.agent_events import ToolEnd, ToolStart
from offhook.capabilities import Capabilities
from offhook.context import ToolContext
from offhook.errors import NotConnected
from offhook.events import Event, FunctionCall, FunctionCallCancelled, TurnDone, TurnStarted
from offhook.function import origin
from offhook.hookspecs import Delivery
from offhook.session.agents import Agents
from offhook.session.approvals import Approvals, Decision
from offhook.session.asking import Asking
from offhook.session.calls import Answer, Arrival, Calls
from offhook.session.conversation import Conversation
from offhook.session.handoffs import Handoffs
from offhook.session.prepare import ReadyAgent, holds
from offhook.session.replies import Replies
from offhook.session.running import Runner, refused
from offhook.tool import FunctionTool, ToolFailure


@define(eq=False)
class Tools:
    """Serves the calls of one connection, each in a task that answers it."""

    conversation: Conversation
    agents: Agents
    approvals: Approvals
    handoffs: Handoffs
    asking: Asking
    runner: Runner
    _calls: Calls = field(init=False, factory=Calls)
    _replies: Replies = field(init=False, factory=Replies)
    #: Calls that were open when the assistant was interrupted: they are owed an output, and no speech about it.
    _overtaken: set[str] = field(init=False, factory=set[str])
    #: Calls that are checked or worked on, up to the moment when their output is sent.
    _serving: dict[str, asyncio.Task[None]] = field(init=False, factory=dict[str, "asyncio.Task[None]"])
    #: Calls whose output is being sent.
    _sending: set[str] = field(init=False, factory=set[str])

    # Events.

    def function_call(self, call: FunctionCall) -> None:
        """Serve the call in a task of its own. One that was seen before is not run again."""
        match self._calls.arrive(call):
            case Arrival.NEW:
                self._begin(call)
            case Arrival.ANSWERED:
                answer = self._calls.answer_to(call.call_id)
                self._do(self._send_again(call, answer), f"offhook call {call.name}")
            case Arrival.CONFLICT:
                self.conversation.fail(
                    f"the model called {call.name!r} under the id {call.call_id!r} of an earlier call that was another one. "
                    "It is not run.",
                    "call_id_reused",
                )
            case Arrival.KNOWN:
                pass

    def function_call_cancelled(self, event: FunctionCallCancelled) -> None:
        """The service withdrew calls: stop them, and send nothing."""
        for call_id in event.call_ids:
            self.runner.withdraw(call_id)
            self._overtaken.discard(call_id)
            call = self._calls.withdraw(call_id)
            if (serving := self._serving.pop(call_id, None)) is not None:
                serving.cancel()
            if call is not None and self._replies.answered(call, wanted=False):
                self.asking.ask()

    def turn_started(self, event: TurnStarted) -> None:
        """Calls may come in this turn until it is done."""
        if self._flags.turn_model != "continuous" and self._replies.turn_started(event.turn_id):
            self.asking.ask()

    def turn_done(self, event: TurnDone) -> None:
        """No more calls will come in this turn; if all have their outputs, a reply is due."""
        if self._replies.turn_done(event.turn_id):
            self.asking.ask()

    def audio_interrupted(self, _: Event) -> None:
        """The assistant was interrupted. Calls go on, unless their tool says otherwise."""
        self._overtaken.update(self._calls.open)
        self.runner.interrupted()

    def abandon(self, reason: str) -> None:
        """The connection is gone: say which calls were left without an output. Their tasks are ended by whoever says so.

        An output on its way is sent before the connection is closed. Where it was lost, nobody knows how far that came.
        """
        spared = self._sending if reason == "closed" else frozenset[str]()
        call_ids = tuple(call_id for call_id in self._calls.open if call_id not in spared)
        self._calls.open.clear()
        self._serving.clear()
        self._overtaken.clear()
        if call_ids:
            self.conversation.emit(FunctionCallCancelled(call_ids=call_ids, reason=reason))

    # Serving.

    @property
    def _flags(self) -> Capabilities:
        return self.conversation.transport.capabilities

    def _begin(self, call: FunctionCall) -> None:
        if self.conversation.transport.status != "connected":  # it is being closed: an output has no way back
            self._calls.withdraw(call.call_id)
            self.conversation.emit(FunctionCallCancelled(call_ids=(call.call_id,), reason="closed"))
            return
        self._replies.called(call)
        self._serving[call.call_id] = self._do(
            self._serve(call, self.agents.of_turn(call.turn_id)), f"offhook call {call.name}"
        )

    async def _serve(self, call: FunctionCall, ready: ReadyAgent) -> None:
        context = self.conversation.tool_context(ready.agent, call)
        if (handoff := ready.handoffs.get(call.name)) is not None:
            self._serving.pop(call.call_id, None)  # half a handoff is none
            await self._deliver(call, await self.handoffs.answer(handoff, context))
            return
        tool = ready.tools.get(call.name)
        if tool is None or not await self._enabled(tool, context):
            await self._deliver(call, self._unknown(call, ready))
            return
        await self._use(tool, context)

    async def _use(self, tool: FunctionTool, context: ToolContext[object]) -> None:
        call, agent = context.call, context.agent
        try:
            instead = await self._instead(tool, context)
        except Exception as error:  # noqa: BLE001  # a guardrail or policy of the application: the call is answered all the same
            self.conversation.fail(
                f"a check of tool {tool.name!r} raised {origin(error)}. The event's cause holds its words.",
                "tool_error",
                error,
            )
            message = f"{tool.name} could not be checked, and was not run."
            failure = ToolFailure(kind="raised", call=call, message=message, error=error)
            instead = Answer(self.runner.words(failure, tool), tool.reply)
        start = ToolStart(agent=agent, tool=tool, call=call)
        self.conversation.emit(start)
        self.agents.tell(agent, start)
        if call.call_id not in self._calls.open:  # whoever listens may have seen to that
            return
        answer = instead or await self.runner.run(tool, context)
        if await self._deliver(call, answer):
            end = ToolEnd(agent=agent, tool=tool, call=call, output=answer.output)
            self.conversation.emit(end)
            self.agents.tell(agent, end)

    async def _instead(self, tool: FunctionTool, context: ToolContext[object]) -> Answer | None:
        """Give what the model reads instead of the tool's output: a guardrail's words, or a person's."""
        if (words := await refused(tool, context)) is not None:
            return Answer(words, tool.reply)
        if not await self.approvals.needed(tool, context):
            return None
        decision = self.approvals.decided(tool, context)
        if decision is None:
            # A person may take minutes; what else the turn called is spoken about meanwhile.
            if self._replies.parked(context.call):
                self.asking.ask()
            decision = await self.approvals.ask(tool, context)
        return None if decision.approved else Answer(self._rejected(tool, context.call, decision), "now")

    def _rejected(self, tool: FunctionTool, call: FunctionCall, decision: Decision) -> str:
        if decision.message is not None:
            return decision.message
        return self.runner.words(
            ToolFailure(kind="rejected", call=call, message=f"The user did not allow {tool.name}."), tool
        )

    async def _enabled(self, tool: FunctionTool, context: ToolContext[object]) -> bool:
        try:
            return await holds(tool.is_enabled, context)
        except Exception as error:  # noqa: BLE001  # as above
            self.conversation.fail(
                f"is_enabled of tool {tool.name!r} raised {origin(error)}. The event's cause holds its words.",
                "tool_error",
                error,
            )
            return False

    def _unknown(self, call: FunctionCall, ready: ReadyAgent) -> Answer:
        names = ", ".join(ready.tools) or "none"
        self.conversation.fail(
            f"the model called {call.name!r}, and agent {ready.agent.name!r} has no such tool (it has: {names})",
            "tool_error",
        )
        failure = ToolFailure(kind="unknown", call=call, message=f"There is no tool named {call.name}.")
        return Answer(self.runner.words(failure), "never")

    # Answering.

    async def _deliver(self, call: FunctionCall, answer: Answer) -> bool:
        """Answer the call, unless it was withdrawn; tells whether it was answered."""
        self._serving.pop(call.call_id, None)
        overtaken = call.call_id in self._overtaken
        self._overtaken.discard(call.call_id)
        if call.call_id not in self._calls.open:
            return False
        due = self._replies.answered(call, wanted=answer.reply == "now")
        later = self.asking.asks and (answer.reply == "when_idle" or (due and (overtaken or self.asking.floor.users)))
        respond = (due and not later) if self.asking.asks else answer.reply == "now"
        self._sending.add(call.call_id)
        try:
            await self._send(call, answer, respond=respond, overtaken=overtaken)
        except Exception as error:  # noqa: BLE001  # whatever it was, the call has no output, and somebody must know
            self._unsent(call, error)
            if due:  # to the outputs of the other calls
                self.asking.ask()
            return False
        finally:
            self._sending.discard(call.call_id)
        if later:
            self.asking.ask_in_a_pause()
        return self._calls.answered(call.call_id, answer)

    async def _send(self, call: FunctionCall, answer: Answer, *, respond: bool, overtaken: bool) -> None:
        delivery = self._delivery(answer, overtaken=overtaken)
        send = self.conversation.transport.send_function_call_output
        if delivery is None:
            await send(call, answer.output, respond)
        else:
            await send(call, answer.output, respond, delivery=delivery)

    def _delivery(self, answer: Answer, *, overtaken: bool) -> Delivery | None:
        """Say how the output enters the talk, where the service is the one to reply to it."""
        if self.asking.asks:
            return None
        if overtaken or answer.reply == "never":
            wanted: Delivery = "silent"
        elif answer.reply == "when_idle":
            wanted = "when_idle"
        else:
            return None
        return wanted if wanted in self._flags.deliveries else None

    async def _send_again(self, call: FunctionCall, answer: Answer) -> None:
        try:
            await self._send(call, answer, respond=answer.reply == "now", overtaken=False)
        except NotConnected:
            pass  # the connection tells that it is gone
        except Exception as error:  # noqa: BLE001  # as in ``_deliver``
            self.conversation.fail(f"the output of {call.name!r} could not be sent again: {error}", "tool_error", error)

    def _unsent(self, call: FunctionCall, error: Exception) -> None:
        lost = isinstance(error, NotConnected)
        if not lost:
            self.conversation.fail(f"the output of {call.name!r} could not be sent: {error}", "tool_error", error)
        if self._calls.withdraw(call.call_id):
            reason = "connection_lost" if lost else "not_sent"
            self.conversation.emit(FunctionCallCancelled(call_ids=(call.call_id,), reason=reason))

    def _do(self, chore: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        return self.conversation.tasks.start(chore, name)
