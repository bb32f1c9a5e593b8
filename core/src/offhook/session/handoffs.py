"""Handing the conversation to another agent: because the model called for it, or because the application said so."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from attrs import define, field

from offhook.agent import RealtimeAgent
from offhook.context import ToolContext
from offhook.errors import NotConnected
from offhook.function import contained, origin
from offhook.handoffs import Handoff
from offhook.session.agents import Agents
from offhook.session.calls import Answer
from offhook.session.conversation import Conversation
from offhook.session.prepare import ReadyAgent


@define(eq=False)
class Handoffs:
    """Changes the agent, one change after the other."""

    conversation: Conversation
    agents: Agents
    _one: asyncio.Lock = field(init=False, factory=asyncio.Lock)

    async def to(self, agent: RealtimeAgent) -> None:
        """Make ``agent`` the current one. Raises what its functions and the transport raise; then nothing has changed."""
        async with self._one:
            await self._hand_over(await self.agents.prepare(agent))

    async def answer(self, handoff: Handoff, context: ToolContext[Any]) -> Answer:
        """Hand over as the model asked, and give its call's output. If it fails, the agent stays, and the model is told."""
        try:
            if handoff.callback is not None:
                with contained():
                    await handoff.callback.call(context, context.call.arguments)
            await self.to(handoff.agent)
        except Exception as error:  # noqa: BLE001  # the application's code or the transport: the call is answered all the same
            self.conversation.fail(
                f"the handoff to {handoff.agent.name!r} failed: {origin(error)}. The event's cause says why.",
                "handoff_failed",
                error,
            )
            return Answer(f"The handoff to {handoff.agent.name} failed. You are still in charge.")
        output = json.dumps({"assistant": handoff.agent.name}, ensure_ascii=False)
        return Answer(output, "now" if handoff.speak_first else "never")

    async def _hand_over(self, ready: ReadyAgent) -> None:
        """In a task of its own: whoever gives up waiting must not leave a model that was told and a session that was not."""
        if self.conversation.over:
            raise self._gone()
        change = self.conversation.tasks.start(self.agents.hand_over(ready), f"offhook handoff to {ready.agent.name}")
        try:
            await asyncio.wait({change})
        except asyncio.CancelledError:
            await asyncio.wait({change})
            raise
        if change.cancelled():
            raise self._gone()
        change.result()

    def _gone(self) -> NotConnected:
        return NotConnected("handing over", self.conversation.transport.status)
