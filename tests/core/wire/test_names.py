"""What ``offhook.wire`` offers to authors of transports: pinned, and kept by the dialect that is core's."""

from __future__ import annotations

import inspect

import pytest

from offhook import wire
from offhook.realtime.protocol import RealtimeProtocol
from offhook.wire import WireProtocol

#: A name that goes breaks somebody: taking one off this list is a breaking change.
NAMES = [
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


def test_the_names_are_these():
    assert sorted(wire.__all__) == sorted(NAMES)
    assert all(hasattr(wire, name) for name in NAMES)


@pytest.mark.parametrize("method", ["receive", "stop_waiting"])
def test_the_dialect_that_is_cores_is_one_like_any_other(method):
    asked, ours = (inspect.signature(getattr(cls, method)) for cls in (WireProtocol, RealtimeProtocol))
    assert list(asked.parameters.values()) == list(ours.parameters.values())
