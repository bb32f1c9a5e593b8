"""The audio that the service plays itself, over WebRTC and SIP: what waits, what was sent, and the events about it.

Whoever carries the audio takes it frame by frame at the pace of speech, so what was taken is what was heard. Order as
recorded: ``output_audio_buffer.started`` before the first frame, ``.stopped`` after ``response.done`` and the last frame.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from attrs import define, field

from offhook.audio.formats import PCM16_24K
from offhook_emulator.model.conversation import Conversation
from offhook_emulator.model.effects import Outlet
from offhook_emulator.model.items import Item

if TYPE_CHECKING:
    from offhook_emulator.model.response import Response

#: 20 ms, as RTP carries them.
FRAME_BYTES: Final = PCM16_24K.size(20)


@define(eq=False)
class _Part:
    """The audio of one message. ``sent`` counts the bytes that were taken."""

    item: Item
    waiting: bytearray = field(factory=bytearray)
    sent: int = 0

    def take(self) -> bytes:
        """Take a frame; a short one is filled up with silence."""
        frame = bytes(self.waiting[:FRAME_BYTES])
        del self.waiting[:FRAME_BYTES]
        self.sent += len(frame)
        return frame.ljust(FRAME_BYTES, b"\0")


@define(eq=False)
class _Speech:
    """The audio of one response, by message. ``started`` once its first frame was taken."""

    response: Response
    parts: deque[_Part] = field(factory=deque[_Part])
    started: bool = False

    def take(self) -> bytes:
        """Take a frame; empty where none is complete."""
        while self.parts:
            part = self.parts[0]
            more_comes = len(self.parts) == 1 and part.item.wire["status"] == "in_progress"
            if len(part.waiting) >= FRAME_BYTES or (part.waiting and not more_comes):
                return part.take()
            if more_comes:
                return b""
            self.parts.popleft()
        return b""


class Playback:
    """Plays the responses one after the other. Audio is PCM16 24 kHz mono."""

    def __init__(self, outlet: Outlet, conversation: Conversation) -> None:
        self._outlet = outlet
        self._conversation = conversation
        self._speeches: dict[str, _Speech] = {}

    @property
    def responses(self) -> list[Response]:
        """The responses whose audio was not played to its end, in order."""
        return [speech.response for speech in self._speeches.values()]

    def add(self, response: Response, item: Item, audio: bytes) -> None:
        """Play more of a message, after everything before it."""
        speech = self._speeches.setdefault(response.id, _Speech(response))
        if not speech.parts or speech.parts[-1].item is not item:
            speech.parts.append(_Part(item))
        speech.parts[-1].waiting += audio

    def pull(self) -> bytes:
        """Take the frame that is due; empty where there is nothing to play."""
        while speech := next(iter(self._speeches.values()), None):
            if frame := speech.take():
                if not speech.started:
                    speech.started = True
                    self._tell("started", speech)
                return frame
            if not speech.response.finished:
                return b""
            del self._speeches[speech.response.id]
            self._tell("stopped", speech)
        return b""

    def clear(self) -> None:
        """Drop what was not taken yet, and forget that it was ever said."""
        speeches, self._speeches = self._speeches, {}
        for speech in speeches.values():
            self._tell("cleared", speech)
            for part in speech.parts:
                self._truncate(part)

    def _truncate(self, part: _Part) -> None:
        if part.waiting and self._conversation.get(part.item.id) is part.item:
            self._conversation.truncate(part.item.id, 0, int(PCM16_24K.duration_ms(part.sent)))

    def _tell(self, what: str, speech: _Speech) -> None:
        self._outlet.send(f"output_audio_buffer.{what}", response_id=speech.response.id)
