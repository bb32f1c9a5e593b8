"""The Realtime dialect as a state machine: no sockets, no tasks, no clock (``now``, in seconds, is passed in).

Frames and commands go in; effects come out, in order: events to emit, and frames to send. One instance serves one
connection, so nothing of an old connection can leak into a new one.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

from attrs import evolve, frozen

from offhook import events as e
from offhook._log import logger
from offhook.audio.formats import AudioFormat
from offhook.config import SessionConfig
from offhook.errors import ImmutableConfig
from offhook.items import ConversationItem, FunctionCallItem, MessageItem
from offhook.realtime import server_events as s
from offhook.realtime import session_config, translate
from offhook.realtime.codec import as_object, audio_append, b64decode, dumps, loads
from offhook.realtime.items import history_to_wire, message_to_wire
from offhook.realtime.playback import Playback
from offhook.realtime.responses import Frame, ResponseScheduler


@frozen
class Send:
    """A frame to send, as JSON text."""

    text: str


Effects: TypeAlias = list[e.Event | Send]
#: Calls that are never answered must not make this grow for ever (P10).
_MAX_OPEN_CALLS: Final = 256


class RealtimeProtocol:
    """One connection's worth of the Realtime API."""

    def __init__(self, *, service_plays: bool = False) -> None:
        """``service_plays``: the audio does not pass through here, because the service plays it (WebRTC, SIP)."""
        self._service_plays = service_plays
        self.playback = Playback()
        #: The session as the service last described it; empty until it did.
        self.session: Mapping[str, Any] = {}
        #: Whether the service has accepted the initial config (or was given up on).
        self.ready = False
        #: Id of the ``session.update`` that carried the initial config.
        self.config_id: str | None = None
        self._config = session_config.ToldConfig()
        self._ids = itertools.count(1)
        self._responses = ResponseScheduler(self._new_id)
        self._response_formats: dict[str, AudioFormat] = {}
        self._silenced: set[str] = set()
        self._open_calls: dict[str, FunctionCallItem] = {}
        self._epoch = 1
        self._has_spoken = False

    # Receiving.

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
                carried_ms, derived = self._on_audio(payload, now)
            elif (event := s.decode(payload)) is not None and (handler := _HANDLERS.get(event.type)) is not None:
                derived = handler(self, event, now)
        except Exception as error:  # noqa: BLE001  # P4: whatever a frame holds, the conversation goes on
            logger().warning("malformed_frame", type=payload.get("type"), why=f"{type(error).__name__}: {error}")
        return [e.RawEvent(payload=payload, carried_audio_ms=carried_ms), *derived] if raw else derived

    # Commands.

    def open(self, config: SessionConfig, history: Sequence[ConversationItem] = ()) -> Effects:
        """Introduce ourselves: the initial config, then the history to start from."""
        session = {"type": "realtime", **session_config.to_wire(config)}
        self.config_id, update = self._update(session)
        creates = ({"type": "conversation.item.create", "item": item} for item in history_to_wire(history))
        return [*update, *_sends(creates)]

    def stop_waiting(self) -> Effects:
        """Go on without the service's word on the config."""
        return [*self._now_ready()] if not self.ready else []

    def update_config(self, config: SessionConfig) -> Effects:
        """Send what of ``config`` differs from what was sent. Raises ``ImmutableConfig`` and then sends nothing."""
        changed = session_config.difference(self._config.wire, session_config.to_wire(config))
        if not changed:
            return []
        frozen_names = session_config.names(changed) & self._immutable()
        if frozen_names:
            raise ImmutableConfig(frozen_names, "Leave it unset, or connect again with the new value.")
        return self._update({"type": "realtime", **changed})[1]

    def send_event(self, event: Mapping[str, Any]) -> tuple[str, Effects]:
        """Send a frame as it is; gives its id. Creates and cancels go through the scheduler like everyone's."""
        event_id = str(event.get("event_id") or self._new_id("event"))
        frame = _copy({**event, "event_id": event_id})
        kind = frame.get("type")
        if kind == "response.create":
            return event_id, _sends(self._responses.request(frame))
        if kind == "response.cancel" and frame.get("response_id") in (None, self._responses.active_id):
            self._responses.cancel()
        if kind == "session.update":
            self._config.told(event_id, as_object(frame.get("session")))
        return event_id, _sends([frame])

    def send_message(self, message: str | MessageItem, *, respond: bool) -> Effects:
        """Add a message and, with ``respond``, want a reply to it."""
        effects = _sends([{"type": "conversation.item.create", "item": message_to_wire(message)}])
        return effects + _sends(self._responses.request() if respond else [])

    def send_audio(self, audio: bytes, *, commit: bool) -> Effects:
        """Append audio to the input buffer and, with ``commit``, end the turn. Never wants a reply."""
        frames: Effects = [Send(audio_append(audio))] if audio else []
        return frames + _sends([{"type": "input_audio_buffer.commit"}] if commit else [])

    def request_response(self, response: Mapping[str, Any] | None) -> Effects:
        """Want a reply; one with a body of its own never coalesces with others."""
        frame = None if response is None else _copy({"type": "response.create", "response": response})
        return _sends(self._responses.request(frame))

    def send_function_call_output(self, call: e.FunctionCall, output: str, *, respond: bool) -> Effects:
        """Answer a call; history shows the output at once, without waiting for the echo."""
        item = {"type": "function_call_output", "call_id": call.call_id, "output": output}
        effects = _sends([{"type": "conversation.item.create", "item": item}])
        effects += self._answered(call.call_id, output, origin="local")
        return effects + _sends(self._responses.request() if respond else [])

    def send_mcp_response(self, request_id: str, *, approved: bool, reason: str | None) -> Effects:
        """Decide a hosted MCP call."""
        item: Frame = {"type": "mcp_approval_response", "approval_request_id": request_id, "approve": approved}
        if reason is not None:
            item["reason"] = reason
        return _sends([{"type": "conversation.item.create", "previous_item_id": request_id, "item": item}])

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
        effects = _sends(self._responses.cancel() if cancel else [])
        if self._service_plays:
            # The service knows what was heard: it truncates by itself, and tells of the flush.
            return effects + _sends([{"type": "output_audio_buffer.clear"}])
        if response_id is not None:
            self._silenced.add(response_id)
        if not self.playback.playing(now):
            return effects
        cuts = [cut for cut in self.playback.interrupt(now, heard_ms) if cut.item_id]
        heard = cuts[0] if cuts else None
        effects.append(
            e.AudioInterrupted(
                epoch=self._epoch,
                reason=reason,
                heard_ms=heard.audio_end_ms if heard else None,
                item_id=heard.item_id if heard else None,
                response_id=response_id,
                turn_id=response_id,
            )
        )
        self._epoch += 1
        return effects + _sends([translate.truncate(cut) for cut in cuts])

    # Handlers, one per server event that means something here. Each gives effects.

    def _on_error(self, event: s.Error, _: float) -> Effects:
        body = event.error
        error = e.ErrorEvent(
            message=body.message or "the service reported an error without a message",
            code=body.code or body.type,
            param=body.param,
            command_id=body.event_id,
        )
        self._config.refused(body.event_id)
        return [error, *_sends(self._responses.failed(body))]

    def _on_session_created(self, event: s.SessionEvent, _: float) -> Effects:
        self._learn(event)
        return []

    def _on_session_updated(self, event: s.SessionEvent, _: float) -> Effects:
        self._learn(event)
        ready = [] if self.ready else self._now_ready()
        return [e.SessionUpdated(config=self.session, command_id=self._config.accepted()), *ready]

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
        self._responses.created(response.id)
        # As it is now: the session may change its format while this response still speaks in the old one.
        session = session_config.merge(self._facts, {"audio": response.audio or {}})
        self._response_formats[response.id] = session_config.audio_format(session, "output")
        return [e.TurnStarted(turn_id=response.id, response_id=response.id)]

    def _on_response_done(self, event: s.ResponseEvent, _: float) -> Effects:
        response = event.response
        self._silenced.discard(response.id)
        self._response_formats.pop(response.id, None)
        return [*translate.turn_done(response), *_sends(self._responses.done(response.id))]

    def _on_audio(self, payload: Mapping[str, Any], now: float) -> tuple[float, Effects]:
        """Give the milliseconds of audio in the frame, and what follows from it.

        By hand, past the typed event: nine tenths of all traffic are of this one type.
        """
        data = b64decode(payload["delta"])
        response_id = payload.get("response_id")
        audio_format = self._format_of(response_id)
        ms = audio_format.duration_ms(len(data))
        if response_id in self._silenced:
            return ms, []
        item_id, content_index = payload.get("item_id"), payload.get("content_index") or 0
        self._has_spoken = True
        self.playback.received(item_id or "", content_index, ms, now)
        event = e.AudioEvent(
            data=data,
            epoch=self._epoch,
            item_id=item_id,
            content_index=content_index,
            output_index=payload.get("output_index") or 0,
            response_id=response_id,
            turn_id=response_id,
            format=audio_format,
        )
        return ms, [event]

    def _on_audio_done(self, event: s.OutputEvent, _: float) -> Effects:
        self.playback.finished(event.item_id)
        if event.response_id in self._silenced:
            return []
        return [
            e.AudioDone(
                epoch=self._epoch,
                item_id=event.item_id,
                response_id=event.response_id,
                turn_id=event.response_id,
            )
        ]

    def _on_transcript(self, event: s.OutputDelta | s.OutputTranscriptDone, _: float) -> Effects:
        return [] if event.response_id in self._silenced else [translate.output_transcript(event)]

    def _on_text(self, event: s.OutputDelta, _: float) -> Effects:
        return [] if event.response_id in self._silenced else [translate.output_text(event)]

    def _on_item(self, event: s.ItemEvent, _: float) -> Effects:
        if event.item.get("type") == "function_call_output":
            return self._answered(str(event.item.get("call_id")), str(event.item.get("output") or ""), origin="server")
        done = event.type == "conversation.item.done"
        effects = translate.item(event.item, event.previous_item_id, done=done)
        for effect in effects if not done else ():
            # A call that no response of this connection made: one of the history to start from, or of another client.
            if isinstance(effect, e.ItemUpdate) and isinstance(effect.item, FunctionCallItem):
                self._remember(effect.item)
        return effects

    def _on_item_retrieved(self, event: s.ItemRetrieved, _: float) -> Effects:
        return translate.update(event.item, "completed")

    def _on_output_item(self, event: s.OutputItemEvent, _: float) -> Effects:
        done = event.type == "response.output_item.done"
        effects = translate.update(event.item, "completed" if done else "in_progress")
        complete = (event.item.get("status") or "completed") == "completed"
        if done and complete and event.item.get("type") == "function_call":
            effects.append(self._opened(translate.function_call(event)))
        return effects

    def _on_output_buffer_cleared(self, event: s.OutputBufferEvent, _: float) -> Effects:
        # WebRTC and SIP: the service plays, and it stopped. Nobody tells a position.
        interrupted = e.AudioInterrupted(
            epoch=self._epoch, reason="server", response_id=event.response_id, turn_id=event.response_id
        )
        self._epoch += 1
        return [interrupted]

    def _on_output_buffer_started(self, event: s.OutputBufferEvent, _: float) -> Effects:
        self._has_spoken = True
        return [e.OutputSpeechStarted(utterance_id=event.response_id, epoch=self._epoch)]

    def _on_output_buffer_stopped(self, event: s.OutputBufferEvent, _: float) -> Effects:
        return [e.OutputSpeechStopped(utterance_id=event.response_id, epoch=self._epoch)]

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
        return session_config.IMMUTABLE | (frozenset({"audio.output.voice"}) if self._has_spoken else frozenset[str]())

    def _format_of(self, response_id: str | None) -> AudioFormat:
        known = self._response_formats.get(response_id or "")
        return known or session_config.audio_format(self._facts, "output")

    def _update(self, session: Mapping[str, Any]) -> tuple[str, Effects]:
        event_id = self._new_id("config")
        effects = _sends([{"type": "session.update", "event_id": event_id, "session": session}])
        self._config.told(event_id, session)
        return event_id, effects

    def _opened(self, call: e.FunctionCall) -> e.FunctionCall:
        item_id = call.item_id or call.call_id
        self._remember(
            FunctionCallItem(item_id=item_id, call_id=call.call_id, name=call.name, arguments=call.arguments)
        )
        return call

    def _remember(self, call: FunctionCallItem) -> None:
        self._open_calls[call.call_id] = call
        while len(self._open_calls) > _MAX_OPEN_CALLS:
            del self._open_calls[next(iter(self._open_calls))]

    def _answered(self, call_id: str, output: str, *, origin: Literal["local", "server"]) -> Effects:
        # Once: what was shown when it was sent needs no showing when it is echoed.
        call = self._open_calls.pop(call_id, None)
        if call is None:
            return []
        return [e.ItemUpdate(item=evolve(call, output=output, status="completed"), origin=origin)]

    def _new_id(self, kind: str) -> str:
        return f"offhook_{kind}_{next(self._ids)}"


