"""THE CONTRACT between core and transports, as pluggy hook specifications.

* ``TransportPlugin``: what a distribution's entry point gives: its options class, and a transport made from them.
* ``RealtimeTransportLayer``: what a transport can be told. Commands are awaited on the transport object itself, never
  through ``hook``: pluggy neither awaits nor passes keyword-only arguments. The specification is the signature, and
  registration compares every method with it.
* ``RealtimeTransportEventTypes``: what a transport tells. Listeners are objects with ``@hookimpl`` methods of these names.

Rules of evolution: hooks take one frozen value whose new fields have defaults; required methods are frozen; new commands
are optional and called only behind a capability flag; only a change of the *major* version refuses a plugin.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Literal, Protocol, TypeAlias

import pluggy
from attrs import field, frozen

from offhook import events as e
from offhook.capabilities import Capabilities
from offhook.config import SessionConfig
from offhook.items import ConversationItem, InputImage, McpApprovalRequestItem, MessageItem

#: (major, minor) of this contract. A plugin states the one it was written for as ``SPEC_VERSION``.
SPEC_VERSION: Final = (1, 0)

#: Marks a method of a specification.
hookspec: Final = pluggy.HookspecMarker("offhook")
#: Marks what implements a hook: of a plugin, and of an object that listens.
hookimpl: Final = pluggy.HookimplMarker("offhook")

#: A key, or a function that fetches one: it is asked at every connect and its answer is kept no longer.
ApiKey: TypeAlias = str | Callable[[], str | Awaitable[str]]
Delivery: TypeAlias = Literal["speak", "when_idle", "silent", "interrupt"]
Listener: TypeAlias = Callable[[Any], object]


@frozen(kw_only=True)
class ConnectOptions:
    """What ``connect()`` may be told; every field beats the transport's own options for this connection."""

    api_key: ApiKey | None = field(default=None, repr=False)
    url: str | None = field(default=None, repr=False)  # some services take a key in the query
    model: str | None = None
    #: Attach to an existing call (SIP, or the sideband of a WebRTC call).
    call_id: str | None = None
    config: SessionConfig = SessionConfig()
    initial_history: Sequence[ConversationItem] = ()
    resume: e.ResumeHandle | None = field(default=None, repr=False)


class TransportPlugin:
    """What the module behind an entry point of group ``offhook.transports`` implements, both synchronously."""

    @hookspec(firstresult=True)
    def transport_options(self) -> type[Any] | None:  # pyright: ignore[reportReturnType]
        """Give the attrs class that validates the ``[transports.<name>]`` table."""

    @hookspec(firstresult=True)
    def make_transport(self, options: Any) -> RealtimeTransportLayer | None:
        """Make a transport, disconnected, from an instance of the options class. Must not connect or block."""


