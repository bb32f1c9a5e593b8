"""When the user may cut the assistant short by speaking.

By default the service decides (``turn_detection.interrupt_response``). Where it is to wait, or not to listen, that is
switched off in the config and decided here; where the config cannot be changed, what the user says meanwhile is not sent.
``interrupt()`` of the application is never held up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal, TypeAlias

from attrs import define, evolve, field, frozen

from offhook.capabilities import Capabilities
from offhook.config import AudioConfig, AudioInput, SessionConfig, TurnDetection
from offhook.errors import ConfigError, NotConnected, Unsupported
from offhook.events import Event
from offhook.session.conversation import Conversation
from offhook.session.floor import Floor
from offhook.session.playout import Playout

_DETECTION: Final = "audio.input.turn_detection"


@frozen
class MinSpeech:
    """Speech interrupts once the user has spoken for ``ms``. Raises ``ConfigError`` unless that is above 0.

    The service tells the end of speech only after a pause of its own: take a "mm-hm" and that pause together.
    """

    ms: int

    def __attrs_post_init__(self) -> None:
        if not self.ms > 0:
            raise ConfigError(f'MinSpeech(ms={self.ms}) is no time to speak. Give a number above 0, or "on".')


Interruptions: TypeAlias = Literal["on", "off"] | MinSpeech


def told_of(interruptions: Interruptions, config: SessionConfig) -> SessionConfig:
    """Have the service leave the decision to us, unless it is its own. Raises ``ConfigError`` for what is no policy."""
    _check(interruptions)
    if interruptions == "on":
        return config
    detection = config.audio.input.turn_detection
    if not isinstance(detection, TurnDetection):
        return config  # the application ends the turns, and speech alone interrupts nothing
    return with_detection(config, evolve(detection, interrupt_response=False))


def require(interruptions: Interruptions, flags: Capabilities) -> None:
    """Raise ``Unsupported`` where the transport cannot keep to it."""
    if interruptions == "on" or _DETECTION in flags.mutable_config:
        if isinstance(interruptions, MinSpeech) and (flags.cancel == "none" or "input" not in flags.speech_events):
            flag = "cancel=none" if flags.cancel == "none" else "speech_events"
            raise Unsupported("interruptions=MinSpeech", flag, 'Choose "on", and let the service decide.')
        return
    if interruptions != "off" or flags.handles_audio:
        raise Unsupported(
            f"interruptions={interruptions!r}", "mutable_config", 'Choose "on", and let the service decide.'
        )


@define(eq=False)
class Interrupting:
    """Decides, where that is not the service's, and shields what is not to be interrupted."""

    conversation: Conversation
    floor: Floor
    playout: Playout
    policy: Interruptions
    detection: TurnDetection | None
    _shields: int = field(init=False, default=0)
    _waiting: asyncio.Task[None] | None = field(init=False, default=None)

    @property
    def allowed(self) -> bool:
        """Whether the user may interrupt now."""
        return self.policy != "off" and not self._shields

    @property
    def assistant_speaks(self) -> bool:
        """Whether the assistant has a turn, or is still to be heard."""
        return self.floor.assistant_busy or self.playout.speaking

    @property
    def deaf(self) -> bool:
        """Whether what the user says is not to be sent: where the service would take it for an interruption."""
        if self._shields:
            return not self._by_config
        return self.policy == "off" and not self._by_config and self.assistant_speaks

    async def shield(self, until: Callable[[], Awaitable[object]]) -> None:
        """Let nothing interrupt until ``until()`` is over and the assistant has fallen silent.

        Raises ``Unsupported`` where that cannot be had; then nothing has changed. Whatever else this raises, the service may
        know of it already: the shield is taken down when ``until()`` is over.
        """
        flags = self.conversation.transport.capabilities
        if not self._by_config and flags.handles_audio:
            raise Unsupported("interruptible=False", "mutable_config", "Mute the input while it speaks.")
        self._shields += 1
        self.conversation.tasks.start(self._lift(until), "offhook uninterruptible reply")
        await self._tell_service()

    def shielded(self, config: SessionConfig) -> SessionConfig:
        """Keep the shield up in a config that is about something else, as that of another agent."""
        detection = self._told
        return config if detection is None else with_detection(config, detection)

    def hears(self) -> Mapping[str, Callable[[Any], None]]:
        """Give what is to be heard of the transport, after everyone else."""
        return {"speech_started": self.speech_started, "speech_stopped": self.speech_stopped}

    # Events.

    def speech_started(self, _: Event) -> None:
        """The user speaks; if that goes on, it is an interruption."""
        waits = self._waiting is not None and not self._waiting.done()  # the end of what was said before may be lost
        if isinstance(self.policy, MinSpeech) and not waits:
            self._waiting = self.conversation.tasks.start(self._interrupt_after(self.policy.ms), "offhook min speech")

    def speech_stopped(self, _: Event) -> None:
        """That was not long enough."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    @property
    def _by_config(self) -> bool:
        return _DETECTION in self.conversation.transport.capabilities.mutable_config

    async def _interrupt_after(self, ms: int) -> None:
        await asyncio.sleep(ms / 1000)
        if not (self.allowed and self.assistant_speaks):
            return
        try:
            await self.conversation.transport.interrupt()
        except NotConnected:
            pass  # the connection tells that it is gone
        except Exception as error:  # noqa: BLE001  # whatever it was, the assistant speaks on, and somebody must know
            self.conversation.fail(f"the assistant could not be interrupted: {error}", "not_interrupted", error)

    async def _lift(self, until: Callable[[], Awaitable[object]]) -> None:
        try:
            await until()
            await self.playout.silence()
        finally:
            self._shields -= 1
        try:
            await self._tell_service()
        except NotConnected:
            pass  # the connection tells that it is gone
        except Exception as error:  # noqa: BLE001  # whatever it was, speech does not interrupt any more, and somebody must know
            self.conversation.fail(f"interruptions could not be allowed again: {error}", "not_interrupted", error)

    @property
    def _told(self) -> TurnDetection | None:
        """What the service is to know now; ``None`` where it does not decide, or cannot be told."""
        if self.policy != "on" or self.detection is None or not self._by_config:
            return None
        return evolve(self.detection, interrupt_response=False) if self._shields else self.detection

    async def _tell_service(self) -> None:
        """Say whether speech interrupts; what the service knows is not said again."""
        if (detection := self._told) is not None:
            await self.conversation.transport.update_session_config(with_detection(SessionConfig(), detection))


def _check(interruptions: object) -> None:
    if interruptions not in ("on", "off") and not isinstance(interruptions, MinSpeech):
        raise ConfigError(f'interruptions are "on", "off" or MinSpeech(ms=…), and not {interruptions!r}.')


def with_detection(config: SessionConfig, detection: TurnDetection | None) -> SessionConfig:
    """Lay a turn detection over ``config``."""
    return SessionConfig(audio=AudioConfig(input=AudioInput(turn_detection=detection))).over(config)
