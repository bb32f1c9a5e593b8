"""What the service says, and what follows from it: the half of the dialect that hears. ``protocol`` is the half that speaks.

No sockets, no tasks, no clock (``now``, in seconds, is passed in).
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeAlias

from offhook import events as e
from offhook._log import logger
from offhook.config import UNSET
from offhook.items import FunctionCallItem
from offhook.realtime import server_events as s
from offhook.realtime import session_config, translate
from offhook.realtime.history_edits import HistoryEdits
from offhook.realtime.open_calls import OpenCalls
from offhook.realtime.responses import ResponseScheduler
from offhook.realtime.speech import Speech
from offhook.realtime.unseen import Unseen
from offhook.wire.codec import loads
from offhook.wire.config import merge
from offhook.wire.protocol import Effects, Send, sends

#: Of the receiver, the server event, and the time.
Handler: TypeAlias = Callable[[Any, Any, float], Sequence[e.Event | Send]]


class Receiver:
    """What one connection knows, and how what the service says changes it."""

    def __init__(self, *, service_plays: bool = False) -> None:
        """``service_plays``: the audio does not pass through here, because the service plays it (WebRTC, SIP)."""
        self._service_plays = service_plays
        #: The session as the service last described it; empty until it did.
        self.session: Mapping[str, Any] = {}
        #: Whether the service has accepted the initial config (or was given up on).
        self.ready = False
        #: Id of the ``session.update`` that carried the initial config.
        self.config_id: str | None = None
        self._config = session_config.ToldConfig()
        #: What to ask for once the service has told how the session is traced already.
        self._tracing: Any = UNSET
        self._ids = itertools.count(1)
        self._responses = ResponseScheduler(self._new_id)
        self._speech = Speech(lambda: session_config.audio_format(self._facts, "output"))
        self._calls = OpenCalls()
        self._unseen = Unseen()
        self._edits = HistoryEdits(self._new_id, self._unseen)
        #: Items that were deleted while a response was under way, which may go on about them.
        self._gone: set[str] = set()
        self.playback = self._speech.playback

    def receive(self, frame: str | bytes, now: float, *, raw: bool = True) -> Sequence[e.Event | Send]:
        """Take a frame of the service. ``raw``: whether anyone wants the raw event.

        A frame that is no JSON object gives nothing but a warning (P4); an unknown type gives its raw event only (P3).
        """
        payload = _parse(frame)
        if payload is None:
            return []
        carried_ms = 0.0
        derived: Sequence[e.Event | Send] = ()
        try:
            # Before the raw event is seen by anyone: a listener that changes it changes nothing else.
            if payload.get("type") == "response.output_audio.delta":
                carried_ms, derived = self._speech.audio(payload, now)
            elif (event := s.decode(payload)) is not None and (handler := self._HANDLERS.get(event.type)) is not None:
                derived = handler(self, event, now)
        except Exception as error:  # noqa: BLE001  # P4: whatever a frame holds, the conversation goes on
            logger().warning("malformed_frame", type=payload.get("type"), why=f"{type(error).__name__}: {error}")
        return [e.RawEvent(payload=payload, audio_ms=carried_ms), *derived] if raw else derived

    def interrupt(
        self,
        now: float,
        *,
        reason: Literal["user_speech", "client"] = "client",
        cancel: bool = True,
        heard_ms: int | None = None,
    ) -> Effects:
        """Silence the assistant: cancel, flush, and tell the model how much was heard, in this order.

        From here on nothing audible of the active response is emitted (P5). Calls it made go on (P7).
        """
        response_id = self._responses.active_id
        effects = sends(self._responses.cancel() if cancel else [])
        if self._service_plays:
            # The service knows what was heard: it truncates by itself, and tells of the flush.
            return effects + sends([{"type": "output_audio_buffer.clear"}])
        return effects + self._speech.interrupt(now, response_id, reason, heard_ms)

    # Handlers, one per server event that means something here. Each gives effects.

    def _on_error(self, event: s.Error, _: float) -> Effects:
        body = event.error
        error = e.ErrorEvent(
            message=body.message or "the service reported an error without a message",
            code=body.code or body.type,
            param=body.param,
            command_id=body.event_id,
            request_id=self._responses.ended_by(body),
        )
        self._config.refused(body.event_id)
        self._edits.refused(body.event_id)
        return [error, *sends(self._responses.failed(body))]

    def _on_session_created(self, event: s.SessionEvent, _: float) -> Effects:
        self._learn(event)
        return self._trace()

    def _on_session_updated(self, event: s.SessionEvent, _: float) -> Effects:
        self._learn(event)
        ready = [] if self.ready else self._now_ready()
        return [e.SessionUpdated(config=self.session, command_id=self._config.accepted()), *ready, *self._trace()]

    def _on_speech_started(self, event: s.SpeechStarted, now: float) -> Effects:
        started = e.SpeechStarted(at_ms=event.audio_start_ms, item_id=event.item_id)
        server_cancels = session_config.interrupts_response(self.session)
        if server_cancels is False or self._service_plays:
            # Both may speak: the application decided that speech alone interrupts nothing.
            return [started]
        return [started, *self.interrupt(now, reason="user_speech", cancel=not server_cancels)]

    def _on_speech_stopped(self, event: s.SpeechStopped, _: float) -> Effects:
        return [e.SpeechStopped(at_ms=event.audio_end_ms, item_id=event.item_id)]

    def _on_response_created(self, event: s.ResponseEvent, _: float) -> Effects:
        response = event.response
        request_id = self._responses.created(response.id, response.metadata)
        # As it is now: the session may change its format while this response still speaks in the old one.
        session = merge(self._facts, {"audio": response.audio or {}})
        self._speech.response_created(response.id, session_config.audio_format(session, "output"))
        return [e.TurnStarted(turn_id=response.id, response_id=response.id, request_id=request_id)]

    def _on_response_done(self, event: s.ResponseEvent, _: float) -> Effects:
        response = event.response
        self._speech.response_done(response.id)
        frames = self._responses.done(response.id)
        if self._responses.active_id is None:
            self._gone.clear()
        return [*translate.turn_done(response), *sends(frames)]

    def _on_audio_done(self, event: s.OutputEvent, _: float) -> Effects:
        return self._speech.audio_done(event.item_id, event.response_id)

    def _on_transcript(self, event: s.OutputDelta | s.OutputTranscriptDone, _: float) -> Effects:
        return [] if self._speech.silences(event.response_id) else [translate.output_transcript(event)]

    def _on_text(self, event: s.OutputDelta, _: float) -> Effects:
        return [] if self._speech.silences(event.response_id) else [translate.output_text(event)]

    def _on_item(self, event: s.ItemEvent, _: float) -> Effects:
        item, previous = event.item, self._unseen.shown(event.previous_item_id)
        done = event.type == "conversation.item.done"
        if done and item.get("id") in self._gone:
            return []
        self._gone.discard(str(item.get("id")))
        self._edits.created(str(item.get("id")))
        effects = translate.item(item, previous, done=done)
        shown = bool(effects) and isinstance(effects[0], e.ItemUpdate)
        if not shown:
            self._unseen.add(str(item.get("id")), event.previous_item_id, call_id=item.get("call_id"))
        elif not done and isinstance(effects[0].item, FunctionCallItem):
            # A call that no response of this connection made: one of the history to start from, or of another client.
            self._calls.shown(effects[0].item)
        if item.get("type") == "function_call_output":
            return self._answered(str(item.get("call_id")), str(item.get("output") or ""), origin="server")
        return effects

    def _on_item_deleted(self, event: s.ItemDeleted, _: float) -> Effects:
        self._edits.deleted(event.item_id)
        self._unseen.deleted(event.item_id)
        if self._responses.active_id is not None:
            self._gone.add(event.item_id)
        return [e.ItemDeleted(item_id=event.item_id)]

    def _on_item_retrieved(self, event: s.ItemRetrieved, _: float) -> Effects:
        return translate.update(event.item, "completed")

    def _on_output_item(self, event: s.OutputItemEvent, _: float) -> Effects:
        if event.item.get("id") in self._gone:
            return []
        done = event.type == "response.output_item.done"
        effects = translate.update(event.item, "completed" if done else "in_progress")
        complete = (event.item.get("status") or "completed") == "completed"
        if done and complete and event.item.get("type") == "function_call":
            call = translate.function_call(event)
            self._calls.called(call)
            effects.append(call)
        return effects

    def _on_output_buffer_cleared(self, event: s.OutputBufferEvent, _: float) -> Effects:
        return self._speech.cleared(event.response_id)

    def _on_output_buffer_started(self, event: s.OutputBufferEvent, _: float) -> Effects:
        return self._speech.started(event.response_id)

    def _on_output_buffer_stopped(self, event: s.OutputBufferEvent, _: float) -> Effects:
        return self._speech.stopped(event.response_id)

    # What they share.

    def _learn(self, event: s.SessionEvent) -> None:
        # A copy: the raw event is in the listeners' hands.
        self.session = copy.deepcopy(event.session)

    @property
    def _facts(self) -> Mapping[str, Any]:
        # Without the service's word, what was asked for is the best knowledge.
        return self.session or self._config.wire

    def _now_ready(self) -> Effects:
        self.ready = True
        return [
            e.SessionReady(
                session_id=self.session.get("id"),
                expires_at=self.session.get("expires_at"),
                input_format=session_config.audio_format(self._facts, "input"),
                output_format=session_config.audio_format(self._facts, "output"),
                config=self._facts,
                immutable=self._immutable(),
            )
        ]

    def _immutable(self) -> frozenset[str]:
        spoken = frozenset({"audio.output.voice"}) if self._speech.begun else frozenset[str]()
        traced = frozenset({"tracing"}) if isinstance(self.session.get("tracing"), Mapping) else frozenset[str]()
        return session_config.IMMUTABLE | spoken | traced

    def _update(self, session: Mapping[str, Any]) -> tuple[str, Effects]:
        event_id = self._new_id("config")
        effects = sends([{"type": "session.update", "event_id": event_id, "session": session}])
        self._config.told(event_id, session)
        return event_id, effects

    def _answered(self, call_id: str, output: str, *, origin: Literal["local", "server"]) -> Effects:
        call = self._calls.answered(call_id, output)
        return [] if call is None else [e.ItemUpdate(item=call, origin=origin)]

    def _trace(self) -> Effects:
        """Ask for tracing by an update of its own, so that a service that refuses it still takes the config.

        A session that is traced under a name stays so (``tracing`` of the API's session object): then nothing is sent.
        """
        wanted, self._tracing = self._tracing, UNSET
        if wanted is UNSET:
            return []
        current = self.session.get("tracing")
        if isinstance(current, Mapping) and (wanted is None or isinstance(wanted, Mapping)):
            if current != wanted:
                logger().warning("tracing_not_changed", why="the session is traced already, and that cannot be changed")
            self._config.assume({"tracing": wanted})
            return []
        return self._update({"type": "realtime", "tracing": wanted})[1]

    def _new_id(self, kind: str) -> str:
        return f"offhook_{kind}_{next(self._ids)}"

    _HANDLERS: ClassVar[Mapping[str, Handler]] = {
        "error": _on_error,
        "session.created": _on_session_created,
        "session.updated": _on_session_updated,
        "input_audio_buffer.speech_started": _on_speech_started,
        "input_audio_buffer.speech_stopped": _on_speech_stopped,
        "input_audio_buffer.dtmf_event_received": lambda _, event, __: translate.dtmf(event),
        "output_audio_buffer.started": _on_output_buffer_started,
        "output_audio_buffer.stopped": _on_output_buffer_stopped,
        "output_audio_buffer.cleared": _on_output_buffer_cleared,
        "conversation.item.created": _on_item,
        "conversation.item.added": _on_item,
        "conversation.item.done": _on_item,
        "conversation.item.retrieved": _on_item_retrieved,
        "conversation.item.deleted": _on_item_deleted,
        "conversation.item.input_audio_transcription.delta": lambda _, event, __: translate.input_delta(event),
        "conversation.item.input_audio_transcription.completed": lambda _, event, __: translate.input_final(event),
        "conversation.item.input_audio_transcription.failed": lambda _, event, __: translate.input_failed(event),
        "response.created": _on_response_created,
        "response.done": _on_response_done,
        "response.output_item.added": _on_output_item,
        "response.output_item.done": _on_output_item,
        "response.output_audio.done": _on_audio_done,
        "response.output_audio_transcript.delta": _on_transcript,
        "response.output_audio_transcript.done": _on_transcript,
        "response.output_text.delta": _on_text,
    }


def _parse(frame: str | bytes) -> dict[str, Any] | None:
    try:
        payload = loads(frame)
    except (ValueError, RecursionError) as error:
        logger().warning("malformed_frame", why=f"not JSON: {error}", size=len(frame))
        return None
    if not isinstance(payload, dict):
        logger().warning("malformed_frame", why=f"not an object but {type(payload).__name__}", size=len(frame))
        return None
    return payload  # pyright: ignore[reportUnknownVariableType]  # JSON has no other keys than strings
