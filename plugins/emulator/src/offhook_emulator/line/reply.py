"""Makes one reply: asks what to say, says it, and reports the pieces to the model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from offhook_emulator.line.mouth import Mouth
from offhook_emulator.line.pace import Pace
from offhook_emulator.line.words import WordClock, words
from offhook_emulator.model.effects import Effect
from offhook_emulator.model.model import RealtimeModel
from offhook_emulator.model.response import Response
from offhook_emulator.replies.protocol import CallFunction, Replies, Say
from offhook_emulator.voice.protocols import TextToSpeech

_T = TypeVar("_T")


class ReplyWorker:
    """Works on one response. Cancelling ``run`` stops the work within the sentence that is being spoken."""

    def __init__(
        self,
        model: RealtimeModel,
        response: Response,
        *,
        replies: Replies,
        speaker: TextToSpeech,
        room: Callable[[], Awaitable[None]],
        perform: Callable[[Sequence[Effect]], None],
    ) -> None:
        self._model = model
        self._response = response
        self._replies = replies
        self._speaker = speaker
        self._room = room
        self._perform = perform
        self._mouth = Mouth(response.settings.audio_format)
        self._pace = Pace()

    async def run(self) -> None:
        """Make the reply, to its end."""
        async with _closing(self._replies.reply(self._model.request(self._response))) as pieces:
            async for piece in pieces:
                match piece:
                    case Say(text):
                        await self._say(text)
                    case CallFunction(name, arguments):
                        self._end_message()
                        self._perform(self._model.call_function(self._response, name, arguments))
        self._end_message()
        self._perform(self._model.complete(self._response))

    async def _say(self, text: str) -> None:
        if self._response.settings.modality == "audio":
            await self._speak(text)
        else:
            self._write(words(text))
            await self._room()

    async def _speak(self, text: str) -> None:
        settings, clock, heard_ms = self._response.settings, WordClock(text), 0.0
        self._write(clock.until(heard_ms))
        speaking = self._speaker.speak(text.strip(), voice=settings.voice_name, speed=settings.speed)
        async with _closing(speaking) as speech:
            async for pcm in speech:
                for piece in self._mouth.push(pcm):
                    duration_ms = settings.audio_format.duration_ms(len(piece))
                    heard_ms += duration_ms
                    self._play([piece])
                    self._write(clock.until(heard_ms))
                    # A wait of zero, too: the rest of the session always gets its turn.
                    await asyncio.sleep(self._pace.sent(duration_ms, asyncio.get_running_loop().time()))
                await self._room()
        self._write(clock.rest())

    def _end_message(self) -> None:
        self._play(self._mouth.flush())
        self._perform(self._model.end_message(self._response))
        self._mouth = Mouth(self._response.settings.audio_format)

    def _write(self, texts: Iterable[str]) -> None:
        for text in texts:
            self._perform(self._model.write(self._response, text))

    def _play(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            self._perform(self._model.play(self._response, piece))


@asynccontextmanager
async def _closing(iterator: AsyncIterator[_T]) -> AsyncGenerator[AsyncIterator[_T]]:
    """Close the iterator at the end, where it is a generator: its work stops then, not when it is collected."""
    try:
        yield iterator
    finally:
        if close := getattr(iterator, "aclose", None):
            await close()
