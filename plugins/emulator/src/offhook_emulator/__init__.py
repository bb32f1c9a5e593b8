"""A Realtime API server with a real voice, offline: ``offhook emulator``, or ``async with Emulator(...)`` in a test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from offhook_emulator.server import Emulator

__all__ = ["Emulator"]


def __getattr__(name: str) -> Any:
    """Import the server on first use: the command line looks at this package before it needs one."""
    if name == "Emulator":
        from offhook_emulator.server import Emulator  # noqa: PLC0415 - see the docstring

        return Emulator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
