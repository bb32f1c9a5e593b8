"""The session config on the wire: writing it, and sending only what differs.

The API leaves alone what an update omits, empties what is ``null``, and replaces values such as a turn detection whole.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from attrs import define, field

from offhook.audio.formats import PCM16_24K, PCMA, PCMU, AudioFormat
from offhook.wire.codec import as_object
from offhook.wire.config import Json, merge, without

#: A service that never acknowledges must not make this grow (P10).
_MAX_PENDING: Final = 16
#: The model is chosen when the connection is made.
IMMUTABLE: Final = frozenset({"model"})
MUTABLE: Final = frozenset(
    {
        "instructions", "output_modalities", "tools", "tool_choice", "parallel_tool_calls", "max_output_tokens",
        "reasoning", "truncation", "tracing", "prompt", "include", "audio.input.format", "audio.input.noise_reduction",
        "audio.input.transcription", "audio.input.turn_detection", "audio.output.format", "audio.output.voice",
        "audio.output.speed",
    }
)  # fmt: skip


@define
class ToldConfig:
    """What the service was told, so that it is told only what differs; and what of that it may yet refuse."""

    wire: Json = field(init=False, factory=dict[str, Any])
    _pending: deque[tuple[str, Json]] = field(init=False, factory=lambda: deque[tuple[str, Json]](maxlen=_MAX_PENDING))

    def told(self, event_id: str, update: Mapping[str, Any]) -> None:
        """An update went out under ``event_id``."""
        # A copy: what the caller changes later was not told.
        update = copy.deepcopy(dict(update))
        self.wire = merge(self.wire, update)
        self._pending.append((event_id, update))

    def assume(self, update: Mapping[str, Any]) -> None:
        """Count ``update`` as told, though it was not sent: telling it would change nothing."""
        self.wire = merge(self.wire, update)

    def accepted(self) -> str | None:
        """The service took the oldest update; gives its id, if it was ours."""
        return self._pending.popleft()[0] if self._pending else None

    def refused(self, event_id: str | None) -> None:
        """The service refused something. If it was an update, what that set is unknown, and can be sent again."""
        for pending in tuple(self._pending):
            if pending[0] == event_id:
                self._pending.remove(pending)
                self.wire = without(self.wire, pending[1])


def audio_format(session: Mapping[str, Any], direction: str) -> AudioFormat:
    """Read ``audio.<direction>.format`` of a session or response object; PCM16 at 24 kHz where it says nothing."""
    value = as_object(_side(session, direction).get("format"))
    kind, rate = value.get("type"), value.get("rate")
    if kind in {"audio/pcmu", "audio/pcma"}:
        return PCMU if kind == "audio/pcmu" else PCMA
    return AudioFormat("audio/pcm", rate) if isinstance(rate, int) and rate > 0 else PCM16_24K


def interrupts_response(session: Mapping[str, Any]) -> bool | None:
    """Whether the server stops its response when the user speaks; ``None`` where it has not said."""
    value = as_object(_side(session, "input").get("turn_detection")).get("interrupt_response")
    return value if isinstance(value, bool) else None


def _side(session: Mapping[str, Any], direction: str) -> Mapping[str, Any]:
    return as_object(as_object(session.get("audio")).get(direction))
