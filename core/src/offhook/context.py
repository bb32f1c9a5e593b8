"""What code of the application is told about where it runs: instructions, guardrails and tools alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

from attrs import field, frozen

from offhook.events import FunctionCall
from offhook.items import ConversationItem

if TYPE_CHECKING:
    from offhook.agent import RealtimeAgent

ContextT = TypeVar("ContextT")


@frozen(kw_only=True)
class RunContext(Generic[ContextT]):
    """Where in a conversation something runs."""

    #: The object given to the session as ``context``.
    context: ContextT
    #: The agent it runs for; of a call, the one that was in charge when the model made it.
    agent: RealtimeAgent
    _history: Callable[[], Sequence[ConversationItem]] = field(repr=False, eq=False, alias="history")

    @property
    def history(self) -> Sequence[ConversationItem]:
        """The conversation up to now."""
        return self._history()


@frozen(kw_only=True)
class ToolContext(RunContext[ContextT]):
    """Where a tool runs. Take it as the first parameter, and the model does not see it."""

    #: The call being answered.
    call: FunctionCall
