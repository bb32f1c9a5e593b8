"""What transports over a message channel have in common, whatever dialect they speak. For authors of transports.

A transport is a ``ChannelTransport``: a dialer opens a ``MessageChannel``, a ``WireProtocol`` knows the dialect, and an
``Ending`` says what it means that the connection is over. ``offhook.realtime`` is one such dialect.

Beside what stands here, ``offhook.wire.codec`` has JSON and base64 by the fastest library at hand, and
``offhook.wire.config`` a session config as JSON, and what of it differs.
"""

from __future__ import annotations

from offhook.wire.channel import Dialer, DialRequest, MessageChannel, resolve_key, without_secrets
from offhook.wire.connection import ChannelTransport
from offhook.wire.endings import End, Ending, usual_ending
from offhook.wire.handshake import authorization, provider_error, refusal
from offhook.wire.outbox import Outbox, SentFrames
from offhook.wire.protocol import Effects, Send, WireProtocol, sends

__all__ = [
    "ChannelTransport",
    "DialRequest",
    "Dialer",
    "Effects",
    "End",
    "Ending",
    "MessageChannel",
    "Outbox",
    "Send",
    "SentFrames",
    "WireProtocol",
    "authorization",
    "provider_error",
    "refusal",
    "resolve_key",
    "sends",
    "usual_ending",
    "without_secrets",
]
