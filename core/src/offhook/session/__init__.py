"""A conversation: agent, tools, history and events over a transport."""

from offhook.session.config import DEFAULT_CONFIG
from offhook.session.session import RealtimeSession

__all__ = ["DEFAULT_CONFIG", "RealtimeSession"]
