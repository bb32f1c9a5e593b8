"""Whose word ends the user's turn: the service's, or, for push to talk, the application's.

With turns of the application's own, what is said outside one is not sent, but for its last moments: people begin to speak
before the key is down.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, TypeAlias

from attrs import define, field

from offhook.audio.formats import PCM16_24K, AudioFormat
from offhook.capabilities import Capabilities
from offhook.config import SessionConfig
from offhook.errors import ConfigError, NotConnected, TurnError, Unsupported
from offhook.events import Event, SessionReady, SpeechStarted, SpeechStopped
from offhook.session.conversation import Conversation
from offhook.session.input_gate import InputGate
from offhook.session.interruptions import Interrupting, with_detection
from offhook.session.timing import Timing

TurnMode: TypeAlias = Literal["auto", "manual"]
#: The service takes no turn that is shorter (``input_audio_buffer.commit`` of the Realtime API).
_SHORTEST_MS: Final = 100


def told_of(turns: TurnMode, config: SessionConfig) -> SessionConfig:
    """Have the service look for no turns, where the application tells them. Raises ``ConfigError`` for what is neither."""
    if turns not in ("auto", "manual"):
        raise ConfigError(f'turns are "auto" or "manual", and not {turns!r}.')
    return with_detection(config, None) if turns == "manual" else config


def require(turns: TurnMode, flags: Capabilities) -> None:
    """Raise ``Unsupported`` where the application cannot tell turns."""
    if turns == "auto":
        return
    if flags.turn_control == "server":
        raise Unsupported('turns="manual"', "turn_control=server", 'Use turns="auto": the service finds the turns.')
    if _elsewhere(flags) and not (flags.mute == "local" and flags.clear_audio):
        raise Unsupported('turns="manual"', "handles_audio=True", "Use a transport that audio is given to.")


def _elsewhere(flags: Capabilities) -> bool:
    """Whether the transport records by itself."""
    return flags.handles_audio and not flags.input_formats


@define(eq=False)
class Turns:
    """What the user says, on its way to the service."""

    conversation: Conversation
    interrupting: Interrupting
    timing: Timing
    mode: TurnMode
    pre_roll_ms: int
    #: Checks the user's words, and then asks for the reply.
    gate: InputGate | None = None
    format: AudioFormat = field(init=False, default=PCM16_24K)
    #: When the turn began and how much of it was sent, in bytes; ``None`` outside one.
    _began: float | None = field(init=False, default=None)
    _sent: int = field(init=False, default=0)
    _kept: bytearray = field(init=False, factory=bytearray)
    #: Has the rest of the session hear when the user speaks; where the application tells turns, nobody else says so.
    tell: Callable[[Event], None] = field(init=False, default=lambda _: None)

    async def send_audio(self, audio: bytes, *, commit: bool) -> None:
        """Send audio, keep it for the turn that may begin, or leave it out where it would interrupt."""
        transport = self.conversation.transport
        if transport.status != "connected":
            raise NotConnected("send_audio()", transport.status)
        if self.mode == "manual":
            if commit:
                raise TurnError("send_audio(commit=True) would end a turn, and turns are manual. Call end_turn().")
            if self._began is None:
                self._keep(audio)
                return
        if (
            self.mode == "auto" and self.interrupting.deaf
        ):  # turns of the application's own interrupt nothing by themselves
            audio = b""
        if audio or commit:
            self._sent += len(audio)
            await transport.send_audio(audio, commit=commit)

    async def begin(self) -> None:
        """Begin a turn with what was said in the last moments; an assistant that speaks is interrupted."""
        self._require_manual("begin_turn()")
        if self._began is not None:
            raise TurnError("a turn has begun already. end_turn() or cancel_turn() it before the next.")
        self._began, self._sent = asyncio.get_running_loop().time(), 0
        kept, self._kept = bytes(self._kept), bytearray()
        try:
            await self._open(kept)
            self.tell(SpeechStarted(derived=True))
            if self.interrupting.assistant_speaks and self.interrupting.allowed and self._flags.cancel != "none":
                await self.conversation.transport.interrupt()
        except BaseException:
            self._began = None
            self._fall_silent()
            raise

    async def end(self, *, respond: bool) -> None:
        """End the turn and, with ``respond``, ask for a reply to it."""
        length_ms = self._length_ms(self._require_begun("end_turn()"))
        if length_ms < _SHORTEST_MS:
            raise TurnError(
                f"the turn has {length_ms:.0f} ms of audio, and the service takes none under {_SHORTEST_MS} ms. Send more, "
                "or cancel_turn()."
            )
        try:
            await self._close()
            if self.gate:
                self.gate.turn_ended(wanted=respond)
            await self.conversation.transport.send_audio(b"", commit=True)
        finally:
            self._fall_silent()
        if respond and self.gate is None and self._flags.request_response:
            await self.conversation.transport.request_response()

    async def cancel(self) -> None:
        """Take the turn back: nobody has heard it."""
        self._require_begun("cancel_turn()")
        if not self._flags.clear_audio:
            raise Unsupported("cancel_turn()", "clear_audio=False", "end_turn(respond=False) leaves it unanswered.")
        try:
            await self._close()
            await self.conversation.transport.clear_audio()  # type: ignore[attr-defined]  # the flag says that it is there
        finally:
            self._fall_silent()
            self.timing.forget_speech()
        if self.gate:
            self.gate.turn_cancelled()

    def hears(self) -> Mapping[str, Callable[[Any], None]]:
        """Give what is to be heard of the transport, after everyone else."""
        return {"session_ready": self.session_ready}

    # Events.

    def session_ready(self, event: SessionReady) -> None:
        """What audio looks like is known; what records by itself is silent until a turn begins."""
        self.format = event.input_format or PCM16_24K
        if self.mode == "manual" and _elsewhere(self._flags):
            self.conversation.tasks.start(self.conversation.transport.mute(True), "offhook mute between turns")

    @property
    def _flags(self) -> Capabilities:
        return self.conversation.transport.capabilities

    def _keep(self, audio: bytes) -> None:
        self._kept += audio
        surplus = len(self._kept) - self.format.size(self.pre_roll_ms)
        if surplus > 0:
            del self._kept[:surplus]

    def _fall_silent(self) -> None:
        """The user is not speaking any more, whatever became of the turn: nobody may wait for its end."""
        if self.interrupting.floor.user_speaks:
            self.tell(SpeechStopped(derived=True))

    async def _open(self, kept: bytes) -> None:
        transport = self.conversation.transport
        if _elsewhere(self._flags):
            await transport.clear_audio()  # type: ignore[attr-defined]  # checked when it was connected
            await transport.mute(False)
        elif kept:
            await self.send_audio(kept, commit=False)

    async def _close(self) -> None:
        self._began = None
        if _elsewhere(self._flags):
            await self.conversation.transport.mute(True)

    def _length_ms(self, began: float) -> float:
        if _elsewhere(self._flags):  # recorded in real time
            return (asyncio.get_running_loop().time() - began) * 1000
        return self.format.duration_ms(self._sent)

    def _require_manual(self, operation: str) -> None:
        if self.mode != "manual":
            raise TurnError(f'{operation} needs turns of your own. Make the session with turns="manual".')
        status = self.conversation.transport.status
        if status != "connected":
            raise NotConnected(operation, status)

    def _require_begun(self, operation: str) -> float:
        self._require_manual(operation)
        if self._began is None:
            raise TurnError(f"{operation} ends a turn, and none has begun. Call begin_turn() first.")
        return self._began
