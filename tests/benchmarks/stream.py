"""One spoken turn as the service sends it: realistic sizes and order, random audio."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

SENTENCE = [
    "Of",
    "course,",
    "that",
    "is",
    "easy",
    "to",
    "change.",
    "Your",
    "table",
    "for",
    "two",
    "is",
    "now",
    "booked",
    "at",
    "half",
    "past",
    "seven,",
    "next",
    "to",
    "the",
    "window,",
    "and",
    "I",
    "have",
    "told",
    "the",
    "kitchen",
    "about",
    "the",
    "nut",
    "allergy;",
    "shall",
    "I",
    "also",
    "send",
    "a",
    "reminder",
    "an",
    "hour",
    "before?",
]


def spoken_turn(turn: int = 0, *, audio_bytes: int = 4800, deltas: int = 200) -> list[str]:
    """Give the frames of one user turn and its spoken reply; ``audio_bytes`` of PCM16 in each of ``deltas`` frames."""
    user, assistant, response_id = f"item_u{turn:06d}", f"item_a{turn:06d}", f"resp_{turn:06d}"
    before = f"item_a{turn - 1:06d}" if turn else None
    where = {"response_id": response_id, "item_id": assistant, "output_index": 0, "content_index": 0}
    text = " ".join(SENTENCE)
    spoken = [{"type": "output_audio", "transcript": text}]
    frames = [
        *_user_turn(user, before),
        ("response.created", {"response": _response(response_id, "in_progress")}),
        ("response.output_item.added", {"response_id": response_id, "output_index": 0, "item": _item(assistant, [])}),
        ("conversation.item.added", {"previous_item_id": user, "item": _item(assistant, [])}),
        ("response.content_part.added", {**where, "part": {"type": "audio", "transcript": ""}}),
        *_speech(where, audio_bytes, deltas, random.Random(turn)),
        ("response.output_audio.done", where),
        ("response.output_audio_transcript.done", {**where, "transcript": text}),
        ("response.content_part.done", {**where, "part": {"type": "audio", "transcript": text}}),
        ("conversation.item.done", {"previous_item_id": user, "item": _item(assistant, spoken, "completed")}),
        (
            "response.output_item.done",
            {"response_id": response_id, "output_index": 0, "item": _item(assistant, spoken, "completed")},
        ),
        ("response.done", {"response": _response(response_id, "completed", [_item(assistant, spoken, "completed")])}),
        ("rate_limits.updated", {"rate_limits": [{"name": "tokens", "limit": 400000, "remaining": 398820}]}),
    ]
    return [
        json.dumps({"type": kind, "event_id": f"event_{turn:06d}{number:04d}", **body}, separators=(",", ":"))
        for number, (kind, body) in enumerate(frames)
    ]


def _user_turn(item_id: str, before: str | None) -> list[tuple[str, dict[str, Any]]]:
    item = {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": [{"type": "input_audio", "transcript": None}],
    }
    usage = {"type": "tokens", "total_tokens": 33, "input_tokens": 27, "output_tokens": 6}
    heard = {"item_id": item_id, "content_index": 0}
    transcription = "conversation.item.input_audio_transcription"
    return [
        ("input_audio_buffer.speech_started", {"audio_start_ms": 1120, "item_id": item_id}),
        ("input_audio_buffer.speech_stopped", {"audio_end_ms": 3380, "item_id": item_id}),
        ("input_audio_buffer.committed", {"previous_item_id": before, "item_id": item_id}),
        ("conversation.item.added", {"previous_item_id": before, "item": item}),
        ("conversation.item.done", {"previous_item_id": before, "item": item}),
        *((f"{transcription}.delta", {**heard, "delta": word}) for word in ("Can ", "you ", "move ", "my table", "?")),
        (f"{transcription}.completed", {**heard, "transcript": "Can you move my table?", "usage": usage}),
    ]


def _speech(
    where: dict[str, Any], audio_bytes: int, deltas: int, noise: random.Random
) -> list[tuple[str, dict[str, Any]]]:
    frames: list[tuple[str, dict[str, Any]]] = []
    every = max(1, deltas // len(SENTENCE))
    for number in range(deltas):
        if number % every == 0 and number // every < len(SENTENCE):
            word = SENTENCE[number // every]
            frames.append(("response.output_audio_transcript.delta", {**where, "delta": f" {word}"}))
        audio = base64.b64encode(noise.randbytes(audio_bytes)).decode()
        frames.append(("response.output_audio.delta", {**where, "delta": audio}))
    return frames


def _item(item_id: str, content: list[dict[str, Any]], status: str = "in_progress") -> dict[str, Any]:
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": content,
    }


def _response(response_id: str, status: str, output: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    usage = {
        "total_tokens": 1180,
        "input_tokens": 760,
        "output_tokens": 420,
        "input_token_details": {"text_tokens": 560, "audio_tokens": 200, "cached_tokens": 448},
        "output_token_details": {"text_tokens": 55, "audio_tokens": 365},
    }
    return {
        "object": "realtime.response",
        "id": response_id,
        "status": status,
        "status_details": None,
        "output": output or [],
        "conversation_id": "conv_1",
        "output_modalities": ["audio"],
        "max_output_tokens": "inf",
        "audio": {"output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin"}},
        "usage": usage if output else None,
        "metadata": None,
    }
