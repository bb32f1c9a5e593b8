"""Who listens, and how one listener never harms another (P9).

A sync listener runs inline, in registration order, each in its own ``try``. An ``async def`` listener, like every
``async for``, reads from a bounded queue of its own. pluggy validates listener objects against the hook specifications;
calling them is ours, because pluggy stops at the first one that raises and costs twenty times as much when nobody listens.
"""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import AsyncIterator, Callable, Iterable
from functools import partial
from time import perf_counter
from typing import Any

from attrs import define, field

from offhook._log import logger
from offhook.errors import ContractError, SlowConsumer
from offhook.events import ErrorEvent, Event, RawEvent
from offhook.hookspecs import event_names
from offhook.listeners import hooks_of, is_async, is_onlooker, name_of
from offhook.queues import EventQueue

#: What a listener may raise and nobody else feels: all but ``KeyboardInterrupt``. ``SystemExit``, from argparse or the like,
#: would end the program with everyone's calls, and the other two the receive loop.
_FAILURES = (Exception, asyncio.CancelledError, GeneratorExit, SystemExit)
#: A sync listener that takes longer is named in a warning: it delays audio for everyone.
SLOW_LISTENER_S = 0.1


@define(eq=False)
class _Subscriber:
    """One callable under one event name. ``owner`` is the registered object, or the function given to ``on``."""

    name: str
    call: Callable[[Any], object]
    owner: object


