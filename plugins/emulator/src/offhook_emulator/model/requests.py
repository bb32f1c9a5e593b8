"""What a client may ask for: the eleven client events, each checked as a whole before anything is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

from offhook_emulator.model import errors
from offhook_emulator.model.conversation import Conversation
from offhook_emulator.model.effects import Hear, Outlet, Transcribe
from offhook_emulator.model.fields import Check, anything, audio_bytes, integer, mapping, nullable, shape, string
from offhook_emulator.model.hearing import EAR_FORMAT, Hearing
from offhook_emulator.model.idle import IdleTimer
from offhook_emulator.model.items import ITEM, item_from_client
from offhook_emulator.model.playback import Playback
from offhook_emulator.model.session import Session
from offhook_emulator.model.settings import RESPONSE
from offhook_emulator.model.speaking import Speaking

_Event: TypeAlias = Mapping[str, Any]


def _event(required: Sequence[str] = (), **fields: Check) -> Check:
    return shape({"type": string, "event_id": nullable(string), **fields}, required=required)


_CHECKS: Final[dict[str, Check]] = {
    "session.update": _event(["session"], session=anything),  # Session.update checks it
    "input_audio_buffer.append": _event(["audio"], audio=audio_bytes),
    "input_audio_buffer.commit": _event(),
    "input_audio_buffer.clear": _event(),
    "output_audio_buffer.clear": _event(),
    "conversation.item.create": _event(["item"], item=ITEM, previous_item_id=nullable(string)),
    "conversation.item.retrieve": _event(["item_id"], item_id=string),
    "conversation.item.truncate": _event(
        ["item_id", "content_index", "audio_end_ms"], item_id=string, content_index=integer(0), audio_end_ms=integer(0)
    ),
    "conversation.item.delete": _event(["item_id"], item_id=string),
    "response.create": _event(response=nullable(RESPONSE)),
    "response.cancel": _event(response_id=nullable(string)),
}


class Requests:
    """Carries out client events on the parts of one session."""

    def __init__(
        self,
        outlet: Outlet,
        *,
        session: Session,
        conversation: Conversation,
        hearing: Hearing,
        speaking: Speaking,
        idle: IdleTimer,
        playback: Playback | None = None,
    ) -> None:
        self._outlet = outlet
        self._session = session
        self._conversation = conversation
        self._hearing = hearing
        self._speaking = speaking
        self._idle = idle
        self._playback = playback
        self._handlers: dict[str, Callable[[_Event], None]] = {
            "session.update": self._update_session,
            "input_audio_buffer.append": lambda event: outlet.do(Hear(event["audio"])),
            "input_audio_buffer.commit": lambda _event: hearing.commit(),
            "input_audio_buffer.clear": lambda _event: hearing.clear(),
            "output_audio_buffer.clear": self._clear_output,
            "conversation.item.create": self._create_item,
            "conversation.item.retrieve": lambda event: conversation.retrieve(event["item_id"], session.input_format),
            "conversation.item.truncate": self._truncate_item,
            "conversation.item.delete": lambda event: conversation.delete(event["item_id"]),
            "response.create": self._create_response,
            "response.cancel": lambda event: speaking.cancel(event.get("response_id")),
        }

    def carry_out(self, event: object) -> None:
        """Do what the event asks for, or raise ``Refused`` and leave everything as it was."""
        if not isinstance(event, dict):
            raise errors.not_object()
        fields = cast("dict[str, Any]", event)
        if "type" not in fields:
            raise errors.missing_parameter("type")
        event_type = string(fields["type"], "type")
        if event_type not in _CHECKS:
            raise errors.unsupported_value("type", event_type, list(_CHECKS))
        self._handlers[event_type](_CHECKS[event_type](fields, ""))

    def _update_session(self, event: _Event) -> None:
        detected_before = self._session.turn_detection is not None
        self._session.update(mapping(event["session"], "session"))
        if detected_before != (self._session.turn_detection is not None):
            self._hearing.forget_turn()
        self._outlet.send("session.updated", session=self._session.wire)

    def _clear_output(self, event: _Event) -> None:
        if self._playback is None:
            raise errors.wrong_line(event["type"])
        if self._playback.responses:
            self._idle.stop(playback=True)
            self._speaking.silence(self._playback)
            if not self._speaking.current and not self._hearing.someone_speaks:
                self._idle.start()

    def _create_item(self, event: _Event) -> None:
        item = item_from_client(event["item"], self._session.input_format, self._outlet.new_id)
        self._conversation.create(item, event.get("previous_item_id"))
        for index, sound in item.sounds.items():
            if not sound.words:
                self._outlet.do(Transcribe(item.id, index, sound.encoded(EAR_FORMAT)))

    def _truncate_item(self, event: _Event) -> None:
        self._conversation.truncate(event["item_id"], event["content_index"], event["audio_end_ms"])

    def _create_response(self, event: _Event) -> None:
        self._speaking.create(event.get("response") or {})
        if self._speaking.current:
            self._idle.stop()
