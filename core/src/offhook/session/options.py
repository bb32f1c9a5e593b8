"""What a session was told about how to behave, for its parts to look up."""

from __future__ import annotations

from attrs import frozen

from offhook.tool import FailureFormatter


@frozen(kw_only=True)
class Options:
    """The arguments of ``RealtimeSession`` that parts ask for; each is described there."""

    failure_formatter: FailureFormatter | None = None
    reply_to_mcp_calls: bool = True
