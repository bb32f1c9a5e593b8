"""A client of the model: it sends events and audio, and keeps what comes back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from offhook_emulator.model.effects import Effect, Send, StartReply, StopReply, Transcribe
from offhook_emulator.model.model import RealtimeModel
from offhook_emulator.model.response import Response

HOP_MS = 20
HOP = bytes(HOP_MS * 32)


class Line:
    """Ids count up (``item_1``), time stands still unless it is moved, a hop of audio is 20 ms."""

    def __init__(self, **options: Any) -> None:
        self.now = 0.0
        self.events: list[dict[str, Any]] = []
        self.effects: list[Effect] = []
        self._counts = Counter[str]()
        self.model = RealtimeModel(clock=lambda: self.now, hop_ms=HOP_MS, ids=self._new_id, **options)
        self.take(self.model.start())

    def _new_id(self, prefix: str) -> str:
        self._counts[prefix] += 1
        return f"{prefix}_{self._counts[prefix]}"

    def take(self, effects: Sequence[Effect]) -> list[dict[str, Any]]:
        """Keep effects; give the events among them."""
        events = [effect.event for effect in effects if isinstance(effect, Send)]
        self.events += events
        self.effects += effects
        return events

    def send(self, event_type: str, **fields: Any) -> list[dict[str, Any]]:
        return self.take(self.model.receive({"type": event_type, **fields}))

    def update(self, **session: Any) -> list[dict[str, Any]]:
        return self.send("session.update", session={"type": "realtime", **session})

    def user_says(self, text: str, **fields: Any) -> list[dict[str, Any]]:
        content = [{"type": "input_text", "text": text}]
        return self.send(
            "conversation.item.create", item={"type": "message", "role": "user", "content": content}, **fields
        )

    def hear(self, duration_ms: int, probability: float) -> list[dict[str, Any]]:
        hops = duration_ms // HOP_MS
        return self.take(self.model.hear(HOP * hops, [probability] * hops))

    def turn(self, speech_ms: int = 1000, silence_ms: int = 500) -> list[dict[str, Any]]:
        """A spoken turn, long enough for the default turn detection."""
        return [*self.hear(speech_ms, 0.9), *self.hear(silence_ms, 0.0)]

    def transcriptions(self) -> list[Transcribe]:
        return [effect for effect in self.effects if isinstance(effect, Transcribe)]

    def responses(self) -> list[Response]:
        """Every response that was started, oldest first."""
        return [effect.response for effect in self.effects if isinstance(effect, StartReply)]

    def stopped(self) -> list[Response]:
        return [effect.response for effect in self.effects if isinstance(effect, StopReply)]

    def create_response(self, **settings: Any) -> Response:
        self.send("response.create", response=settings)
        return self.responses()[-1]

    def say(self, response: Response, text: str, audio_ms: int = 0) -> list[dict[str, Any]]:
        """A piece of a message: its words, then its audio."""
        events = self.take(self.model.write(response, text))
        if audio_ms:
            events += self.take(self.model.play(response, bytes(response.settings.audio_format.size(audio_ms))))
        return events

    def complete(self, response: Response) -> list[dict[str, Any]]:
        return [*self.take(self.model.end_message(response)), *self.take(self.model.complete(response))]

    def reply(self, text: str = "Hello there.", audio_ms: int = 1000, **settings: Any) -> Response:
        """A whole response of one message."""
        response = self.create_response(**settings)
        self.say(response, text, audio_ms)
        self.complete(response)
        return response


@pytest.fixture
def line() -> Line:
    """A session that has just been created."""
    return Line()


@pytest.fixture
def new_line() -> type[Line]:
    """Makes sessions with other options."""
    return Line
