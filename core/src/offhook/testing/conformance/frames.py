"""P3 and P4: what a frame becomes, known or not, well-formed or not."""

# A suite of tests asserts.
# ruff: noqa: S101

from __future__ import annotations

from offhook.events import ErrorEvent, FunctionCall, RawEvent
from offhook.testing.conformance.line import Line
from offhook.testing.conformance.overheard import Overheard
from offhook.testing.conformance.rules import Suite, rule


class FrameRules(Suite):
    """Frames as they come."""

    # P3: raw_event comes first for every frame, with the payload as received; unknown types never become errors.

    @rule()
    async def test_p03_the_raw_event_comes_first(self, line: Line) -> None:
        """Whoever hears of a function call has seen the frame that it came in."""
        await line.open()
        seen: list[str] = []
        line.on("*", lambda event: seen.append("raw") if "call_plum" in repr(event.payload) else None)
        line.on("function_call", lambda _: seen.append("call"))
        await line.peer.call("call_plum", "look_up", "{}")
        await line.until(FunctionCall)
        assert "raw" in seen, "no raw_event has the frame of the function call"
        assert seen.index("raw") < seen.index("call"), "function_call came before the raw_event of its frame"

    @rule()
    async def test_p03_the_raw_event_has_the_payload_as_received(self, line: Line) -> None:
        """Every frame once, nothing of it changed, in order."""
        await line.open()
        sent = [dict(await line.peer.unknown()) for _ in range(5)]
        await line.settle()
        payloads = [dict(event.payload) for event in line.told(RawEvent) if event.direction == "received"]
        told = [payload for payload in payloads if payload in sent]
        assert told == sent, f"of these frames: {sent}, raw events told {told}"

    @rule()
    async def test_p03_a_frame_of_an_unknown_kind_is_no_error(self, line: Line) -> None:
        """It is a raw event, and nothing else: the service may learn something new tomorrow."""
        await line.open()
        await line.settle()
        before = len(line.events)
        await line.peer.unknown()
        await line.settle()
        others = [event for event in line.events[before:] if not isinstance(event, RawEvent)]
        assert others == [], f"frames of an unknown kind became {others}"
        assert line.transport.status == "connected"

    # P4: a malformed frame is a warning, never the end of the conversation.

    @rule()
    async def test_p04_a_malformed_frame_does_not_end_the_conversation(self, line: Line) -> None:
        """After any amount of nonsense the next frame means what it means."""
        await line.open()
        await line.peer.malformed()
        await line.peer.call("call_plum", "look_up", "{}")
        await line.until(FunctionCall)
        assert line.transport.status == "connected"
        assert [error for error in line.told(ErrorEvent) if error.fatal] == [], "a malformed frame was a fatal error"

    @rule()
    async def test_p04_a_malformed_frame_is_a_warning(self, line: Line) -> None:
        """It is logged (WARNING), or told as an error that is not fatal; nobody is left to wonder."""
        await line.open()
        with Overheard() as overheard:
            await line.peer.malformed()
            await line.settle()
        assert overheard.warnings or line.told(ErrorEvent), "a malformed frame was passed over in silence"
