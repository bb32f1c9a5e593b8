"""``RealtimeSession``: a conversation of one agent over one transport."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

from attrs import evolve

from offhook import events as e
from offhook.agent import RealtimeAgent
from offhook.config import SessionConfig
from offhook.emitter import Emitter, EventIterator
from offhook.errors import AlreadyConnected, ConnectCancelled, NotConnected
from offhook.guardrail import GuardrailSettings, InputGuardrail, OutputGuardrail
from offhook.hookspecs import ApiKey, ConnectOptions, RealtimeTransportLayer
from offhook.items import ConversationItem, InputImage, MessageItem
from offhook.observers import observe_session
from offhook.plugins import make_transport
from offhook.prices import Prices
from offhook.session.approvals import Decision, Standing
from offhook.session.checks import Guards
from offhook.session.config import agent_config, base_config
from offhook.session.conversation import Conversation
from offhook.session.editing import Edit, require_start
from offhook.session.events import RealtimeSessionEventTypes, ToolApprovalRequested
from offhook.session.interruptions import Interruptions
from offhook.session.options import Options
from offhook.session.parts import Parts, in_order
from offhook.session.prepare import ReadyAgent, prepare
from offhook.session.reading import Reading
from offhook.session.responding import Reply, Tool
from offhook.session.turns import TurnMode
from offhook.session.usage import Tally
from offhook.session.work import WorkHandler
from offhook.settings import Settings, load_settings
from offhook.tool import FailureFormatter
from offhook.transcripts import seed


class RealtimeSession:
    """A live conversation: connects on ``async with``, tells what happens on ``async for`` or ``.on``, runs the tools.

    ::

        async with RealtimeSession(agent, transport="websocket") as session:
            await session.send_message("What is the weather in Paris?")
            async for event in session: ...
    """

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
        if transport is None or isinstance(transport, str):
            settings = settings or load_settings()
            transport = make_transport(transport, settings=settings)
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
        self._listening: list[Callable[[], None]] = []
        self._carries_raw = False
        self._reading: Reading | None = None
        self._parts: Parts | None = None
        #: Counts ``close()``: one that comes while the agent is made ready ends that ``connect()``.
        self._closed = 0
        self._preparing = False

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
        if self._preparing or self.transport.status != "disconnected":
            status = "connecting" if self._preparing else self.transport.status
            raise AlreadyConnected(f"the transport is {status}, and its connection is untouched. close() it first.")
        parts = await self._begin()
        options = evolve(self._options, config=agent_config(parts.first, self._config))
        try:
            await self.transport.connect(options)
        except BaseException:
            if self.transport.status == "disconnected":
                self._stop_listening()
                await parts.conversation.servers.close()
            raise

    async def close(self) -> None:
        """Stop the tools, disconnect, and end every ``async for``. Idempotent, and possible from within a tool."""
        self._closed += 1
        if self._parts is None:
            return
        self._parts.end("closed")
        # Once our connection is over, the transport may serve another session.
        if self._listening:
            await self.transport.close()
            self._stop_listening()
        conversation = self._parts.conversation
        await conversation.tasks.wait_stopped()
        await conversation.servers.close()

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
        stop = self._emitter.on(name, listener)
        self._carry_raw()
        return stop

    def events(self, *names: str) -> EventIterator:
        """Iterate over events of these names (or all but raw ones) from now on, until the session ends."""
        events = self._emitter.events(*names)
        self._carry_raw()
        return events

    def __aiter__(self) -> AsyncIterator[e.Event]:
        """Iterate over all but raw events until the session ends.

        The first loop begins with the connection, however late it starts, and the next goes on where one was left, so that
        nothing is missed between. A second loop beside it has events of its own, from its start.
        """
        return self._reading.loop() if self._reading else self._emitter.events()

    # Commands.

    async def send_message(self, message: str | MessageItem, *, respond: bool = True) -> None:
        """Say something to the model in writing and, with ``respond``, ask for a reply."""
        await self.transport.send_message(message, respond=respond)

    async def send_audio(self, audio: bytes, *, commit: bool = False) -> None:
        """Send audio in the session's input format; ``commit`` ends the turn where the client may.

        With ``turns="manual"``, audio outside a turn is not sent, and the last ``pre_roll_ms`` of it open the next one.
        """
        await self._live("send_audio()").turns.send_audio(audio, commit=commit)

    async def add_image(self, image: InputImage, *, respond: bool = True) -> None:
        """Show the model an image."""
        await self.transport.add_image(image, respond=respond)

    async def request_response(self, response: Mapping[str, Any] | None = None) -> str:
        """Ask for a reply, now or as soon as the service is free; gives the wish's id, as the transport does."""
        return await self.transport.request_response(response)

    async def respond(
        self,
        message: str | MessageItem | None = None,
        *,
        instructions: str | None = None,
        tools: Sequence[Tool] | None = None,
        interruptible: bool = True,
        **response: Any,
    ) -> Reply:
        """Say ``message``, if given, and ask for a reply of its own, which can be awaited.

        ``instructions`` and ``tools`` are this reply's, instead of the agent's. Unless ``interruptible``, nothing that the
        user says cuts it short, from now until it has been heard. ``response`` are further fields of a response, in the
        service's own words (``output_modalities``, ``max_output_tokens``, ``metadata`` …).

        Raises ``Unsupported`` where replies cannot be asked for, or waited for, or shielded, and what the transport raises.
        """
        if instructions is not None:
            response["instructions"] = instructions
        parts = self._live("respond()")
        return await parts.responding.ask(message, response, tools, interruptible=interruptible)

    async def begin_turn(self) -> None:
        """Begin a turn of the user's: what ``send_audio()`` is given belongs to it. An assistant that speaks is interrupted.

        For ``turns="manual"``, as the next two. Raises ``TurnError`` where a turn has begun already.
        """
        await self._live("begin_turn()").turns.begin()

    async def end_turn(self, *, respond: bool = True) -> None:
        """End the turn and, with ``respond``, ask for a reply.

        Raises ``TurnError`` where none has begun, or where it has under 100 ms of audio, which no service takes; it then
        goes on.
        """
        await self._live("end_turn()").turns.end(respond=respond)

    async def cancel_turn(self) -> None:
        """Take the turn back: what was said in it is forgotten, here and at the service.

        Raises ``TurnError`` where none has begun, and ``Unsupported`` where the service does not forget (``clear_audio``).
        """
        await self._live("cancel_turn()").turns.cancel()

    async def interrupt(self) -> None:
        """Stop the assistant: it is cancelled, what is buffered is flushed, and its tools go on.

        This holds whatever ``interruptions`` and ``respond(interruptible=…)`` say: they are about the user's speech.
        """
        if self._parts is not None:
            self._parts.timing.interrupt()
        await self.transport.interrupt()

    async def mute(self, muted: bool) -> None:
        """Mute or unmute the input."""
        await self.transport.mute(muted)

    def played(self, ms: float) -> None:
        """Report that ``ms`` more of the audio was played, in order, so that an interruption is exact.

        Where the client is not the one to tell the service, only this session learns of it.
        """
        if self._parts is not None:
            self._parts.playout.played(ms)
        if self.transport.capabilities.truncate == "client":
            self.transport.played(ms)  # type: ignore[attr-defined]  # the flag says that it is there

    # What the application decides.

    async def update_agent(self, agent: RealtimeAgent, *, speak_first: bool = False) -> None:
        """Hand the conversation to ``agent`` and, with ``speak_first``, have it say something.

        Calls of turns that began before are served by the agent that they were made to. Raises ``ToolError`` where two of
        its tools have one name, ``ImmutableConfig`` where the model cannot be told who it is now, and then nothing changed.
        """
        await self._live("update_agent()").handoffs.to(agent)
        if speak_first:
            await self.transport.request_response()

    async def update_history(self, history: Edit) -> None:
        """Edit the conversation: the new history, or a function that makes it of the one there is.

        ``session.history`` changes when the service has done it. Raises ``HistoryError`` for an edit that cannot be made
        (speech of the assistant, calls), ``Unsupported`` where the transport takes none; then nothing was sent.
        """
        await self._live("update_history()").editing.update(history)

    async def approve(self, request: ToolApprovalRequested, *, always: bool = False) -> None:
        """Let a call go on; with ``always``, all later calls of that tool by that agent too.

        A request that was decided stays so. Raises ``ToolError`` for one of an earlier connection.
        """
        await self._live("approve()").approvals.decide(request, Decision(approved=True), always=always)

    async def reject(self, request: ToolApprovalRequested, *, message: str | None = None, always: bool = False) -> None:
        """Refuse a call; the model reads ``message``. Otherwise like ``approve``."""
        decision = Decision(approved=False, message=message)
        await self._live("reject()").approvals.decide(request, decision, always=always)

    # What happens.

    def _live(self, operation: str) -> Parts:
        if self._parts is None:
            raise NotConnected(operation, self.transport.status)
        return self._parts

    async def _begin(self) -> Parts:
        """Make the parts of a new connection and let them hear the transport."""
        self._behaviour.require(self.transport.capabilities)
        require_start(self._options.initial_history, self.transport.capabilities)
        conversation = Conversation(self.transport, self._emitter.emit, self.context)
        try:
            ready = await self._make_ready(conversation)
        except BaseException:
            await conversation.servers.close()
            raise
        self._parts = parts = Parts(conversation, self._config, ready, self._standing, self._behaviour)
        self._tally.settle()
        self._emitter.begin()
        self._reading = Reading(self._emitter.events)
        routes = {
            **parts.routes(),
            "usage_update": (self._count_usage, conversation.emit),
            "connection_change": (conversation.emit, self._on_connection_change),
        }
        self._listening = [self.transport.on(name, in_order(handlers)) for name, handlers in routes.items()]
        own = parts.timing.hears_of_session()
        self._listening += [self._emitter.on(name, handler) for name, handler in own.items()]
        self._carry_raw()
        return parts

    async def _make_ready(self, conversation: Conversation) -> ReadyAgent:
        closed, self._preparing = self._closed, True
        try:
            ready = await prepare(self._first, conversation.run_context(self._first), conversation.servers)
        finally:
            self._preparing = False
        if closed != self._closed:
            raise ConnectCancelled(
                "the session was closed while its agent was made ready. Connect again if you want it."
            )
        return ready

    def _carry_raw(self) -> None:
        """Let raw frames through once someone wants them: there are more of them than of anything else."""
        if self._listening and not self._carries_raw and self._emitter.wants("raw_event"):
            self._carries_raw = True
            self._listening.append(self.transport.on("*", self._emitter.emit))

    def _stop_listening(self) -> None:
        for stop in self._listening:
            stop()
        self._listening = []
        self._carries_raw = False
        if self._reading:
            self._reading.end()
        self._emitter.end()

    def _on_connection_change(self, event: e.ConnectionChange) -> None:
        if event.status == "disconnected" and self._parts:
            self._parts.end("closed" if event.reason == "requested" else "connection_lost")
            self._stop_listening()

    def _count_usage(self, event: e.UsageUpdate) -> None:
        self._tally.add(event)
