"""``session.respond()``: a reply to wait for, whoever else wants one and whatever the service begins by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from attrs import define, field, frozen

from offhook.errors import ReplyFailed, Unsupported
from offhook.events import ErrorEvent, TurnDone, TurnStarted, Usage
from offhook.items import ConversationItem, MessageItem
from offhook.mcp import HostedMcpTool
from offhook.session.agents import Agents, last_words
from offhook.session.conversation import Conversation
from offhook.session.interruptions import Interrupting
from offhook.tool import FunctionTool

#: What an agent may use; functions run here, hosted tools at the service.
Tool: TypeAlias = FunctionTool | HostedMcpTool
#: What becomes of replies when a connection ends, by the session's word for that.
_ENDS: Final = {
    "closed": "the session was closed before the reply was done.",
    "connection_lost": "the connection was lost before the reply was done. Connect again, and ask again.",
}


@frozen(kw_only=True)
class ReplyResult:
    """A reply that is done.

    ``status`` is the service's: ``completed``, ``cancelled`` (interrupted), ``incomplete`` or ``failed``; ``reason`` says
    why. ``text`` is the last thing that was said or written, ``items`` all of it: messages, and calls of tools.
    """

    status: str
    text: str
    items: tuple[ConversationItem, ...]
    turn_id: str
    reason: str | None = None
    usage: Usage | None = None
    response_id: str | None = None


class Reply:
    """A reply that was asked for. ``await`` it, any number of times, for its ``ReplyResult``.

    Raises ``ReplyFailed`` where the service refused to give it, or the connection ended before it was done.
    """

    def __init__(self) -> None:
        self._settled = asyncio.Event()
        self._outcome: ReplyResult | ReplyFailed | None = None
        #: The turn that gives it, once it began.
        self.turn_id: str | None = None

    @property
    def done(self) -> bool:
        """Whether it is done or has failed: awaiting it does not wait."""
        return self._settled.is_set()

    def __await__(self) -> Generator[Any, None, ReplyResult]:
        # An event and no future: one who gives up waiting must not take the reply from the others.
        yield from self._settled.wait().__await__()
        if isinstance(self._outcome, ReplyResult):
            return self._outcome
        assert self._outcome is not None  # noqa: S101  # it is settled
        raise self._outcome.with_traceback(None)  # each who awaits it would add to the same one

    async def settled(self) -> None:
        """Return when it is done or has failed."""
        await self._settled.wait()

    def settle(self, outcome: ReplyResult | ReplyFailed) -> None:
        """Say what has become of it; the session's to call. Only the first counts."""
        if not self.done:
            self._outcome = outcome
            self._settled.set()


@define(eq=False)
class Wish:
    """What belongs to a reply from the wish to its end."""

    reply: Reply = field(init=False, factory=Reply)
    #: Functions that the agent has for this reply alone.
    tools: Mapping[str, FunctionTool] = field(factory=dict[str, FunctionTool])


