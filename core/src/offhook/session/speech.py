"""The assistant's speech: when it begins and ends, and that nothing of it is heard once it was interrupted."""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field

from offhook.events import AudioDone, AudioEvent, AudioInterrupted, Event
from offhook.session.agents import Agents
from offhook.session.conversation import Conversation
from offhook.session.events import AudioStart, AudioStopped


@define(eq=False)
class Speech:
    """Tells audio, and ``audio_start`` and ``audio_stopped``: of what is received, or, at its own pace, of what is heard."""

    conversation: Conversation
    agents: Agents
    #: Counts what is still to be heard.
    count: Callable[[AudioEvent], None] = field(init=False, default=lambda _: None)
    _speaking: bool = field(init=False, default=False)
    #: The newest epoch that was interrupted: what is still on its way of it is not told any more (P5).
    _silenced: int = field(init=False, default=-1)
    #: At the pace of speech, audio of an item still comes after the service has said its last word on it.
    _paced: bool = field(init=False)

    def __attrs_post_init__(self) -> None:
        flags = self.conversation.transport.capabilities
        self._paced = flags.output_pacing == "realtime" and "output" in flags.speech_events

    # Events.

    def audio(self, event: AudioEvent) -> None:
        """A piece of speech."""
        if event.epoch <= self._silenced:
            return
        self.count(event)
        if not (self._speaking or self._paced):
            self._speaking = True
            self.conversation.emit(AudioStart(agent=self.agents.of_turn(event.turn_id).agent))
        self.conversation.emit(event)

    def audio_done(self, event: AudioDone) -> None:
        """All audio of an item was received."""
        self._speaking = False
        if not self._paced:
            self.conversation.emit(AudioStopped(agent=self.agents.of_turn(event.turn_id).agent))

    def turn_started(self, _: Event) -> None:
        """The next audio is the first of a turn."""
        self._speaking = False

    def audio_interrupted(self, event: AudioInterrupted) -> None:
        """The next audio that is told is the first again."""
        self._speaking = False
        self._silenced = event.epoch

    def output_speech_started(self, _: Event) -> None:
        """The assistant became audible."""
        if self._paced:
            self.conversation.emit(AudioStart(agent=self.agents.current.agent))

    def output_speech_stopped(self, _: Event) -> None:
        """The assistant fell silent."""
        if self._paced:
            self.conversation.emit(AudioStopped(agent=self.agents.current.agent))
