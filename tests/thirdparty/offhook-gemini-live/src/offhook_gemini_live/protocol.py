"""Gemini Live as a state machine: no sockets, no tasks, no clock.

Frames and commands go in; effects come out, in order: events to emit, and frames to send. One instance serves one
connection, so nothing of an old connection can leak into a new one.
"""

from __future__ import annotations

from attrs import evolve

from offhook import events as e
from offhook.hookspecs import Delivery
from offhook.items import MessageItem
from offhook.wire import Effects, sends
from offhook_gemini_live import outgoing
from offhook_gemini_live.opening import Opening
from offhook_gemini_live.receiver import Receiver, item_of


class GeminiLiveProtocol(Receiver):
    """One connection's worth of Gemini Live: ``receive``, and what can be said."""

    def __init__(self, name: str, opening: Opening) -> None:
        """``name`` is the transport's: handles to resume with are tied to it."""
        super().__init__(name, opening)
        #: The user's speech was marked as begun.
        self._marked = False

    def open(self) -> Effects:
        """Introduce ourselves; the history to start from goes out once the service has accepted."""
        return sends([{"setup": self._opening.setup}])

    def send_message(self, message: MessageItem, *, respond: bool) -> Effects:
        """Add a message and, with ``respond``, have it answered. The service falls silent for either."""
        frame = outgoing.client_content([outgoing.turn(message)], complete=respond)
        self._replies.asked = self._replies.asked or respond
        return [*self._talk.add(evolve(message, item_id="")), *sends([frame])]

    def send_audio(self, audio: bytes, *, commit: bool) -> Effects:
        """Send a piece of the user's speech; ``commit`` ends the turn, as far as this side has a say in it."""
        effects: Effects = []
        if audio and self._opening.manual_turns and not self._marked:
            self._marked = True
            effects += sends([outgoing.realtime_input(activityStart={})])
        if audio:
            effects += sends([outgoing.audio(audio, self._opening.input_format)])
        return [*effects, *self.end_of_speech()] if commit else effects

    def end_of_speech(self) -> Effects:
        """Say that the user has stopped: by a mark, or that no more audio comes for now."""
        if not self._opening.manual_turns:
            return sends([outgoing.realtime_input(audioStreamEnd=True)])
        marked, self._marked = self._marked, False
        return sends([outgoing.realtime_input(activityEnd={})] if marked else [])

    def request_response(self, *, own: bool) -> Effects:
        """Have the model answer what there is, now or when it is free. A wish of its ``own`` coalesces with no other."""
        now = self._replies.want(busy=self._talk.turn_id is not None, own=own)
        return sends([outgoing.client_content(complete=True)] if now else [])

    def send_function_call_output(
        self, call: e.FunctionCall, output: str, *, delivery: Delivery | None, final: bool
    ) -> Effects:
        """Answer a call; nothing at all where it was withdrawn (P7)."""
        if call.call_id in self._withdrawn:
            return []
        frame = outgoing.tool_response(call.call_id, call.name, output, delivery=delivery, final=final)
        answered = evolve(item_of(call), output=output, status="completed" if final else "in_progress")
        return [e.ItemUpdate(item=answered, origin="local"), *sends([frame])]

    def interrupt(self) -> Effects:
        """Silence the model here and at the service. Calls go on, and are to be answered."""
        busy = self._replies.asked or self._talk.turn_id is not None
        stop = sends([outgoing.client_content(complete=False)] if busy and not self._talk.was_cut else [])
        self._replies.asked = False
        return [*self._talk.cut("client"), *stop]
