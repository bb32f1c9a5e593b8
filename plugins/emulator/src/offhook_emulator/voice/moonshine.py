"""Speech to text by Moonshine tiny-en, run directly on onnxruntime.

Of silence, noise and tones the model makes words ("You"), so whatever no detector calls speech is kept from it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import Final

import numpy as np

from offhook_emulator.voice.lazy import Lazy
from offhook_emulator.voice.models import MOONSHINE_DECODER, MOONSHINE_ENCODER, MOONSHINE_TOKENS
from offhook_emulator.voice.onnx import Floats, floats, open_session
from offhook_emulator.voice.protocols import EAR_RATE_HZ, VoiceActivityDetector

#: Where the detector is never surer than that, there is no speech.
_SPEECH: Final = 0.3
#: 0.1 s.
_SLICE_BYTES: Final = EAR_RATE_HZ // 10 * 2
_BEGIN: Final = 1
_END: Final = 2
#: Speech has fewer tokens; the limit ends the endless repetition that the model falls into now and then.
_TOKENS_PER_SECOND: Final = 6.5
_SPARE_TOKENS: Final = 6
#: Zeros on both sides: without them the first and last words suffer (8.6 → 5.8 % word errors).
_PAD: Final = np.zeros(int(0.3 * EAR_RATE_HZ), np.float32)
#: Longer pieces make the model hallucinate, so they are cut at the quietest place in this range (samples).
_CUT_FROM: Final = 9 * EAR_RATE_HZ
_CUT_TO: Final = 15 * EAR_RATE_HZ
_QUIET_WINDOW: Final = EAR_RATE_HZ // 10
_LONG_TOKEN: Final = 128


class MoonshineTranscriber:
    """Writes down utterances, in the threads of ``pool``; about 15 ms per second of speech."""

    def __init__(self, pool: Executor, detector: Callable[[], VoiceActivityDetector]) -> None:
        self._pool = pool
        self._detector = detector
        self._model = Lazy(Moonshine)

    async def transcribe(self, pcm: bytes) -> str:
        """Transcribe one utterance: PCM16 16 kHz mono in, text out; empty where no speech is in it.

        Cancelling ends it after the piece being written. Raises OffhookError where the model is missing or damaged.
        """
        loop = asyncio.get_running_loop()
        if not await loop.run_in_executor(self._pool, self._is_speech, pcm):
            return ""
        texts = [await loop.run_in_executor(self._pool, self._write, piece) for piece in pieces(floats(pcm))]
        return " ".join(text for text in texts if text)

    def warm_up(self) -> None:
        """Load the model and pay for the slow first call (not for the event loop)."""
        self._write(np.zeros(EAR_RATE_HZ, np.float32))

    def _is_speech(self, pcm: bytes) -> bool:
        """Listen until speech begins; that is early, as a rule."""
        detector = self._detector()
        slices = (pcm[at : at + _SLICE_BYTES] for at in range(0, len(pcm), _SLICE_BYTES))
        return any(probability > _SPEECH for piece in slices for probability in detector.push(piece))

    def _write(self, audio: Floats) -> str:
        return self._model.get().write(np.concatenate([_PAD, audio, _PAD]))


class Moonshine:
    """The model: an encoder, a decoder that is run once per token, and the words of the tokens."""

    def __init__(self) -> None:
        self._encoder = open_session(MOONSHINE_ENCODER)
        self._decoder = open_session(MOONSHINE_DECODER)
        self._tokens = read_tokens(MOONSHINE_TOKENS.verified())
        self._outputs = [output.name for output in self._decoder.get_outputs()]
        # The caches, empty: [batch, heads, 0, size of a head].
        self._empty = {
            cache.name: np.zeros((1, cache.shape[1], 0, cache.shape[3]), np.float32)
            for cache in self._decoder.get_inputs()
            if cache.name.startswith("past_key_values")
        }

    def write(self, audio: Floats) -> str:
        """Transcribe one piece of at most about 15 s, 16 kHz, full scale 1."""
        mask = np.ones((1, len(audio)), np.int64)
        hidden = self._encoder.run(None, {"input_values": audio[None], "attention_mask": mask})[0]
        fixed = {"encoder_hidden_states": hidden, "encoder_attention_mask": mask}
        caches: dict[str, Floats] = dict(self._empty)
        tokens: list[int] = []
        for step in range(int(len(audio) / EAR_RATE_HZ * _TOKENS_PER_SECOND) + _SPARE_TOKENS):
            latest = {
                "input_ids": np.array([[tokens[-1] if tokens else _BEGIN]], np.int64),
                "use_cache_branch": np.array([step > 0]),
            }
            scores, *present = self._decoder.run(None, {**fixed, **latest, **caches})
            token = int(scores[0, -1].argmax())
            if token == _END:
                break
            tokens.append(token)
            self._remember(caches, present, first=step == 0)
        return self._text(tokens)

    def _remember(self, caches: dict[str, Floats], present: list[Floats], *, first: bool) -> None:
        for name, value in zip(self._outputs[1:], present, strict=True):
            # What the decoder sees of the encoder never changes, and is right only the first time.
            if first or ".decoder." in name:
                caches[name.replace("present", "past_key_values")] = value

    def _text(self, tokens: list[int]) -> str:
        joined = b"".join(self._tokens[token] for token in tokens)
        return joined.decode("utf-8", "replace").replace("\u2581", " ").strip()


def pieces(samples: Floats) -> Iterator[Floats]:
    """Cut long speech (16 kHz samples) at its quietest places, into pieces of 9 to 15 s and a rest."""
    while len(samples) > _CUT_TO:
        energy = np.cumsum(np.square(samples[_CUT_FROM:_CUT_TO], dtype=np.float64))
        window = energy[_QUIET_WINDOW:] - energy[:-_QUIET_WINDOW]
        cut = _CUT_FROM + int(window.argmin()) + _QUIET_WINDOW // 2
        yield samples[:cut]
        samples = samples[cut:]
    if len(samples):
        yield samples


def read_tokens(path: Path) -> list[bytes]:
    """Read ``tokenizer.bin``: byte strings, each after its length (from 128 on in two bytes, low one first)."""
    data, tokens, at = path.read_bytes(), list[bytes](), 0
    while at < len(data):
        size, at = data[at], at + 1
        if size >= _LONG_TOKEN:
            size, at = size - _LONG_TOKEN + data[at] * _LONG_TOKEN, at + 1
        tokens.append(data[at : at + size])
        at += size
    return tokens
