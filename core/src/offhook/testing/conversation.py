"""What a simulated conversation was, in a shape that tests can assert on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from attrs import frozen

from offhook.events import ErrorEvent, Event, Usage
from offhook.items import ConversationItem, FunctionCallItem, MessageItem
from offhook.wire.codec import as_object, loads

EventT = TypeVar("EventT", bound=Event)


@frozen(kw_only=True)
class ToolCall:
    """A call of a tool or handoff, by ``agent``. ``output`` is ``None`` where there was none by the end."""

    name: str
    arguments: Mapping[str, Any]
    output: str | None
    agent: str


@frozen(kw_only=True)
class Exchange:
    """One turn of the user, and all that came of it until the next one."""

    #: What the user said or wrote; empty where the turn was something that the test did.
    said: str
    #: What was understood: the transcript of what was said.
    heard: str
    #: What the agent said or wrote in all its replies, as the history has it.
    reply: str
    calls: tuple[ToolCall, ...]
    #: Who had the conversation in the end, by name.
    agent: str


@frozen(kw_only=True)
class Conversation:
    """A conversation that was held with ``simulate``."""

    exchanges: tuple[Exchange, ...]
    history: tuple[ConversationItem, ...]
    #: All events of the session in order, but for raw ones.
    events: tuple[Event, ...]
    #: Names of the agents that had the conversation, in order.
    agents: tuple[str, ...]
    usage: Usage
    #: How long it took on the loop's clock, in seconds.
    duration_s: float

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """All calls, in order."""
        return tuple(call for exchange in self.exchanges for call in exchange.calls)

    @property
    def errors(self) -> tuple[ErrorEvent, ...]:
        """What went wrong, tools that failed included."""
        return self.of(ErrorEvent)

    def of(self, kind: type[EventT]) -> tuple[EventT, ...]:
        """Give the events of one class."""
        return tuple(event for event in self.events if isinstance(event, kind))

    def __str__(self) -> str:
        return "\n".join(map(_line, self.history))


def exchange(said: str, items: Sequence[ConversationItem], *, agent: str, callers: Mapping[str, str]) -> Exchange:
    """Make an exchange of its part of the history. ``callers`` are the agents that made calls, by call id."""
    messages = [item for item in items if isinstance(item, MessageItem)]
    return Exchange(
        said=said,
        heard=_words(messages, "user"),
        reply=_words(messages, "assistant"),
        calls=tuple(
            _call(item, callers.get(item.call_id, agent)) for item in items if isinstance(item, FunctionCallItem)
        ),
        agent=agent,
    )


def _words(messages: Sequence[MessageItem], role: str) -> str:
    return " ".join(message.text for message in messages if message.role == role and message.text)


def _call(item: FunctionCallItem, agent: str) -> ToolCall:
    try:
        arguments = as_object(loads(item.arguments or "{}"))
    except ValueError:
        arguments = as_object(None)
    return ToolCall(name=item.name, arguments=arguments, output=item.output, agent=agent)


def _line(item: ConversationItem) -> str:
    if isinstance(item, MessageItem):
        return f"{item.role}: {item.text}"
    if isinstance(item, FunctionCallItem):
        return f"{item.name}({item.arguments}) → {item.output}"
    return f"{item.server_label}.{item.name}({item.arguments})"
