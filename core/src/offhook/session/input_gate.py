"""The input gate: what the user said is checked before a reply is asked for.

The service finds the end of a turn, writes down the words, and leaves the reply to us. What could not be checked is not
answered: the model is told to ask the user to say it again.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import define, evolve, field

from offhook.config import SessionConfig, TurnDetection
from offhook.errors import ConfigError, NotConnected
from offhook.events import InputTranscriptDelta, ItemUpdate
from offhook.items import ConversationItem, InputAudio, MessageItem
from offhook.session.agents import Agents
from offhook.session.captions import Captions
from offhook.session.checks import Checks, Guards
from offhook.session.conversation import Conversation
from offhook.session.events import GuardrailTripped
from offhook.session.floor import Floor

#: Turns of the user that are remembered, so that each is judged once (P10).
_MAX_TURNS: Final = 64
_NOT_UNDERSTOOD: Final = (
    "The user's last words did not come through. Do not answer them: say in one sentence that you did not get that, and ask "
    "the user to say it again."
)


def gated(config: SessionConfig) -> SessionConfig:
    """Have the service wait for us before it replies. Raises ``ConfigError`` where it is to write nothing down."""
    heard = config.audio.input
    if heard.transcription is None:
        raise ConfigError(
            "input_guardrails check what the user said, and the config switches its transcription off. Leave "
            "audio.input.transcription as it is, or give no input_guardrails."
        )
    if not isinstance(heard.turn_detection, TurnDetection):
        return config  # the application ends the turns, and then no reply comes by itself
    heard = evolve(heard, turn_detection=evolve(heard.turn_detection, create_response=False))
    return evolve(config, audio=evolve(config.audio, input=heard))


@define(eq=False)
class InputGate:
    """Asks for a reply to what passes, and has the model say what is wrong about the rest."""

    conversation: Conversation
    agents: Agents
    floor: Floor
    guards: Guards
    checks: Checks
    _captions: Captions = field(init=False, factory=Captions)
    #: The user's turns: what ends the wait for their words, or nothing where that is over.
    _turns: OrderedDict[str, asyncio.Task[None] | None] = field(init=False, factory=OrderedDict)  # pyright: ignore[reportUnknownVariableType]
    #: Words passed while the user was speaking on: the reply waits for what comes.
    _owed: bool = field(init=False, default=False)

    def hears(self) -> Mapping[str, Callable[[Any], None]]:
        """Give what is to be heard of the transport, after everyone else."""
        return {"item_update": self.item_update, "input_transcript_delta": self.input_transcript_delta}

    # Events.

    def item_update(self, event: ItemUpdate) -> None:
        """The user's turn is over, and its words are still to come."""
        item_id = event.item.item_id
        if not event.replayed and item_id not in self._turns and _is_speech(event.item):
            wait = self.conversation.tasks.start(self._give_up_in_time(item_id), "offhook input transcript")
            self._remember(item_id, wait)

    def input_transcript_delta(self, event: InputTranscriptDelta) -> None:
        """The user's words. Those that come too late were taken for none."""
        caption = self._captions.add(event)
        if not caption.final:
            return
        item_id = event.item_id
        if item_id is not None:
            if (wait := self._turns.get(item_id)) is not None:
                wait.cancel()
            elif item_id in self._turns:
                return
            self._remember(item_id, None)
        self.conversation.tasks.start(self._judge(item_id, caption.text), "offhook input guardrails")

    # Judging.

    async def _judge(self, item_id: str | None, text: str) -> None:
        if not text.strip():
            await self._ask_again()
            return
        agent = self.agents.current.agent
        verdict = await self.checks.verdict(self.guards.inputs, agent, text)
        if verdict.guardrail is not None:
            trip = GuardrailTripped(
                agent=agent, guardrail=verdict.guardrail, kind="input", info=verdict.info, item_id=item_id, text=text
            )
            self.conversation.emit(trip)
            await self._take_out(item_id)
            await self.checks.give_feedback(trip, respond=not self.floor.user_speaks)
        elif verdict.complete:
            await self._reply()
        else:
            await self._ask_again()

    async def _give_up_in_time(self, item_id: str) -> None:
        wait_ms = self.guards.settings.transcript_wait_ms
        await asyncio.sleep(wait_ms / 1000)
        self._remember(item_id, None)
        self.conversation.fail(
            f"the user's words were not written down within {wait_ms} ms, and are not answered. Choose a faster "
            "transcription, or a longer GuardrailSettings(transcript_wait_ms=…).",
            "input_not_checked",
        )
        await self._ask_again()

    async def _reply(self) -> None:
        self._owed = self.floor.user_speaks
        if self._owed:
            return
        try:
            await self.conversation.transport.request_response()
        except NotConnected:
            pass  # the connection tells that it is gone
        except Exception as error:  # noqa: BLE001  # whatever it was, the user now waits, and somebody must know
            self.conversation.fail(f"no reply to the user could be asked for: {error}", "reply_not_requested", error)

    async def _ask_again(self) -> None:
        """Nothing is known of what was said: answer what passed before, if there is any, or have it said again."""
        if self._owed:
            await self._reply()
        elif self.guards.settings.feedback is not None and not self.floor.user_speaks:
            await self.checks.tell_model(_NOT_UNDERSTOOD, "system")

    async def _take_out(self, item_id: str | None) -> None:
        """What tripped is taken out of the conversation where it can be: a later answer might follow it."""
        transport, old = self.conversation.transport, self.conversation.history.items
        new = tuple(item for item in old if item.item_id != item_id)
        if transport.capabilities.history != "mutable" or new == old:
            return
        try:
            await transport.reset_history(old, new)
        except NotConnected:
            pass  # the connection tells that it is gone
        except Exception as error:  # noqa: BLE001  # whatever it was, the model still reads it, and somebody must know
            self.conversation.fail(f"what tripped could not be taken out: {error}", "guardrail_not_enforced", error)

    def _remember(self, item_id: str, wait: asyncio.Task[None] | None) -> None:
        self._turns[item_id] = wait
        if len(self._turns) > _MAX_TURNS:
            self._turns.popitem(last=False)


def _is_speech(item: ConversationItem) -> bool:
    """Whether this is something that the user said, whose words are not known."""
    if not isinstance(item, MessageItem) or item.role != "user":
        return False
    return any(isinstance(part, InputAudio) and part.transcript is None for part in item.content)
