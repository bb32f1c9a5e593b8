"""What the model wants done: send a frame, write down some speech, start or stop a reply."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import frozen

from offhook_emulator.model.ids import Ids

if TYPE_CHECKING:
    from offhook_emulator.model.response import Response


@frozen
class Send:
    """Send this frame to the client."""

    event: dict[str, Any]


@frozen
class Hear:
    """Listen to these bytes, in the session's input format, and report to ``RealtimeModel.hear``."""

    audio: bytes


@frozen
class Transcribe:
    """Write down what was said (PCM16 16 kHz mono) and report to ``RealtimeModel.transcribed``."""

    item_id: str
    content_index: int
    audio: bytes


@frozen
class StartReply:
    """Make the reply of this response and report its pieces. Wait for open transcriptions first."""

    response: Response


@frozen
class StopReply:
    """The response is over before its reply was complete: whoever works on it may stop."""

    response: Response


@frozen
class Hangup:
    """Close the connection, after everything before it has been sent."""

    code: int
    reason: str


Effect: TypeAlias = Send | Hear | Transcribe | StartReply | StopReply | Hangup


class Outlet:
    """Collects effects in the order in which they are to happen."""

    def __init__(self, ids: Ids) -> None:
        self.new_id = ids
        self._effects: list[Effect] = []

    def send(self, event_type: str, /, **fields: Any) -> None:
        """Queue a server event; its ``event_id`` is made here."""
        self._effects.append(Send({"type": event_type, "event_id": self.new_id("event"), **fields}))

    def do(self, effect: Effect) -> None:
        """Queue anything else."""
        self._effects.append(effect)

    def drain(self) -> list[Effect]:
        """Give what was queued since the last time."""
        effects, self._effects = self._effects, []
        return effects
