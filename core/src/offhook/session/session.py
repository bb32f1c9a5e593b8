"""``RealtimeSession``: a conversation of one agent over one transport."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
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
from offhook.session import usage
from offhook.session.approvals import Decision, Standing
from offhook.session.checks import Guards
from offhook.session.config import agent_config, base_config
from offhook.session.conversation import Conversation
from offhook.session.events import RealtimeSessionEventTypes, ToolApprovalRequested
from offhook.session.input_gate import gated
from offhook.session.options import Options
from offhook.session.parts import Handler, Parts
from offhook.session.prepare import ReadyAgent, prepare
from offhook.session.reading import Reading
from offhook.settings import Settings, load_settings
from offhook.tool import FailureFormatter


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
        output_guardrails: Sequence[OutputGuardrail] = (),
        input_guardrails: Sequence[InputGuardrail] = (),
        guardrail_settings: GuardrailSettings | None = None,
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
        self.usage = e.Usage()
        self._first = agent
        guards = Guards(
            outputs=output_guardrails, inputs=input_guardrails, settings=guardrail_settings or GuardrailSettings()
        )
        self._config = base_config(config, settings)
        if guards.inputs:
            self._config = gated(self._config)
        self._options = ConnectOptions(
            api_key=api_key, url=url, model=model, call_id=call_id, initial_history=tuple(history)
        )
        self._behaviour = Options(
            failure_formatter=failure_formatter, reply_to_mcp_calls=reply_to_mcp_calls, guards=guards
        )
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
        """Send audio in the session's input format; ``commit`` ends the turn where the client may."""
        await self.transport.send_audio(audio, commit=commit)

    async def add_image(self, image: InputImage, *, respond: bool = True) -> None:
        """Show the model an image."""
        await self.transport.add_image(image, respond=respond)

    async def request_response(self, response: Mapping[str, Any] | None = None) -> None:
        """Ask for a reply, now or as soon as the service is free."""
        await self.transport.request_response(response)

    async def interrupt(self) -> None:
        """Stop the assistant: it is cancelled, what is buffered is flushed, and its tools go on."""
        await self.transport.interrupt()

    async def mute(self, muted: bool) -> None:
        """Mute or unmute the input."""
        await self.transport.mute(muted)

    def played(self, ms: float) -> None:
        """Report that ``ms`` more of the audio was played, in order, so that an interruption is exact.

        Where the client is not the one to say so, nothing happens.
        """
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
        self._behaviour.guards.require(self.transport.capabilities)
        conversation = Conversation(self.transport, self._emitter.emit, self.context)
        try:
            ready = await self._make_ready(conversation)
        except BaseException:
            await conversation.servers.close()
            raise
        self._parts = parts = Parts(conversation, self._config, ready, self._standing, self._behaviour)
        self._emitter.begin()
        self._reading = Reading(self._emitter.events)
        routes = {
            **parts.routes(),
            "usage_update": (self._count_usage, conversation.emit),
            "connection_change": (conversation.emit, self._on_connection_change),
        }
        self._listening = [self.transport.on(name, _in_order(handlers)) for name, handlers in routes.items()]
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
        self.usage = usage.add(self.usage, event)


def _in_order(handlers: Sequence[Handler]) -> Handler:
    """Give one listener that calls ``handlers`` in turn: audio passes here, and a listener more for each piece is felt."""
    if len(handlers) == 1:
        return handlers[0]

    def hear(event: e.Event) -> None:
        for handler in handlers:
            handler(event)

    return hear
