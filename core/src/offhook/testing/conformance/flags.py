"""Flags that are honest: they only narrow, and what they promise comes."""

# A suite of tests asserts.
# ruff: noqa: S101

from __future__ import annotations

from typing import Any, Final

from attrs import fields

from offhook.capabilities import Capabilities
from offhook.events import (
    AudioTranscriptDelta,
    InputTranscriptDelta,
    OutputSpeechStarted,
    OutputSpeechStopped,
    SpeechStarted,
)
from offhook.testing.conformance.line import Line
from offhook.testing.conformance.rules import Suite, rule

#: For flags that are words, from the weakest on; where there is no weaker, only the weakest may take its place.
_RANKED: Final = {
    "turn_model": ("continuous", "turn", "response"),
    "history": ("none", "initial", "append", "mutable"),
    "cancel": ("none", "local", "server"),
}


class FlagRules(Suite):
    """What ``capabilities`` say is so."""

    @rule()
    async def test_contract_capabilities_only_narrow_until_session_ready(self, line: Line) -> None:
        """What was promised before ``connect()`` may turn out to be less, and never more."""
        before = line.transport.capabilities
        seen: list[Capabilities] = []
        line.on("session_ready", lambda _: seen.append(line.transport.capabilities))
        await line.open()
        for after in seen:
            wider = [f.name for f in fields(Capabilities) if _wider(f.name, before, after)]
            assert wider == [], f"these flags promise more at session_ready than before connect(): {wider}"

    @rule(speech_events=lambda sides: "input" in sides)
    async def test_contract_speech_events_of_the_user_are_told(self, line: Line) -> None:
        """``speech_events`` holds ``input``: the user's speech is told when it begins."""
        await line.open()
        await line.peer.say(line.sound(100, 1))
        await line.peer.interrupt()
        await line.until(SpeechStarted)

    @rule(speech_events=lambda sides: "output" in sides)
    async def test_contract_speech_events_of_the_assistant_are_told(self, line: Line) -> None:
        """``speech_events`` holds ``output``: when the assistant is audible, and when no more."""
        await line.open()
        await line.peer.say(line.sound(100, 1))
        await line.until(OutputSpeechStarted)
        await line.peer.end_turn()
        await line.until(OutputSpeechStopped)

    @rule(input_transcripts={"final", "append", "replace"})
    async def test_contract_transcripts_of_the_user_are_told(self, line: Line) -> None:
        """``input_transcripts``: what the user said comes in words, pieced together as the flag says."""
        await line.open()
        await line.peer.hear("a plum and a pear")
        await line.settle()
        words = _words(line.told(InputTranscriptDelta))
        assert words == "a plum and a pear", f"the user said 'a plum and a pear', and the deltas say {words!r}"

    @rule(output_transcripts={"final", "append", "replace"})
    async def test_contract_transcripts_of_the_assistant_are_told(self, line: Line) -> None:
        """``output_transcripts``: what the assistant says comes in words."""
        await line.open()
        await line.peer.caption("a plum and a pear")
        await line.settle()
        words = _words(line.told(AudioTranscriptDelta))
        assert words == "a plum and a pear", f"the assistant said 'a plum and a pear', and the deltas say {words!r}"


def _wider(name: str, before: Capabilities, after: Capabilities) -> bool:
    old: Any = getattr(before, name)
    new: Any = getattr(after, name)
    if old == new or name == "extra":
        return False
    if name in _RANKED:
        return _RANKED[name].index(new) > _RANKED[name].index(old)
    if isinstance(old, bool):
        return new
    if isinstance(old, str):
        return new != getattr(Capabilities(), name)
    return any(value not in old for value in new)


def _words(deltas: list[AudioTranscriptDelta] | list[InputTranscriptDelta]) -> str:
    """Give the text that the deltas amount to: each segment by the mode of its deltas."""
    segments: dict[str, str] = {}
    for delta in deltas:
        before = segments.get(delta.segment_id, "") if delta.mode == "append" else ""
        segments[delta.segment_id] = before + delta.text
    return "".join(segments.values())