@define(eq=False)
class Emitter:
    """Carries events to listeners. ``specs`` is the class of hook specifications; its hooks are the names."""

    specs: type
    _names: frozenset[str] = field(init=False)
    _table: dict[str, tuple[_Subscriber, ...]] = field(init=False, factory=dict[str, tuple[_Subscriber, ...]])
    _iterators: dict[EventQueue, list[_Subscriber]] = field(init=False, factory=dict[EventQueue, list[_Subscriber]])
    _over: bool = field(init=False, default=False)
    _workers: dict[_Subscriber, _Worker] = field(init=False, factory=dict)  # pyright: ignore[reportUnknownVariableType]

    def __attrs_post_init__(self) -> None:
        self._names = event_names(self.specs)

    def wants(self, name: str) -> bool:
        """Whether anyone listens for ``name``: what nobody wants need not be built."""
        return name in self._table

    def emit(self, event: Event) -> None:
        """Give ``event`` to everyone who listens for it, now. Never raises; an error that nobody hears is logged."""
        name = event.hook
        if (subscribers := self._table.get(name)) is None:
            self._unheard(event)
            return
        began = perf_counter()
        for subscriber in subscribers:
            try:
                subscriber.call(event)
            except _FAILURES:  # P9: its failure is its own
                logger().exception("listener_failed", listener=name_of(subscriber.owner), on=name)
            ended = perf_counter()
            if ended - began > SLOW_LISTENER_S:
                ms = round((ended - began) * 1000)
                logger().warning("listener_blocks_the_loop", listener=name_of(subscriber.owner), on=name, ms=ms)
            began = ended

    def _unheard(self, event: Event) -> None:
        if event.hook not in self._names:
            # An event of a newer contract: core cannot name it, but "*" sees everything.
            self.emit(RawEvent(payload={"type": event.hook, "event": event}, direction="local"))
        elif isinstance(event, ErrorEvent):
            logger().warning("unheard_error", why=event.message, code=event.code)

    def on(self, name: str, listener: Callable[[Any], object]) -> Callable[[], None]:
        """Call ``listener`` with every event of ``name`` (``"*"`` for raw events); gives a function that ends it.

        An ``async def`` listener gets a bounded queue and a task of its own. Raises ``ContractError`` for a name that
        is no event, with the nearest one.
        """
        hook = self._hook(name)
        subscriber = _Subscriber(hook, listener, listener)
        if is_async(listener):
            worker = self._workers[subscriber] = _Worker(listener, hook)
            subscriber.call = worker.put
        self._add([subscriber])
        return lambda: self._remove(subscriber)

    def events(self, *names: str) -> EventIterator:
        """Iterate over events of ``names`` (all without raw frames, if none are given) until the connection ends.

        Once it has, there is nothing to wait for: such an iterator stops at once, until the next connection begins.
        """
        hooks = {self._hook(name) for name in names} or self._names - {"raw_event"}
        queue = EventQueue()
        if self._over:
            queue.end()
        self._iterators[queue] = [_Subscriber(hook, queue.put, queue) for hook in sorted(hooks)]
        self._add(self._iterators[queue])
        return EventIterator(queue, partial(self._stop, queue))

    def register(self, listener: object) -> None:
        """Register an object with ``@hookimpl`` methods named after events.

        Raises ``ContractError`` for an unknown hook, a wrong argument, an ``async def`` hook, an object that has none, and
        one that is registered already.
        """
        label = name_of(listener)
        if any(subscriber.owner is listener for subscriber in self._all()):
            raise ContractError(f"{label} listens already, and would hear everything twice. Call unregister() first.")
        self._add([_Subscriber(name, call, listener) for name, call in hooks_of(listener, self.specs)])

    def unregister(self, listener: object) -> None:
        """Undo ``register``; one that is not registered is left alone."""
        for subscriber in [s for s in self._all() if s.owner is listener]:
            self._remove(subscriber)

    def begin(self) -> None:
        """A connection begins: there is something to wait for again."""
        self._over = False

    def end(self) -> None:
        """The connection ended: iterators finish what is queued and stop, async listeners likewise."""
        self._over = True
        for queue in tuple(self._iterators):
            self._stop(queue)
        for worker in self._workers.values():
            worker.end()

    def _hook(self, name: str) -> str:
        hook = "raw_event" if name == "*" and "raw_event" in self._names else name
        if hook in self._names:
            return hook
        near = difflib.get_close_matches(name, self._names, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ContractError(
            f"{name!r} is no event.{hint} Frames of the wire come under '*', each with its own 'type'. "
            f"The events are: {', '.join(sorted(self._names))}."
        )

    def _stop(self, queue: EventQueue) -> None:
        queue.end()
        for subscriber in self._iterators.pop(queue, ()):
            self._remove(subscriber)

    def _all(self) -> Iterable[_Subscriber]:
        return (subscriber for row in self._table.values() for subscriber in row)

    def _add(self, subscribers: Iterable[_Subscriber]) -> None:
        for subscriber in subscribers:
            self._let_hear(subscriber.name, (*self._table.get(subscriber.name, ()), subscriber))

    def _remove(self, subscriber: _Subscriber) -> None:
        self._let_hear(subscriber.name, [s for s in self._table.get(subscriber.name, ()) if s is not subscriber])
        if worker := self._workers.pop(subscriber, None):
            worker.end()

    def _let_hear(self, name: str, subscribers: Iterable[_Subscriber]) -> None:
        """Let these, and nobody else, listen for ``name``."""
        row = [subscriber for subscriber in subscribers if subscriber.owner is not self]
        if name == ErrorEvent.hook and row and all(is_onlooker(subscriber.owner) for subscriber in row):
            # Heard by onlookers alone, it has to be told all the same.
            row.append(_Subscriber(name, self._unheard, self))
        if row:
            self._table[name] = tuple(row)
        else:
            self._table.pop(name, None)


class EventIterator(AsyncIterator[Event]):
    """``async for`` over events. Ends with the connection; raises ``SlowConsumer`` if it fell too far behind.

    ``dropped_audio_ms`` counts the audio that was dropped, oldest first, because the queue was full of it.
    """

    def __init__(self, queue: EventQueue, stop: Callable[[], None]) -> None:
        self._queue = queue
        self._stop = stop

    def __del__(self) -> None:
        # Nobody closes an iterator on leaving its loop, and every turn may have one (P10).
        self._stop()

    @property
    def dropped_audio_ms(self) -> float:
        """Milliseconds of audio dropped so far because this iterator was too slow."""
        return self._queue.dropped_audio_ms

    @property
    def fell_behind(self) -> bool:
        """Whether it ended, or will, with ``SlowConsumer``."""
        return self._queue.overflowed

    async def __anext__(self) -> Event:
        if (event := self._queue.get_nowait()) is not None:
            return event
        try:
            return await self._queue.get()
        except (StopAsyncIteration, SlowConsumer):
            self._stop()
            raise

    async def aclose(self) -> None:
        """Stop listening, before the end."""
        self._stop()


class _Worker:
    """The task that runs one ``async def`` listener, one event after the other."""

    def __init__(self, listener: Callable[[Any], Any], name: str) -> None:
        self._listener = listener
        self._name = name
        self._queue: EventQueue | None = None
        self._task: asyncio.Task[None] | None = None

    def put(self, event: Event) -> None:
        if self._queue is None:
            self._queue = EventQueue()
            self._task = asyncio.create_task(self._run(self._queue, self._task), name=f"offhook listener {self._name}")
        self._queue.put(event)

    def end(self) -> None:
        """Let what is queued be heard, then finish. A later connection starts a new task."""
        if self._queue is not None:
            self._queue.end()
            self._queue = None

    async def _run(self, queue: EventQueue, previous: asyncio.Task[None] | None) -> None:
        # The connection before, if it was in this loop: its events are heard first.
        if previous is not None and not previous.done():
            await asyncio.wait({previous})
        while True:
            try:
                event = await queue.get()
            except StopAsyncIteration:
                return
            except SlowConsumer as error:
                logger().error("listener_too_slow", listener=name_of(self._listener), on=self._name, why=str(error))
                return
            await self._hear(event)

    async def _hear(self, event: Event) -> None:
        try:
            await self._listener(event)
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            logger().exception("listener_failed", listener=name_of(self._listener), on=self._name)
        except _FAILURES:
            logger().exception("listener_failed", listener=name_of(self._listener), on=self._name)
