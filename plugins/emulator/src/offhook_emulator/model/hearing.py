"""The ear of the model: input buffer, turns, and the items that turns become."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from offhook.audio.formats import AudioFormat
from offhook_emulator.model import errors
from offhook_emulator.model.buffer import InputBuffer
from offhook_emulator.model.conversation import Conversation
from offhook_emulator.model.effects import Outlet, Transcribe
from offhook_emulator.model.items import spoken_by_user
from offhook_emulator.model.session import Session
from offhook_emulator.model.sound import Sound
from offhook_emulator.model.turns import Change, TurnDetector, turn_rules
from offhook_emulator.voice.protocols import EAR_RATE_HZ

EAR_FORMAT: Final = AudioFormat("audio/pcm", EAR_RATE_HZ)
_SHORTEST_COMMIT_MS: Final = 100
#: Silence that a manual commit can still get while turns are being detected; older silence is dropped.
_SILENCE_KEPT_MS: Final = 10_000


class Hearing:
    """Takes audio (PCM16 16 kHz mono) with its speech probabilities, finds turns and commits them."""

    def __init__(self, outlet: Outlet, session: Session, conversation: Conversation, hop_ms: int) -> None:
        self._outlet = outlet
        self._session = session
        self._conversation = conversation
        self._hop_ms = hop_ms
        self._hops = 0
        self._buffer = InputBuffer()
        self._turns = TurnDetector()
        self._item_id: str | None = None  # announced for the speech that is under way

    @property
    def position_ms(self) -> int:
        """How much audio was heard in all."""
        return self._buffer.position_ms

    @property
    def someone_speaks(self) -> bool:
        """Whether a turn is under way."""
        return self._turns.speaking

    def hear(self, pcm: bytes, probabilities: Sequence[float]) -> Iterator[Change]:
        """Take audio; yield each start and stop of speech as soon as its events are queued."""
        self._buffer.write(pcm)
        for probability in probabilities:
            start_ms, self._hops = self._hops * self._hop_ms, self._hops + 1
            change = self._hop(probability, start_ms)
            if change:
                yield change
        if self._session.turn_detection and not self._turns.speaking:
            self._buffer.trim(self._buffer.position_ms - _SILENCE_KEPT_MS)

    def _hop(self, probability: float, start_ms: int) -> Change | None:
        detection = self._session.turn_detection
        if detection is None:
            return None
        rules, end_ms = turn_rules(detection), start_ms + self._hop_ms
        change = self._turns.hop(probability, start_ms, end_ms, rules)
        if change == "started":
            self._start_turn(rules.prefix_ms)
        elif change == "stopped":
            self._stop_turn(end_ms)
        return change

    def _start_turn(self, prefix_ms: int) -> None:
        start_ms = max(self._turns.started_ms - prefix_ms, self._buffer.start_ms)
        self._buffer.trim(start_ms)
        self._item_id = self._outlet.new_id("item")
        self._outlet.send("input_audio_buffer.speech_started", audio_start_ms=start_ms, item_id=self._item_id)

    def _stop_turn(self, end_ms: int) -> None:
        self._outlet.send("input_audio_buffer.speech_stopped", audio_end_ms=end_ms, item_id=self._item_id)
        self._commit(self._buffer.take(end_ms=end_ms))

    def forget_turn(self) -> None:
        """Drop the speech that is under way, without an event: turn detection was changed."""
        self._turns.reset()
        self._item_id = None

    def commit(self) -> None:
        """Commit what is in the buffer, as the client asked."""
        if self._buffer.duration_ms < _SHORTEST_COMMIT_MS:
            raise errors.buffer_too_small(self._buffer.duration_ms)
        self._turns.reset()
        self._commit(self._buffer.take())

    def clear(self) -> None:
        """Empty the buffer, as the client asked."""
        self._buffer.clear()
        self.forget_turn()
        self._outlet.send("input_audio_buffer.cleared")

    def commit_silence(self, start_ms: int) -> None:
        """Commit what came since ``start_ms``, because nobody spoke for too long."""
        self._item_id = self._outlet.new_id("item")
        self._outlet.send(
            "input_audio_buffer.timeout_triggered",
            audio_start_ms=start_ms,
            audio_end_ms=self.position_ms,
            item_id=self._item_id,
        )
        self._commit(self._buffer.take(start_ms))

    def _commit(self, pcm: bytes) -> None:
        item_id, self._item_id = self._item_id or self._outlet.new_id("item"), None
        sound = Sound(EAR_FORMAT)
        sound.add(pcm)
        previous = self._conversation.last_id
        self._outlet.send("input_audio_buffer.committed", previous_item_id=previous, item_id=item_id)
        self._conversation.create(spoken_by_user(item_id, sound), previous)
        self._outlet.do(Transcribe(item_id, 0, pcm))
