"""The life of a connection over a message channel, whatever the dialect: dialled, accepted, received from, lost or closed.

One frame's way: the channel → ``WireProtocol.receive`` → events to the listeners, frames to the outbox.
"""

from __future__ import annotations

import asyncio
import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextvars import Context
from typing import Any, Final, Generic, Literal, TypeVar

from attrs import evolve

from offhook._log import log_also, log_scope, logger
from offhook.capabilities import Capabilities
from offhook.config import UNSET
from offhook.errors import AlreadyConnected, ConnectCancelled, ConnectError, NotConnected
from offhook.events import ConnectionChange, ErrorEvent, Event, SessionExpiring, SessionReady
from offhook.hookspecs import ApiKey, ConnectOptions
from offhook.transport import TransportBase
from offhook.wire.channel import Dialer, DialRequest, MessageChannel, hang_up, resolve_key
from offhook.wire.endings import End, Ending, as_connect_error, usual_ending
from offhook.wire.outbox import Outbox, SentFrames
from offhook.wire.protocol import Effects, Send, WireProtocol

#: RFC 6455: how we say goodbye, and how to somebody whom we do not want to hear out.
_NORMAL: Final = 1000
_GOING_AWAY: Final = 1001
#: How long a connection that nobody wants any more may take to close.
_HANG_UP_S: Final = 1.0
#: Frames taken before others on the loop get their turn.
_BURST: Final = 32

#: Numbers the connections of this process: the service's own id comes only with its acceptance.
_CONNECTION_NUMBERS: Final = itertools.count(1)

P = TypeVar("P", bound=WireProtocol)


