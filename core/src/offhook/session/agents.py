"""Which agent is in charge, which was when a turn began, and what each of them did."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from attrs import define, evolve, field

from offhook.agent import RealtimeAgent
from offhook.agent_events import AgentEnd, AgentHandoff, AgentStart
from offhook.config import UNSET, SessionConfig
from offhook.errors import ImmutableConfig
from offhook.events import Event, TurnDone, TurnStarted
from offhook.items import ConversationItem, InputText, MessageItem
from offhook.session.config import agent_config
from offhook.session.conversation import Conversation
from offhook.session.prepare import ReadyAgent, prepare
from offhook.tool import FunctionTool

#: Turns whose agent is remembered: a call may come late, but not that late (P10).
_REMEMBERED: Final = 64
_VOICE: Final = "audio.output.voice"


@define(eq=False)
class Agents:
    """The agents of one connection. A turn belongs to the agent that was in charge when it began."""

    conversation: Conversation
    base: SessionConfig
    current: ReadyAgent
    #: Called when another agent is in charge, before anybody is answered.
    changed: Callable[[], None] = field(init=False, default=lambda: None)
    #: Lays what holds just now, whoever is in charge, over the config of another agent.
    lasting: Callable[[SessionConfig], SessionConfig] = field(init=False, default=lambda config: config)
    _of_turn: OrderedDict[str, ReadyAgent] = field(init=False, factory=OrderedDict[str, ReadyAgent])
    _served: set[RealtimeAgent] = field(init=False, factory=set[RealtimeAgent])

    def of_turn(self, turn_id: str | None) -> ReadyAgent:
        """Give the agent whose turn it is, or was; calls without a turn are the current one's."""
        return self._of_turn.get(turn_id or "", self.current)

    def lend(self, turn_id: str, tools: Mapping[str, FunctionTool]) -> None:
        """Have calls of this turn served by ``tools`` besides, which beat its agent's own."""
        ready = self.of_turn(turn_id)
        self._of_turn[turn_id] = evolve(ready, tools={**ready.tools, **tools})

    def tell(self, agent: RealtimeAgent, event: Event) -> None:
        """Tell the agent's own listeners."""
        self._served.add(agent)
        agent._emitter.emit(event)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # an agent's events are its session's to tell

    def end(self) -> None:
        """The connection is over: let the agents' listeners finish."""
        for agent in self._served:
            agent._emitter.end()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # as above

    # Events.

    def turn_started(self, event: TurnStarted) -> None:
        """The turn is the current agent's, whatever comes."""
        ready = self._of_turn[event.turn_id] = self.current
        if len(self._of_turn) > _REMEMBERED:
            self._of_turn.popitem(last=False)
        start = AgentStart(agent=ready.agent, turn_id=event.turn_id)
        self.conversation.emit(start)
        self.tell(ready.agent, start)

    def turn_done(self, event: TurnDone) -> None:
        """The agent that began the turn has ended it."""
        agent = self.of_turn(event.turn_id).agent
        end = AgentEnd(agent=agent, turn_id=event.turn_id, text=last_words(event.output))
        self.conversation.emit(end)
        self.tell(agent, end)

    # Handing over.

    async def prepare(self, agent: RealtimeAgent) -> ReadyAgent:
        """Work out what ``agent`` is now; see ``offhook.session.prepare``."""
        return await prepare(agent, self.conversation.run_context(agent), self.conversation.servers)

    async def hand_over(self, ready: ReadyAgent) -> None:
        """Tell the model who it is now, then everyone else. If the model cannot be told, nothing has changed."""
        await self._tell_model(ready)
        before, self.current = self.current, ready
        event = AgentHandoff(from_agent=before.agent, to_agent=ready.agent)
        self.tell(ready.agent, event)
        self.conversation.emit(event)
        self.changed()

    async def _tell_model(self, ready: ReadyAgent) -> None:
        transport = self.conversation.transport
        config = self.lasting(self._explicit(agent_config(ready, self.base)))
        try:
            await transport.update_session_config(config)
        except ImmutableConfig as refusal:
            await self._tell_what_can_be_told(config, refusal)

    def _explicit(self, config: SessionConfig) -> SessionConfig:
        """What the agent before had and this one has not is switched off, and not left as it is."""
        if config.instructions is UNSET and self.current.instructions:
            config = evolve(config, instructions="")
        if config.prompt is UNSET and self.current.agent.prompt is not None:
            config = evolve(config, prompt=None)
        return config

    async def _tell_what_can_be_told(self, config: SessionConfig, refusal: ImmutableConfig) -> None:
        """The voice stays what it was, and instructions are said where they cannot be set. All else is refused."""
        transport, fixed = self.conversation.transport, set(refusal.fields)
        flags = transport.capabilities
        # A message that interrupts the assistant, or ends the user's turn, would do more harm than the handoff good.
        writes = flags.quiet_messages and flags.history in {"append", "mutable"}
        says_instructions = "instruction" in flags.context_modes or writes
        if not fixed <= ({_VOICE, "instructions"} if says_instructions else {_VOICE}):
            raise refusal
        audio = (
            evolve(config.audio, output=evolve(config.audio.output, voice=UNSET)) if _VOICE in fixed else config.audio
        )
        instructions = UNSET if "instructions" in fixed else config.instructions
        await transport.update_session_config(evolve(config, audio=audio, instructions=instructions))
        if config.instructions and isinstance(config.instructions, str) and "instructions" in fixed:
            await self._say(config.instructions)

    async def _say(self, instructions: str) -> None:
        transport = self.conversation.transport
        if "instruction" in transport.capabilities.context_modes:
            await transport.send_context(instructions, mode="instruction")  # type: ignore[attr-defined]  # the flag says that it is there
        else:
            message = MessageItem(item_id="", role="system", content=(InputText(instructions),))
            await transport.send_message(message, respond=False)


def last_words(output: Sequence[ConversationItem]) -> str:
    """Give the last thing that was said or written in a turn."""
    texts = (item.text for item in reversed(output) if isinstance(item, MessageItem))
    return next((text for text in texts if text), "")
