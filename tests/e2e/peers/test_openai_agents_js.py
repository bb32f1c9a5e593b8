"""@openai/agents-realtime holds its conversations with the emulator, over WebSocket, in Node."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import javascript
import pytest

Told = Sequence[dict[str, Any]]


@pytest.fixture(scope="session", autouse=True)
def _installed() -> None:
    javascript.install()


def _all(told: Told, event: str) -> Told:
    return [one for one in told if one["event"] == event]


def _said(told: Told, role: str) -> list[str]:
    """Give the words of a side's messages, as the last history has them."""
    history = _all(told, "history_updated")[-1]["history"]
    parts = (part for item in history if item.get("role") == role for part in item["content"])
    return [part.get("text") or part.get("transcript") for part in parts]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return tmp_path / "speech.pcm"


async def test_a_text_turn(emulate):
    async with emulate() as wire:
        told = await javascript.run("agents/text_turn.mjs", wire.url)
    assert _all(told, "error") == []
    assert _said(told, "assistant") == ["Hello! How can I help you?"]
    assert _all(told, "agent_end")[0]["text"] == "Hello! How can I help you?"


async def test_a_tool_round_trip(emulate):
    async with emulate() as wire:
        told = await javascript.run("agents/tool_round_trip.mjs", wire.url)
    assert _all(told, "error") == []
    assert [end["output"] for end in _all(told, "agent_tool_end")] == ["It is foggy in Paris."]
    assert _said(told, "assistant") == ["It is foggy in Paris."]


async def test_a_spoken_turn_that_server_vad_ends(emulate, question, recording):
    recording.write_bytes(b"".join(question))
    async with emulate() as wire:
        told = await javascript.run("agents/spoken_turn.mjs", wire.url, recording)
    assert wire.told("input_audio_buffer.speech_stopped")
    assert _all(told, "error") == []
    assert [end["output"] for end in _all(told, "agent_tool_end")] == ["It is foggy in Paris."]
    assert _said(told, "user") == ["What is the weather in Paris?"]
    assert _said(told, "assistant") == ["It is foggy in Paris."]


async def test_an_interruption(emulate, hello, recording):
    recording.write_bytes(b"".join(hello))
    async with emulate() as wire:
        told = await javascript.run("agents/interruption.mjs", wire.url, recording)
    assert _all(told, "error") == []
    assert len(_all(told, "audio_interrupted")) == 1
    story, answer = (frame["response"] for frame in wire.told("response.done"))
    assert (story["status_details"]["reason"], answer["status"]) == ("turn_detected", "completed")
    assert [frame["item_id"] for frame in wire.told("conversation.item.truncated")] == [story["output"][0]["id"]]
    assert _said(told, "assistant")[-1] == "Hello! How can I help you?"
