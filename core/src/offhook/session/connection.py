"""The connection of a session: made, listened to, ended, and made again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

from attrs import evolve

from offhook import events as e
from offhook.agent import RealtimeAgent
from offhook.config import SessionConfig
from offhook.contract import check_transport
from offhook.emitter import Emitter, EventIterator
from offhook.errors import AlreadyConnected, ConnectCancelled, NotConnected
from offhook.guardrail import GuardrailSettings, InputGuardrail, OutputGuardrail
from offhook.hookspecs import ApiKey, ConnectOptions, RealtimeTransportLayer
from offhook.items import ConversationItem, FunctionCallItem, McpApprovalRequestItem, McpCallItem, MessageItem
from offhook.observers import observe_session
from offhook.plugins import make_transport
from offhook.prices import Prices
from offhook.session.approvals import Standing
from offhook.session.checks import Guards
from offhook.session.config import agent_config, base_config
from offhook.session.conversation import Conversation
from offhook.session.editing import require_start
from offhook.session.events import RealtimeSessionEventTypes
from offhook.session.given import required
from offhook.session.interruptions import Interruptions
from offhook.session.listening import Listening
from offhook.session.options import Options
from offhook.session.parts import Parts, in_order
from offhook.session.prepare import ReadyAgent, prepare
from offhook.session.servers import Servers
from offhook.session.turns import TurnMode
from offhook.session.usage import Tally
from offhook.session.work import WorkHandler
from offhook.settings import Settings, load_settings
from offhook.tool import FailureFormatter
from offhook.transcripts import seed

_Item = MessageItem | FunctionCallItem | McpCallItem | McpApprovalRequestItem


def _require_kinds(agent: object, config: object, guards: object, prices: object, history: Sequence[object]) -> None:
    """Refuse what is of another kind here, by name, and not when it is first used, by accident."""
    required(agent, RealtimeAgent, "agent", "Make one: RealtimeAgent(name=…, instructions=…).")
    if config is not None:
        required(
            config, SessionConfig, "config", "Make one: SessionConfig(…); a vendor's own settings go into provider=."
        )
    if guards is not None:
        required(guards, GuardrailSettings, "guardrail_settings", "Make one: GuardrailSettings(…).")
    if prices is not None:
        required(prices, Prices, "prices", "Make one: Prices(…), from your provider's list.")
    for item in history:
        required(item, _Item, "history", "Give items: those of session.history, or of offhook.transcripts.from_json().")


class SessionConnection:
    """Connects, listens and closes; what can be said and decided is ``RealtimeSession``."""

    def __init__(
        self,
        agent: RealtimeAgent,
        *,
        transport: str | RealtimeTransportLayer | None = None,
        config: SessionConfig | None = None,
        context: Any = None,
        history: Sequence[ConversationItem] = (),
        api_key: ApiKey | None = None,
        url: str | None = None,
        model: str | None = None,
        call_id: str | None = None,
        settings: Settings | None = None,
        failure_formatter: FailureFormatter | None = None,
        reply_to_mcp_calls: bool = True,
        work_handler: WorkHandler | None = None,
        output_guardrails: Sequence[OutputGuardrail] = (),
        input_guardrails: Sequence[InputGuardrail] = (),
        guardrail_settings: GuardrailSettings | None = None,
        turns: TurnMode = "auto",
        pre_roll_ms: int = 300,
        interruptions: Interruptions = "on",
        prices: Prices | None = None,
    ) -> None:
        """Make a session, disconnected.

        ``transport`` is a name (default: the one in ``offhook.toml``) or a transport. ``config`` beats the config file's
        ``[session]``, which beats ``DEFAULT_CONFIG``. ``context`` is handed to tools. ``history`` is what was said before.
        ``failure_formatter`` puts failures of tools, and rejections, into words for the model. ``reply_to_mcp_calls``: after
        a call of a hosted MCP tool the model is asked to speak about it. ``output_guardrails`` check what the assistant
        says; with ``input_guardrails`` the user's words are checked before it may reply.
        Raises ``PluginError`` and ``ConfigError``.
        """
        _require_kinds(agent, config, guardrail_settings, prices, history)
        if transport is None or isinstance(transport, str):
            settings = settings or load_settings()
            transport = make_transport(transport, settings=settings)
        elif not hasattr(transport, "capabilities"):
            check_transport(transport)
        self.transport = transport
        self.context = context
        self._tally = Tally()
        self._first = agent
        guards = Guards(
            outputs=output_guardrails, inputs=input_guardrails, settings=guardrail_settings or GuardrailSettings()
        )
        self._options = ConnectOptions(
            api_key=api_key, url=url, model=model, call_id=call_id, initial_history=seed(history)
        )
        self._behaviour = Options(
            failure_formatter=failure_formatter,
            reply_to_mcp_calls=reply_to_mcp_calls,
            work_handler=work_handler,
            guards=guards,
            turns=turns,
            pre_roll_ms=pre_roll_ms,
            interruptions=interruptions,
            prices=prices,
        )
        self._config = self._behaviour.told(base_config(config, settings))
        self._standing: Standing = {}
        self._emitter = Emitter(RealtimeSessionEventTypes)
        observe_session(transport, self._emitter.on)
        self._listening = Listening(transport, self._emitter)
        self._servers = Servers()
        self._parts: Parts | None = None
        #: Works out what the agent is, before a connection is made.
        self._preparing: asyncio.Task[ReadyAgent] | None = None

    # The connection.

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def connect(self) -> None:
        """Connect, and return when the service has accepted the config.

        The agent's instructions and tools are worked out first. Raises ``ToolError`` where two of them have one name,
        ``Unsupported`` where guardrails need what the transport lacks, what the agent's own functions raise, and what the
        transport raises.
        """
        self._require_disconnected()
        self._behaviour.require(self.transport.capabilities)
        require_start(self._options.initial_history, self.transport.capabilities)
        conversation = Conversation(self.transport, self._emitter.emit, self.context, self._servers)
        try:
            ready = await self._make_ready(conversation)
            # Meanwhile another session may have taken the transport.
            self._require_disconnected()
            options = evolve(self._options, config=agent_config(ready, self._config))
            await self._connect(Parts(conversation, self._config, ready, self._standing, self._behaviour), options)
        except BaseException:
            if not self._listening.active:
                await self._servers.close()
            raise

    async def close(self) -> None:
        """Stop the tools, disconnect, and end every ``async for``. Idempotent, and possible from within a tool."""
        if self._preparing is not None:
            self._preparing.cancel()
        try:
            await self._end()
        finally:
            await self._servers.close()

    @property
    def agent(self) -> RealtimeAgent:
        """The agent that is in charge; before the session connects, the one that it begins with."""
        return self._parts.agents.current.agent if self._parts else self._first

    @property
    def history(self) -> tuple[ConversationItem, ...]:
        """The conversation so far, in order."""
        return self._parts.conversation.history.items if self._parts else ()

    @property
    def usage(self) -> e.Usage:
        """What was used so far, over all connections."""
        return self._tally.total

    @property
    def cost(self) -> Decimal | None:
        """What that costs, by the ``prices`` that were given; ``None`` without any."""
        prices = self._behaviour.prices
        return prices.cost(self.usage) if prices else None

    @property
    def available_mcp_tools(self) -> tuple[Mapping[str, Any], ...]:
        """The hosted MCP tools that the agent in charge may use, as their servers described them."""
        return self._parts.hosted.tools if self._parts else ()

    @property
    def muted(self) -> bool | None:
        """Whether the input is muted; ``None`` where the transport does no muting."""
        return self.transport.muted

    # Listening.

    def on(self, name: str, listener: Callable[[Any], object]) -> Callable[[], None]:
        """Call ``listener`` with every event of ``name``; gives a function that ends it.

        ``"*"`` gives the transport's raw frames. An ``async def`` listener runs in a task of its own. Raises
        ``ContractError`` for a name that is no event.
        """
        return self._listening.on(name, listener)

    def events(self, *names: str) -> EventIterator:
        """Iterate over events of these names (or all but raw ones) from now on, until the session ends."""
        return self._listening.events(*names)

    def __aiter__(self) -> AsyncIterator[e.Event]:
        """Iterate over all but raw events until the session ends.

        The first loop begins with the connection, however late it starts, and the next goes on where one was left, so that
        nothing is missed between. A second loop beside it has events of its own, from its start.
        """
        return self._listening.loop()

    # What happens.

    def _live(self, operation: str) -> Parts:
        if self._parts is None:
            raise NotConnected(operation, self.transport.status)
        return self._parts

    def _require_disconnected(self) -> None:
        if self._preparing is not None or self.transport.status != "disconnected":
            status = "connecting" if self._preparing else self.transport.status
            raise AlreadyConnected(f"the transport is {status}, and its connection is untouched. close() it first.")

    async def _make_ready(self, conversation: Conversation) -> ReadyAgent:
        """In a task of its own, which ``close()`` can end: an agent's functions may take long."""
        preparing = prepare(self._first, conversation.run_context(self._first), conversation.servers)
        task = self._preparing = conversation.tasks.start(preparing, "offhook prepare")
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
            await conversation.tasks.wait_stopped()
            self._preparing = None
        if task.cancelled():
            raise ConnectCancelled(
                "the session was closed while its agent was made ready. Connect again if you want it."
            )
        return task.result()

    async def _connect(self, parts: Parts, options: ConnectOptions) -> None:
        self._parts = parts
        self._tally.settle()
        routes = {
            **parts.routes(),
            "usage_update": (self._count_usage, parts.conversation.emit),
            "connection_change": (parts.conversation.emit, self._on_connection_change),
        }
        self._listening.begin(
            {name: in_order(handlers) for name, handlers in routes.items()}, parts.timing.hears_of_session()
        )
        try:
            await self.transport.connect(options)
        except BaseException:
            if self._parts is parts:  # and nobody has connected again meanwhile
                self._over("closed")
            raise

    async def _end(self) -> None:
        if self._parts is None:
            return
        parts = self._parts
        parts.end("closed")
        # Once our connection is over, the transport may serve another session.
        if self._listening.active:
            await self.transport.close()
            self._listening.end()
        await parts.conversation.tasks.wait_stopped()

    def _over(self, reason: str) -> None:
        if self._parts:
            self._parts.end(reason)
        self._listening.end()

    def _on_connection_change(self, event: e.ConnectionChange) -> None:
        if event.status == "disconnected":
            self._over("closed" if event.reason == "requested" else "connection_lost")

    def _count_usage(self, event: e.UsageUpdate) -> None:
        self._tally.add(event)
