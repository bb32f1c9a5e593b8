"""Who listens to a session, and how the session listens to its transport while it has a connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from attrs import define, field

from offhook.emitter import Emitter, EventIterator
from offhook.events import Event
from offhook.hookspecs import RealtimeTransportLayer
from offhook.session.reading import Reading

Handler = Callable[[Any], None]


@define(eq=False)
class Listening:
    """Carries the events of one connection after the other to those who listen to the session."""

    transport: RealtimeTransportLayer
    emitter: Emitter
    _stops: list[Callable[[], None]] = field(init=False, factory=list[Callable[[], None]])
    _carries_raw: bool = field(init=False, default=False)
    _reading: Reading | None = field(init=False, default=None)

    @property
    def active(self) -> bool:
        """Whether the transport is listened to: whether it is this session's."""
        return bool(self._stops)

    def begin(self, routes: Mapping[str, Handler], own: Mapping[str, Handler]) -> None:
        """A connection begins: ``routes`` hear the transport, ``own`` what the session itself tells."""
        self.emitter.begin()
        self._reading = Reading(self.emitter.events)
        self._stops = [self.transport.on(name, handler) for name, handler in routes.items()]
        self._stops += [self.emitter.on(name, handler) for name, handler in own.items()]
        self._carry_raw()

    def end(self) -> None:
        """It is over: loops read what is left, and the transport may serve another session. Idempotent."""
        for stop in self._stops:
            stop()
        self._stops = []
        self._carries_raw = False
        if self._reading:
            self._reading.end()
        self.emitter.end()

    def on(self, name: str, listener: Callable[[Any], object]) -> Callable[[], None]:
        """Call ``listener`` with every event of ``name``; gives a function that ends it. Raises ``ContractError``."""
        stop = self.emitter.on(name, listener)
        self._carry_raw()
        return stop

    def events(self, *names: str) -> EventIterator:
        """Iterate over events of these names from now on. Raises ``ContractError``."""
        events = self.emitter.events(*names)
        self._carry_raw()
        return events

    def loop(self) -> AsyncIterator[Event]:
        """Give what one ``async for`` over the session reads."""
        return self._reading.loop() if self._reading else self.emitter.events()

    def _carry_raw(self) -> None:
        """Let raw frames through once someone wants them: there are more of them than of anything else."""
        if self._stops and not self._carries_raw and self.emitter.wants("raw_event"):
            self._carries_raw = True
            self._stops.append(self.transport.on("*", self.emitter.emit))
