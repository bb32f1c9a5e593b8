"""The base of every transport that speaks the Realtime dialect: what can be said over the connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from offhook.config import SessionConfig
from offhook.events import FunctionCall
from offhook.hookspecs import Delivery
from offhook.items import InputImage, McpApprovalRequestItem, MessageItem
from offhook.realtime.connection import RealtimeConnection


class OpenAIRealtimeBase(RealtimeConnection):
    """A transport for the Realtime API over whatever channel the dialer opens."""

    async def send_event(self, event: Mapping[str, Any]) -> str:
        """Send a client event of the Realtime API as it is; gives its ``event_id``."""
        self._require_connected("send_event()")
        event_id, effects = self._protocol.send_event(event)
        await self._perform(effects)
        return event_id

    async def send_message(self, message: str | MessageItem, *, respond: bool = True) -> None:
        """Add a message and, with ``respond``, ask for a reply to it."""
        self._require_connected("send_message()")
        await self._perform(self._protocol.send_message(message, respond=respond))

    async def send_audio(self, audio: bytes, *, commit: bool = False) -> None:
        """Send audio in ``session_ready.input_format``; ``commit`` ends the turn and asks for nothing."""
        self._require_connected("send_audio()")
        await self._perform(self._protocol.send_audio(audio, commit=commit))

    async def add_image(self, image: InputImage, *, respond: bool = True) -> None:
        """Show the model an image and, with ``respond``, ask what it has to say about it."""
        await self.send_message(MessageItem(item_id="", role="user", content=(image,)), respond=respond)

    async def request_response(self, response: Mapping[str, Any] | None = None) -> None:
        """Ask for a reply, now or as soon as the service is free (P8)."""
        self._require_connected("request_response()")
        await self._perform(self._protocol.request_response(response))

    async def update_session_config(self, config: SessionConfig) -> None:
        """Send what is set in ``config`` and differs. Raises ``ImmutableConfig``, and then sends nothing."""
        self._require_connected("update_session_config()")
        await self._perform(self._protocol.update_config(config))

    async def send_function_call_output(
        self,
        call: FunctionCall,
        output: str,
        start_response: bool = True,
        *,
        delivery: Delivery | None = None,
        final: bool = True,
    ) -> None:
        """Answer a call. A reply to it goes out when the current response is done; wishes for one coalesce."""
        self._require_connected("send_function_call_output()")
        if delivery is not None and delivery not in self.capabilities.deliveries:
            self._refuse(f"delivery={delivery!r}", "deliveries", "Use 'speak' or 'silent'.")
        if not final:
            self._refuse("final=False", "deliveries", "Send one output; a call takes no second one.")
        respond = start_response if delivery is None else delivery == "speak"
        await self._perform(self._protocol.send_function_call_output(call, output, respond=respond))

    async def send_mcp_response(
        self, request: McpApprovalRequestItem, approved: bool, reason: str | None = None
    ) -> None:
        """Decide a hosted MCP call."""
        self._require_connected("send_mcp_response()")
        await self._perform(self._protocol.send_mcp_response(request.item_id, approved=approved, reason=reason))

    async def interrupt(self, *, heard_ms: int | None = None) -> None:
        """Stop the assistant: cancel, flush, and tell the model how much was heard (P5, P6).

        ``heard_ms`` beats the playback position of what is playing.
        """
        self._require_connected("interrupt()")
        await self._perform(self._protocol.interrupt(self._clock(), heard_ms=heard_ms))

    def played(self, ms: float) -> None:
        """Report that ``ms`` more of the audio was played, in the order it was given.

        A sink that reports makes interruption exact; without reports a speaker that plays without pause is assumed.
        """
        self._protocol.playback.played(ms)
