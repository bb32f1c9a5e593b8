"""What the model is told at the start: by a session when it connects, and by a call that is accepted before."""

from __future__ import annotations

from typing import Any, Final

from offhook.agent import RealtimeAgent
from offhook.config import UNSET, AudioConfig, AudioInput, AudioOutput, SessionConfig, Transcription, TurnDetection
from offhook.context import RunContext
from offhook.session.prepare import ReadyAgent, prepare
from offhook.session.servers import Servers
from offhook.settings import Settings

#: What a conversation wants unless told otherwise: turns found by meaning, and the user's words written down.
DEFAULT_CONFIG: Final = SessionConfig(
    audio=AudioConfig(input=AudioInput(transcription=Transcription(), turn_detection=TurnDetection()))
)


def base_config(config: SessionConfig | None = None, settings: Settings | None = None) -> SessionConfig:
    """Give what the session is told whoever speaks: ``config`` beats ``settings.session``, which beats the default."""
    base = settings.session.over(DEFAULT_CONFIG) if settings else DEFAULT_CONFIG
    return config.over(base) if config else base


def agent_config(ready: ReadyAgent, base: SessionConfig) -> SessionConfig:
    """Lay an agent over ``base``.

    The agent says what its instructions, prompt and tools are, and its voice unless one was chosen; tools of ``base`` (those
    that the service runs itself) stand beside the agent's.
    """
    chosen = base.audio.output.voice
    voice = ready.agent.voice if ready.agent.voice is not None and not isinstance(chosen, str) else UNSET
    beside = base.tools if isinstance(base.tools, tuple) else ()
    return SessionConfig(
        instructions=ready.instructions or UNSET,
        prompt=ready.agent.prompt or UNSET,
        tools=(*ready.to_wire(), *beside),
        audio=AudioConfig(output=AudioOutput(voice=voice)),
    ).over(base)


async def initial_config(
    agent: RealtimeAgent, config: SessionConfig | None = None, settings: Settings | None = None, *, context: Any = None
) -> SessionConfig:
    """Give the config that a session of ``agent`` starts with, for a call that is accepted before there is a session."""
    async with Servers() as servers:
        ready = await prepare(agent, RunContext(context=context, agent=agent, history=tuple), servers)
    return agent_config(ready, base_config(config, settings))
