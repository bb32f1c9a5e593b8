"""The life of a connection: dialled, set up, received from, lost or closed.

One task does the work, from the dial to the last frame; closing is cancelling it. A second one waits for its end, however
it comes, and alone lets go of what the connection had: nobody's impatience can interrupt that.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from offhook import events as e
from offhook.config import SessionConfig
from offhook.errors import AlreadyConnected, ConnectCancelled, ConnectError, NotConnected, Unsupported
from offhook.hookspecs import ConnectOptions
from offhook.items import ConversationItem
from offhook.transport import TransportBase
from offhook.wire.channel import Dialer, DialRequest, MessageChannel, resolve_key
from offhook.wire.codec import dumps
from offhook.wire.outbox import Outbox
from offhook_gemini_live import outgoing
from offhook_gemini_live.dialer import dial
from offhook_gemini_live.effects import Effects, Opening, Send
from offhook_gemini_live.endings import verdict
from offhook_gemini_live.options import GeminiLiveOptions, capabilities
from offhook_gemini_live.protocol import GeminiLiveProtocol

_LOGGER: Final = logging.getLogger(__name__)
#: Frames taken before others on the loop get their turn.
_BURST: Final = 32


class GeminiLiveConnection(TransportBase):
    """Connects, receives and closes; what can be said over it is ``GeminiLive``."""

    def __init__(self, options: GeminiLiveOptions | None = None, *, dialer: Dialer | None = None) -> None:
        """Make a transport, disconnected. ``dialer`` opens the channel instead of a WebSocket."""
        self._options = options or GeminiLiveOptions()
        super().__init__("gemini-live", capabilities(self._options))
        self._dialer: Dialer = dialer or partial(dial, max_size=self._options.max_size)
        self._config = SessionConfig()
        self._protocol: GeminiLiveProtocol | None = None
        self._channel: MessageChannel | None = None
        self._outbox: Outbox | None = None
        self._work: asyncio.Task[None] | None = None
        self._end: asyncio.Task[None] | None = None
        self._outcome: asyncio.Future[ConnectError | None] | None = None
        self._deadline: asyncio.Timeout | None = None
        self._patience_s = 1.0

    async def connect(self, options: ConnectOptions | None = None) -> None:
        """Connect, and return when the service has accepted the setup (P1).

        Raises ``AlreadyConnected`` unless disconnected, ``AuthenticationError``, ``ConfigRejected``, ``ConnectCancelled``
        after ``close()``, ``ConnectError`` otherwise. After an error the transport can be connected again.
        """
        if self._status != "disconnected":
            raise AlreadyConnected(
                f"connect() was called while the transport is {self._status}; that connection goes on. "
                "Call close() first, or make a second transport."
            )
        outcome = self._outcome = asyncio.get_running_loop().create_future()
        self._change(e.ConnectionChange(status="connecting"))
        self._work = asyncio.create_task(self._converse(options or ConnectOptions()), name="offhook gemini-live")
        self._end = asyncio.create_task(self._let_go(self._work, outcome), name="offhook gemini-live end")
        try:
            error = await asyncio.shield(outcome)
        except asyncio.CancelledError:
            await self.close()
            raise
        if error is not None:
            raise error

    async def close(self, *, timeout_s: float = 5.0) -> None:
        """Say goodbye, within ``timeout_s``, and disconnect. Idempotent, and possible at any moment (P2)."""
        if self._work is None or self._end is None:
            return
        if self._status == "connected" and not self._work.done():
            self._change(e.ConnectionChange(status="disconnecting", reason="requested"))
            self._patience_s = timeout_s
        self._work.cancel()
        await asyncio.wait({self._end})

    async def _converse(self, options: ConnectOptions) -> None:
        """Dial, introduce ourselves, and receive until the other side ends it."""
        opening = self._opening(options)
        request = DialRequest(
            url=options.url or self._options.url,
            api_key=await resolve_key(options.api_key or self._options.api_key),
            headers=self._options.headers,
        )
        async with asyncio.timeout(self._options.connect_timeout_s) as self._deadline:
            channel = self._channel = await self._dialer(request)
            protocol = self._protocol = GeminiLiveProtocol(self.name, opening)
            self._outbox = Outbox(channel)
            self._apply(protocol.open())
            frames = 0
            async for frame in channel:
                self._apply(protocol.receive(frame))
                frames += 1
                if frames % _BURST == 0:
                    # A channel with a backlog never waits: without this, nobody else would run until it is used up.
                    await asyncio.sleep(0)

    def _opening(self, options: ConnectOptions) -> Opening:
        config = self._config = options.config
        if options.call_id is not None:
            raise ConnectError("call_id names a call to attach to, and this service has none. Leave it out.")
        if unknown := outgoing.not_understood(config):
            _LOGGER.warning("this service has nothing like these settings: %s", ", ".join(sorted(unknown)))
        handle = options.resume
        if handle is not None and handle.transport != self.name:
            raise ConnectError(f"the handle to resume with is one of {handle.transport!r}. Connect without it.")
        blocking = self.capabilities.blocking_calls
        chosen = config.model if isinstance(config.model, str) else self._options.model
        return Opening(
            setup=outgoing.setup(
                config, model=options.model or chosen, handle=handle and handle.value, non_blocking=not blocking
            ),
            # A session that is resumed has it.
            history=() if handle is not None else options.initial_history,
            turns=() if handle is not None else _turns(options.initial_history),
            input_format=outgoing.input_format(config),
            manual_turns=config.audio.input.turn_detection is None,
            blocking_calls=blocking,
            resumed=handle is not None,
        )

    def _apply(self, effects: Effects) -> None:
        """Tell and post. The receive loop waits for nobody, so that a peer that does not read cannot stop it."""
        for effect in effects:
            if not isinstance(effect, Send):
                self._tell(effect)
            elif self._outbox is not None:
                self._outbox.post(dumps(effect.frame))

    def _tell(self, event: e.Event) -> None:
        if isinstance(event, e.SessionReady) and self._outcome is not None and self._deadline is not None:
            self._deadline.reschedule(None)
            self._change(e.ConnectionChange(status="connected", restored=event.restored))
            self._outcome.set_result(None)
        self._emit(event)

    async def _perform(self, effects: Effects) -> None:
        """Tell the events now, and return when the frames were handed over, in order and all of them."""
        for effect in effects:
            if not isinstance(effect, Send):
                self._tell(effect)
        frames = [dumps(effect.frame) for effect in effects if isinstance(effect, Send)]
        if self._outbox is None:
            raise NotConnected("sending", self._status)
        try:
            await self._outbox.send(frames)
        except OSError as error:
            raise NotConnected("sending", "losing its connection") from error

    # The end.

    async def _let_go(self, work: asyncio.Task[None], outcome: asyncio.Future[ConnectError | None]) -> None:
        await asyncio.wait({work})
        outbox, channel = self._outbox, self._channel
        self._outbox = self._channel = None
        if outbox is not None:
            await outbox.close()
        if channel is not None and channel.close_code is None:
            # A goodbye that fails is no reason to stay.
            with contextlib.suppress(Exception):
                async with asyncio.timeout(self._patience_s):
                    await channel.close()
        expiring = self._protocol is not None and self._protocol.expiring
        change, error = verdict(work, channel, connecting=not outcome.done(), expiring=expiring)
        if error is not None and not isinstance(error, ConnectCancelled):
            self._emit(e.ErrorEvent(message=str(error), code=error.code, fatal=True, cause=error))
        if not outcome.done():
            outcome.set_result(error)
        self._change(change)


def _turns(history: Sequence[ConversationItem]) -> list[dict[str, Any]]:
    try:
        return outgoing.history(history)
    except Unsupported as error:
        raise ConnectError(f"initial_history cannot be told to this service: {error}") from error
