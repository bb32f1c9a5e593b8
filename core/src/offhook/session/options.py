"""What a session was told about how to behave, for its parts to look up."""

from __future__ import annotations

from attrs import frozen

from offhook.capabilities import Capabilities
from offhook.config import SessionConfig
from offhook.prices import Prices
from offhook.session import input_gate, interruptions, turns
from offhook.session.checks import Guards
from offhook.session.interruptions import Interruptions
from offhook.session.turns import TurnMode
from offhook.session.work import WorkHandler
from offhook.tool import FailureFormatter


@frozen(kw_only=True)
class Options:
    """The arguments of ``RealtimeSession`` that parts ask for; each is described there."""

    failure_formatter: FailureFormatter | None = None
    reply_to_mcp_calls: bool = True
    work_handler: WorkHandler | None = None
    guards: Guards = Guards()
    turns: TurnMode = "auto"
    pre_roll_ms: int = 300
    interruptions: Interruptions = "on"
    prices: Prices | None = None

    def told(self, config: SessionConfig) -> SessionConfig:
        """Have the service do its part of it. Raises ``ConfigError`` for what cannot be had with ``config``."""
        if self.guards.inputs:
            config = input_gate.gated(config)
        return interruptions.told_of(self.interruptions, turns.told_of(self.turns, config))

    def require(self, flags: Capabilities) -> None:
        """Raise ``Unsupported`` where the transport lacks what is needed."""
        self.guards.require(flags)
        turns.require(self.turns, flags)
        interruptions.require(self.interruptions, flags)
