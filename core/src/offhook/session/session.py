"""``RealtimeSession``: a conversation of one agent over one transport."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

from offhook import events as e
from offhook.agent import RealtimeAgent
from offhook.config import SessionConfig
from offhook.emitter import Emitter, EventIterator
from offhook.hookspecs import (
    ApiKey,
    ConnectOptions,
    RealtimeTransportEventTypes,
    RealtimeTransportLayer,
    event_names,
)
from offhook.items import ConversationItem, InputImage, MessageItem
from offhook.plugins import make_transport
from offhook.session import usage
from offhook.session.captions import Captions
from offhook.session.config import initial_config
from offhook.session.events import (
    AgentEnd,
    AgentStart,
    AudioStart,
    AudioStopped,
    HistoryAdded,
    HistoryUpdated,
    RealtimeSessionEventTypes,
)
from offhook.session.history import History
from offhook.session.reading import Reading
from offhook.session.tools import ToolRunner
from offhook.settings import Settings, load_settings

_TRANSPORT_EVENTS: Final = sorted(event_names(RealtimeTransportEventTypes) - {"raw_event"})


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
    ) -> None:
        """Make a session, disconnected.

        ``transport`` is a name (default: the one in ``offhook.toml``) or a transport. ``config`` beats the config file's
        ``[session]``, which beats ``DEFAULT_CONFIG``. ``context`` is handed to tools. ``history`` is what was said before.
        Raises ``PluginError`` and ``ConfigError``.
        """
        if transport is None or isinstance(transport, str):
            settings = settings or load_settings()
            transport = make_transport(transport, settings=settings)
        self.transport = transport
        self.agent = agent
        self.context = context
        self.usage = e.Usage()
        self._config = initial_config(agent, config, settings)
        self._options = ConnectOptions(
            api_key=api_key, url=url, model=model, call_id=call_id, config=self._config, initial_history=history
        )
        self._emitter = Emitter(RealtimeSessionEventTypes)
        self._listening: list[Callable[[], None]] = []
        self._carries_raw = False
        self._reading: Reading | None = None
        self._clear()

    # The connection.

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def connect(self) -> None:
        """Connect, and return when the service has accepted the config. Raises what the transport raises."""
        if self.transport.status == "disconnected":
            self._begin()
        try:
            await self.transport.connect(self._options)
        except BaseException:
            if self.transport.status == "disconnected":
                self._stop_listening()
            raise

    async def close(self) -> None:
        """Stop the tools, disconnect, and end every ``async for``. Idempotent, and possible from within a tool."""
        self._tools.abandon("closed")
        # Once our connection is over, the transport may serve another session.
        if self._listening:
            await self.transport.close()
            self._stop_listening()
        await self._tools.wait_stopped()

    @property
    def history(self) -> tuple[ConversationItem, ...]:
        """The conversation so far, in order."""
        return self._history.items

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

    # What happens.

    def _clear(self) -> None:
        """Forget what belongs to one connection."""
        self._history = History()
        self._captions = Captions()
        self._tools = ToolRunner(
            emit=self._emitter.emit,
            transport=self.transport,
            history=lambda: self._history.items,
            context=self.context,
        )
        self._speaking = False
        # At the pace of speech, audio of an item still comes after the service has said its last word on it.
        flags = self.transport.capabilities
        self._paced = flags.output_pacing == "realtime" and "output" in flags.speech_events

    def _begin(self) -> None:
        self._clear()
        self._emitter.begin()
        self._reading = Reading(self._emitter.events)
        # A method named after an event handles it; all others pass through as they are.
        self._listening = [
            self.transport.on(name, getattr(self, f"_on_{name}", self._emitter.emit)) for name in _TRANSPORT_EVENTS
        ]
        self._carry_raw()

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
        self._emitter.emit(event)
        if event.status == "disconnected":
            self._tools.abandon("closed" if event.reason == "requested" else "connection_lost")
            self._stop_listening()

    def _on_turn_started(self, event: e.TurnStarted) -> None:
        self._speaking = False
        self._emitter.emit(event)
        self._emitter.emit(AgentStart(agent=self.agent, turn_id=event.turn_id))
        self._tools.turn_started(event.turn_id)

    def _on_turn_done(self, event: e.TurnDone) -> None:
        self._captions.end_turn(event.turn_id)
        self._emitter.emit(event)
        self._emitter.emit(AgentEnd(agent=self.agent, turn_id=event.turn_id, text=_last_words(event.output)))
        self._tools.turn_done(event.turn_id)

    def _on_audio(self, event: e.AudioEvent) -> None:
        if not (self._speaking or self._paced):
            self._speaking = True
            self._emitter.emit(AudioStart(agent=self.agent))
        self._emitter.emit(event)

    def _on_audio_done(self, event: e.AudioDone) -> None:
        self._speaking = False
        self._emitter.emit(event)
        if not self._paced:
            self._emitter.emit(AudioStopped(agent=self.agent))

    def _on_output_speech_started(self, event: e.OutputSpeechStarted) -> None:
        self._emitter.emit(event)
        if self._paced:
            self._emitter.emit(AudioStart(agent=self.agent))

    def _on_output_speech_stopped(self, event: e.OutputSpeechStopped) -> None:
        self._emitter.emit(event)
        if self._paced:
            self._emitter.emit(AudioStopped(agent=self.agent))

    def _on_audio_interrupted(self, event: e.AudioInterrupted) -> None:
        self._speaking = False
        self._emitter.emit(event)

    def _on_audio_transcript_delta(self, event: e.AudioTranscriptDelta) -> None:
        self._emitter.emit(event)
        self._emitter.emit(self._captions.add(event))

    def _on_input_transcript_delta(self, event: e.InputTranscriptDelta) -> None:
        self._emitter.emit(event)
        caption = self._captions.add(event)
        if event.final and event.item_id and caption.text:
            self._show(event.item_id, new=self._history.heard(event.item_id, caption.text))
        self._emitter.emit(caption)

    def _on_item_update(self, event: e.ItemUpdate) -> None:
        self._emitter.emit(event)
        self._show(event.item.item_id, new=self._history.put(event.item, event.previous_item_id))

    def _on_item_deleted(self, event: e.ItemDeleted) -> None:
        self._emitter.emit(event)
        if self._history.remove(event.item_id):
            self._emitter.emit(HistoryUpdated(item_id=event.item_id, history=lambda: self._history.items))

    def _on_function_call(self, event: e.FunctionCall) -> None:
        self._emitter.emit(event)
        self._tools.start(event, self.agent)

    def _on_function_call_cancelled(self, event: e.FunctionCallCancelled) -> None:
        self._tools.cancel(event.call_ids)
        self._emitter.emit(event)

    def _on_usage_update(self, event: e.UsageUpdate) -> None:
        self.usage = usage.add(self.usage, event)
        self._emitter.emit(event)

    def _show(self, item_id: str, *, new: bool) -> None:
        item = self._history.get(item_id)
        if new and item is not None:
            self._emitter.emit(HistoryAdded(item=item))
        self._emitter.emit(HistoryUpdated(item_id=item_id, history=lambda: self._history.items))


def _last_words(output: Sequence[ConversationItem]) -> str:
    texts = (item.text for item in reversed(output) if isinstance(item, MessageItem))
    return next((text for text in texts if text), "")