class ChannelTransport(TransportBase, ABC, Generic[P]):
    """A transport over the channel that a dialer opens: it connects, receives and closes.

    A subclass brings the dialect. It must say how a connection begins (``begin``), may say more (``address``,
    ``dial_request``, ``refusal``, ``ending``), and adds the commands: each asks ``_protocol`` for effects, after
    ``_require_connected``, and gives them to ``_perform``.
    """

    #: The dialect on the current connection, or on the last one; there is none before the first.
    _protocol: P

    def __init__(
        self,
        name: str,
        capabilities: Capabilities,
        dialer: Dialer,
        *,
        url: str,
        model: str | None = None,
        api_key: ApiKey | None = None,
        headers: Mapping[str, str] | None = None,
        ack_timeout_s: float = 5.0,
        connected_when: Literal["dialled", "accepted"] = "accepted",
        clock: Callable[[], float] | None = None,
    ) -> None:
        """Make a transport, disconnected.

        ``url``, ``model``, ``api_key`` and ``headers`` are those of connections that are told no others. ``ack_timeout_s``:
        how long ``connect()`` waits for the service to accept the session, once it is dialled. ``connected_when``:
        ``"dialled"`` where commands may follow at once what ``begin`` says first, ``"accepted"`` where the service takes
        none before its word on the session. ``clock`` gives seconds, by default those of the event loop.
        """
        super().__init__(name, capabilities)
        self._dialer = dialer
        self._url = url
        self._model = model
        self._api_key = api_key
        self._headers = dict(headers or {})
        self._ack_timeout_s = ack_timeout_s
        self._connected_when = connected_when
        self._clock = clock or _loop_time
        self._channel: MessageChannel | None = None
        self._outbox: Outbox | None = None
        self._receiver: asyncio.Task[None] | None = None
        self._attempt: asyncio.Task[None] | None = None
        self._farewell: asyncio.Task[None] | None = None
        self._accepted: asyncio.Future[ConnectError | None] | None = None
        self._closed = asyncio.Event()
        self._last_error: ErrorEvent | None = None
        self._expiring = False
        self._dialled_model: str | None = None
        self._sent = SentFrames()
        #: What happens on the connection happens, and is logged, in this context.
        self._scope = Context()
        #: What events of the dialect mean to the connection.
        self._notices: Mapping[str, Callable[[Any], None]] = {
            SessionReady.hook: self._note_ready,
            ErrorEvent.hook: self._note_error,
            SessionExpiring.hook: self._note_expiring,
        }

    @property
    def model(self) -> str | None:
        """The model that was asked for when the connection was made; before, the one of the options, if any."""
        return self._dialled_model or self._model

    def on_sent(self, listener: Callable[[str], object]) -> Callable[[], None]:
        """Call ``listener`` with each frame of ours, as text, just before it goes out; gives a function that ends it.

        Raw events are what the service says; this is the other half, for a recorder. It runs in the way of every command:
        let it be quick.
        """
        return self._sent.add(listener)

    # What a dialect says.

    @abstractmethod
    def begin(self, options: ConnectOptions) -> tuple[P, Effects]:
        """Make the protocol of a new connection, and give what it says first, once the channel is open.

        ``options.model`` is filled in: the model asked for, in ``options.config`` too if a model is set there. Raises
        ``ConnectError``, before anything is dialled, for what cannot be connected to.
        """

    def address(self, url: str, *, model: str | None, call_id: str | None) -> str:  # noqa: ARG002  # for who overrides it
        """Say where to dial: ``url``, the one of ``connect()`` or the transport's own, as it is. Raises ``ConnectError``."""
        return url

    def dial_request(self, options: ConnectOptions) -> DialRequest:
        """Say what the dialer is asked for; the key is added afterwards. Raises ``ConnectError``."""
        url = self.address(options.url or self._url, model=options.model, call_id=options.call_id)
        return DialRequest(url=url, model=options.model, headers=self._headers, call_id=options.call_id)

    def refusal(self, error: ErrorEvent) -> ConnectError | None:
        """Say what ``connect()`` raises because of an error that came before the session was accepted; ``None``: nothing."""
        if not error.fatal:
            return None
        return ConnectError(f"the service refused the session: {error.message} Check the config.", code=error.code)

    def ending(self, end: End) -> Ending:
        """Say what it means that the other side is gone; by default what most services mean."""
        return usual_ending(end)

    # The connection.

    async def connect(self, options: ConnectOptions | None = None) -> None:
        """Connect, and return when the service has accepted the session (P1).

        Raises ``AlreadyConnected`` unless disconnected, ``AuthenticationError``, ``ConfigRejected``, ``ConnectCancelled``
        after ``close()``, ``ConnectError`` otherwise. After an error the transport can be connected again.
        """
        if self._status != "disconnected":
            raise AlreadyConnected(
                f"connect() was called while the transport is {self._status}; that connection goes on. "
                "Call close() first, or make a second transport."
            )
        self._closed.clear()
        self._accepted = self._last_error = None
        self._expiring = False
        options = options or ConnectOptions()
        # What happens on this connection happens in tasks that descend from these two, and is logged under its ids.
        # (Not by ``create_task(context=…)``: the loop in a Worker does not take it.)
        number = next(_CONNECTION_NUMBERS)
        scope = self._scope = log_scope(transport=self.name, connection=number, call_id=options.call_id)
        scope.run(self._change, ConnectionChange(status="connecting"))
        attempt = self._attempt = scope.run(asyncio.create_task, self._establish(options), name="offhook connect")
        # Cleaning up is a task of its own, so that nobody's impatience can interrupt it.
        outcome = scope.run(asyncio.create_task, self._outcome(attempt), name="offhook connect outcome")
        try:
            error = await asyncio.shield(outcome)
        except asyncio.CancelledError:
            attempt.cancel()
            await asyncio.wait({outcome})
            if outcome.result() is None:  # it was made at the last moment, and nobody waits for it
                await self.close()
            raise
        if error is not None:
            raise error

    async def close(self, *, timeout_s: float = 5.0) -> None:
        """Say goodbye, within ``timeout_s``, and disconnect. Idempotent, and possible at any moment (P2)."""
        if self._attempt is not None and not self._attempt.done():
            self._attempt.cancel()
        elif self._status == "connected" and self._channel is not None:
            scope = self._scope.copy()  # the caller may be in it already
            scope.run(self._change, ConnectionChange(status="disconnecting", reason="requested"))
            # A task of its own, as above.
            leaving = self._leave(self._channel, timeout_s)
            self._farewell = scope.run(asyncio.create_task, leaving, name="offhook close")
        if self._status != "disconnected":
            await self._closed.wait()

    async def _establish(self, options: ConnectOptions) -> None:
        options = self._with_model(options)
        self._dialled_model = options.model
        self._protocol, opening = self.begin(options)
        request = self.dial_request(options)
        request = evolve(request, api_key=await resolve_key(options.api_key or self._api_key))
        self._channel = await self._dialer(request)
        self._outbox = Outbox(self._channel, self._sent)
        self._accepted = asyncio.get_running_loop().create_future()
        if self._connected_when == "dialled":
            self._change(ConnectionChange(status="connected"))
        self._receiver = asyncio.create_task(self._receive(self._channel, self._protocol), name=f"offhook {self.name}")
        # Posted, not awaited: a service that does not even read is one that does not accept.
        self._apply(opening)
        await self._wait_until_accepted(self._accepted)

    def _with_model(self, options: ConnectOptions) -> ConnectOptions:
        """The address and the config name the same model, or the service refuses one of them."""
        config = options.config
        if config.model is UNSET:
            return evolve(options, model=options.model or self._model)
        model = options.model or config.model
        return evolve(options, model=model, config=evolve(config, model=model))

    async def _wait_until_accepted(self, accepted: asyncio.Future[ConnectError | None]) -> None:
        await asyncio.wait({accepted}, timeout=self._ack_timeout_s)
        if not accepted.done():
            self._apply(self._protocol.stop_waiting())
            if not accepted.done():
                raise ConnectError(
                    f"the service did not accept the session within {self._ack_timeout_s:g} s. "
                    "Check the url and the network, and try again."
                )
            logger().warning("config_not_acknowledged", waited_s=self._ack_timeout_s)
        if (error := accepted.result()) is not None:
            raise error

    async def _outcome(self, attempt: asyncio.Task[None]) -> ConnectError | None:
        """Wait for the attempt, clean up if it failed, and give the reason."""
        await asyncio.wait({attempt})
        if attempt.cancelled():
            await self._disconnect(ConnectionChange(status="disconnected", reason="requested"))
            return ConnectCancelled("the connection was given up before it was made. Call connect() to try again.")
        if (raised := attempt.exception()) is None:
            return None
        error = as_connect_error(raised)
        self._emit(ErrorEvent(message=str(error), code=error.code, fatal=True, cause=error))
        await self._disconnect(ConnectionChange(status="disconnected", reason="error"))
        return error

    async def _leave(self, channel: MessageChannel, timeout_s: float) -> None:
        await hang_up(channel, _NORMAL, timeout_s)
        self._channel = None  # it was given its time
        finalised = channel.close_code == _NORMAL  # confirmed
        await self._disconnect(ConnectionChange(status="disconnected", reason="requested", finalised=finalised))

    async def _disconnect(self, change: ConnectionChange) -> None:
        """Let go of everything the connection had, then say so. Whoever comes second finds nothing left to do."""
        receiver, outbox, channel = self._receiver, self._outbox, self._channel
        self._receiver = self._outbox = self._channel = None
        if receiver is not None and receiver is not asyncio.current_task():
            receiver.cancel()
            await asyncio.gather(receiver, return_exceptions=True)
        if outbox is not None:
            await outbox.close()
        if channel is not None:
            # One that has ended too: that is where it frees its socket.
            await hang_up(channel, _GOING_AWAY, _HANG_UP_S)
        if self._status != "disconnected":
            self._change(change)
        self._closed.set()

    # Receiving.

    async def _receive(self, channel: MessageChannel, protocol: P) -> None:
        wants = self._emitter.wants
        # Looked up once: nearly all that is done for a frame is done for audio, and every step of it is felt.
        clock = asyncio.get_running_loop().time if self._clock is _loop_time else self._clock
        frames = 0
        broke: Exception | None = None
        try:
            async for frame in channel:
                self._apply(protocol.receive(frame, clock(), raw=wants("raw_event")))
                frames += 1
                if frames % _BURST == 0:
                    # A channel with a backlog never waits: without this, nobody else would run until it is used up.
                    await asyncio.sleep(0)
        except Exception as error:  # noqa: BLE001  # whatever it was, it must not end in silence (P12)
            broke = error
        await self._ended(channel, broke)

    async def _ended(self, channel: MessageChannel, broke: Exception | None) -> None:
        """The other side is gone. A pending ``connect()`` reports it; otherwise the events do."""
        connecting = self._pending
        if not connecting and (self._refused or self._status != "connected"):
            return  # it is being reported, or we left
        end = End(
            code=channel.close_code if broke is None else None,
            said=channel.close_reason if broke is None else "",
            cause=broke,
            last_error=self._last_error,
            expiring=self._expiring,
            connecting=connecting,
        )
        ending = self.ending(end)
        if connecting:
            self._accept(ending.error or usual_ending(end).error)
            return
        if (error := ending.error) is not None:
            cause = error.__cause__ or error
            self._emit(ErrorEvent(message=str(error), code=error.code, fatal=True, cause=cause))
        await self._disconnect(
            ConnectionChange(
                status="disconnected",
                reason=ending.reason,
                code=end.code,
                finalised=end.goodbye,
                recoverable=ending.recoverable,
            )
        )

    def _apply(self, effects: Sequence[Event | Send]) -> None:
        """Tell and post: the receive loop waits for nobody, so that a peer that does not read cannot stop it."""
        notices, emit = self._notices, self._emitter.emit
        for effect in effects:
            if isinstance(effect, Send):
                if self._outbox is not None:
                    self._outbox.post(effect.text)
                continue
            if (note := notices.get(effect.hook)) is not None:
                note(effect)
            emit(effect)

    def _tell(self, event: Event) -> None:
        if (note := self._notices.get(event.hook)) is not None:
            note(event)
        self._emitter.emit(event)

    def _note_ready(self, event: SessionReady) -> None:
        log_also(session_id=event.session_id)
        if self._pending and self._status == "connecting":
            self._change(ConnectionChange(status="connected", restored=event.restored))
        self._accept(None)

    def _note_error(self, event: ErrorEvent) -> None:
        self._last_error = event
        if self._pending and (error := self.refusal(event)) is not None:
            self._accept(error)

    def _note_expiring(self, _: SessionExpiring) -> None:
        self._expiring = True

    def _accept(self, error: ConnectError | None) -> None:
        if self._accepted is not None and not self._accepted.done():
            self._accepted.set_result(error)

    @property
    def _pending(self) -> bool:
        """Whether ``connect()`` waits for the service's word on the session."""
        return self._accepted is not None and not self._accepted.done()

    @property
    def _refused(self) -> bool:
        """Whether ``connect()`` fails, and reports why."""
        accepted = self._accepted
        return accepted is not None and accepted.done() and accepted.result() is not None

    # Sending.

    async def _perform(self, effects: Sequence[Event | Send]) -> None:
        """Tell the events now, and return when the frames were handed over, in order and all of them.

        Raises ``NotConnected`` where the connection is lost before.
        """
        for effect in effects:
            if not isinstance(effect, Send):
                self._tell(effect)
        frames = [effect.text for effect in effects if isinstance(effect, Send)]
        if not frames:
            return
        if self._outbox is None:
            raise NotConnected("sending", self._status)
        try:
            await self._outbox.send(frames)
        except OSError as error:
            raise NotConnected("sending", "losing its connection") from error


def _loop_time() -> float:
    return asyncio.get_running_loop().time()
