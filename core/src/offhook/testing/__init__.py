"""For tests of applications: simulated conversations, a transport that follows a script, and a virtual clock.

Names resolve on first use: pytest imports this package at every start, for the plugin beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from offhook.testing.clock import Stuck, VirtualTimeLoop, run_virtual
    from offhook.testing.conversation import Conversation, Exchange, ToolCall
    from offhook.testing.script import (
        Command,
        IncompleteScript,
        ScriptError,
        UnexpectedCommand,
        emit,
        expect,
        fail,
        in_any_order,
        lose,
    )
    from offhook.testing.scripted import ScriptedTransport
    from offhook.testing.simulation import Says, simulate
    from offhook.testing.user import SimulationError

_NAMES_OF = {
    "clock": ("Stuck", "VirtualTimeLoop", "run_virtual"),
    "conversation": ("Conversation", "Exchange", "ToolCall"),
    "script": (
        "Command",
        "IncompleteScript",
        "ScriptError",
        "UnexpectedCommand",
        "emit",
        "expect",
        "fail",
        "in_any_order",
        "lose",
    ),
    "scripted": ("ScriptedTransport",),
    "simulation": ("Says", "simulate"),
    "user": ("SimulationError",),
}
_MODULE_OF = {name: f"{__name__}.{module}" for module, names in _NAMES_OF.items() for name in names}

__all__ = [
    "Command",
    "Conversation",
    "Exchange",
    "IncompleteScript",
    "Says",
    "ScriptError",
    "ScriptedTransport",
    "SimulationError",
    "Stuck",
    "ToolCall",
    "UnexpectedCommand",
    "VirtualTimeLoop",
    "emit",
    "expect",
    "fail",
    "in_any_order",
    "lose",
    "run_virtual",
    "simulate",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415  # only where something is used

    value = globals()[name] = getattr(import_module(_MODULE_OF[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
