"""The input gate: what the user said is checked before a reply is asked for.

The service finds the end of a turn, writes down the words, and leaves the reply to us. What could not be checked is not
answered: the model is told to ask the user to say it again.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
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
class _Turn:
    """One turn of the user's."""

    item_id: str | None
    #: Whether there is to be a reply to it: the application may want it only understood.
    wanted: bool = True
    #: Ends the wait for its words; ``None`` where that is over.
    wait: asyncio.Task[None] | None = None


@define(eq=False)
class InputGate:
    """Asks for a reply to what passes, and has the model say what is wrong about the rest."""

    conversation: Conversation
    agents: Agents
    floor: Floor
    guards: Guards
    checks: Checks
    _captions: Captions = field(init=False, factory=Captions)
    _turns: OrderedDict[str, _Turn] = field(init=False, factory=OrderedDict[str, _Turn])
    #: Turns that the application ended and that have not come back yet, in order: whether a reply is wanted.
    _ended: deque[bool] = field(init=False, factory=lambda: deque[bool](maxlen=_MAX_TURNS))
    #: The user was speaking on when a reply was due: it waits for what comes.
    _owed: bool = field(init=False, default=False)

    def hears(self) -> Mapping[str, Callable[[Any], None]]:
        """Give what is to be heard of the transport, after everyone else."""
        return {"item_update": self.item_update, "input_transcript_delta": self.input_transcript_delta}

    # Events.

    def item_update(self, event: ItemUpdate) -> None:
        """The user's turn is over, and its words are still to come."""
        item_id = event.item.item_id
        if not event.replayed and item_id not in self._turns and _is_speech(event.item):
            turn = self._new_turn(item_id)
            turn.wait = self.conversation.tasks.start(self._give_up_in_time(turn), "offhook input transcript")

    def input_transcript_delta(self, event: InputTranscriptDelta) -> None:
        """The user's words. Those that come too late were taken for none."""
        caption = self._captions.add(event)
        if not caption.final:
            return
        turn = self._turns.get(event.item_id or "")
        if turn is None:
            turn = self._new_turn(event.item_id)
        elif turn.wait is None:
            return
        else:
            turn.wait.cancel()
            turn.wait = None
        self.conversation.tasks.start(self._judge(turn, caption.text), "offhook input guardrails")

    # Turns of the application's own.

    def turn_ended(self, *, wanted: bool) -> None:
        """Its words will come."""
        self._ended.append(wanted)

    def turn_cancelled(self) -> None:
        """No words will come: what was said before need not wait for them."""
        if self._owed:
            self.conversation.tasks.start(self._reply(), "offhook reply")

    # Judging.

    async def _judge(self, turn: _Turn, text: str) -> None:
        if not text.strip():
            await self._ask_again(turn)
            return
        agent = self.agents.current.agent
        verdict = await self.checks.verdict(self.guards.inputs, agent, text)
        if verdict.guardrail is not None:
            trip = GuardrailTripped(
                agent=agent,
                guardrail=verdict.guardrail,
                kind="input",
                info=verdict.info,
                item_id=turn.item_id,
                text=text,
            )
            self.conversation.emit(trip)
            await self._take_out(turn.item_id)
            await self.checks.give_feedback(trip, respond=self._is_due(wanted=turn.wanted and self._speaks_of_trips))
        elif not verdict.complete:
            await self._ask_again(turn)
        elif turn.wanted or self._owed:
            await self._reply()

    async def _give_up_in_time(self, turn: _Turn) -> None:
        wait_ms = self.guards.settings.transcript_wait_ms
        await asyncio.sleep(wait_ms / 1000)
        turn.wait = None
        self.conversation.fail(
            f"the user's words were not written down within {wait_ms} ms, and are not answered. Choose a faster "
            "transcription, or a longer GuardrailSettings(transcript_wait_ms=…).",
            "input_not_checked",
        )
        await self._ask_again(turn)

    @property
    def _speaks_of_trips(self) -> bool:
        return self.guards.settings.feedback is not None

    def _is_due(self, *, wanted: bool) -> bool:
        """Whether to ask for a reply now: it answers what passed before, too. It is owed while the user speaks on."""
        wanted = wanted or self._owed
        self._owed = wanted and self.floor.user_speaks
        return wanted and not self._owed

    async def _reply(self) -> None:
        if not self._is_due(wanted=True):
            return
        try:
            await self.conversation.transport.request_response()
        except NotConnected:
            pass  # the connection tells that it is gone
        except Exception as error:  # noqa: BLE001  # whatever it was, the user now waits, and somebody must know
            self.conversation.fail(f"no reply to the user could be asked for: {error}", "reply_not_requested", error)

    async def _ask_again(self, turn: _Turn) -> None:
        """Nothing is known of what was said: answer what passed before, if there is any, or have it said again."""
        if self._owed:
            await self._reply()
        elif turn.wanted and self._speaks_of_trips and not self.floor.user_speaks:
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

    def _new_turn(self, item_id: str | None) -> _Turn:
        turn = _Turn(item_id, wanted=self._ended.popleft() if self._ended else True)
        if item_id is not None:
            self._turns[item_id] = turn
            if len(self._turns) > _MAX_TURNS:
                self._turns.popitem(last=False)
        return turn


def _is_speech(item: ConversationItem) -> bool:
    """Whether this is something that the user said, whose words are not known."""
    if not isinstance(item, MessageItem) or item.role != "user":
        return False
    return any(isinstance(part, InputAudio) and part.transcript is None for part in item.content)
