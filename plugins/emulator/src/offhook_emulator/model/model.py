"""The Realtime API's side of one conversation, without I/O.

Client events, audio and the pieces of replies go in; effects come out, in the order in which they are to happen. Time
is a clock that is passed in: whoever runs the model calls ``tick()`` when ``deadline`` has come.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, Concatenate, Final, ParamSpec, cast

from offhook_emulator.model import errors
from offhook_emulator.model.conversation import Conversation
from offhook_emulator.model.effects import Effect, Hangup, Outlet
from offhook_emulator.model.hearing import Hearing
from offhook_emulator.model.idle import IdleTimer
from offhook_emulator.model.ids import Ids, obfuscation, random_id
from offhook_emulator.model.items import Item
from offhook_emulator.model.playback import Playback
from offhook_emulator.model.requests import Requests
from offhook_emulator.model.response import Response
from offhook_emulator.model.session import Session
from offhook_emulator.model.speaking import Speaking
from offhook_emulator.model.usage import transcription_usage
from offhook_emulator.replies.protocol import ReplyRequest

_GOING_AWAY: Final = 1001
_TRANSCRIPTION: Final = "conversation.item.input_audio_transcription"

_P = ParamSpec("_P")


class RealtimeModel:
    """One session and its conversation. Every method gives the effects that it causes.

    ``model`` is the model named by the connection, if it named one. ``lifetime_s`` is in seconds from now,
    ``expires_at`` the same moment as Unix time. ``hop_ms`` is the length of what one speech probability stands for.
    With ``service_plays`` no audio is sent to the client: whoever carries it takes it with ``pull()``.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        hop_ms: int,
        model: str | None = None,
        lifetime_s: float = 3600,
        expires_at: int = 0,
        ids: Ids = random_id,
        service_plays: bool = False,
    ) -> None:
        self._clock = clock
        self._lifetime_s = lifetime_s
        self._expires = clock() + lifetime_s
        outlet = self._outlet = Outlet(ids)
        session = self.session = Session(ids("sess"), model=model, expires_at=expires_at, service_plays=service_plays)
        conversation = self._conversation = Conversation(outlet)
        self._hearing = Hearing(outlet, session, conversation, hop_ms)
        self._idle = IdleTimer(session, clock)
        playback = self._playback = Playback(outlet, conversation) if service_plays else None
        self._speaking = Speaking(outlet, session, conversation, self._response_done, playback)
        self._requests = Requests(
            outlet,
            session=session,
            conversation=conversation,
            hearing=self._hearing,
            speaking=self._speaking,
            idle=self._idle,
            playback=playback,
        )

    def start(self) -> list[Effect]:
        """Greet the client with ``session.created``."""
        self._outlet.send("session.created", session=self.session.wire)
        return self._outlet.drain()

    # What the client sends

    def receive(self, event: object) -> list[Effect]:
        """Take a client event, decoded from JSON. One that is refused causes an ``error`` and changes nothing."""
        try:
            self._requests.carry_out(event)
        except errors.Refused as refusal:
            event_id = cast("dict[str, Any]", event).get("event_id") if isinstance(event, dict) else None
            self._refuse(refusal, event_id)
        return self._outlet.drain()

    def refuse(self, refusal: errors.Refused) -> list[Effect]:
        """Tell the client that a frame could not even be read as an event."""
        self._refuse(refusal)
        return self._outlet.drain()

    def _refuse(self, refusal: errors.Refused, event_id: object = None) -> None:
        event_id = event_id if isinstance(event_id, str) else None
        self._outlet.send("error", error={**refusal.body(), "event_id": event_id})

    def hear(self, pcm: bytes, probabilities: Sequence[float]) -> list[Effect]:
        """Take audio (PCM16 16 kHz mono) and the speech probability of each hop that it completed."""
        for change in self._hearing.hear(pcm, probabilities):
            # Turns are found only while turn detection is on.
            detection = self.session.turn_detection or {}
            if change == "started":
                self._idle.stop(playback=True)
                if detection["interrupt_response"]:
                    self._speaking.interrupt()
            elif detection["create_response"]:
                self._respond()
        return self._outlet.drain()

    def _respond(self) -> None:
        try:
            self._speaking.create({})
        except errors.Refused as refusal:  # it is still speaking, and was not to be interrupted
            self._refuse(refusal)

    def pull(self) -> tuple[bytes, list[Effect]]:
        """Take the 20 ms of audio that are due: PCM16 24 kHz mono, empty where there is nothing to play."""
        frame = self._playback.pull() if self._playback else b""
        return frame, self._outlet.drain()

    # What the voice reports

    def transcribed(self, item_id: str, content_index: int, text: str) -> list[Effect]:
        """Take what was said in an item; the client is told where it asked for transcription."""
        if item := self._conversation.get(item_id):
            item.sounds[content_index].words = text
            if self.session.transcription:
                self._tell_transcript(item, content_index, text, self.session.transcription["model"])
        return self._outlet.drain()

    def _tell_transcript(self, item: Item, content_index: int, text: str, model: str | None) -> None:
        item.set_transcript(content_index, text)
        where = {"item_id": item.id, "content_index": content_index}
        for delta in re.findall(r"\s*\S+", text):
            self._outlet.send(f"{_TRANSCRIPTION}.delta", **where, delta=delta, obfuscation=obfuscation(delta))
        usage = transcription_usage(model, item.sounds[content_index], text)
        self._outlet.send(f"{_TRANSCRIPTION}.completed", **where, transcript=text, usage=usage)

    def transcription_failed(self, item_id: str, content_index: int) -> list[Effect]:
        """Take it that what was said could not be written down."""
        if self.session.transcription and self._conversation.get(item_id):
            message = f"Input transcription failed for item '{item_id}'."
            error = {"type": "server_error", "code": "transcription_failed", "message": message, "param": None}
            where = {"item_id": item_id, "content_index": content_index}
            self._outlet.send(f"{_TRANSCRIPTION}.failed", **where, error=error)
        return self._outlet.drain()

    # What the reply reports

    def request(self, response: Response) -> ReplyRequest:
        """Give what a reply is to be made from. Ask once all transcriptions are in."""
        return self._speaking.request(response)

    def write(self, response: Response, text: str) -> list[Effect]:
        """Take more of a message: its text, or the transcript of its audio."""
        return self._report(response, Response.write, text)

    def play(self, response: Response, audio: bytes) -> list[Effect]:
        """Take more of a message's audio, in the response's format."""
        if not response.finished:
            self.session.has_spoken |= response.settings.in_conversation
            self._idle.note_audio(response.settings.audio_format.duration_ms(len(audio)))
        return self._report(response, Response.play, audio)

    def end_message(self, response: Response) -> list[Effect]:
        """Take it that the message is complete."""
        return self._report(response, Response.end_message)

    def call_function(self, response: Response, name: str, arguments: str) -> list[Effect]:
        """Take a function call; ``arguments`` is JSON text."""
        return self._report(response, Response.call_function, name, arguments)

    def complete(self, response: Response) -> list[Effect]:
        """Take it that the reply is complete."""
        if not response.finished:
            self._speaking.end(response, "completed")
        return self._outlet.drain()

    def fail(self, response: Response, code: str, message: str) -> list[Effect]:
        """Take it that the reply could not be made."""
        if not response.finished:
            error = {"type": "server_error", "code": code, "message": message}
            self._speaking.end(response, "failed", error=error)
        return self._outlet.drain()

    def _report(
        self, response: Response, tell: Callable[Concatenate[Response, _P], None], *args: _P.args, **kwargs: _P.kwargs
    ) -> list[Effect]:
        if not response.finished:
            tell(response, *args, **kwargs)
            if response.over_limit:
                self._speaking.end(response, "incomplete", reason="max_output_tokens")
        return self._outlet.drain()

    def _response_done(self, response: Response) -> None:
        if response.settings.in_conversation and not self._hearing.someone_speaks:
            self._idle.start()

    # Time

    @property
    def deadline(self) -> float:
        """When ``tick()`` is due, by the clock."""
        return self._expires if self._idle.deadline is None else min(self._expires, self._idle.deadline)

    def tick(self) -> list[Effect]:
        """Do what time has come for."""
        now = self._clock()
        if now >= self._expires:
            self._expires = math.inf  # once is enough
            refusal = errors.session_expired(self._lifetime_s)
            return [*self.refuse(refusal), Hangup(_GOING_AWAY, refusal.message)]
        if self._idle.deadline is not None and now >= self._idle.deadline:
            self._break_silence()
        return self._outlet.drain()

    def _break_silence(self) -> None:
        self._idle.stop()
        if (timeout_ms := self._idle.timeout_ms) is not None:
            self._hearing.commit_silence(max(self._hearing.position_ms - timeout_ms, 0))
            self._respond()
