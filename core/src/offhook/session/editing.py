"""Edits of the history by the application, as far as the service takes any."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from attrs import define, evolve

from offhook.capabilities import Capabilities
from offhook.errors import HistoryError, Unsupported
from offhook.items import ConversationItem, MessageItem
from offhook.session.conversation import Conversation
from offhook.transcripts import in_writing

#: The new history, or a function that makes it of the one that there is.
Edit: TypeAlias = Sequence[ConversationItem] | Callable[[tuple[ConversationItem, ...]], Sequence[ConversationItem]]


@define(eq=False)
class Editing:
    """Passes edits on. The history itself changes when the service says that it did (B44)."""

    conversation: Conversation

    async def update(self, edit: Edit) -> None:
        """Make the history what ``edit`` says. Raises ``HistoryError`` or ``Unsupported``, and then nothing was sent."""
        transport, old = self.conversation.transport, self.conversation.history.items
        new = tuple(edit(old) if callable(edit) else edit)
        match transport.capabilities.history:
            case "mutable":
                await transport.reset_history(old, new)
            case "append":
                for message in _appended(old, new):
                    await transport.send_message(message, respond=False)
            case flag:
                raise Unsupported(
                    "update_history()", f"history={flag}", "Start another session with RealtimeSession(history=…)."
                )


def require_start(history: Sequence[ConversationItem], flags: Capabilities) -> None:
    """Raise ``Unsupported`` where a session cannot start from a history."""
    if history and flags.history == "none":
        raise Unsupported(
            "RealtimeSession(history=…)", "history=none", "Put what was said before into the instructions."
        )


def _appended(old: tuple[ConversationItem, ...], new: tuple[ConversationItem, ...]) -> list[MessageItem]:
    if new[: len(old)] != old:
        raise Unsupported(
            "update_history() with items changed or taken out",
            "history=append",
            "Add messages at the end, or start another session with RealtimeSession(history=…).",
        )
    added = new[len(old) :]
    messages = [
        evolve(item, item_id="") for item in added if isinstance(item, MessageItem) and in_writing(item) == item
    ]
    if len(messages) < len(added):
        raise HistoryError(
            "only written messages can be added to a history: no speech, and no calls. Write speech as text "
            "(offhook.transcripts.in_writing(item)). Nothing was sent."
        )
    return messages
