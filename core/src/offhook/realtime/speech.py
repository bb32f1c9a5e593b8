"""What the assistant says aloud: what is let through, what was heard of it, and what must not be heard any more (P5, P6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

from attrs import define, field

from offhook import events as e
from offhook.audio.formats import AudioFormat
from offhook.realtime import translate
from offhook.realtime.playback import Playback, Truncation
from offhook.wire.codec import b64decode
from offhook.wire.protocol import Effects, sends

Reason: TypeAlias = Literal["user_speech", "client"]


@define(eq=False)
class Speech:
    """The audio of one connection, and its epoch. An interrupted response is silenced until it is done."""

    #: Gives the format of audio whose response is not known.
    usual_format: Callable[[], AudioFormat]
    playback: Playback = field(init=False, factory=Playback)
    #: Whether there was any: the voice cannot be changed after.
    begun: bool = field(init=False, default=False)
    _epoch: int = field(init=False, default=1)
    _formats: dict[str, AudioFormat] = field(init=False, factory=dict[str, AudioFormat])
    _silenced: set[str] = field(init=False, factory=set[str])

    def response_created(self, response_id: str, audio_format: AudioFormat) -> None:
        """A response will speak in this format, whatever the session changes to meanwhile."""
        self._formats[response_id] = audio_format

    def response_done(self, response_id: str) -> None:
        """Nothing more of it will come."""
        self._formats.pop(response_id, None)
        self._silenced.discard(response_id)

    def silences(self, response_id: str | None) -> bool:
        """Whether nothing of the response is to be seen or heard any more."""
        return response_id in self._silenced

    def audio(self, payload: Mapping[str, Any], now: float) -> tuple[float, Effects]:
        """Take a ``response.output_audio.delta``; give its milliseconds, and what follows from it.

        By hand, past the typed event: nine tenths of all traffic are of this one type.
        """
        data = b64decode(payload["delta"])
        response_id = payload.get("response_id")
        audio_format = self._formats.get(response_id or "") or self.usual_format()
        ms = audio_format.duration_ms(len(data))
        if response_id in self._silenced:
            return ms, []
        item_id, content_index = payload.get("item_id"), payload.get("content_index") or 0
        self.begun = True
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
            audio_ms=ms,
        )
        return ms, [event]

    def audio_done(self, item_id: str | None, response_id: str | None) -> Effects:
        """All audio of an item has come."""
        self.playback.finished(item_id)
        if response_id in self._silenced:
            return []
        return [e.AudioDone(epoch=self._epoch, item_id=item_id, response_id=response_id, turn_id=response_id)]

    def interrupt(self, now: float, response_id: str | None, reason: Reason, heard_ms: int | None) -> Effects:
        """Flush, silence the response, and tell the model how much was heard, in this order."""
        if response_id is not None:
            self._silenced.add(response_id)
        if not self.playback.playing(now):
            return []
        cuts = [cut for cut in self.playback.interrupt(now, heard_ms) if cut.item_id]
        flushed = self._interrupted(cuts, response_id, reason)
        return [flushed, *sends(translate.truncate(cut) for cut in cuts)]

    def _interrupted(self, cuts: list[Truncation], response_id: str | None, reason: Reason) -> e.AudioInterrupted:
        heard = cuts[0] if cuts else None
        item_id = heard.item_id if heard else None
        epoch, self._epoch = self._epoch, self._epoch + 1
        return e.AudioInterrupted(
            epoch=epoch,
            reason=reason,
            heard_ms=heard.audio_end_ms if heard else None,
            item_id=item_id,
            response_id=response_id,
            turn_id=response_id,
            content_index=heard.content_index if heard else 0,
            received_ms=heard.received_ms if heard else None,
            unheard=tuple(dict.fromkeys(cut.item_id for cut in cuts if cut.item_id != item_id)),
        )

    # Where the service plays (WebRTC, SIP).

    def cleared(self, response_id: str | None) -> Effects:
        """The service flushed what it was to play. Nobody tells a position."""
        epoch, self._epoch = self._epoch, self._epoch + 1
        return [e.AudioInterrupted(epoch=epoch, reason="server", response_id=response_id, turn_id=response_id)]

    def started(self, response_id: str | None) -> Effects:
        """The service plays a response."""
        self.begun = True
        return [e.OutputSpeechStarted(utterance_id=response_id, epoch=self._epoch)]

    def stopped(self, response_id: str | None) -> Effects:
        """The service has played it."""
        return [e.OutputSpeechStopped(utterance_id=response_id, epoch=self._epoch)]
