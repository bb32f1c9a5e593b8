"""Runs one session: turns what the model wants done into work, and reports back to it.

Client events are taken one after the other; transcriptions and replies are tasks beside them. All of it happens on
one event loop, so the model is never entered twice at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Final, Protocol, cast

import orjson

from offhook._log import logger
from offhook.audio.formats import AudioFormat
from offhook.errors import OffhookError
from offhook_emulator.line.ear import Ear
from offhook_emulator.line.outbox import Observer
from offhook_emulator.line.reply import ReplyWorker
from offhook_emulator.model import errors
from offhook_emulator.model.effects import Effect, Hangup, Hear, Send, StartReply, StopReply, Transcribe
from offhook_emulator.model.model import RealtimeModel
from offhook_emulator.model.response import Response
from offhook_emulator.replies.protocol import Replies
from offhook_emulator.voice.protocols import Voice, VoiceActivityDetector

_FAILURE: Final = "The server had an error while processing your request. Its log says which."


class Listeners(Protocol):
    """Who is told what happens: an ``Outbox``, or all the channels of a call."""

    def put(self, event: Mapping[str, Any]) -> None:
        """Queue a server event."""
        ...

    def end(self, hangup: Hangup) -> None:
        """Queue the end of the connection."""
        ...

    async def room(self) -> None:
        """Wait until more can be taken."""
        ...


class SessionRunner:
    """Owns the work of one session. Its tasks belong to ``tasks``; ``close`` cancels them."""

    def __init__(
        self,
        model: RealtimeModel,
        *,
        voice: Voice,
        detector: VoiceActivityDetector,
        replies: Replies,
        outbox: Listeners,
        tasks: asyncio.TaskGroup,
        observer: Observer | None = None,
    ) -> None:
        self._model = model
        self._voice = voice
        self._replies = replies
        self._outbox = outbox
        self._tasks = tasks
        self._observer = observer
        self._ear = Ear(detector)
        self._work: set[asyncio.Task[None]] = set()
        self._transcriptions: set[asyncio.Task[None]] = set()
        self._reply_tasks: dict[str, asyncio.Task[None]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Greet the client."""
        self._perform(self._model.start())

    def close(self) -> None:
        """Stop all work. The task group waits for it to end."""
        if self._timer:
            self._timer.cancel()
        for task in self._work:
            task.cancel()

    async def receive(self, message: str | bytes) -> None:
        """Take one frame from the client; returns when the next one may come."""
        if isinstance(message, bytes):
            self._perform(self._model.refuse(errors.not_text()))
            return
        try:
            event: object = orjson.loads(message)
        except orjson.JSONDecodeError:
            self._perform(self._model.refuse(errors.not_json()))
            return
        self._observe(event)
        await self._take(self._model.receive(event))
        await self._outbox.room()

    def _observe(self, event: object) -> None:
        if self._observer and isinstance(event, dict):
            self._observer("client", cast("dict[str, Any]", event))

    async def _take(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Hear):
                await self.hear(effect.audio, self._model.session.input_format)
            else:
                self._perform([effect])

    async def hear(self, audio: bytes, audio_format: AudioFormat) -> None:
        """Take what is said, as it arrives."""
        for count, (pcm, probabilities) in enumerate(self._ear.listen(audio, audio_format)):
            if count:
                await asyncio.sleep(0)
            self._perform(self._model.hear(pcm, probabilities))

    def pull(self) -> bytes:
        """Give the next 20 ms to play (PCM16 24 kHz mono), where the service plays; empty where there is nothing."""
        frame, effects = self._model.pull()
        self._perform(effects)
        return frame

    def _perform(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(event):
                    self._outbox.put(event)
                case Transcribe():
                    self._transcriptions.add(self._start_task(self._transcribe(effect)))
                case StartReply(response):
                    self._start_reply(response)
                case StopReply(response):
                    self._reply_tasks[response.id].cancel()
                case Hangup():
                    self._outbox.end(effect)
                case Hear():  # pragma: no cover - only client events cause it, and receive() takes those
                    raise AssertionError(effect)
        self._set_timer()

    def _start_task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._tasks.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        task.add_done_callback(self._transcriptions.discard)
        return task

    def _start_reply(self, response: Response) -> None:
        task = self._reply_tasks[response.id] = self._start_task(self._reply(response))
        task.add_done_callback(lambda _task: self._reply_tasks.pop(response.id))

    async def _transcribe(self, effect: Transcribe) -> None:
        where = effect.item_id, effect.content_index
        try:
            text = await self._voice.speech_to_text.transcribe(effect.audio)
        except Exception:  # noqa: BLE001 - any voice may be plugged in; its failure is told to the client, and logged
            logger().exception("transcription failed", item_id=effect.item_id)
            self._perform(self._model.transcription_failed(*where))
        else:
            self._perform(self._model.transcribed(*where, text))

    async def _reply(self, response: Response) -> None:
        try:
            if self._transcriptions:
                await asyncio.wait(self._transcriptions)
            await self._worker(response).run()
        except Exception as error:  # noqa: BLE001 - as above: replies and voices are plugged in
            logger().exception("reply failed", response_id=response.id)
            message = str(error) if isinstance(error, OffhookError) else _FAILURE
            self._perform(self._model.fail(response, "reply_failed", message))

    def _worker(self, response: Response) -> ReplyWorker:
        return ReplyWorker(
            self._model,
            response,
            replies=self._replies,
            speaker=self._voice.text_to_speech,
            room=self._outbox.room,
            perform=self._perform,
        )

    def _set_timer(self) -> None:
        deadline = self._model.deadline
        if self._timer and self._timer.when() == deadline and not self._timer.cancelled():
            return
        if self._timer:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(deadline, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._perform(self._model.tick())
