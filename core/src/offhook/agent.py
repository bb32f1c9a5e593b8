"""What an application author writes: who the model is, and what it can do."""

from __future__ import annotations

from attrs import field, frozen

from offhook.errors import ToolError
from offhook.tool import FunctionTool


@frozen(kw_only=True)
class RealtimeAgent:
    """An agent: its instructions, its voice and its tools.

    ``voice`` is one of the service's names; ``None`` leaves the choice to the session config. Raises ``ToolError`` where
    two tools have one name, or one is no tool.
    """

    name: str
    instructions: str = ""
    tools: tuple[FunctionTool, ...] = field(default=(), converter=tuple)
    voice: str | None = None

    def __attrs_post_init__(self) -> None:
        for tool in self.tools:
            if not isinstance(tool, FunctionTool):  # pyright: ignore[reportUnnecessaryIsInstance]  # not everyone has a checker
                raise ToolError(
                    f"agent {self.name!r} was given {tool!r} as a tool. Decorate the function with @function_tool, or pass "
                    "function_tool(…)."
                )
        names = [tool.name for tool in self.tools]
        doubles = sorted({name for name in names if names.count(name) > 1})
        if doubles:
            raise ToolError(
                f"agent {self.name!r} has several tools named {', '.join(doubles)}, which the model cannot tell apart. "
                "Give each a name of its own: function_tool(name=…)."
            )
