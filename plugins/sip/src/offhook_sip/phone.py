"""``PhoneCall``: the call in hand, for tools that end or transfer it."""

from __future__ import annotations

from attrs import field, frozen

from offhook_sip.calls import Calls
from offhook_sip.webhooks import IncomingCall


@frozen
class PhoneCall:
    """What ``offhook calls serve`` gives to tools as their context: who calls, and what can be done about it.

    ::

        @function_tool
        async def transfer_to_a_human(run: RunContext[PhoneCall]) -> str:
            await run.context.refer("tel:+14155550123")
            return "The caller is being transferred."
    """

    incoming: IncomingCall
    _calls: Calls = field(repr=False, alias="calls")

    async def refer(self, target_uri: str) -> None:
        """Transfer the call to a ``tel:`` or ``sip:`` URI. Raises ``CallError``."""
        await self._calls.refer(self.incoming.call_id, target_uri)

    async def hangup(self) -> None:
        """End the call; what is being said is cut off. Raises ``CallError``."""
        await self._calls.hangup(self.incoming.call_id)
