"""When the assistant's speech begins and ends, for those who only want to know that."""

from __future__ import annotations

from attrs import define, field

from offhook.events import Event
from offhook.session.agents import Agents
from offhook.session.conversation import Conversation
from offhook.session.events import AudioStart, AudioStopped


@define(eq=False)
class Speech:
    """Tells ``audio_start`` and ``audio_stopped``: of what is received, or, at the pace of speech, of what is heard."""

    conversation: Conversation
    agents: Agents
    _speaking: bool = field(init=False, default=False)
    #: At the pace of speech, audio of an item still comes after the service has said its last word on it.
    _paced: bool = field(init=False)

    def __attrs_post_init__(self) -> None:
        flags = self.conversation.transport.capabilities
        self._paced = flags.output_pacing == "realtime" and "output" in flags.speech_events

    # Events.

    def audio(self, _: Event) -> None:
        """A piece of speech is about to be told."""
        if not (self._speaking or self._paced):
            self._speaking = True
            self.conversation.emit(AudioStart(agent=self.agents.current.agent))

    def audio_done(self, _: Event) -> None:
        """All audio of an item was received."""
        self._speaking = False
        if not self._paced:
            self.conversation.emit(AudioStopped(agent=self.agents.current.agent))

    def begin(self, _: Event) -> None:
        """A turn began, or was interrupted: the next audio is the first."""
        self._speaking = False

    def output_speech_started(self, _: Event) -> None:
        """The assistant became audible."""
        if self._paced:
            self.conversation.emit(AudioStart(agent=self.agents.current.agent))

    def output_speech_stopped(self, _: Event) -> None:
        """The assistant fell silent."""
        if self._paced:
            self.conversation.emit(AudioStopped(agent=self.agents.current.agent))
