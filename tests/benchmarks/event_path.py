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


async def _cost_us(make: Callable[[], Subject], turns: list[list[str]]) -> float:
    """CPU µs per event of the turns after the first, which warms up."""
    subject = make()
    await subject.open()
    try:
        await subject.take(turns[0])
        gc.collect()
        gc.freeze()
        spent = [await subject.take(turn) for turn in turns[1:]]
    finally:
        gc.unfreeze()
        await subject.close()
    return sum(spent) / sum(map(len, turns[1:])) * 1e6


def compare(*, audio_bytes: int, pairs: int = 5, turns: int = 4) -> Comparison:
    """Measure both sides on the same frames, in pairs whose order alternates."""
    frames = [spoken_turn(turn, audio_bytes=audio_bytes) for turn in range(turns + 1)]
    ours: list[float] = []
    theirs: list[float] = []
    for pair in range(pairs):
        sides: list[tuple[Callable[[], Subject], list[float]]] = [(Offhook, ours), (OpenAIAgents, theirs)]
        for make, results in sides if pair % 2 else reversed(sides):
            results.append(asyncio.run(_cost_us(make, frames)))
    return Comparison(offhook_us=tuple(ours), agents_us=tuple(theirs))


async def _growth(turns: int) -> list[float]:
    subject = Offhook()
    await subject.open()
    costs: list[float] = []
    try:
        for turn in range(turns):
            frames = spoken_turn(turn, audio_bytes=960, deltas=50)
            costs.append(await subject.take(frames) / len(frames) * 1e6)
    finally:
        await subject.close()
    return costs


def growth(*, early: int = 10, late: int = 200) -> float:
    """What an event costs around turn ``late`` over what it costs around turn ``early``: medians of 11 turns."""
    costs = asyncio.run(_growth(late + 6))
    return statistics.median(costs[late - 5 : late + 6]) / statistics.median(costs[early - 5 : early + 6])


def main() -> None:
    """Print the figures that the documentation quotes."""
    for audio_bytes in (4800, 960):
        result = compare(audio_bytes=audio_bytes)
        low, high = min(result.ratios), max(result.ratios)
        print(
            f"{audio_bytes} B of audio a delta: {result.ratio:.1f} times cheaper than openai-agents ({low:.1f}-{high:.1f}); "
            f"{statistics.median(result.offhook_us):.1f} against {statistics.median(result.agents_us):.1f} us of CPU an event"
        )
    print(f"turn 200 against turn 10: {growth():.2f} times the cost an event")


if __name__ == "__main__":
    main()
