"""The real voice: three small models that run offline on one core (the extra ``[speech]``)."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from offhook_emulator.voice.hibari import HibariSpeaker
from offhook_emulator.voice.lazy import Lazy
from offhook_emulator.voice.models import SILERO
from offhook_emulator.voice.moonshine import MoonshineTranscriber
from offhook_emulator.voice.onnx import open_session
from offhook_emulator.voice.protocols import SpeechToText, TextToSpeech, VoiceActivityDetector
from offhook_emulator.voice.silero import SileroDetector


class RealVoice:
    """Silero hears, Moonshine writes, hibari speaks.

    Models are loaded when they are first needed, or all at once by ``warm_up()``. ``threads`` is how many
    utterances are heard or spoken at the same time. Whoever makes the voice calls ``close()``.
    """

    def __init__(self, *, threads: int = 2) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="offhook-voice")
        self._silero = Lazy(partial(open_session, SILERO))
        self._transcriber = MoonshineTranscriber(self._pool, self.detector)
        self._speaker = HibariSpeaker(self._pool)
        self.speech_to_text: SpeechToText = self._transcriber
        self.text_to_speech: TextToSpeech = self._speaker

    def detector(self) -> VoiceActivityDetector:
        """Give a new detector, for one session. The first one blocks where ``warm_up()`` was not awaited."""
        return SileroDetector(self._silero.get())

    async def warm_up(self) -> None:
        """Verify and load the three models and pay for their slow first calls, in threads: about a second.

        Raises OffhookError, with what to install, where a model is missing or damaged.
        """
        loop = asyncio.get_running_loop()
        steps = (self._speaker.warm_up, self._transcriber.warm_up, self._silero.get)
        await asyncio.gather(*(loop.run_in_executor(self._pool, step) for step in steps))

    def close(self) -> None:
        """Let the threads go; what has not begun is cancelled. The voice cannot be used afterwards."""
        self._pool.shutdown(wait=False, cancel_futures=True)
