"""The base of every transport that speaks the Realtime dialect: what can be said over the connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from offhook.config import SessionConfig
from offhook.events import FunctionCall
from offhook.hookspecs import Delivery
from offhook.items import ConversationItem, InputImage, McpApprovalRequestItem, MessageItem
from offhook.realtime import session_config
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
        if commit and self.capabilities.turn_control == "server":
            self._refuse("send_audio(commit=True)", "turn_control=server", "The service hears where a turn ends.")
        await self._perform(self._protocol.send_audio(audio, commit=commit))

    async def add_image(self, image: InputImage, *, respond: bool = True) -> None:
        """Show the model an image and, with ``respond``, ask what it has to say about it."""
        if not self.capabilities.images:
            await super().add_image(image, respond=respond)
        await self.send_message(MessageItem(item_id="", role="user", content=(image,)), respond=respond)

    async def clear_audio(self) -> None:
        """Take back the audio that was appended and not committed."""
        self._require_connected("clear_audio()")
        if not self.capabilities.clear_audio:
            self._refuse("clear_audio()", "clear_audio=False", "What the service has heard stays heard.")
        await self._perform(self._protocol.clear_audio())

    async def request_response(self, response: Mapping[str, Any] | None = None) -> str:
        """Ask for a reply, now or as soon as the service is free (P8).

        Gives the wish's id, which ``turn_started`` repeats if the wish has a body: it goes out in the response's metadata,
        and comes back there.
        """
        self._require_connected("request_response()")
        if not self.capabilities.request_response:
            await super().request_response(response)
        request_id, effects = self._protocol.request_response(response)
        await self._perform(effects)
        return request_id

    async def update_session_config(self, config: SessionConfig) -> None:
        """Send what is set in ``config`` and differs. Raises ``ImmutableConfig``, and then sends nothing."""
        self._require_connected("update_session_config()")
        fixed = session_config.MUTABLE - self.capabilities.mutable_config
        await self._perform(self._protocol.update_config(config, fixed))

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
        if not self.capabilities.mcp:
            await super().send_mcp_response(request, approved, reason)
        await self._perform(self._protocol.send_mcp_response(request.item_id, approved=approved, reason=reason))

    async def reset_history(self, old: Sequence[ConversationItem], new: Sequence[ConversationItem]) -> None:
        """Edit the conversation: deletions, then creations in order; the echoes come as events.

        Raises ``HistoryError``, and then sends nothing, for what the service does not take: speech of the assistant, calls.
        """
        self._require_connected("reset_history()")
        if self.capabilities.history != "mutable":
            await super().reset_history(old, new)
        await self._perform(self._protocol.reset_history(old, new))

    async def interrupt(self, *, heard_ms: int | None = None) -> None:
        """Stop the assistant: cancel, flush, and tell the model how much was heard (P5, P6).

        ``heard_ms`` beats the playback position of what is playing.
        """
        self._require_connected("interrupt()")
        if self.capabilities.cancel == "none":
            self._refuse("interrupt()", "cancel=none", "Stop playing, and let the assistant finish.")
        await self._perform(self._protocol.interrupt(self._clock(), heard_ms=heard_ms))

    def played(self, ms: float) -> None:
        """Report that ``ms`` more of the audio was played, in the order it was given.

        A sink that reports makes interruption exact; without reports a speaker that plays without pause is assumed.
        """
        self._protocol.playback.played(ms)
