"""What an application author writes: who the model is, and what it can do."""

from __future__ import annotations

from attrs import field, frozen

from offhook.errors import ToolError
from offhook.tool import FunctionTool


@frozen(kw_only=True)
class RealtimeAgent:
    """An agent: its instructions, its voice and its tools.

    ``voice`` is one of the service's names; ``None`` leaves the choice to the session config. Raises ``ToolError`` where
    two tools have one name.
    """

    name: str
    instructions: str = ""
    tools: tuple[FunctionTool, ...] = field(default=(), converter=tuple)
    voice: str | None = None

    def __attrs_post_init__(self) -> None:
        names = [tool.name for tool in self.tools]
        doubles = sorted({name for name in names if names.count(name) > 1})
        if doubles:
            raise ToolError(
                f"agent {self.name!r} has several tools named {', '.join(doubles)}, which the model cannot tell apart. "
                "Give each a name of its own: function_tool(name=…)."
            )