@define(eq=False)
class Responding:
    """Asks for replies, and finds the turns that give them."""

    conversation: Conversation
    agents: Agents
    interrupting: Interrupting
    #: By id, where ``turn_started`` repeats it.
    _by_id: dict[str, Wish] = field(init=False, factory=dict[str, Wish])
    #: Elsewhere: they are answered by the first turn that begins.
    _next_turn: list[Wish] = field(init=False, factory=list[Wish])
    _under_way: dict[str, list[Wish]] = field(init=False, factory=dict[str, list[Wish]])
    #: Wishes that are being sent, and what happened meanwhile: it may be about them, and we do not know their ids yet.
    _sending: int = field(init=False, default=0)
    _missed: list[TurnStarted | TurnDone | ErrorEvent] = field(
        init=False, factory=list["TurnStarted | TurnDone | ErrorEvent"]
    )
    _over: str | None = field(init=False, default=None)

    async def ask(
        self,
        message: str | MessageItem | None,
        response: Mapping[str, Any],
        tools: Sequence[Tool] | None,
        *,
        interruptible: bool,
    ) -> Reply:
        """Say ``message``, if there is one, and ask for a reply of its own; ``response`` are the service's fields of one."""
        self._require()
        wish = Wish({tool.name: tool for tool in tools or () if isinstance(tool, FunctionTool)})
        body = response if tools is None else {**response, "tools": [tool.to_wire() for tool in tools]}
        try:
            if not interruptible:
                await self.interrupting.shield(wish.reply.settled)
            if message is not None:
                await self.conversation.transport.send_message(message, respond=False)
            await self._send(wish, body)
        except BaseException:
            self._settle(wish, self._failed("closed"))  # nobody has it: this only ends the shield
            raise
        return wish.reply

    def end(self, reason: str) -> None:
        """The connection is over, and so is the wait for what was asked for on it."""
        self._over = reason
        under_way = (wish for wishes in self._under_way.values() for wish in wishes)
        for wish in [*self._by_id.values(), *self._next_turn, *under_way]:
            self._settle(wish, self._failed(reason))

    # Events.

    def hears(self) -> Mapping[str, Callable[[Any], None]]:
        """Give what is to be heard of the transport, after everyone else."""
        return {"turn_started": self.turn_started, "turn_done": self.turn_done, "error": self.error}

    def turn_started(self, event: TurnStarted) -> None:
        """A turn began: it may be one that was asked for."""
        self._miss(event)
        wishes, self._next_turn = self._next_turn, []
        if event.request_id in self._by_id:
            wishes.append(self._by_id[event.request_id])
        for wish in wishes:
            wish.reply.turn_id = event.turn_id
            if wish.tools:
                self.agents.lend(event.turn_id, wish.tools)
        if wishes:
            self._under_way[event.turn_id] = wishes

    def turn_done(self, event: TurnDone) -> None:
        """A turn ended, and the replies that it gives are done."""
        self._miss(event)
        if not (wishes := self._under_way.pop(event.turn_id, [])):
            return
        result = ReplyResult(
            status=event.status,
            text=last_words(event.output),
            items=event.output,
            turn_id=event.turn_id,
            reason=event.reason,
            usage=event.usage,
            response_id=event.response_id,
        )
        for wish in wishes:
            # A wish that turned out to have lost a race may be under way in another turn by now.
            if wish.reply.turn_id == event.turn_id:
                self._settle(wish, result)

    def error(self, event: ErrorEvent) -> None:
        """Something went wrong: it may be that a reply was refused."""
        self._miss(event)
        if event.request_id in self._by_id:
            message = f"the service refused to give the reply: {event.message}"
            self._settle(self._by_id[event.request_id], ReplyFailed(message, reason="refused", code=event.code))

    # Asking.

    def _require(self) -> None:
        flags = self.conversation.transport.capabilities
        if not flags.request_response:
            raise Unsupported("respond()", "request_response=False", "Use send_message(), and hear agent_end.")
        if flags.turn_model == "continuous":
            raise Unsupported("respond()", "turn_model=continuous", "Use send_message(): no turn will end.")

    async def _send(self, wish: Wish, body: Mapping[str, Any]) -> None:
        transport = self.conversation.transport
        by_id = transport.capabilities.request_ids
        self._sending += 1
        if not by_id:
            self._next_turn.append(wish)
        try:
            request_id = await transport.request_response(body)
            if by_id:
                self._by_id[request_id] = wish
                self._catch_up()
        finally:
            self._sending -= 1
            if not self._sending:
                self._missed.clear()
        if self._over is not None:
            self._settle(wish, self._failed(self._over))

    def _miss(self, event: TurnStarted | TurnDone | ErrorEvent) -> None:
        if self._sending:
            self._missed.append(event)

    def _catch_up(self) -> None:
        """Hear again what may be about a wish whose id is known now; for the others it changes nothing."""
        missed, self._missed = self._missed, []
        for event in missed:
            self.hears()[event.hook](event)

    def _settle(self, wish: Wish, outcome: ReplyResult | ReplyFailed) -> None:
        wish.reply.settle(outcome)
        self._by_id = {request_id: other for request_id, other in self._by_id.items() if other is not wish}
        self._next_turn = [other for other in self._next_turn if other is not wish]

    def _failed(self, reason: str) -> ReplyFailed:
        return ReplyFailed(_ENDS[reason], reason=reason)
