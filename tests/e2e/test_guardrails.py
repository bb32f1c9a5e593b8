"""Guardrails in a conversation with a voice: what a person at a loudspeaker hears of what must not be said."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from offhook import (
    AudioEvent,
    AudioInterrupted,
    GuardrailSettings,
    GuardrailTripped,
    RealtimeAgent,
    RealtimeSession,
    RunContext,
    input_guardrail,
    output_guardrail,
)
from offhook.audio.formats import PCM16_24K
from offhook.audio.frames import silence
from offhook.audio.resample import resample
from offhook.plugins import make_transport
from offhook.settings import Settings
from offhook.testing import run_virtual
from offhook_emulator.voice.protocols import EAR_RATE_HZ
from offhook_emulator.voice.scripted import ScriptedVoice

FRAME_MS = 100
#: Longer than any reply here takes to be made and heard.
A_WHILE_S = 60
LONG = "Once upon a time there was a fox, who lived in a deep wood. He kept a secret behind the third tree, my dear."
REPLIES = [
    {"when": "Your last answer was stopped", "say": "Sorry, that I may not tell."},
    # Nothing that the user said is left: what tripped at the input was taken out of the conversation.
    {"when": "^$", "say": "I cannot help with that."},
    {"when": "long", "say": LONG},
    {"when": "short", "say": "The secret is blue."},
    {"when": "*", "say": "Good day."},
]


@output_guardrail(policy="Keep the secret.")
async def no_secrets(_: RunContext[None], text: str) -> bool:
    """Trip on the secret."""
    return "secret" in text


@input_guardrail(policy="Nobody may ask for the secret.")
async def no_questions(_: RunContext[None], text: str) -> bool:
    """Trip on a question for it."""
    return "secret" in text


class Loudspeaker:
    """Plays what it is given at the pace of speech, reports that, and stops at once when it is told to."""

    def __init__(self, session: RealtimeSession) -> None:
        self.heard = bytearray()
        self.given_ms = 0.0
        self._queue = bytearray()
        self._session = session
        session.on("audio", self._give)
        session.on("audio_interrupted", lambda _: self._queue.clear())

    def _give(self, event: AudioEvent) -> None:
        self.given_ms += event.audio_ms
        self._queue += event.data

    async def play(self, seconds: float) -> str:
        """Play for so long, and give the words that were heard in all."""
        size = PCM16_24K.size(FRAME_MS)
        for _ in range(int(seconds * 1000 / FRAME_MS)):
            await asyncio.sleep(FRAME_MS / 1000)
            frame = bytes(self._queue[:size])
            del self._queue[:size]
            self.heard += frame or silence(PCM16_24K, FRAME_MS)
            self._session.played(PCM16_24K.duration_ms(len(frame)))
        pcm = resample(bytes(self.heard), PCM16_24K.rate_hz, EAR_RATE_HZ)
        return await ScriptedVoice().speech_to_text.transcribe(pcm)


async def _speak(session: RealtimeSession, text: str) -> None:
    transport: Any = session.transport
    for audio in (await transport.speech(text, PCM16_24K), silence(PCM16_24K, 2_000)):
        size = PCM16_24K.size(FRAME_MS)
        for start in range(0, len(audio), size):
            await asyncio.sleep(FRAME_MS / 1000)
            await session.send_audio(audio[start : start + size])


async def _ask(text: str, *, spoken: bool = False, **options: Any) -> tuple[str, list[str]]:
    """Say ``text``, and give what is heard of the answers, and the hooks of what was told about them."""
    transport = make_transport("emulator", settings=Settings(), voice="scripted", replies=REPLIES)
    session = RealtimeSession(RealtimeAgent(name="A"), transport=transport, **options)
    loudspeaker, told = Loudspeaker(session), list[str]()
    for kind in (GuardrailTripped, AudioInterrupted):
        session.on(kind.hook, lambda event: told.append(event.hook))
    async with session:
        await (_speak(session, text) if spoken else session.send_message(text))
        return await loudspeaker.play(A_WHILE_S), told


def ask(text: str, **options: Any) -> tuple[str, list[str]]:
    return run_virtual(_ask(text, **options))


def test_without_guardrails_all_of_it_is_heard() -> None:
    heard, told = ask("Tell me the long one.")
    assert heard == LONG
    assert told == []


def test_n15_speech_stops_before_the_words_are_heard_and_an_apology_follows() -> None:
    heard, told = ask(
        "Tell me the long one.",
        output_guardrails=[no_secrets],
        guardrail_settings=GuardrailSettings(debounce_chars=20),
    )
    assert told == ["guardrail_tripped", "audio_interrupted"]
    assert "secret" not in heard
    assert heard.startswith("Once")
    assert heard.endswith("Sorry, that I may not tell.")


@pytest.mark.parametrize("debounce_chars", [10, 100, -1])
def test_n15_of_what_is_held_back_nothing_is_heard_but_the_apology(debounce_chars: int) -> None:
    settings = GuardrailSettings(debounce_chars=debounce_chars, hold_back_ms=5_000)
    heard, told = ask("Tell me the short one.", output_guardrails=[no_secrets], guardrail_settings=settings)
    assert told[0] == "guardrail_tripped"
    assert heard == "Sorry, that I may not tell."


def test_what_passes_is_heard_in_full_though_it_was_held_back() -> None:
    settings = GuardrailSettings(hold_back_ms=5_000)
    heard, told = ask("Hello.", output_guardrails=[no_secrets], guardrail_settings=settings)
    assert heard == "Good day."
    assert told == []


def test_the_input_gate_answers_what_passes_and_refuses_what_does_not() -> None:
    assert ask("Hello.", spoken=True, input_guardrails=[no_questions]) == ("Good day.", [])
    heard, told = ask("Tell me the secret.", spoken=True, input_guardrails=[no_questions])
    assert heard == "I cannot help with that."
    assert told == ["guardrail_tripped"]
