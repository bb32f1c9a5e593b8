"""A conversation: agent, tools, history and events over a transport."""

from offhook.session.session import DEFAULT_CONFIG, RealtimeSession

__all__ = ["DEFAULT_CONFIG", "RealtimeSession"]