class RealtimeTransportLayer(Protocol):
    """What a transport can be told.

    Every command raises ``NotConnected`` without a connection and ``Unsupported``, before anything is sent, where a flag
    of ``capabilities`` says so. ``offhook.transport.TransportBase`` implements the life cycle and the subscriptions.
    """

    @property
    def name(self) -> str:
        """The entry point's name."""
        ...

    @property
    def status(self) -> e.Status:
        """``disconnected → connecting → connected → disconnecting → disconnected``."""
        ...

    @property
    def muted(self) -> bool | None:
        """Whether the input is muted; ``None`` where the transport does no muting."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """The flags; they may narrow until ``session_ready``."""
        ...

    @hookspec
    async def connect(self, options: ConnectOptions | None = None) -> None:
        """Connect, and return when the service has accepted the config (P1).

        Raises ``AlreadyConnected`` unless disconnected, ``AuthenticationError``, ``ConfigRejected``, ``ConnectCancelled``
        after ``close()``, and ``ConnectError`` otherwise. After an error the transport can be connected again.
        """

    @hookspec
    async def close(self, *, timeout_s: float = 5.0) -> None:
        """Finalise and disconnect, waking every waiter; idempotent, and possible at any moment (P2)."""

    @hookspec
    async def send_event(self, event: Mapping[str, Any]) -> str:
        """Send a frame of the vendor's own protocol as it is.

        Gives the event's id, made if there was none; one of your own where the wire has none.
        """
        ...

    @hookspec
    async def send_message(self, message: str | MessageItem, *, respond: bool = True) -> None:
        """Add a message to the conversation and, with ``respond``, ask for a reply to it."""

    @hookspec
    async def send_audio(self, audio: bytes, *, commit: bool = False) -> None:
        """Send audio in ``session_ready.input_format``; ``commit`` ends the turn (flag ``turn_control``)."""

    @hookspec
    async def add_image(self, image: InputImage, *, respond: bool = True) -> None:
        """Show the model an image (flag ``images``)."""

    @hookspec
    async def request_response(self, response: Mapping[str, Any] | None = None) -> str:
        """Ask for a reply (flag ``request_response``). Wishes without a body coalesce; none is ever lost (P8).

        Gives the wish's id. With flag ``request_ids``, ``turn_started`` repeats that of a wish with a body (``{}`` is one)
        in the turn that answers it, however often it had to be asked for, and ``error`` repeats it where it is refused.
        """
        ...

    @hookspec
    async def update_session_config(self, config: SessionConfig) -> None:
        """Change what is set in ``config`` and differs, all or nothing. Raises ``ImmutableConfig``."""

    @hookspec
    async def send_function_call_output(
        self,
        call: e.FunctionCall,
        output: str,
        start_response: bool = True,
        *,
        delivery: Delivery | None = None,
        final: bool = True,
    ) -> None:
        """Answer a call. ``start_response`` is a wish: the transport knows when a reply may be asked for."""

    @hookspec
    async def interrupt(self, *, heard_ms: int | None = None) -> None:
        """Silence the assistant (flag ``cancel``). Calls and handed-off work go on."""

    @hookspec
    async def mute(self, muted: bool) -> None:
        """Mute or unmute the input (flag ``mute``)."""

    @hookspec
    async def reset_history(self, old: Sequence[ConversationItem], new: Sequence[ConversationItem]) -> None:
        """Edit the conversation from ``old`` to ``new`` (flag ``history``); the echoes come as events."""

    @hookspec
    async def send_mcp_response(
        self, request: McpApprovalRequestItem, approved: bool, reason: str | None = None
    ) -> None:
        """Decide a hosted MCP call (flag ``mcp``)."""

    def on(self, name: str, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` with every event of ``name`` (``"*"``: raw events). Gives a function that ends it."""
        ...

    def register(self, listener: object) -> None:
        """Register an object with ``@hookimpl`` methods. Raises ``ContractError`` where it does not fit."""
        ...

    def unregister(self, listener: object) -> None:
        """Undo ``register``."""
        ...

    def events(self, *names: str) -> AsyncIterator[e.Event]:
        """Iterate over events (of these names, or all) until the connection ends."""
        ...


class OptionalCommands(Protocol):
    """Commands that exist only behind a flag; the session never calls them otherwise."""

    async def send_context(
        self, text: str, *, mode: Literal["silent", "speakable", "instruction"], work_id: str | None = None
    ) -> None:
        """Tell the model something that nobody said (flag ``context_modes``)."""

    def played(self, ms: float) -> None:
        """Report that ``ms`` more of the audio was played, in the order it was given (flag ``truncate=client``)."""

    async def clear_audio(self) -> None:
        """Take back audio that was sent and belongs to no turn yet (flag ``clear_audio``)."""

    async def finish_work(self, work_id: str, *, status: str = "completed") -> None:
        """End handed-off work (flag ``delegation``)."""


