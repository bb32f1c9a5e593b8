"""Who answers: given the conversation and the tools, what the model says and which functions it calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol

from attrs import frozen


@frozen(kw_only=True)
class ReplyRequest:
    """What a reply is made from. Items and tools have the shape of the wire."""

    instructions: str
    #: The conversation in order, as Realtime items; audio parts carry a ``transcript``.
    items: Sequence[Mapping[str, Any]]
    #: Function tools on offer: ``{"type": "function", "name", "description", "parameters"}``.
    tools: Sequence[Mapping[str, Any]]
    #: ``"auto"``, ``"none"``, ``"required"`` or ``{"type": "function", "name": …}``.
    tool_choice: Any = "auto"


@frozen
class Say:
    """The assistant says (or, in text mode, writes) this.

    The pieces of one message follow each other and are joined as they are: each but the last ends with its space.
    """

    text: str


@frozen
class CallFunction:
    """The assistant calls a function; ``arguments`` is JSON text."""

    name: str
    arguments: str


class Replies(Protocol):
    """A source of replies. One per server; it keeps no state of its own between requests of a conversation."""

    def reply(self, request: ReplyRequest) -> AsyncIterator[Say | CallFunction]:
        """Answer the conversation. Cancelling or closing the iterator stops the work."""
        ...
