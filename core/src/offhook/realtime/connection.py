"""The life of a connection that speaks the Realtime dialect: dialled, accepted, received from, lost or closed.

One frame's way: the channel → ``RealtimeProtocol.receive`` → events to the listeners, frames to the outbox.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from contextvars import Context
from types import MappingProxyType
from typing import Final, Literal

from attrs import evolve

from offhook._log import log_also, log_scope, logger
from offhook.capabilities import Capabilities
from offhook.config import UNSET, SessionConfig
from offhook.errors import (
    AlreadyConnected,
    AuthenticationError,
    ConfigRejected,
    ConnectCancelled,
    ConnectError,
    NotConnected,
)
from offhook.events import ConnectionChange, ErrorEvent, Event, SessionReady
from offhook.hookspecs import ApiKey, ConnectOptions
from offhook.realtime import session_config
from offhook.realtime.capabilities import REALTIME_CAPABILITIES
from offhook.realtime.channel import Dialer, DialRequest, MessageChannel, endpoint, resolve_key
from offhook.realtime.effects import Effects, Send
from offhook.realtime.outbox import Outbox, SentFrames
from offhook.realtime.protocol import RealtimeProtocol
from offhook.transport import TransportBase

#: RFC 6455 close codes with which a peer ends a connection on purpose.
_GOING_AWAY: Final = 1001
_POLITE: Final = frozenset({1000, _GOING_AWAY})
#: What to do about a lost connection, where trying again is not all.
_ADVICE: Final[Mapping[int | None, str]] = MappingProxyType(
    {1009: "A message was longer than one side takes: raise the transport's max_size, or send shorter ones"}
)
#: How long a connection that nobody wants any more may take to close.
_HANG_UP_S: Final = 1.0
#: Frames taken before others on the loop get their turn.
_BURST: Final = 32
#: Error codes that no reconnect will cure.
_HOPELESS: Final = frozenset(
    {"invalid_api_key", "insufficient_quota", "account_deactivated", "billing_hard_limit_reached"}
)

#: Numbers the connections of this process: the service's own id comes only with its acceptance.
_CONNECTION_NUMBERS: Final = itertools.count(1)


class RealtimeConnection(TransportBase):
    """Connects, receives and closes; what can be said over it is ``OpenAIRealtimeBase``."""

    def __init__(
        self,
        name: str,
        dialer: Dialer,
        *,
        url: str,
        model: str | None = None,
        api_key: ApiKey | None = None,
        headers: Mapping[str, str] | None = None,
        capabilities: Capabilities = REALTIME_CAPABILITIES,
        ack_timeout_s: float = 5.0,
        service_plays: bool = False,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """Make a transport, disconnected.

        ``ack_timeout_s``: how long ``connect()`` waits for the service to accept the config before it goes on with a
        warning. ``service_plays``: audio travels outside the channel (WebRTC, SIP). ``clock`` gives seconds, by default
        those of the event loop.
        """
        super().__init__(name, capabilities)
        self._dialer = dialer
        self._url = url
        self._model = model
        self._api_key = api_key
        self._headers = dict(headers or {})
        self._ack_timeout_s = ack_timeout_s
        self._service_plays = service_plays
        self._clock = clock or _loop_time
        self._protocol = RealtimeProtocol()
        self._channel: MessageChannel | None = None
        self._outbox: Outbox | None = None
        self._receiver: asyncio.Task[None] | None = None
        self._attempt: asyncio.Task[None] | None = None
        self._farewell: asyncio.Task[None] | None = None
        self._accepted: asyncio.Future[ConnectError | None] | None = None
        self._closed = asyncio.Event()
        self._last_error: ErrorEvent | None = None
        self._dialled_model: str | None = None
        self._sent = SentFrames()
        #: What happens on the connection happens, and is logged, in this context.
        self._scope = Context()

    @property
    def model(self) -> str | None:
        """The model that was asked for when the connection was made; before, the one of the options, if any."""
        return self._dialled_model or self._model

    def on_sent(self, listener: Callable[[str], object]) -> Callable[[], None]:
        """Call ``listener`` with each client frame, as JSON text, just before it goes out; gives a function that ends it.

        Raw events are what the service says; this is the other half, for a recorder. It runs in the way of every command:
        let it be quick.
        """
        return self._sent.add(listener)

    # The connection.

    async def connect(self, options: ConnectOptions | None = None) -> None:
        """Connect, and return when the service has accepted the config (P1).

        Raises ``AlreadyConnected`` unless disconnected, ``AuthenticationError``, ``ConfigRejected``, ``ConnectCancelled``
        after ``close()``, ``ConnectError`` otherwise. After an error the transport can be connected again.
        """
        if self._status != "disconnected":
            raise AlreadyConnected(
                f"connect() was called while the transport is {self._status}; that connection goes on. "
                "Call close() first, or make a second transport."
            )
        self._closed.clear()
        self._last_error = None
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
        model, config = self._model_and_config(options)
        self._dialled_model = model
        request = DialRequest(
            url=self._address(options, model),
            model=model,
            api_key=await resolve_key(options.api_key or self._api_key),
            headers=self._headers,
            call_id=options.call_id,
            session=session_config.to_wire(config),
        )
        self._protocol = RealtimeProtocol(service_plays=self._service_plays)
        self._channel = await self._dialer(request)
        self._outbox = Outbox(self._channel, self._sent)
        self._accepted = asyncio.get_running_loop().create_future()
        self._change(ConnectionChange(status="connected"))
        self._receiver = asyncio.create_task(self._receive(self._channel, self._protocol), name=f"offhook {self.name}")
        # Posted, not awaited: a service that does not even read is one that does not accept.
        self._apply(self._protocol.open(config, options.initial_history))
        await self._wait_until_accepted(self._accepted)

    def _address(self, options: ConnectOptions, model: str | None) -> str:
        """Say where to dial; overridden where that is no socket. Raises ``ConnectError``."""
        return endpoint(options.url or self._url, model=model, call_id=options.call_id)

    def _model_and_config(self, options: ConnectOptions) -> tuple[str | None, SessionConfig]:
        """The address and the config name the same model, or the service refuses one of them."""
        config = options.config
        if config.model is UNSET:
            return options.model or self._model, config
        model = options.model or config.model
        return model, evolve(config, model=model)

    async def _wait_until_accepted(self, accepted: asyncio.Future[ConnectError | None]) -> None:
        try:
            async with asyncio.timeout(self._ack_timeout_s):
                error = await accepted
        except TimeoutError:
            logger().warning("config_not_acknowledged", waited_s=self._ack_timeout_s)
            await self._perform(self._protocol.stop_waiting())
        else:
            if error is not None:
                raise error

    async def _outcome(self, attempt: asyncio.Task[None]) -> ConnectError | None:
        """Wait for the attempt, clean up if it failed, and give the reason."""
        await asyncio.wait({attempt})
        if attempt.cancelled():
            await self._disconnect(ConnectionChange(status="disconnected", reason="requested"))
            return ConnectCancelled("the connection was given up before it was made. Call connect() to try again.")
        if (raised := attempt.exception()) is None:
            return None
        error = _as_connect_error(raised)
        self._emit(ErrorEvent(message=str(error), code=error.code, fatal=True, cause=error))
        await self._disconnect(ConnectionChange(status="disconnected", reason="error"))
        return error

    async def _leave(self, channel: MessageChannel, timeout_s: float) -> None:
        await _hang_up(channel, 1000, timeout_s)
        finalised = channel.close_code == 1000  # noqa: PLR2004  # RFC 6455: normal closure, confirmed
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
        if channel is not None and channel.close_code is None:
            await _hang_up(channel, 1001, _HANG_UP_S)
        if self._status != "disconnected":
            self._change(change)
        self._closed.set()

    # Receiving.

    async def _receive(self, channel: MessageChannel, protocol: RealtimeProtocol) -> None:
        wants = self._emitter.wants
        frames = 0
        try:
            async for frame in channel:
                self._apply(protocol.receive(frame, self._clock(), raw=wants("raw_event")))
                frames += 1
                if frames % _BURST == 0:
                    # A channel with a backlog never waits: without this, nobody else would run until it is used up.
                    await asyncio.sleep(0)
        except Exception as error:  # noqa: BLE001  # whatever it was, it must not end in silence (P12)
            await self._lost(f"the connection broke ({type(error).__name__}: {error})", None, error)
        else:
            await self._ended(channel)

    async def _ended(self, channel: MessageChannel) -> None:
        code, why = channel.close_code, channel.close_reason
        if code in _POLITE:
            await self._lost(None, code)
        else:
            await self._lost(f"the connection was lost (close code {code}{f': {why}' if why else ''})", code)

    async def _lost(self, what: str | None, code: int | None, cause: BaseException | None = None) -> None:
        """The other side is gone. A pending ``connect()`` reports it; otherwise the events do."""
        self._accept(self._refusal(what, code))
        if self._refused or self._status != "connected":
            return
        if what is not None:
            message = f"{what}. {_ADVICE.get(code, 'Connect again to go on')}."
            self._emit(ErrorEvent(message=message, fatal=True, cause=cause))
        last = self._last_error.code if self._last_error else None
        reason: Literal["expired", "lost", "remote_hangup"] = "lost" if what else "remote_hangup"
        if last == "session_expired":
            reason = "expired"
        await self._disconnect(
            ConnectionChange(
                status="disconnected",
                reason=reason,
                code=code,
                finalised=what is None,
                # A server that goes away (1001) may be back; one that hung up (1000) meant it.
                recoverable=last not in _HOPELESS and (reason != "remote_hangup" or code == _GOING_AWAY),
            )
        )

    def _refusal(self, what: str | None, code: int | None) -> ConnectError:
        last = self._last_error
        if last is None:
            detail = what or f"it closed the connection (close code {code})"
            return ConnectError(f"the service ended the connection before the session began: {detail}. Try again.")
        said = f"the service refused the session: {last.message}"
        if last.code in _HOPELESS:
            return AuthenticationError(f"{said} Check the API key and its account.", code=last.code)
        return ConnectError(f"{said} Check the model and the config.", code=last.code)

    def _apply(self, effects: Sequence[Event | Send]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                if self._outbox is not None:
                    self._outbox.post(effect.text)
            else:
                self._tell(effect)

    def _tell(self, event: Event) -> None:
        self._emitter.emit(event)
        if isinstance(event, SessionReady):
            log_also(session_id=event.session_id)
            self._accept(None)
        elif isinstance(event, ErrorEvent):
            self._last_error = event
            if event.code in _HOPELESS:
                self._accept(self._refusal(None, None))
            elif event.command_id == self._protocol.config_id:
                remedy = f"Mend {event.param or 'what it names'}, and connect again."
                self._accept(
                    ConfigRejected(f"the service refused the session config: {event.message} {remedy}", code=event.code)
                )

    def _accept(self, error: ConnectError | None) -> None:
        if self._accepted is not None and not self._accepted.done():
            self._accepted.set_result(error)

    @property
    def _refused(self) -> bool:
        """Whether ``connect()`` fails, and reports why."""
        accepted = self._accepted
        return accepted is not None and accepted.done() and not accepted.cancelled() and accepted.result() is not None

    # Sending.

    async def _perform(self, effects: Effects) -> None:
        """Tell the events now, and return when the frames were handed over, in order and all of them."""
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


async def _hang_up(channel: MessageChannel, code: int, timeout_s: float) -> None:
    # A goodbye that fails is no reason to stay.
    with contextlib.suppress(Exception):
        async with asyncio.timeout(timeout_s):
            await channel.close(code, "")


def _as_connect_error(raised: BaseException) -> ConnectError:
    if isinstance(raised, ConnectError):
        return raised
    error = ConnectError(
        f"the connection could not be made: {type(raised).__name__}: {raised}. Check the transport's options."
    )
    error.__cause__ = raised
    return error
