"""What an event costs, from the text on the wire to the application's ``async for``, beside openai-agents in the same run.

Run: ``uv run --group peers python tests/benchmarks/event_path.py``

Both sides get the same frames from a socket that has them ready. CPU time, medians of alternated pairs, ratios. This is
the cost of one event, not how many sessions a machine holds: there, waking up and system calls weigh more than decoding.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
from collections.abc import Callable

from attrs import frozen
from stream import spoken_turn
from subjects import Offhook, OpenAIAgents, Subject


@frozen(kw_only=True)
class Comparison:
    """CPU µs per event of both sides in each pair, and how much cheaper offhook was."""

    offhook_us: tuple[float, ...]
    agents_us: tuple[float, ...]

    @property
    def ratios(self) -> tuple[float, ...]:
        """openai-agents' cost over ours, pair by pair."""
        return tuple(theirs / ours for ours, theirs in zip(self.offhook_us, self.agents_us, strict=True))

    @property
    def ratio(self) -> float:
        """The median of the pairs."""
        return statistics.median(self.ratios)


async def _cost_us(make: Callable[[], Subject], frames: list[str]) -> float:
    """CPU µs per event of one spoken turn, from the first frame on, in a session of its own."""
    subject = make()
    await subject.open()
    gc.collect()
    gc.freeze()
    try:
        return await subject.take(frames) / len(frames) * 1e6
    finally:
        gc.unfreeze()
        await subject.close()


def compare(*, audio_bytes: int, pairs: int = 5, sessions: int = 6) -> Comparison:
    """Measure both sides on the same frames, in pairs whose order alternates; a side's figure is the median of sessions."""
    frames = spoken_turn(audio_bytes=audio_bytes)
    costs: dict[type[Offhook | OpenAIAgents], list[float]] = {Offhook: [], OpenAIAgents: []}
    for make in costs:
        asyncio.run(_cost_us(make, frames))  # imports, converters and caches are paid for once per process
    for pair in range(pairs):
        for make in list(costs) if pair % 2 else reversed(costs):
            costs[make].append(statistics.median(asyncio.run(_cost_us(make, frames)) for _ in range(sessions)))
    return Comparison(offhook_us=tuple(costs[Offhook]), agents_us=tuple(costs[OpenAIAgents]))


async def _growth(early: int, late: int, rounds: int) -> float:
    young, old = Offhook(), Offhook()
    await young.open()
    await old.open()
    try:
        for turn in range(late):
            await old.take(spoken_turn(turn, audio_bytes=960, deltas=50))
        for turn in range(early):
            await young.take(spoken_turn(turn, audio_bytes=960, deltas=50))
        ratios: list[float] = []
        for step in range(rounds):
            first = await young.take(spoken_turn(early + step, audio_bytes=960, deltas=50))
            ratios.append(await old.take(spoken_turn(late + step, audio_bytes=960, deltas=50)) / first)
    finally:
        await young.close()
        await old.close()
    return statistics.median(ratios)


def growth(*, early: int = 10, late: int = 1000, rounds: int = 21) -> float:
    """What an event costs from turn ``late`` on over what it costs from turn ``early`` on, in alternation."""
    return asyncio.run(_growth(early, late, rounds))


def main() -> None:
    """Print the figures that the documentation quotes."""
    for audio_bytes in (4800, 960):
        result = compare(audio_bytes=audio_bytes)
        low, high = min(result.ratios), max(result.ratios)
        print(
            f"{audio_bytes} B of audio a delta: {result.ratio:.1f} times cheaper than openai-agents ({low:.1f}-{high:.1f}); "
            f"{statistics.median(result.offhook_us):.1f} against {statistics.median(result.agents_us):.1f} us of CPU an event"
        )
    print(f"turn 1,000 against turn 10: {growth():.2f} times the cost an event")


if __name__ == "__main__":
    main()
