"""What the client of a replay does, against what the recorded one had done. No tasks, no clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import define, field

from offhook.recording.lines import Frame
from offhook.recording.redaction import Redactor
from offhook.wire.codec import as_object

#: Cut as the microphone pleases: neither its pieces nor their number say anything.
_UNCOUNTED = "input_audio_buffer.append"


@define(eq=False)
class Counterpart:
    """Takes the client's frames, and tells when it has come as far as the recorded client had.

    Ordinarily only the outputs of function calls are waited for: they are the session's own doing, and what follows in the
    recording follows from them. Everything else may come or not. ``strict`` waits for each frame and compares it.
    """

    strict: bool = False
    _answered: set[str] = field(init=False, factory=set[str])
    _came: deque[dict[str, Any]] = field(init=False, factory=deque[dict[str, Any]])
    _bare: Redactor = field(init=False, factory=Redactor)
    _bare_recorded: Redactor = field(init=False, factory=Redactor)

    def take(self, event: Mapping[str, Any]) -> None:
        """Take a frame of the client."""
        if (call_id := answered_call(event)) is not None:
            self._answered.add(call_id)
        if self.strict and event.get("type") != _UNCOUNTED:
            self._came.append(_comparable(self._bare, event))

    def waits_for(self, event: Mapping[str, Any]) -> bool:
        """Tell whether the replay waits for the client to send what the recorded one sent here."""
        if not self.strict:
            return (call_id := answered_call(event)) is not None and call_id not in self._answered
        return event.get("type") != _UNCOUNTED and not self._came

    def difference(self, event: Mapping[str, Any]) -> str | None:
        """Compare the client's oldest frame with ``event``, which the recorded one sent here; gives what differs."""
        if not self.strict or event.get("type") == _UNCOUNTED:
            return None
        return _difference(self._came.popleft(), _comparable(self._bare_recorded, event))

    @property
    def beyond(self) -> str | None:
        """What the client sent that the recorded one had not."""
        return str(self._came[0].get("type")) if self._came else None


def answered_call(event: Mapping[str, Any]) -> str | None:
    """Give the id of the call that a client's frame answers, if it answers one."""
    item = as_object(event.get("item"))
    return item.get("call_id") if item.get("type") == "function_call_output" else None


def patient(frames: Iterable[Frame]) -> Sequence[Frame]:
    """Move the output of a call behind the frame that completes the call.

    Some clients answer as soon as they have the arguments; others, like ours, wait until the call is complete, and a replay
    that waits for them in turn would wait for ever. What answers a call that is never complete is left out.
    """
    moved: list[Frame] = []
    early: dict[str, Frame] = {}
    complete: set[str] = set()
    for frame in frames:
        call_id = answered_call(frame.event) if frame.direction == "sent" else None
        if call_id is not None and call_id not in complete:
            early[call_id] = frame
            continue
        moved.append(frame)
        if (call_id := _completed_call(frame)) is not None:
            complete.add(call_id)
            moved.extend([early.pop(call_id)] if call_id in early else [])
    return moved


def _completed_call(frame: Frame) -> str | None:
    item = as_object(frame.event.get("item"))
    if frame.event.get("type") != "response.output_item.done" or item.get("type") != "function_call":
        return None
    return item.get("call_id")


def _comparable(redactor: Redactor, event: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in redactor.redact(event).items() if name != "event_id"}


def _difference(sent: Mapping[str, Any], recorded: Mapping[str, Any]) -> str | None:
    """Name what differs first, without its content: an error is shown and logged."""
    path = _differing(sent, recorded)
    if path == "type":
        return f"{sent.get('type')} where it was {recorded.get('type')}"
    return f"another {path} in {sent.get('type')}" if path else None


def _differing(sent: Mapping[str, Any], recorded: Mapping[str, Any]) -> str | None:
    for name in {**recorded, **sent}:
        mine, theirs = sent.get(name), recorded.get(name)
        if mine == theirs and (name in sent) == (name in recorded):
            continue
        inner = _differing(as_object(mine), as_object(theirs))
        return f"{name}.{inner}" if inner else name
    return None
