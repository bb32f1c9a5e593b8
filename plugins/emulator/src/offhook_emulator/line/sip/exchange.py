"""The telephone exchange: which calls ring, and what becomes of them.

A call rings until it is accepted, rejected, given up by its caller, or nobody answered in time. Once it is accepted it
is a ``Call`` like any other, and the caller at its other end is its line.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final, Protocol, runtime_checkable

from attrs import frozen

from offhook._log import logger
from offhook_emulator.line.calls import Call, Line
from offhook_emulator.line.switchboard import Switchboard
from offhook_emulator.model.ids import random_id
from offhook_emulator.webhooks import WebhookSender, WebhookTarget, new_event

#: SIP statuses (RFC 3261): nobody answered, and nobody can.
_TEMPORARILY_UNAVAILABLE: Final = 480
_SERVICE_UNAVAILABLE: Final = 503
_DEFAULT_RING_S: Final = 30.0


class Phone(Line, Protocol):
    """A caller. ``run`` picks up and carries the call, as every line's does.

    ``headers`` are those of the INVITE, repetitions included; ``media_security`` is ``rtp``, ``srtp`` or ``absent``.
    """

    @property
    def headers(self) -> Sequence[tuple[str, str]]: ...

    @property
    def media_security(self) -> str: ...

    def decline(self, status: int) -> None:
        """Stop ringing, for the reason that a SIP status gives."""
        ...


@runtime_checkable
class Transferable(Protocol):
    """A line whose caller can be sent elsewhere."""

    def refer(self, target_uri: str) -> None:
        """Ask the caller to call ``target_uri`` instead."""
        ...


class NotRinging(Exception):
    """There is no call of that id that could be accepted or rejected: there never was, or somebody was faster."""


@frozen(eq=False)
class _Ringing:
    phone: Phone
    timer: asyncio.TimerHandle


class Exchange:
    """Rings, and waits for somebody to decide. ``target`` is told of every call; ``ring_s`` is how long one rings."""

    def __init__(
        self, switchboard: Switchboard, *, target: WebhookTarget | None = None, ring_s: float = _DEFAULT_RING_S
    ) -> None:
        self._switchboard = switchboard
        self._target = target
        self._ring_s = ring_s
        self._sender = WebhookSender()
        self._ringing: dict[str, _Ringing] = {}
        self._announcements: set[asyncio.Task[None]] = set()

    def ring(self, phone: Phone, target: WebhookTarget | None = None) -> str:
        """Ring for a caller, and tell ``target`` (default: the exchange's) with a webhook; gives the call's id."""
        call_id = random_id("rtc_u0")
        timer = asyncio.get_running_loop().call_later(self._ring_s, self._decline, call_id, _TEMPORARILY_UNAVAILABLE)
        self._ringing[call_id] = _Ringing(phone, timer)
        if to := target or self._target:
            task = asyncio.create_task(self._announce(call_id, phone, to), name=f"offhook ring {call_id}")
            self._announcements.add(task)
            task.add_done_callback(self._announcements.discard)
        logger().info("call_rings", call_id=call_id, webhook=to.host if to else None)
        return call_id

    def give_up(self, call_id: str) -> None:
        """Stop ringing: the caller has hung up. Nothing happens where it does not ring."""
        if ringing := self._ringing.pop(call_id, None):
            ringing.timer.cancel()

    async def accept(self, call_id: str, config: Any) -> None:
        """Answer a call with the session ``config``; returns when it takes events.

        Raises ``NotRinging``, and ``Refused`` for the config; then it rings on.
        """
        call = Call(self._find(call_id), self._switchboard, call_id=call_id)
        call.configure(config)
        self.give_up(call_id)
        await self._switchboard.calls.start(call)

    def reject(self, call_id: str, status: int) -> None:
        """Decline a call with a SIP status. Raises ``NotRinging``."""
        self._find(call_id)
        self._decline(call_id, status)

    async def close(self) -> None:
        """Decline whatever rings."""
        for call_id in list(self._ringing):
            self._decline(call_id, _SERVICE_UNAVAILABLE)
        for task in self._announcements:
            task.cancel()
        await asyncio.gather(*self._announcements, return_exceptions=True)
        await self._sender.close()

    def _find(self, call_id: str) -> Phone:
        if call_id not in self._ringing:
            raise NotRinging(call_id)
        return self._ringing[call_id].phone

    def _decline(self, call_id: str, status: int) -> None:
        phone = self._find(call_id)
        self.give_up(call_id)
        phone.decline(status)
        logger().info("call_declined", call_id=call_id, status=status)

    async def _announce(self, call_id: str, phone: Phone, target: WebhookTarget) -> None:
        headers = [{"name": name, "value": value} for name, value in phone.headers]
        data = {"call_id": call_id, "sip_media_security": phone.media_security, "sip_headers": headers}
        event = new_event("realtime.call.incoming", data)
        await self._sender.send(target, event, wanted=lambda: call_id in self._ringing)
