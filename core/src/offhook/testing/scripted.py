"""A transport that follows a script: for tests of whatever talks to a transport, without a service and its wire."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from attrs import evolve

from offhook.capabilities import Capabilities
from offhook.config import SessionConfig
from offhook.errors import AlreadyConnected, ConnectCancelled, ImmutableConfig
from offhook.events import ConnectionChange, ErrorEvent, Event, FunctionCall, SessionReady
from offhook.hookspecs import ConnectOptions, Delivery
from offhook.items import ConversationItem, InputImage, McpApprovalRequestItem, MessageItem
from offhook.realtime.capabilities import REALTIME_CAPABILITIES
from offhook.testing.script import Command, Effect, IncompleteScript, Lose, Script, Step, lost
from offhook.transport import TransportBase
from offhook.wire import config as wire_config

#: Commands that nobody needs to expect: every conversation has them, and a loudspeaker reports at its own pace.
_ALWAYS_ALLOWED: Final = frozenset({"connect", "close", "played"})


class ScriptedTransport(TransportBase):
    """A transport of the contract that expects commands, and emits events.

    ::

        transport = ScriptedTransport([
            expect("send_message", message="Hello", emit=[TurnStarted(turn_id="1"), …]),
            expect("request_response"),
        ])

    ``capabilities`` are whatever is to be tested (by default those of the Realtime API); what they refuse is refused.
    ``allow`` names commands that may come at any time, any number of times; ``strict=False`` allows all. ``ready`` is what
    it tells when it is connected. Events of the script come one after the other once the command that caused them has
    returned, as they would from a wire.

    A command that is not in the script raises ``UnexpectedCommand`` where it was called. Whoever called it may have made
    something else of that, so ``assert_complete`` raises it again.
    """

    def __init__(
        self,
        steps: Iterable[Step] = (),
        *,
        capabilities: Capabilities = REALTIME_CAPABILITIES,
        allow: Iterable[str] = (),
        strict: bool = True,
        ready: SessionReady | None = None,
        name: str = "scripted",
    ) -> None:
        super().__init__(name, capabilities)
        self._script = Script(steps, strict, _ALWAYS_ALLOWED.union(allow))
        self._ready = ready or _facts(capabilities)
        self._commands: list[Command] = []
        self._news = asyncio.Event()
        self._effects: deque[Effect] = deque()
        self._scheduled = False
        self._muted = False
        self._told: Mapping[str, Any] = {}

    @property
    def muted(self) -> bool | None:
        """Whether the input is muted; ``None`` where the flags say that there is no muting."""
        return None if self.capabilities.mute == "none" else self._muted

    # What a test does with it.

    @property
    def commands(self) -> tuple[Command, ...]:
        """All commands so far, in order, without secrets; those that were refused by a flag are not among them."""
        return tuple(self._commands)

    async def received(self, name: str, count: int = 1, *, timeout_s: float = 5.0) -> Command:
        """Wait for the ``count``-th command of that name, and give it.

        Raises ``UnexpectedCommand`` once there is one, and ``IncompleteScript`` after ``timeout_s`` on the loop's clock.
        """
        await self._until(lambda: len(self._named(name)) >= count, f"{name} to come {count} times", timeout_s)
        return self._named(name)[count - 1]

    async def completed(self, *, timeout_s: float = 5.0) -> None:
        """Wait until the script is over. Raises as ``received`` does."""
        await self._until(lambda: self._script.done and not self._effects, "the script to be over", timeout_s)

    def assert_complete(self) -> None:
        """Raise the first ``UnexpectedCommand`` there was, or ``IncompleteScript`` where steps are left."""
        self._raise_failure()
        if not self._script.done:
            raise IncompleteScript(f"the script waits for {self._script.next_up()}. {self._so_far()}")

    def emit(self, *events: Event) -> None:
        """Emit events now, after those of the script that are due. Raises ``NotConnected``."""
        self._require_connected("emit()")
        self._effects += events
        self._deliver_all()

    def lose(self, *, reason: str = "lost", code: int | None = 1006, recoverable: bool = True) -> None:
        """Lose the connection now, after the events that are due. Raises ``NotConnected``."""
        self._require_connected("lose()")
        self._effects.append(Lose(lost(reason, code=code, recoverable=recoverable)))
        self._deliver_all()

    # The connection.

    async def connect(self, options: ConnectOptions | None = None) -> None:
        """Connect, unless the script lets it fail."""
        if self.status != "disconnected":
            raise AlreadyConnected(f"connect() was called while the transport is {self.status}. Call close() first.")
        options = options or ConnectOptions()
        self._effects.clear()
        self._change(ConnectionChange(status="connecting"))
        await asyncio.sleep(0)  # a connection is never there at once, and can be given up
        self._raise_if_given_up()
        try:
            events = self._take("connect", options=options)
        except BaseException as error:
            self._emit(ErrorEvent(message=str(error), fatal=True, cause=error))
            self._change(ConnectionChange(status="disconnected", reason="error"))
            raise
        self._told = wire_config.to_wire(options.config)
        self._change(ConnectionChange(status="connected"))
        self._emit(self._ready)
        self._schedule([*events, *self._script.go_on()])

    def _raise_if_given_up(self) -> None:
        if self.status != "connecting":
            raise ConnectCancelled("the connection was given up before it was made. Call connect() to try again.")

    async def close(self, *, timeout_s: float = 5.0) -> None:
        """Disconnect; idempotent, and possible at any moment."""
        if self.status == "connecting":
            self._change(ConnectionChange(status="disconnected", reason="requested"))
        if self.status != "connected":
            return
        self._change(ConnectionChange(status="disconnecting", reason="requested"))
        try:
            self._take("close", timeout_s=timeout_s)
        finally:
            self._effects.clear()
            self._change(ConnectionChange(status="disconnected", reason="requested", finalised=True))

    # Commands. What a flag refuses is refused by the base.

    async def send_event(self, event: Mapping[str, Any]) -> str:
        """Take a frame; gives its id, made if there was none."""
        self._command("send_event", event=event)
        return str(event.get("event_id") or f"event_{len(self._named('send_event'))}")

    async def send_message(self, message: str | MessageItem, *, respond: bool = True) -> None:
        """Take a message."""
        self._command("send_message", message=message, respond=respond)

    async def send_audio(self, audio: bytes, *, commit: bool = False) -> None:
        """Take audio (flags ``turn_control`` for ``commit``, ``input_formats`` where ``handles_audio``)."""
        flags = self.capabilities
        if audio and flags.handles_audio and not flags.input_formats:
            self._refuse("send_audio()", "handles_audio=True", "The audio travels outside this transport.")
        if commit and flags.turn_control == "server":
            self._refuse("send_audio(commit=True)", "turn_control=server", "The service finds the end of a turn.")
        self._command("send_audio", audio=audio, commit=commit)

    async def add_image(self, image: InputImage, *, respond: bool = True) -> None:
        """Take an image (flag ``images``)."""
        if not self.capabilities.images:
            await super().add_image(image, respond=respond)
        self._command("add_image", image=image, respond=respond)

    async def clear_audio(self) -> None:
        """Take back audio (flag ``clear_audio``)."""
        if not self.capabilities.clear_audio:
            self._refuse("clear_audio()", "clear_audio=False", "What was sent stays sent.")
        self._command("clear_audio")

    async def request_response(self, response: Mapping[str, Any] | None = None) -> str:
        """Take the wish for a reply (flag ``request_response``); gives its id: ``request_1``, ``request_2`` …"""
        if not self.capabilities.request_response:
            await super().request_response(response)
        self._command("request_response", response=response)
        return f"request_{len(self._named('request_response'))}"

    async def update_session_config(self, config: SessionConfig) -> None:
        """Take a change of the config. Raises ``ImmutableConfig`` for what differs and is not in ``mutable_config``."""
        self._require_connected("update_session_config()")
        wire = wire_config.to_wire(evolve(config, provider={}))
        fixed = wire_config.names(wire_config.difference(self._told, wire)) - self.capabilities.mutable_config
        if fixed:
            raise ImmutableConfig(fixed, "Leave it unset, or connect again with the new value.")
        self._command("update_session_config", config=config)
        self._told = wire_config.merge(self._told, wire)

    async def send_function_call_output(
        self,
        call: FunctionCall,
        output: str,
        start_response: bool = True,
        *,
        delivery: Delivery | None = None,
        final: bool = True,
    ) -> None:
        """Take a call's output (flag ``deliveries``)."""
        if delivery is not None and delivery not in self.capabilities.deliveries:
            offered = ", ".join(sorted(self.capabilities.deliveries)) or "none"
            self._refuse(f"delivery={delivery!r}", "deliveries", f"Use one of: {offered}.")
        self._command(
            "send_function_call_output",
            call=call,
            output=output,
            start_response=start_response,
            delivery=delivery,
            final=final,
        )

    async def interrupt(self, *, heard_ms: int | None = None) -> None:
        """Take an interruption (flag ``cancel``); what follows from it is for the script to say."""
        if self.capabilities.cancel == "none":
            self._refuse("interrupt()", "cancel=none", "Let it speak to the end, or close the connection.")
        self._command("interrupt", heard_ms=heard_ms)

    async def mute(self, muted: bool) -> None:
        """Mute or unmute (flag ``mute``)."""
        if self.capabilities.mute == "none":
            await super().mute(muted)
        self._command("mute", muted=muted)
        self._muted = muted

    async def reset_history(self, old: Sequence[ConversationItem], new: Sequence[ConversationItem]) -> None:
        """Take an edit of the history (flag ``history``)."""
        if self.capabilities.history != "mutable":
            await super().reset_history(old, new)
        self._command("reset_history", old=tuple(old), new=tuple(new))

    async def send_mcp_response(
        self, request: McpApprovalRequestItem, approved: bool, reason: str | None = None
    ) -> None:
        """Take a decision (flag ``mcp``)."""
        if not self.capabilities.mcp:
            await super().send_mcp_response(request, approved, reason)
        self._command("send_mcp_response", request=request, approved=approved, reason=reason)

    async def send_context(
        self, text: str, *, mode: Literal["silent", "speakable", "instruction"], work_id: str | None = None
    ) -> None:
        """Take what nobody said (flag ``context_modes``)."""
        if mode not in self.capabilities.context_modes:
            self._refuse(f"send_context(mode={mode!r})", "context_modes", "Send a message instead.")
        self._command("send_context", text=text, mode=mode, work_id=work_id)

    def played(self, ms: float) -> None:
        """Take a report of the loudspeaker (flag ``truncate``)."""
        if self.capabilities.truncate != "client":
            self._refuse("played()", f"truncate={self.capabilities.truncate}", "Nobody needs to be told.")
        self._command("played", ms=ms)

    async def finish_work(self, work_id: str, *, status: str = "completed") -> None:
        """Take the end of handed-off work (flag ``delegation``)."""
        if not self.capabilities.delegation:
            self._refuse("finish_work()", "delegation=False", "There is no work to finish.")
        self._command("finish_work", work_id=work_id, status=status)

    # The script.

    def _command(self, name: str, **arguments: Any) -> None:
        self._require_connected(f"{name}()")
        events = self._take(name, **arguments)
        self._schedule([*events, *self._script.go_on()])

    def _take(self, name: str, **arguments: Any) -> tuple[Event, ...]:
        command = Command.of(name, arguments)
        self._commands.append(command)
        self._news.set()
        expected = self._script.take(command)
        if expected is None:
            return ()
        if expected.error is not None:
            self._schedule(self._script.go_on())
            raise expected.error
        return expected.events

    def _schedule(self, effects: Iterable[Effect]) -> None:
        self._effects += effects
        self._soon()

    def _soon(self) -> None:
        # One at a time, so that others get their turn between two of them.
        if self._effects and not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._scheduled = False
        self._deliver()
        self._soon()

    def _deliver_all(self) -> None:
        while self._effects:
            self._deliver()

    def _deliver(self) -> None:
        if not self._effects:  # somebody emitted by hand meanwhile, or disconnected
            return
        effect = self._effects.popleft()
        if isinstance(effect, Lose):
            self._effects.clear()
            self._lose(effect.change)
        else:
            self._emit(effect)
        self._news.set()

    def _lose(self, change: ConnectionChange) -> None:
        if change.reason in {"lost", "error"}:
            self._emit(ErrorEvent(message=f"the connection was lost (close code {change.code}).", fatal=True))
        self._change(change)

    def _named(self, name: str) -> list[Command]:
        return [command for command in self._commands if command.name == name]

    async def _until(self, condition: Callable[[], bool], what: str, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                while not condition():
                    self._raise_failure()
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise IncompleteScript(f"waited {timeout_s:g} s for {what}. {self._so_far()}") from None
        self._raise_failure()

    def _raise_failure(self) -> None:
        for failure in self._script.failures:
            raise failure

    def _so_far(self) -> str:
        return f"Until now came: {', '.join(map(str, self._commands)) or 'nothing'}."


def _facts(flags: Capabilities) -> SessionReady:
    return SessionReady(
        session_id="scripted",
        input_format=next(iter(flags.input_formats), None),
        output_format=next(iter(flags.output_formats), None),
    )
