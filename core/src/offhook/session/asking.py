"""Asking for a reply to what tools gave, where the service does not give it by itself: now, or when there is a pause."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from attrs import define, field

from offhook.errors import NotConnected
from offhook.events import Event
from offhook.session.conversation import Conversation
from offhook.session.floor import Floor

#: How long somebody may speak before they are spoken over.
_PATIENCE_S: Final = 60.0


@define(eq=False)
class Asking:
    """Asks for replies, each at its time. A turn that begins while one waits is that reply: it has the outputs."""

    conversation: Conversation
    floor: Floor
    _owed: bool = field(init=False, default=False)
    _pause: asyncio.Task[None] | None = field(init=False, default=None)

    @property
    def asks(self) -> bool:
        """Whether replies are asked for at all."""
        flags = self.conversation.transport.capabilities
        return flags.request_response and not flags.auto_reply

    def ask(self) -> None:
        """Ask now; over the user's words only when there is a pause."""
        if not self.asks:
            return
        if self.floor.users:
            self.ask_in_a_pause()
        else:
            self.conversation.tasks.start(self._request(), "offhook reply")

    def ask_in_a_pause(self) -> None:
        """Ask as soon as nobody speaks, once for all that wait."""
        self._owed = True
        if self._pause is None or self._pause.done():
            self._pause = self.conversation.tasks.start(self._request_in_a_pause(), "offhook reply when idle")

    # Events.

    def turn_started(self, _: Event) -> None:
        """Somebody was quicker."""
        self._owed = False

    # Waiting.

    async def _request_in_a_pause(self) -> None:
        # Not for ever: the end of what the user says may be lost, and a reply that is owed is asked for all the same (P8).
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_S):
                await self.floor.wait_free()
        self._pause = None  # what is owed from now on has a pause of its own
        if self._owed:
            self._owed = False
            await self._request()

    async def _request(self) -> None:
        try:
            await self.conversation.transport.request_response()
        except NotConnected:
            pass  # the connection tells that it is gone
        except Exception as error:  # noqa: BLE001  # whatever it was, the model now waits, and somebody must know
            self.conversation.fail(f"no reply to the tools could be asked for: {error}", "tool_error", error)
