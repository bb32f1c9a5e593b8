"""What a process holds that it could forget to let go of: to compare before and after."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import asdict, frozen
from wire import PATIENCE_S

#: Each owns a socket, a task or a device. They are counted closed or not: one that is still there is held by somebody.
_OWNERS: Final = frozenset(
    {"RTCPeerConnection", "PeerChannel", "WebSocketChannel", "ClientConnection", "Microphone", "Speaker"}
)
#: What closing leaves to the event loop when it returns is due at once, and done after so many turns.
_TURNS: Final = 10


@frozen
class Belongings:
    """What there is: tasks and threads by name, files with what they are (a socket is ``socket:[…]``), others by class."""

    tasks: tuple[str, ...]
    threads: tuple[str, ...]
    files: tuple[str, ...]
    owners: tuple[str, ...]

    @classmethod
    def now(cls) -> Belongings:
        """Look. What nobody holds any more does not count, nor do the event loop's own workers."""
        gc.collect()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        threads = [thread.name for thread in threading.enumerate() if not thread.name.startswith("asyncio_")]
        kinds = [type(thing).__name__ for thing in gc.get_objects()]
        return cls(
            tasks=tuple(sorted(task.get_coro().__qualname__ for task in tasks)),
            threads=tuple(sorted(threads)),
            files=tuple(sorted(_files())),
            owners=tuple(sorted(kind for kind in kinds if kind in _OWNERS)),
        )

    def more_than(self, before: Belongings) -> dict[str, list[str]]:
        """Tell what there is that was not there ``before``."""
        more: dict[str, list[str]] = {}
        for kind, ones in asdict(self).items():
            rest: list[str] = list(ones)
            for one in getattr(before, kind):
                with contextlib.suppress(ValueError):
                    rest.remove(one)
            if rest:
                more[kind] = rest
        return more


def _files() -> list[str]:
    found: list[str] = []
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the one that this folder is read with
            found.append(f"{entry.name} {entry.readlink()}")
    return found


def hear_complaints() -> list[str]:
    """Give a list of what asyncio complains of from now on: exceptions that nobody looked at, tasks that nobody held."""
    complaints: list[str] = []

    def complain(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        complaints.append(f"{context['message']}: {context.get('exception')!r} {context.get('future', '')}")

    asyncio.get_running_loop().set_exception_handler(complain)
    return complaints


@asynccontextmanager
async def nothing_left() -> AsyncGenerator[None]:
    """Whatever is opened inside is gone at the end, and not some time later; and asyncio had nothing to complain of."""
    complaints = hear_complaints()
    before = Belongings.now()
    yield
    for _ in range(_TURNS):
        await asyncio.sleep(0)
    for thread in threading.enumerate():
        # A helper that has said what it had to say is still on its last line.
        if thread.name.startswith("offhook"):
            thread.join(PATIENCE_S)
    left = Belongings.now().more_than(before)
    if left or complaints:
        pytest.fail(f"left behind: {left}; complaints: {complaints}")
