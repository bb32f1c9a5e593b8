"""A connection that speaks the Realtime dialect: where it is dialled, how it begins, and what its errors mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from attrs import evolve

from offhook.capabilities import Capabilities
from offhook.errors import AuthenticationError, ConfigRejected, ConnectError
from offhook.events import ErrorEvent
from offhook.hookspecs import ApiKey, ConnectOptions
from offhook.realtime.address import endpoint
from offhook.realtime.capabilities import REALTIME_CAPABILITIES
from offhook.realtime.protocol import RealtimeProtocol
from offhook.wire.channel import Dialer, DialRequest
from offhook.wire.config import to_wire
from offhook.wire.connection import ChannelTransport
from offhook.wire.endings import End, Ending
from offhook.wire.protocol import Effects

#: Error codes that no reconnect will cure.
_HOPELESS: Final = frozenset(
    {"invalid_api_key", "insufficient_quota", "account_deactivated", "billing_hard_limit_reached"}
)


class RealtimeConnection(ChannelTransport[RealtimeProtocol]):
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
        super().__init__(
            name,
            capabilities,
            dialer,
            url=url,
            model=model,
            api_key=api_key,
            headers=headers,
            ack_timeout_s=ack_timeout_s,
            connected_when="dialled",
            clock=clock,
        )
        self._service_plays = service_plays
        self._protocol = RealtimeProtocol()

    def begin(self, options: ConnectOptions) -> tuple[RealtimeProtocol, Effects]:
        """Begin with the initial config, then the history to start from."""
        protocol = RealtimeProtocol(service_plays=self._service_plays)
        return protocol, protocol.open(options.config, options.initial_history)

    def address(self, url: str, *, model: str | None, call_id: str | None) -> str:
        """Give the address of the realtime socket below ``url``. Raises ``ConnectError``."""
        return endpoint(url, model=model, call_id=call_id)

    def dial_request(self, options: ConnectOptions) -> DialRequest:
        """Say where to dial, and with which session: some handshakes carry it. Raises ``ConnectError``."""
        return evolve(super().dial_request(options), session=to_wire(options.config))

    def refusal(self, error: ErrorEvent) -> ConnectError | None:
        """Say what ``connect()`` raises: for a key that is not taken, and for a config that is not."""
        if error.code in _HOPELESS:
            return AuthenticationError(
                f"the service refused the session: {error.message} Check the API key and its account.", code=error.code
            )
        if error.command_id is None or error.command_id != self._protocol.config_id:
            return None
        remedy = f"Mend {error.param or 'what it names'}, and connect again."
        return ConfigRejected(f"the service refused the session config: {error.message} {remedy}", code=error.code)

    def ending(self, end: End) -> Ending:
        """Say what it means that the service is gone: what it said last decides whether trying again may help."""
        ending = super().ending(end)
        last = end.last_error.code if end.last_error is not None else None
        if last == "session_expired":
            return evolve(ending, reason="expired", recoverable=True)
        return evolve(ending, recoverable=ending.recoverable and last not in _HOPELESS)
