"""Observers: what other distributions have listen on every transport that is made by its name.

An entry point of group ``offhook.observers`` names a class, or any function without arguments. It is called once for each
transport, and gives an object with ``@hookimpl`` methods named after events: those of a transport, and those that a session
adds (``agent_tool_start`` …), which are heard from every session over that transport. They are called inline, in the event
loop. Observers look on: one that cannot be had is left out with a warning, and one that fails or blocks is taken off.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Collection, Iterator
from functools import cache, wraps
from time import perf_counter
from typing import Any, Final

from attrs import define, evolve, field

from offhook import tracing
from offhook._log import logger
from offhook.discovery import OBSERVERS, Claim, Listed, listing
from offhook.emitter import SLOW_LISTENER_S
from offhook.errors import ContractError, PluginBroken
from offhook.hookspecs import Listener, RealtimeTransportEventTypes, RealtimeTransportLayer, event_names
from offhook.listeners import hooks_of, onlooker
from offhook.loading import broken, load, reason
from offhook.settings import Settings

#: How often an observer may raise, or block the loop, on one transport. What it cannot do by then it will not learn.
MOST_FAILURES: Final = 3

#: The ``on`` of a transport, or of a session.
On = Callable[[str, Listener], object]


def observe(transport: RealtimeTransportLayer, settings: Settings) -> None:
    """Let one of every installed observer that is not blocked listen on ``transport``; ``OFFHOOK_TRACE`` adds another."""
    if tracing.wanted():
        tracing.trace(transport)
    observers = list(_observers(settings)) if id(transport) not in _LISTENING else []
    for observer in observers:
        observer.listen(transport.on, event_names(RealtimeTransportEventTypes))
    if observers:
        _remember(transport, observers)


def observe_session(transport: RealtimeTransportLayer, on: On) -> None:
    """Let those who listen on ``transport`` hear what a session over it adds; ``on`` is the session's."""
    if tracing.wanted():
        tracing.trace(transport)
        tracing.trace_events(transport, on, _added_by_a_session(), "session")
    for observer in _LISTENING.get(id(transport), ()):
        observer.listen(on, _added_by_a_session())


def list_observers(settings: Settings) -> tuple[Listed, ...]:
    """List what is installed, after importing and making each that is not blocked."""
    return tuple(_checked(claim, row) for claim, row in _listing(settings))


@define(eq=False)
class _Observer:
    """An observer of one transport, and how often it failed."""

    claim: Claim
    hooks: Collection[tuple[str, Callable[[Any], object]]]
    _failures: int = field(init=False, default=0)

    def listen(self, on: On, names: Collection[str]) -> None:
        """Hear those of ``names`` that there are hooks for."""
        for name, hook in self.hooks:
            if name in names:
                on("*" if name == "raw_event" else name, onlooker(self._guarded(name, hook)))

    def _guarded(self, name: str, hook: Callable[[Any], object]) -> Listener:
        @wraps(hook)
        def hear(event: Any) -> None:
            if self._failures >= MOST_FAILURES:
                return
            began = perf_counter()
            try:
                hook(event)
            except (Exception, asyncio.CancelledError):  # noqa: BLE001  # P9: its failure is its own
                logger().exception("observer_failed", observer=str(self), on=name)
                self._failed()
            else:
                # The emitter tells that it blocks.
                if perf_counter() - began > SLOW_LISTENER_S:
                    self._failed()

        return hear

    def _failed(self) -> None:
        self._failures += 1
        if self._failures == MOST_FAILURES:
            logger().warning("observer_taken_off", observer=str(self), failures=self._failures)

    def __str__(self) -> str:
        return f"{self.claim.name} ({self.claim})"


#: Who listens on which transport, by its id, for the sessions over it; each entry goes when the transport does.
_LISTENING: Final[dict[int, Collection[_Observer]]] = {}


def _remember(transport: RealtimeTransportLayer, observers: Collection[_Observer]) -> None:
    # By identity: whether transports are hashable, or equal, is nobody's promise.
    try:
        weakref.finalize(transport, _LISTENING.pop, id(transport), None).atexit = False
    except TypeError:  # slots without room for a weak reference: its sessions are not heard
        return
    _LISTENING[id(transport)] = observers


def _observers(settings: Settings) -> Iterator[_Observer]:
    for claim, row in _listing(settings):
        if row.state != "blocked":
            try:
                yield _make(claim)
            except PluginBroken as error:
                logger().warning("observer_left_out", observer=claim.name, why=str(error))


def _listing(settings: Settings) -> Iterator[tuple[Claim, Listed]]:
    for claim, row in listing(OBSERVERS, settings):
        # Two of the same name are no conflict: nobody has to choose one.
        yield claim, evolve(row, state="available", reason=None) if row.state == "conflict" else row


def _checked(claim: Claim, row: Listed) -> Listed:
    if row.state == "blocked":
        return row
    try:
        _make(claim)
    except PluginBroken as error:
        return evolve(row, state="broken", reason=reason(OBSERVERS, claim, error))
    return evolve(row, state="loaded")


def _make(claim: Claim) -> _Observer:
    factory = load(OBSERVERS, claim)
    if not callable(factory):
        raise broken(
            OBSERVERS, claim, f"must name a class, or a function without arguments, and {claim.value} is {factory!r}"
        )
    try:
        return _Observer(claim, hooks_of(factory(), _session_events()))
    except ContractError as error:
        raise broken(OBSERVERS, claim, "does not fit the hook specifications", error) from error
    except Exception as error:
        raise broken(OBSERVERS, claim, "cannot be made", error) from error


def _session_events() -> type:
    # From a floor above, and only where there is an observer, which may hear it.
    from offhook.session.events import RealtimeSessionEventTypes  # noqa: PLC0415

    return RealtimeSessionEventTypes


@cache
def _added_by_a_session() -> frozenset[str]:
    return event_names(_session_events()) - event_names(RealtimeTransportEventTypes)