Handler: TypeAlias = Callable[[RealtimeProtocol, Any, float], Sequence[e.Event | Send]]
_P = RealtimeProtocol

# pyright: reportPrivateUsage=false
_HANDLERS: Final[Mapping[str, Handler]] = {
    "error": _P._on_error,
    "session.created": _P._on_session_created,
    "session.updated": _P._on_session_updated,
    "input_audio_buffer.speech_started": _P._on_speech_started,
    "input_audio_buffer.speech_stopped": _P._on_speech_stopped,
    "input_audio_buffer.dtmf_event_received": lambda _, event, __: translate.dtmf(event),
    "output_audio_buffer.started": _P._on_output_buffer_started,
    "output_audio_buffer.stopped": _P._on_output_buffer_stopped,
    "output_audio_buffer.cleared": _P._on_output_buffer_cleared,
    "conversation.item.created": _P._on_item,
    "conversation.item.added": _P._on_item,
    "conversation.item.done": _P._on_item,
    "conversation.item.retrieved": _P._on_item_retrieved,
    "conversation.item.deleted": lambda _, event, __: [e.ItemDeleted(item_id=event.item_id)],
    "conversation.item.input_audio_transcription.delta": lambda _, event, __: translate.input_delta(event),
    "conversation.item.input_audio_transcription.completed": lambda _, event, __: translate.input_final(event),
    "conversation.item.input_audio_transcription.failed": lambda _, event, __: translate.input_failed(event),
    "response.created": _P._on_response_created,
    "response.done": _P._on_response_done,
    "response.output_item.added": _P._on_output_item,
    "response.output_item.done": _P._on_output_item,
    "response.output_audio.done": _P._on_audio_done,
    "response.output_audio_transcript.delta": _P._on_transcript,
    "response.output_audio_transcript.done": _P._on_transcript,
    "response.output_text.delta": _P._on_text,
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


def _copy(frame: Mapping[str, Any]) -> Frame:
    """Give the caller's frame as it is now. Raises ``TypeError`` for what is no JSON, before anything counts on it."""
    return loads(dumps(frame))


def _sends(frames: Iterable[Mapping[str, Any]]) -> Effects:
    return [Send(dumps(frame)) for frame in frames]
