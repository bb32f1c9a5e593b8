"""``GeminiLive``: what can be said to the service, and what cannot."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from offhook.config import SessionConfig
from offhook.errors import ImmutableConfig
from offhook.events import FunctionCall
from offhook.hookspecs import Delivery
from offhook.items import InputImage, InputText, MessageItem
from offhook.wire.channel import Dialer
from offhook.wire.config import difference, names, to_wire
from offhook_gemini_live.connection import GeminiLiveConnection
from offhook_gemini_live.effects import Send
from offhook_gemini_live.options import GeminiLiveOptions
from offhook_gemini_live.protocol import GeminiLiveProtocol


class GeminiLive(GeminiLiveConnection):
    """The ``gemini-live`` transport. Audio passes through it as bytes: 16 kHz in, 24 kHz out."""

    def __init__(self, options: GeminiLiveOptions | None = None, *, dialer: Dialer | None = None) -> None:
        """Make a transport, disconnected. ``dialer`` opens the channel instead of a WebSocket."""
        super().__init__(options, dialer=dialer)
        self._muted = False
        self._ids = itertools.count(1)

    @property
    def muted(self) -> bool:
        """Whether audio given to ``send_audio`` is kept back."""
        return self._muted

    async def send_event(self, event: Mapping[str, Any]) -> str:
        """Send a message of the service's own protocol as it is. It has no ids: the one given is ours alone."""
        self._talking("send_event()")
        await self._perform([Send(event)])
        return self._new_id("event")

    async def send_message(self, message: str | MessageItem, *, respond: bool = True) -> None:
        """Add a message and, with ``respond``, have it answered. The model falls silent for either.

        Raises ``Unsupported`` for an image that is only an address.
        """
        if isinstance(message, str):
            message = MessageItem(item_id="", role="user", content=(InputText(message),))
        await self._perform(self._talking("send_message()").send_message(message, respond=respond))

    async def add_image(self, image: InputImage, *, respond: bool = True) -> None:
        """Show the model an image, given as a ``data:`` URL."""
        await self.send_message(MessageItem(item_id="", role="user", content=(image,)), respond=respond)

    async def send_audio(self, audio: bytes, *, commit: bool = False) -> None:
        """Send audio in ``session_ready.input_format``; ``commit`` ends the turn."""
        protocol = self._talking("send_audio()")
        await self._perform(protocol.send_audio(b"" if self._muted else audio, commit=commit))

    async def request_response(self, response: Mapping[str, Any] | None = None) -> str:
        """Have the model answer what there is, as soon as its turn is over (P8). The wish's id is ours alone."""
        protocol = self._talking("request_response()")
        if response:
            self._refuse("request_response() with a body", "turn_model=turn", "Put it in a message.")
        await self._perform(protocol.request_response(own=response is not None))
        return self._new_id("wish")

    async def update_session_config(self, config: SessionConfig) -> None:
        """Raise ``ImmutableConfig`` unless nothing of ``config`` differs: the setup is the first message, and the last."""
        self._talking("update_session_config()")
        changed = names(difference(to_wire(self._config), to_wire(config)))
        if changed:
            raise ImmutableConfig(changed, "Connect again with the new config; a resumed session takes it.")

    async def send_function_call_output(
        self,
        call: FunctionCall,
        output: str,
        start_response: bool = True,
        *,
        delivery: Delivery | None = None,
        final: bool = True,
    ) -> None:
        """Answer a call. The model goes on by itself; only for a call that does not hold the turn it can be kept silent."""
        protocol = self._talking("send_function_call_output()")
        offered = self.capabilities.deliveries
        if delivery is not None and delivery not in offered:
            self._refuse(f"delivery={delivery!r}", "deliveries", "Leave it out: the model answers by itself.")
        if not final and not offered:
            self._refuse("final=False", "deliveries", "Send one output: the turn waits for it.")
        if delivery is None and not start_response and "silent" in offered:
            delivery = "silent"
        await self._perform(protocol.send_function_call_output(call, output, delivery=delivery, final=final))

    async def interrupt(self, *, heard_ms: int | None = None) -> None:
        """Silence the model, here and at the service, which reckons by itself how much was heard."""
        await self._perform(self._talking("interrupt()").interrupt())

    async def mute(self, muted: bool) -> None:
        """Keep back what is given to ``send_audio``; the service is told that the user has stopped."""
        protocol = self._talking("mute()")
        ends, self._muted = muted and not self._muted, muted
        await self._perform(protocol.end_of_speech() if ends else [])

    def _new_id(self, kind: str) -> str:
        return f"local:{kind}_{next(self._ids)}"

    def _talking(self, operation: str) -> GeminiLiveProtocol:
        self._require_connected(operation)
        assert self._protocol is not None  # connected
        return self._protocol
