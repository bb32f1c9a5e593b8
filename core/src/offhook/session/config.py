"""What the model is told at the start: by a session when it connects, and by a call that is accepted before."""

from __future__ import annotations

from typing import Final

from offhook.agent import RealtimeAgent
from offhook.config import UNSET, AudioConfig, AudioInput, AudioOutput, SessionConfig, Transcription, TurnDetection
from offhook.settings import Settings

#: What a conversation wants unless told otherwise: turns found by meaning, and the user's words written down.
DEFAULT_CONFIG: Final = SessionConfig(
    audio=AudioConfig(input=AudioInput(transcription=Transcription(), turn_detection=TurnDetection()))
)


def initial_config(
    agent: RealtimeAgent, config: SessionConfig | None = None, settings: Settings | None = None
) -> SessionConfig:
    """Give the config that a session of ``agent`` starts with.

    The agent says what its instructions and tools are, and its voice unless one was chosen; tools of ``config`` (those
    that the service runs itself) stand beside the agent's. Everything else is from ``config``, which beats
    ``settings.session``, which beats ``DEFAULT_CONFIG``.
    """
    base = settings.session.over(DEFAULT_CONFIG) if settings else DEFAULT_CONFIG
    base = config.over(base) if config else base
    chosen = base.audio.output.voice
    voice = AudioOutput(voice=agent.voice) if agent.voice is not None and not isinstance(chosen, str) else AudioOutput()
    beside = base.tools if isinstance(base.tools, tuple) else ()
    return SessionConfig(
        instructions=agent.instructions or UNSET,
        tools=(*(tool.to_wire() for tool in agent.tools), *beside),
        audio=AudioConfig(output=voice),
    ).over(base)
