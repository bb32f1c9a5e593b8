"""What the service says: a frame in, effects out. Source: its WebSocket reference, and recorded conversations."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from offhook import events as e
from offhook.audio.formats import PCM16_24K
from offhook.items import FunctionCallItem
from offhook.wire import Effects, Send, sends
from offhook.wire.codec import as_object, b64decode
from offhook_gemini_live import incoming, outgoing
from offhook_gemini_live.conversation import Conversation
from offhook_gemini_live.opening import Opening
from offhook_gemini_live.replies import Replies

_LOGGER: Final = logging.getLogger(__name__)
#: Withdrawn calls are remembered, so that a late output is not sent; this many, so that memory stays flat (P10).
_REMEMBERED: Final = 256


_Derived: TypeAlias = Iterator[e.Event | Send]
_Handlers: TypeAlias = Mapping[str, Callable[[Any], _Derived]]


class Receiver:
    """The listening half of the protocol. Frames have no type: each member of one is a message."""

    def __init__(self, name: str, opening: Opening) -> None:
        """``name`` is the transport's: handles to resume with are tied to it."""
        self._name = name
        self._opening = opening
        self._talk = Conversation()
        self._replies = Replies()
        self._usage: e.Usage | None = None
        self._withdrawn: deque[str] = deque(maxlen=_REMEMBERED)
        self._accepted = False
        #: By member, in the order in which they are taken where a frame has several.
        self._frames: _Handlers = {
            "setupComplete": self._on_setup_complete,
            "sessionResumptionUpdate": self._on_session_resumption_update,
            "goAway": self._on_go_away,
            "voiceActivity": self._on_voice_activity,
            "usageMetadata": self._on_usage,
            "serverContent": self._on_server_content,
            "toolCall": self._on_tool_call,
            "toolCallCancellation": self._on_tool_call_cancellation,
        }
        self._content: _Handlers = {
            "interrupted": self._on_interrupted,
            "inputTranscription": self._on_input_transcription,
            "outputTranscription": self._on_output_transcription,
            "modelTurn": self._on_model_turn,
            "generationComplete": self._on_generation_complete,
        }

    def receive(
        self, frame: str | bytes, now: float = 0.0, *, raw: bool = True
    ) -> Effects:  # nothing here has its time
        """Take a frame. One that is malformed gives a warning (P4), unknown members give their raw event only (P3)."""
        try:
            payload = incoming.parse(frame)
        except ValueError as error:
            _LOGGER.warning("malformed frame: %s", error)
            return []
        carried_ms = incoming.carried_audio_ms(payload) if raw else 0.0
        # Before anyone sees the raw event: a listener that changes it changes nothing else.
        derived = list(self._each(self._frames, payload))
        return [e.RawEvent(payload=payload, audio_ms=carried_ms), *derived] if raw else derived

    def stop_waiting(self) -> Effects:
        """Give nothing: before the setup is accepted there is nobody to talk to."""
        return []

    def _each(self, handlers: _Handlers, members: Mapping[str, Any]) -> _Derived:
        """Take each member that is there. A bad one is no reason to lose the next."""
        for name, handler in handlers.items():
            # A flag that is false, or an object that is null, is a member that is not there.
            if (value := members.get(name)) is not None and value is not False:
                try:
                    yield from handler(value)
                except Exception as error:  # noqa: BLE001  # P4: whatever it holds, the conversation goes on
                    _LOGGER.warning("malformed %s: %s: %s", name, type(error).__name__, error)

    def _on_setup_complete(self, value: Any) -> _Derived:
        if self._accepted:  # the session's facts are told once
            return
        self._accepted = True
        # The handle to resume with is a secret (P11), and no config.
        told = {name: setting for name, setting in self._opening.setup.items() if name != "sessionResumption"}
        yield e.SessionReady(
            session_id=incoming.text(as_object(value).get("sessionId")) or None,
            input_format=self._opening.input_format,
            output_format=PCM16_24K,
            config=told,
            immutable=frozenset(told),
            restored="full" if self._opening.resumed else None,
        )
        for item in self._opening.history:
            yield from self._talk.add(item)
        if self._opening.turns:
            yield from sends([outgoing.client_content(self._opening.turns, complete=False)])

    def _on_usage(self, value: Any) -> _Derived:
        self._usage = incoming.usage(as_object(value))
        yield e.UsageUpdate(scope="turn", usage=self._usage, turn_id=self._talk.turn_id)

    def _on_server_content(self, value: Any) -> _Derived:
        content = as_object(value)
        yield from self._each(self._content, content)
        if content.get("turnComplete"):
            yield from self._end_turn(content)

    def _on_interrupted(self, _: Any) -> _Derived:
        # What the user said before is complete; what comes now is the interruption itself.
        yield from self._talk.end_words()
        yield from self._talk.cut("user_speech")

    def _on_input_transcription(self, value: Any) -> _Derived:
        piece = as_object(value)
        if words := incoming.text(piece.get("text")):
            yield from self._talk.heard(words, piece.get("languageCode"))
        if piece.get("finished"):
            yield from self._talk.end_words()

    def _on_output_transcription(self, value: Any) -> _Derived:
        piece = as_object(value)
        if words := incoming.text(piece.get("text")):
            yield from self._talk.said(words, piece.get("languageCode"))
        if piece.get("finished"):
            yield from self._talk.end_transcript()

    def _on_model_turn(self, value: Any) -> _Derived:
        for part in incoming.objects(as_object(value).get("parts")):
            if inline := as_object(part.get("inlineData")):
                form = incoming.audio_format(incoming.text(inline.get("mimeType")))
                yield from self._talk.audio(b64decode(inline["data"]), form)
            elif part.get("thought"):
                yield from self._talk.begin()  # reasoning is not speech, but it is a beginning
            elif text := incoming.text(part.get("text")):
                yield from self._talk.wrote(text)

    def _on_generation_complete(self, _: Any) -> _Derived:
        yield from self._talk.end_audio()

    def _end_turn(self, content: Mapping[str, Any]) -> _Derived:
        reason = incoming.text(content.get("turnCompleteReason")) or None
        usage, self._usage = self._usage, None
        idle = content.get("interactionStatus") != "IN_PROGRESS"
        yield from self._talk.end_turn(reason=reason, idle=idle, usage=usage)
        if self._replies.turn_over():
            yield from sends([outgoing.client_content(complete=True)])

    def _on_tool_call(self, value: Any) -> _Derived:
        for call in incoming.objects(as_object(value).get("functionCalls")):
            turn = yield from self._talk.begin()
            call_id, name, arguments = str(call["id"]), str(call["name"]), incoming.arguments(call.get("args"))
            event = e.FunctionCall(
                call_id=call_id,
                name=name,
                arguments=arguments,
                item_id=f"local:{call_id}",
                turn_id=turn.turn_id,
                blocking=self._opening.blocking_calls,
            )
            yield from self._talk.add(item_of(event))
            yield event

    def _on_tool_call_cancellation(self, value: Any) -> _Derived:
        call_ids = tuple(map(str, as_object(value)["ids"]))
        self._withdrawn.extend(call_ids)
        yield e.FunctionCallCancelled(call_ids=call_ids, reason="interrupted")

    def _on_go_away(self, value: Any) -> _Derived:
        yield e.SessionExpiring(time_left_ms=incoming.duration_ms(as_object(value).get("timeLeft")) or 0)

    def _on_session_resumption_update(self, value: Any) -> _Derived:
        update = as_object(value)
        handle = incoming.text(update.get("newHandle"))
        resumable = bool(handle and update.get("resumable"))
        newest = e.ResumeHandle(transport=self._name, value=handle) if resumable else None
        yield e.ResumptionUpdate(handle=newest, resumable=resumable)

    def _on_voice_activity(self, value: Any) -> _Derived:
        activity = as_object(value)
        at_ms = incoming.duration_ms(activity.get("audioOffset"))
        match activity.get("voiceActivityType"):
            case "ACTIVITY_START":
                yield e.SpeechStarted(at_ms=at_ms)
            case "ACTIVITY_END":
                yield e.SpeechStopped(at_ms=at_ms)
            case _:
                pass


def item_of(call: e.FunctionCall) -> FunctionCallItem:
    """Give the item that a call is in the history."""
    item_id = call.item_id or f"local:{call.call_id}"
    return FunctionCallItem(item_id=item_id, call_id=call.call_id, name=call.name, arguments=call.arguments)
