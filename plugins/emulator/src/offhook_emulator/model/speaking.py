"""The responses of a session: at most one in the default conversation, and any number beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from offhook_emulator.model import errors
from offhook_emulator.model.conversation import Conversation
from offhook_emulator.model.effects import Outlet, StartReply, StopReply
from offhook_emulator.model.items import Item, item_from_client
from offhook_emulator.model.playback import Playback
from offhook_emulator.model.response import Response, Status
from offhook_emulator.model.session import Session
from offhook_emulator.model.settings import ResponseSettings, response_settings
from offhook_emulator.model.usage import input_tokens, rate_limits
from offhook_emulator.replies.protocol import ReplyRequest


class Speaking:
    """Starts, ends and cancels responses. ``on_done`` is called with each that is over."""

    def __init__(
        self,
        outlet: Outlet,
        session: Session,
        conversation: Conversation,
        on_done: Callable[[Response], None],
        playback: Playback | None = None,
    ) -> None:
        self._outlet = outlet
        self._session = session
        self._conversation = conversation
        self._on_done = on_done
        self._playback = playback
        self._active: dict[str, Response] = {}

    @property
    def current(self) -> Response | None:
        """The response in the default conversation, if one is under way."""
        return next((response for response in self._active.values() if response.settings.in_conversation), None)

    def create(self, checked: Mapping[str, Any]) -> None:
        """Start a response, with what ``RESPONSE`` accepted."""
        settings = response_settings(self._session, checked)
        if settings.in_conversation and self.current:
            raise errors.active_response(self.current.id)
        read = input_tokens(settings.instructions, settings.tools, self._read_items(settings))
        response = Response(self._outlet, settings, self._conversation, read, self._playback)
        self._active[response.id] = response
        self._outlet.do(StartReply(response))

    def request(self, response: Response) -> ReplyRequest:
        """Give what the reply is to be made from, as the conversation stands now."""
        settings = response.settings
        made = {item.id for item in response.output}
        items = [item.with_words() for item in self._read_items(settings) if item.id not in made]
        return ReplyRequest(
            instructions=settings.instructions, items=items, tools=settings.tools, tool_choice=settings.tool_choice
        )

    def cancel(self, response_id: str | None) -> None:
        """Cancel a response, or the one in the default conversation, as the client asked."""
        response = self.current if response_id is None else self._active.get(response_id)
        if response is None:
            raise errors.no_active_response()
        self.end(response, "cancelled", reason="client_cancelled")

    def interrupt(self) -> None:
        """Cancel the response in the default conversation, and stop what is being played, because someone speaks."""
        if response := self.current:
            self.end(response, "cancelled", reason="turn_detected")
        if self._playback:
            self._playback.clear()

    def silence(self, playback: Playback) -> None:
        """Stop what is being played, as the client asked: no more is made of it either."""
        for response in playback.responses:
            if not response.finished:
                self.end(response, "cancelled", reason="client_cancelled")
        playback.clear()

    def end(self, response: Response, status: Status, **details: Any) -> None:
        """Finish a response and say what is left of the rate limit."""
        del self._active[response.id]
        response.finish(status, **details)
        self._outlet.send("rate_limits.updated", rate_limits=rate_limits(response.used_tokens))
        if status in ("cancelled", "incomplete"):  # otherwise its maker knows
            self._outlet.do(StopReply(response))
        self._on_done(response)

    def _read_items(self, settings: ResponseSettings) -> Sequence[Item]:
        if settings.input is None:
            return list(self._conversation)
        return [self._resolve(entry) for entry in settings.input]

    def _resolve(self, entry: Mapping[str, Any]) -> Item:
        if entry["type"] != "item_reference":
            return item_from_client(entry, self._session.input_format, self._outlet.new_id)
        if item := self._conversation.get(entry["id"]):
            return item
        raise errors.no_referenced_item(entry["id"])
