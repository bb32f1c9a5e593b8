"""Handing the conversation to another agent, as a tool that the model may call."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attrs import field, frozen

from offhook import function as functions
from offhook.errors import ToolError
from offhook.function import Function, Signature
from offhook.schema import Json
from offhook.tool import Enabled, as_tool_name, is_tool_name

if TYPE_CHECKING:
    from offhook.agent import Handoffs, RealtimeAgent


@frozen(kw_only=True)
class Handoff:
    """A way from one agent to another. Make one with ``handoff``; an agent alone stands for ``handoff(agent)``."""

    agent: RealtimeAgent
    tool_name: str
    description: str
    is_enabled: Enabled = True
    #: Whether the new agent says something by itself as soon as it has taken over.
    speak_first: bool = True
    #: What is called before the handoff, and whose parameters are asked of the model.
    callback: Signature | None = field(default=None, repr=False)

    def __attrs_post_init__(self) -> None:
        if not is_tool_name(self.tool_name):
            raise ToolError(
                f"the handoff to {self.agent.name!r} cannot be a tool named {self.tool_name!r}. Give it a name of up to 64 "
                "letters, digits, _ and -: handoff(agent, tool_name=…)."
            )

    def to_wire(self) -> Json:
        """Give the definition that the model is shown."""
        nothing: Json = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
        parameters = self.callback.parameters.schema if self.callback else nothing
        return {
            "type": "function",
            "name": self.tool_name,
            "description": self.description,
            "parameters": parameters,
        }


def handoff(
    agent: RealtimeAgent,
    *,
    tool_name: str | None = None,
    description: str | None = None,
    on_handoff: Function | None = None,
    is_enabled: Enabled = True,
    speak_first: bool = True,
) -> Handoff:
    """Describe how the conversation may be handed to ``agent``.

    ``on_handoff`` is called before; what it takes beside a ``ToolContext`` is asked of the model, as with a tool. If it
    raises, the conversation stays where it is. The tool is called ``transfer_to_<agent's name>`` unless named.
    """
    return Handoff(
        agent=agent,
        tool_name=tool_name or as_tool_name(f"transfer_to_{re.sub(r'[^A-Za-z0-9]', '_', agent.name)}"),
        description=description or _description(agent),
        is_enabled=is_enabled,
        speak_first=speak_first,
        callback=functions.read(on_handoff) if on_handoff else None,
    )


def as_handoffs(given: Handoffs, agent_name: str) -> tuple[Handoff, ...]:
    """Give an agent's ``handoffs`` as what they mean. Raises ``ToolError`` for what is neither agent nor handoff."""
    from offhook.agent import RealtimeAgent  # noqa: PLC0415  # an agent is made of handoffs, and they lead to agents

    entries = given() if callable(given) else given
    found: list[Handoff] = []
    for entry in entries:
        if isinstance(entry, RealtimeAgent):
            found.append(handoff(entry))
        elif isinstance(entry, Handoff):  # pyright: ignore[reportUnnecessaryIsInstance]  # not everyone has a checker
            found.append(entry)
        else:
            raise ToolError(
                f"agent {agent_name!r} was given {entry!r} as a handoff. Pass a RealtimeAgent, or handoff(agent, …)."
            )
    return tuple(found)


def _description(agent: RealtimeAgent) -> str:
    return f"Hand the conversation over to the {agent.name} agent. {agent.handoff_description}".strip()