class RealtimeTransportEventTypes:
    """What a transport tells. Each hook takes one ``event``; sync listeners run inline, in order, each on its own."""

    @hookspec
    def raw_event(self, event: e.RawEvent) -> None:
        """A frame as received; first for every frame (P3). ``"*"`` for ``.on``."""

    @hookspec
    def error(self, event: e.ErrorEvent) -> None:
        """Something went wrong; the conversation goes on unless ``fatal``."""

    @hookspec
    def connection_change(self, event: e.ConnectionChange) -> None:
        """The status changed."""

    @hookspec
    def session_ready(self, event: e.SessionReady) -> None:
        """The session's facts, once per connection."""

    @hookspec
    def session_updated(self, event: e.SessionUpdated) -> None:
        """The service took a config update."""

    @hookspec
    def session_expiring(self, event: e.SessionExpiring) -> None:
        """The session will end soon."""

    @hookspec
    def resumption_update(self, event: e.ResumptionUpdate) -> None:
        """The newest handle to resume with."""

    @hookspec
    def speech_started(self, event: e.SpeechStarted) -> None:
        """The user began to speak."""

    @hookspec
    def speech_stopped(self, event: e.SpeechStopped) -> None:
        """The user stopped speaking."""

    @hookspec
    def output_speech_started(self, event: e.OutputSpeechStarted) -> None:
        """The assistant became audible."""

    @hookspec
    def output_speech_stopped(self, event: e.OutputSpeechStopped) -> None:
        """The assistant fell silent."""

    @hookspec
    def audio(self, event: e.AudioEvent) -> None:
        """A piece of the assistant's speech."""

    @hookspec
    def audio_done(self, event: e.AudioDone) -> None:
        """No more audio of this item will come."""

    @hookspec
    def audio_interrupted(self, event: e.AudioInterrupted) -> None:
        """Flush what is buffered (P5)."""

    @hookspec
    def audio_transcript_delta(self, event: e.AudioTranscriptDelta) -> None:
        """What the assistant says, in words."""

    @hookspec
    def input_transcript_delta(self, event: e.InputTranscriptDelta) -> None:
        """What the user said, in words."""

    @hookspec
    def output_text_delta(self, event: e.OutputTextDelta) -> None:
        """A piece of a written answer."""

    @hookspec
    def turn_started(self, event: e.TurnStarted) -> None:
        """The assistant's turn began (flag ``turn_model``)."""

    @hookspec
    def turn_done(self, event: e.TurnDone) -> None:
        """The assistant's turn ended."""

    @hookspec
    def function_call(self, event: e.FunctionCall) -> None:
        """The model calls a function."""

    @hookspec
    def function_call_cancelled(self, event: e.FunctionCallCancelled) -> None:
        """Calls were withdrawn."""

    @hookspec
    def work_started(self, event: e.WorkStarted) -> None:
        """Work was handed off."""

    @hookspec
    def work_done(self, event: e.WorkDone) -> None:
        """Handed-off work ended."""

    @hookspec
    def item_update(self, event: e.ItemUpdate) -> None:
        """An item appeared or changed."""

    @hookspec
    def item_deleted(self, event: e.ItemDeleted) -> None:
        """An item left the conversation."""

    @hookspec
    def usage_update(self, event: e.UsageUpdate) -> None:
        """Tokens or seconds were used."""

    @hookspec
    def mcp_tool_call_completed(self, event: e.McpToolCallCompleted) -> None:
        """A hosted MCP call ended."""

    @hookspec
    def mcp_approval_request(self, event: e.McpApprovalRequest) -> None:
        """A hosted MCP call waits for a decision."""

    @hookspec
    def mcp_tools_listed(self, event: e.McpToolsListed) -> None:
        """A hosted MCP server told its tools."""

    @hookspec
    def dtmf(self, event: e.Dtmf) -> None:
        """A key of the telephone keypad."""


def event_names(specs: type) -> frozenset[str]:
    """Give the names of the events that a class of hook specifications declares."""
    return frozenset(name for name in dir(specs) if not name.startswith("_"))
