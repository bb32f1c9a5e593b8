"""The Realtime dialect as a state machine: no sockets, no tasks, no clock (``now``, in seconds, is passed in).

Frames and commands go in; effects come out, in order: events to emit, and frames to send. One instance serves one
connection, so nothing of an old connection can leak into a new one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from offhook import events as e
from offhook.config import UNSET, SessionConfig
from offhook.errors import ImmutableConfig
from offhook.items import ConversationItem, FunctionCallItem, MessageItem
from offhook.realtime.frames import audio_append, copied
from offhook.realtime.items import history_to_wire, message_to_wire
from offhook.realtime.receiving import Receiver
from offhook.realtime.responses import Frame, tagged
from offhook.wire import config as wire_config
from offhook.wire.codec import as_object
from offhook.wire.protocol import Effects, Send, sends


class RealtimeProtocol(Receiver):
    """One connection's worth of the Realtime API: ``receive`` takes what the service says, the commands what we say."""

    def open(self, config: SessionConfig, history: Sequence[ConversationItem] = ()) -> Effects:
        """Introduce ourselves: the initial config, then the history to start from."""
        session = {"type": "realtime", **wire_config.to_wire(config)}
        self._tracing = session.pop("tracing", UNSET)
        self.config_id, update = self._update(session)
        creates = ({"type": "conversation.item.create", "item": item} for item in history_to_wire(history))
        return [*update, *sends(creates)]

    def stop_waiting(self) -> Effects:
        """Go on without the service's word on the config."""
        return [*self._now_ready()] if not self.ready else []

    def update_config(self, config: SessionConfig, fixed: frozenset[str] = frozenset()) -> Effects:
        """Send what of ``config`` differs from what was sent. ``fixed``: fields that this connection cannot change either.

        Raises ``ImmutableConfig`` and then sends nothing.
        """
        changed = wire_config.difference(self._config.wire, wire_config.to_wire(config))
        if not changed:
            return []
        frozen_names = wire_config.names(changed) & (self._immutable() | fixed)
        if frozen_names:
            raise ImmutableConfig(frozen_names, "Leave it unset, or connect again with the new value.")
        return self._update({"type": "realtime", **changed})[1]

    def send_event(self, event: Mapping[str, Any]) -> tuple[str, Effects]:
        """Send a frame as it is; gives its id. Creates and cancels go through the scheduler like everyone's."""
        event_id = str(event.get("event_id") or self._new_id("event"))
        frame = copied({**event, "event_id": event_id})
        kind = frame.get("type")
        if kind == "response.create":
            return event_id, sends(self._responses.request(frame))
        if kind == "response.cancel" and frame.get("response_id") in (None, self._responses.active_id):
            self._responses.cancel()
        if kind == "session.update":
            self._config.told(event_id, as_object(frame.get("session")))
        return event_id, sends([frame])

    def send_message(self, message: str | MessageItem, *, respond: bool) -> Effects:
        """Add a message and, with ``respond``, want a reply to it."""
        effects = sends([{"type": "conversation.item.create", "item": message_to_wire(message)}])
        return effects + sends(self._responses.request() if respond else [])

    def send_audio(self, audio: bytes, *, commit: bool) -> Effects:
        """Append audio to the input buffer and, with ``commit``, end the turn. Never wants a reply."""
        frames: Effects = [Send(audio_append(audio))] if audio else []
        return frames + sends([{"type": "input_audio_buffer.commit"}] if commit else [])

    def clear_audio(self) -> Effects:
        """Empty the input buffer."""
        return sends([{"type": "input_audio_buffer.clear"}])

    def request_response(self, response: Mapping[str, Any] | None) -> tuple[str, Effects]:
        """Want a reply; gives the wish's id. One with a body of its own never coalesces with others."""
        request_id = self._new_id("request")
        if response is None:
            return request_id, sends(self._responses.request())
        frame = copied(tagged(response, request_id))
        return request_id, sends(self._responses.request(frame, request_id))

    def send_function_call_output(self, call: e.FunctionCall, output: str, *, respond: bool) -> Effects:
        """Answer a call; history shows the output at once, without waiting for the echo."""
        item = {"type": "function_call_output", "call_id": call.call_id, "output": output}
        effects = sends([{"type": "conversation.item.create", "item": item}])
        effects += self._answered(call.call_id, output, origin="local")
        return effects + sends(self._responses.request() if respond else [])

    def send_mcp_response(self, request_id: str, *, approved: bool, reason: str | None) -> Effects:
        """Decide a hosted MCP call."""
        item: Frame = {"type": "mcp_approval_response", "approval_request_id": request_id, "approve": approved}
        if reason is not None:
            item["reason"] = reason
        return sends([{"type": "conversation.item.create", "previous_item_id": request_id, "item": item}])

    def reset_history(self, old: Sequence[ConversationItem], new: Sequence[ConversationItem]) -> Effects:
        """Make of ``old`` ``new``. A call that is taken out before it was answered is withdrawn.

        Raises ``HistoryError`` for what cannot be done, and then sends nothing.
        """
        frames = self._edits.frames(old, new)
        gone = {frame["item_id"] for frame in frames if frame["type"] == "conversation.item.delete"}
        calls = [item.call_id for item in old if isinstance(item, FunctionCallItem) and item.item_id in gone]
        withdrawn = tuple(call_id for call_id in calls if self._calls.withdrawn(call_id))
        told = [e.FunctionCallCancelled(call_ids=withdrawn, reason="removed from the history")] if withdrawn else []
        return [*told, *sends(frames)]
