"""What listens: an object's hooks, found and checked against the hook specifications before any event comes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import pluggy

from offhook.errors import ContractError
from offhook.hookspecs import event_names

ListenerT = TypeVar("ListenerT", bound=Callable[[Any], object])


def hooks_of(listener: object, specs: type) -> list[tuple[str, Callable[[Any], object]]]:
    """Give the ``@hookimpl`` methods of ``listener``, each with its event's name, to be called with the event.

    Raises ``ContractError`` for an unknown hook, a wrong argument, an ``async def`` hook, and where there is none.
    """
    names = sorted(event_names(specs))
    label = name_of(listener)
    # A manager for this one alone: pluggy holds listeners that are equal for the same one.
    manager = pluggy.PluginManager("offhook")
    manager.add_hookspecs(specs)
    try:
        manager.register(listener)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise ContractError(
            f"{label} cannot listen: {error} Each hook takes the one argument 'event', for example "
            f"audio(self, event). The events are: {', '.join(names)}."
        ) from error
    found = [(name, impl) for name in names for impl in getattr(manager.hook, name).get_hookimpls()]
    if not found:
        raise ContractError(
            f"{label} has no @hookimpl method, so it would hear nothing. Mark its methods with "
            f"offhook.hookimpl and name them after events, such as audio(self, event)."
        )
    return [(name, _checked(f"{label}.{name}", name, impl)) for name, impl in found]


def name_of(listener: object) -> str:
    """Say who listens: a function, or the class of an object."""
    named = listener if hasattr(listener, "__qualname__") else type(listener)
    return f"{named.__module__}.{getattr(named, '__qualname__', named)}"


def is_async(listener: Callable[[Any], object]) -> bool:
    """Tell whether calling ``listener`` gives something to await; an object with ``async def __call__`` is one too."""
    return inspect.iscoroutinefunction(listener) or inspect.iscoroutinefunction(type(listener).__call__)


def onlooker(listener: ListenerT) -> ListenerT:
    """Mark a listener that only looks on: an error that nobody else hears is still told as unheard."""
    listener.offhook_onlooker = True  # type: ignore[attr-defined]  # a function, or a partial: both take attributes
    return listener


def is_onlooker(listener: object) -> bool:
    """Tell whether ``listener`` was marked as an onlooker."""
    return getattr(listener, "offhook_onlooker", False) is True


def _checked(label: str, name: str, impl: Any) -> Callable[[Any], object]:
    if inspect.iscoroutinefunction(impl.function):
        raise ContractError(
            f"{label} is an async function, and hooks are called without awaiting. "
            f"Make it a plain method, or give the coroutine function to .on({name!r}, …)."
        )
    if impl.wrapper or impl.hookwrapper:
        raise ContractError(f"{label} is a wrapper, and events have nothing to wrap. Make it a plain @hookimpl method.")
    # pluggy lets an implementation take fewer arguments than the specification; with one argument that is all or none.
    return impl.function if impl.argnames else _without_event(impl.function)


def _without_event(function: Callable[[], object]) -> Callable[[Any], object]:
    @wraps(function)
    def hear(_event: Any) -> object:
        return function()

    return hear
