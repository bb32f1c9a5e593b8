"""What a conversation consists of: messages, function calls, and calls of hosted MCP tools.

Values only. The wire's own shapes are translated in ``offhook.realtime.items``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from attrs import frozen

ItemStatus: TypeAlias = Literal["in_progress", "completed", "incomplete"]
Role: TypeAlias = Literal["system", "user", "assistant"]


@frozen
class InputText:
    """Text that the user or the system wrote."""

    text: str


@frozen(kw_only=True)
class InputAudio:
    """Speech of the user. ``transcript`` is ``None`` until it is known."""

    transcript: str | None = None


@frozen(kw_only=True)
class InputImage:
    """An image shown by the user: a ``data:`` or ``https:`` URL."""

    image_url: str
    detail: str | None = None


@frozen
class OutputText:
    """Text that the assistant wrote."""

    text: str


@frozen(kw_only=True)
class OutputAudio:
    """Speech of the assistant. ``transcript`` is ``None`` until it is known."""

    transcript: str | None = None


ContentPart: TypeAlias = InputText | InputAudio | InputImage | OutputText | OutputAudio


@frozen(kw_only=True)
class MessageItem:
    """Something that was said or written."""

    item_id: str
    role: Role
    content: tuple[ContentPart, ...] = ()
    status: ItemStatus = "completed"

    @property
    def text(self) -> str:
        """All words of the message: text and transcripts, parts joined by a space."""
        words = (_words(part) for part in self.content)
        return " ".join(word for word in words if word)


@frozen(kw_only=True)
class FunctionCallItem:
    """A function call by the model, with its output once there is one. ``arguments`` is JSON text as received."""

    item_id: str
    call_id: str
    name: str
    arguments: str
    output: str | None = None
    status: ItemStatus = "in_progress"


@frozen(kw_only=True)
class McpCallItem:
    """A call of a hosted MCP tool, made by the service itself."""

    item_id: str
    server_label: str
    name: str
    arguments: str
    output: str | None = None
    error: Mapping[str, Any] | None = None
    status: ItemStatus = "in_progress"


@frozen(kw_only=True)
class McpApprovalRequestItem:
    """A hosted MCP call that waits for a yes or no."""

    item_id: str
    server_label: str
    name: str
    arguments: str
    approved: bool | None = None


#: What a conversation consists of.
ConversationItem: TypeAlias = MessageItem | FunctionCallItem | McpCallItem | McpApprovalRequestItem


def _words(part: ContentPart) -> str | None:
    match part:
        case InputText(text) | OutputText(text):
            return text
        case InputAudio() | OutputAudio():
            return part.transcript
        case InputImage():
            return None
