"""One spoken question and its answer: what ``offhook talk`` and ``offhook demo`` do, without a terminal."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from attrs import define, field, frozen

from offhook import events as e
from offhook.audio import g711
from offhook.audio.formats import PCM16_24K, AudioFormat
from offhook.cli.media import Answer, Question
from offhook.errors import OffhookError
from offhook.items import FunctionCallItem, MessageItem
from offhook.session import RealtimeSession

#: A question without an answer after this long will not get one.
PATIENCE_S: Final = 60.0
#: The silence that ends what a transport plays: short where it tells that it has stopped, which the last frames may
#: outlive for so long; otherwise longer than the pause between two sentences.
_TAIL_MS: Final = 200.0
_TAIL_S: Final = 1.0
_PAUSE_MS: Final = 1000.0


class NoAnswer(OffhookError):
    """The assistant did not answer the question."""


@frozen(kw_only=True)
class Report:
    """What a conversation took. Times in milliseconds; ``answer`` is PCM16 mono at 24 kHz."""

    connect_ms: float
    #: From the last loud frame of the question to the first sound of the answer.
    first_audio_ms: float
    total_ms: float
    audio_in_ms: float
    audio_out_ms: float
    answer: bytes = field(repr=False)


@define(eq=False)
class Conversation:
    """``hold`` it over a session whose transport was given ``ends`` (``transport_for``)."""

    question: Question
    _answer: Answer = field(init=False, factory=Answer)
    _began: float = field(init=False, default=0.0)
    _connect_ms: float = field(init=False, default=0.0)
    #: The turn that answers, once it is complete.
    _answered: e.TurnDone | None = field(init=False, default=None)

    @property
    def ends(self) -> Mapping[str, Any]:
        """What a transport that handles the audio must be given: who speaks, and who listens."""
        return {"input": self.question, "output": self._answer.hear}

    async def hold(self, session: RealtimeSession, show: Callable[[e.Event], object]) -> Report:
        """Connect ``session``, ask at the pace of speech, and wait for the spoken answer.

        ``show`` is given every event as it comes. Raises ``NoAnswer``, and whatever connecting raises.
        """
        self._began = time.perf_counter()
        async with session:
            self._connect_ms = _since(self._began)
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await self._run(session, show)
            except TimeoutError:
                raise NoAnswer(
                    f"no answer within {PATIENCE_S:.0f} s. "
                    "Check that the question is speech, and that the model may answer."
                ) from None
            return self._report()

    async def _run(self, session: RealtimeSession, show: Callable[[e.Event], object]) -> None:
        flags = session.transport.capabilities
        handled, told = flags.handles_audio, "output" in flags.speech_events
        over = partial(self._played, told=told) if handled else self._received
        microphone: asyncio.Task[None] | None = None
        try:
            async for event in session:
                if isinstance(event, e.SessionReady) and not handled:
                    microphone = asyncio.create_task(self._speak(session, event.input_format or PCM16_24K))
                show(event)
                if over(event):
                    break
            else:
                raise NoAnswer(
                    "the service ended the conversation before it answered. Its last error, if any, stands above."
                )
        finally:
            if microphone is not None:
                microphone.cancel()
                await asyncio.gather(microphone, return_exceptions=True)
        if handled:
            await self._fade(told=told)

    async def _speak(self, session: RealtimeSession, audio_format: AudioFormat) -> None:
        flags = session.transport.capabilities
        async for frame in self.question.frames(audio_format.rate_hz):
            # Where the service hears no pauses, the end of the question is ours to tell.
            ends = flags.turn_control == "client" and self.question.asked
            await session.send_audio(g711.encode(frame, audio_format.encoding), commit=ends)
            if ends:
                break
        if flags.request_response:
            await session.request_response()

    def _received(self, event: e.Event) -> bool:
        """Take what comes through the contract; tells whether the answer is complete."""
        match event:
            case e.AudioEvent(data=data, format=audio_format):
                self._answer.hear(g711.decode(data, audio_format.encoding), audio_format.rate_hz)
            case e.AudioInterrupted():
                self._answer.forget()
            case e.TurnDone():
                return self._answer.began_at > 0 and _answers(event)
            case _:
                pass
        return False

    def _played(self, event: e.Event, *, told: bool) -> bool:
        """Follow what the transport plays by itself; tells whether that was all.

        ``told``: whether the transport tells when the assistant falls silent.
        """
        match event:
            case e.AudioInterrupted():
                self._answer.forget()
                self._answered = None
            case e.TurnDone() if _answers(event):
                self._answered = event
                return not told
            case e.OutputSpeechStopped(utterance_id=utterance) if self._answered:
                return utterance in {None, self._answered.turn_id}
            case _:
                pass
        return False

    async def _fade(self, *, told: bool) -> None:
        """Hear the last of it: the sound is on another way than the events, and may come after them."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_TAIL_S if told else None):
                await self._answer.quiet(_TAIL_MS if told else _PAUSE_MS)

    def _report(self) -> Report:
        pcm = self._answer.pcm
        return Report(
            connect_ms=self._connect_ms,
            first_audio_ms=(self._answer.began_at - self.question.ended_at) * 1000,
            total_ms=_since(self._began),
            audio_in_ms=self.question.taken_ms,
            audio_out_ms=PCM16_24K.duration_ms(len(pcm)),
            answer=pcm,
        )


def _answers(turn: e.TurnDone) -> bool:
    """A turn that calls a function has more to come, even if it said something first."""
    kinds = {type(item) for item in turn.output}
    return MessageItem in kinds and FunctionCallItem not in kinds


def _since(began: float) -> float:
    return (time.perf_counter() - began) * 1000
