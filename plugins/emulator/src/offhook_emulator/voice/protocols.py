"""What the emulator needs of a voice: hear that someone speaks, write down what was said, say something.

Three small protocols, so that the real voice (onnx models) and the scripted one (no dependencies) are
interchangeable.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

#: Voice activity detection and speech to text take PCM16 mono at this rate.
EAR_RATE_HZ = 16_000
#: Text to speech gives PCM16 mono at this rate.
MOUTH_RATE_HZ = 24_000


class VoiceActivityDetector(Protocol):
    """Says of each short hop of audio how likely it is speech. It has memory: one detector per session."""

    hop_ms: int

    def push(self, pcm: bytes) -> list[float]:
        """Take PCM16 16 kHz mono of any length; give one speech probability (0 to 1) per completed hop."""
        ...


class SpeechToText(Protocol):
    """Writes down what was said. Shared between sessions; never blocks the event loop."""

    async def transcribe(self, pcm: bytes) -> str:
        """Transcribe one utterance: PCM16 16 kHz mono in, text out (empty where nothing was said)."""
        ...


class TextToSpeech(Protocol):
    """Says something. Shared between sessions; never blocks the event loop."""

    def speak(self, text: str, *, voice: str = "marin", speed: float = 1.0) -> AsyncIterator[bytes]:
        """Say ``text``: pieces of PCM16 24 kHz mono, the first as early as possible.

        Closing the iterator early stops the work after the current sentence.
        """
        ...


class Voice(Protocol):
    """The three together, as the emulator is given them."""

    speech_to_text: SpeechToText
    text_to_speech: TextToSpeech

    def detector(self) -> VoiceActivityDetector:
        """Give a new detector, for one session."""
        ...

    async def warm_up(self) -> None:
        """Load and verify the models, and pay for the slow first call."""
        ...

    def close(self) -> None:
        """Let go of models and threads; whoever made the voice does it."""
        ...
