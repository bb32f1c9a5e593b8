"""One spoken question and its answer: what ``offhook talk`` and ``offhook demo`` do, without a terminal."""

from __future__ import annotations

import asyncio
import contextlib
import time
from array import array
from collections.abc import AsyncIterator, Callable
from typing import Final

from attrs import define, field, frozen

from offhook import events as e
from offhook.audio import g711
from offhook.audio.formats import PCM16_24K, AudioFormat
from offhook.audio.frames import Framer, silence
from offhook.audio.resample import resample
from offhook.audio.wav import WavAudio
from offhook.errors import OffhookError
from offhook.items import FunctionCallItem, MessageItem
from offhook.session import RealtimeSession

#: A microphone gives a frame this often.
FRAME_MS: Final = 20
#: A question without an answer after this long will not get one.
PATIENCE_S: Final = 60.0
#: Root mean square of a frame above which somebody speaks in it (of 32767).
_LOUD: Final = 300


class NoAnswer(OffhookError):
    """The assistant did not answer the question."""


@frozen(kw_only=True)
class Report:
    """What a conversation took. Times in milliseconds; ``answer`` is PCM16 mono at 24 kHz."""

    connect_ms: float
    #: From the last loud frame of the question to the first audio of the answer.
    first_audio_ms: float
    total_ms: float
    audio_in_ms: float
    audio_out_ms: float
    answer: bytes = field(repr=False)


async def ask(session: RealtimeSession, question: WavAudio, show: Callable[[e.Event], object]) -> Report:
    """Connect ``session``, speak ``question`` at the pace of speech, and wait for the spoken answer.

    ``show`` is given every event as it comes. Raises ``NoAnswer``, and whatever connecting raises.
    """
    conversation = _Conversation(session, question, show)
    async with contextlib.AsyncExitStack() as stack:
        began = time.perf_counter()
        await stack.enter_async_context(session)
        conversation.connected(began)
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await conversation.run()
        except TimeoutError:
            raise NoAnswer(
                f"no answer within {PATIENCE_S:.0f} s. Check that the question is speech, and that the model may answer."
            ) from None


@define(eq=False)
class _Conversation:
    session: RealtimeSession
    question: WavAudio
    show: Callable[[e.Event], object]
    _began: float = 0.0
    _connect_ms: float = 0.0
    _speech_ended: float = 0.0
    _first_audio: float = 0.0
    _audio_in_ms: float = 0.0
    _answer: bytearray = field(factory=bytearray)
    _format: AudioFormat = PCM16_24K

    def connected(self, began: float) -> None:
        self._began = began
        self._connect_ms = _since(began)

    async def run(self) -> Report:
        microphone: asyncio.Task[None] | None = None
        try:
            async for event in self.session:
                if isinstance(event, e.SessionReady):
                    microphone = asyncio.create_task(self._speak(event.input_format or PCM16_24K))
                self.show(event)
                if self._take(event):
                    return self._report()
        finally:
            if microphone is not None:
                microphone.cancel()
                await asyncio.gather(microphone, return_exceptions=True)
        raise NoAnswer("the service ended the conversation before it answered. Its last error, if any, stands above.")

    async def _speak(self, audio_format: AudioFormat) -> None:
        """Be a microphone: one frame every 20 ms, by deadline, and silence when the question is over."""
        async for frame, loud in _frames(self.question.at(audio_format.rate_hz).pcm, audio_format.rate_hz):
            await self.session.send_audio(g711.encode(frame, audio_format.encoding))
            self._audio_in_ms += FRAME_MS
            if loud:
                self._speech_ended = time.perf_counter()

    def _take(self, event: e.Event) -> bool:
        """Note what matters; tells whether the answer is complete."""
        match event:
            case e.AudioEvent():
                self._first_audio = self._first_audio or time.perf_counter()
                self._format = event.format
                self._answer += event.data
            case e.AudioInterrupted():
                self._answer.clear()
                self._first_audio = 0.0
            case e.TurnDone():
                return bool(self._answer) and _answers(event)
            case _:
                pass
        return False

    def _report(self) -> Report:
        pcm = resample(g711.decode(bytes(self._answer), self._format.encoding), self._format.rate_hz, PCM16_24K.rate_hz)
        return Report(
            connect_ms=self._connect_ms,
            first_audio_ms=(self._first_audio - self._speech_ended) * 1000,
            total_ms=_since(self._began),
            audio_in_ms=self._audio_in_ms,
            audio_out_ms=PCM16_24K.duration_ms(len(pcm)),
            answer=pcm,
        )


async def _frames(pcm: bytes, rate_hz: int) -> AsyncIterator[tuple[bytes, bool]]:
    audio_format = AudioFormat("audio/pcm", rate_hz)
    framer = Framer(audio_format.size(FRAME_MS))
    quiet = silence(audio_format, FRAME_MS)
    frames = [*framer.push(pcm), framer.flush(quiet)]
    start = time.perf_counter()
    number = 0
    while True:
        frame = (frames[number] if number < len(frames) else b"") or quiet
        yield frame, _is_loud(frame)
        number += 1
        # By deadline, not by a sleep after each send: those add up.
        await asyncio.sleep(start + number * FRAME_MS / 1000 - time.perf_counter())


def _is_loud(frame: bytes) -> bool:
    samples = array("h", frame)
    return sum(sample * sample for sample in samples) > _LOUD * _LOUD * len(samples)


def _answers(turn: e.TurnDone) -> bool:
    """A turn that calls a function has more to come, even if it said something first."""
    kinds = {type(item) for item in turn.output}
    return MessageItem in kinds and FunctionCallItem not in kinds


def _since(began: float) -> float:
    return (time.perf_counter() - began) * 1000
