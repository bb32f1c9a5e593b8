"""P5 and P6: what is heard after an interruption, and what the model is told of it."""

# A suite of tests asserts, and says its numbers where they count.
# ruff: noqa: S101, PLR2004

from __future__ import annotations

from typing import Final, cast

from offhook.audio.formats import AudioFormat
from offhook.errors import Unsupported
from offhook.events import AudioEvent, AudioInterrupted
from offhook.hookspecs import OptionalCommands
from offhook.testing.conformance.line import Line
from offhook.testing.conformance.rules import Suite, rule

_INTERRUPTS: Final = {"local", "server"}
#: Whose audio it is, by its bytes.
_FIRST, _GHOST, _NEXT = 0x11, 0x66, 0x22


def _through(formats: tuple[AudioFormat, ...]) -> bool:
    return bool(formats)


class SpeechRules(Suite):
    """The assistant's voice. Where it travels outside the contract, only that an interruption is told."""

    # P5: after audio_interrupted(epoch=n) no audio with epoch <= n is delivered; audio of n + 1 is not lost.

    @rule(handles_audio={False}, output_formats=_through)
    async def test_p05_audio_comes_whole_and_in_order(self, line: Line) -> None:
        """Nothing is lost where nobody interrupts."""
        await line.open()
        spoken = [line.sound(20, number) for number in range(1, 51)]
        for piece in spoken:
            await line.peer.say(piece)
        total = b"".join(spoken)
        await line.until_told(lambda: len(line.heard()) >= len(total), "all audio to be told")
        assert line.heard() == total, "the assistant's audio was not told as it came"

    @rule(handles_audio={False}, output_formats=_through, cancel=_INTERRUPTS)
    async def test_p05_no_audio_of_an_interrupted_epoch_is_delivered(self, line: Line) -> None:
        """``interrupt()`` while the assistant speaks; what was on its way is ghost audio."""
        await line.open()
        await line.hears(line.sound(400, _FIRST))
        await line.soon(line.transport.interrupt(), "interrupt() to return")
        await self._ghosts_are_not_heard(line)

    @rule(handles_audio={False}, output_formats=_through, full_duplex={False})
    async def test_p05_no_audio_is_delivered_after_the_user_interrupted(self, line: Line) -> None:
        """Ghost audio again: here the user speaks, and the service tells it."""
        await line.open()
        await line.hears(line.sound(400, _FIRST))
        await line.peer.interrupt()
        await self._ghosts_are_not_heard(line)

    @rule(handles_audio={False}, output_formats=_through, full_duplex={False})
    async def test_p05_audio_after_an_interruption_is_not_lost(self, line: Line) -> None:
        """The next answer is heard from its first byte, time after time."""
        await line.open()
        for number in range(1, 4):
            await line.hears(line.sound(400, _FIRST))
            await line.peer.interrupt()
            await line.until(AudioInterrupted, number)
            await line.peer.end_turn()
        answer = line.sound(200, _NEXT)
        await line.peer.say(answer)
        await line.until_told(lambda: _NEXT in line.heard(), "the answer after an interruption to be told")
        await line.settle()
        assert line.heard().count(_NEXT) == len(answer), "the answer after an interruption is not whole"
        flushed = line.told(AudioInterrupted)[-1].epoch
        epochs = {event.epoch for event in line.told(AudioEvent) if _NEXT in event.data}
        assert min(epochs) > flushed, f"the answer after audio_interrupted(epoch={flushed}) came under epochs {epochs}"

    @rule(full_duplex={False})
    async def test_p05_every_interruption_is_told_with_an_epoch_of_its_own(self, line: Line) -> None:
        """Whoever buffers audio is told to flush it, each time."""
        await line.open()
        for number in range(1, 4):
            await line.peer.say(line.sound(400, _FIRST))
            await line.settle()
            await line.peer.interrupt()
            await line.until(AudioInterrupted, number)
            await line.peer.end_turn()
        epochs = [event.epoch for event in line.told(AudioInterrupted)]
        assert epochs == sorted(set(epochs)), f"three interruptions have the epochs {epochs}"

    # P6: where the client truncates, the model is told what was heard. Elsewhere no position is sent.

    @rule(truncate={"client"})
    async def test_p06_the_model_is_told_what_was_heard(self, line: Line) -> None:
        """In whole milliseconds: of 400 that were received, the 120 and a bit that were played."""
        await line.open()
        await line.hears(line.sound(400, _FIRST))
        _played(line, 120.6)
        heard_ms = await self._position(line)
        assert heard_ms == 120, f"120 ms were heard, and the model was told {heard_ms}"
        interrupted = await line.until(AudioInterrupted)
        assert interrupted.heard_ms in {None, 120}, "listeners are told another position than the model"
        assert interrupted.received_ms in {None, 400}, "of 400 ms that were received, listeners are told another number"

    @rule(truncate={"client"})
    async def test_p06_the_position_is_never_above_what_was_received(self, line: Line) -> None:
        """However much a sink claims to have played."""
        await line.open()
        await line.hears(line.sound(400, _FIRST))
        _played(line, 10_000)
        heard_ms = await self._position(line)
        assert heard_ms == 400, f"400 ms were received, and the model was told {heard_ms}"

    @rule(truncate={"none", "server"})
    async def test_p06_where_the_client_does_not_truncate_no_position_is_sent(self, line: Line) -> None:
        """Neither to the service nor to whoever listens: nobody here knows."""
        await line.open()
        await line.peer.say(line.sound(400, _FIRST))
        await line.settle()
        try:
            await line.soon(line.transport.interrupt(), "interrupt() to return")
        except Unsupported:
            await line.peer.interrupt()
        await line.flushed()
        await line.settle()
        assert line.peer.of("heard") == [], "a playback position was sent"
        told = [event.heard_ms for event in line.told(AudioInterrupted) if event.heard_ms is not None]
        assert told == [], f"nobody here knows what was heard, and listeners were told {told} ms"

    async def _ghosts_are_not_heard(self, line: Line) -> None:
        interrupted = await line.until(AudioInterrupted)
        at = line.events.index(interrupted)
        await line.peer.say(line.sound(200, _GHOST))
        await line.peer.end_turn()
        await line.settle()
        after = [event for event in line.events[at:] if isinstance(event, AudioEvent)]
        late = [event.epoch for event in after if event.epoch <= interrupted.epoch]
        assert late == [], f"after audio_interrupted(epoch={interrupted.epoch}) came audio of epoch {late}"
        # Where there are no turns, nobody can tell what was on its way from what is said next.
        if line.transport.capabilities.turn_model != "continuous":
            assert _GHOST not in line.heard(), "what was said before the interruption came under a new epoch"

    async def _position(self, line: Line) -> float | None:
        await line.soon(line.transport.interrupt(), "interrupt() to return")
        await line.peer.until(lambda: bool(line.peer.of("heard")), "the playback position", line.patience_s)
        [heard] = line.peer.of("heard")
        assert isinstance(heard.ms, int), f"the position {heard.ms!r} is not in whole milliseconds"
        return heard.ms


def _played(line: Line, ms: float) -> None:
    # check_transport() sees to it that it is there, where the flag promises it.
    cast("OptionalCommands", line.transport).played(ms)
