"""Everything of an emulator that has to do with telephones: the SIP line, webhooks, call control, calls to try with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from offhook.errors import OffhookError
from offhook_emulator.api.keys import Keys
from offhook_emulator.api.placed_calls import PlacedCalls
from offhook_emulator.api.sip_calls import SipCalls
from offhook_emulator.line.sip.exchange import Exchange
from offhook_emulator.line.switchboard import Switchboard
from offhook_emulator.webhooks import WebhookTarget

if TYPE_CHECKING:
    from offhook_emulator.line.sip.endpoint import SipEndpoint


class Telephony:
    """``sip_port`` None takes no calls over SIP, 0 picks a free port. ``ring_s`` is how long a call rings, in seconds.

    Without ``webhook_url`` nobody is told of calls; who knows a call's id may accept it all the same. Raises
    ``OffhookError`` for a URL or a secret that cannot be right, and where the SIP line is not installed.
    """

    def __init__(
        self,
        keys: Keys,
        switchboard: Switchboard,
        *,
        host: str = "127.0.0.1",
        sip_port: int | None = None,
        webhook_url: str | None = None,
        webhook_secret: str | None = None,
        ring_s: float = 30,
    ) -> None:
        target = _target(webhook_url, webhook_secret)
        self._switchboard = switchboard
        self._exchange = exchange = Exchange(switchboard, target=target, ring_s=ring_s)
        self._control = SipCalls(keys, exchange, switchboard)
        self._placed = PlacedCalls(keys, exchange, url=webhook_url, secret=webhook_secret)
        self._sip = None if sip_port is None else _endpoint(exchange, host, sip_port)

    @property
    def sip_uri(self) -> str | None:
        """What telephones dial, such as ``sip:proj_offhook@127.0.0.1:5060``; None without a SIP line."""
        return self._sip.uri if self._sip else None

    @property
    def routes(self) -> list[Route]:
        """What is served of it over HTTP."""
        calls, placed = "/v1/realtime/calls/{call_id}", "/emulator/calls"
        return [
            Route(f"{calls}/accept", self._control.accept, methods=["POST"]),
            Route(f"{calls}/reject", self._control.reject, methods=["POST"]),
            Route(f"{calls}/refer", self._control.refer, methods=["POST"]),
            Route(placed, self._placed.create, methods=["POST"]),
            Route(f"{placed}/{{call_id}}", self._placed.describe, methods=["GET"]),
            Route(f"{placed}/{{call_id}}", self._placed.hang_up, methods=["DELETE"]),
        ]

    async def open(self) -> None:
        """Begin to take calls. Raises ``OffhookError`` where the SIP port cannot be had."""
        if self._sip:
            await self._sip.open()

    async def close(self) -> None:
        """Decline what rings, hang up what is live, and take no more calls."""
        await self._exchange.close()
        await self._switchboard.calls.close()
        if self._sip:
            await self._sip.close()
        self._placed.close()


def _target(url: str | None, secret: str | None) -> WebhookTarget | None:
    if url is None:
        return None
    if secret is None:
        raise OffhookError(
            "There is a webhook URL without a secret, so webhooks cannot be signed. Give --webhook-secret the whsec_… "
            "that the receiver checks them with."
        )
    return WebhookTarget(url, secret)


def _endpoint(exchange: Exchange, host: str, port: int) -> SipEndpoint:
    try:
        from offhook_emulator.line.sip.endpoint import SipEndpoint  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.startswith("offhook"):
            raise
        raise OffhookError(
            f'The SIP line needs {missing.name}, which is not installed. Run: pip install "offhook-emulator[sip]"'
        ) from missing
    return SipEndpoint(exchange, host=host, port=port)
