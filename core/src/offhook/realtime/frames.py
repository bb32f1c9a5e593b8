"""Frames of ours, where writing them takes more than a dict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from offhook.realtime.responses import Frame
from offhook.wire.codec import b64encode, dumps, loads


def copied(frame: Mapping[str, Any]) -> Frame:
    """Give the caller's frame as it is now. Raises ``TypeError`` for what is no JSON, before anything counts on it."""
    return loads(dumps(frame))


def audio_append(audio: bytes) -> str:
    """Write ``input_audio_buffer.append``: base64 needs no escaping, so the frame is a template."""
    return f'{{"type":"input_audio_buffer.append","audio":"{b64encode(audio)}"}}'
