"""Function tools: a Python function that the model may call.

::

    @function_tool
    def get_weather(city: str) -> str:
        \"\"\"Say what the weather is like.

        Args:
            city: The city, in English.
        \"\"\"
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Literal, TypeAlias, TypedDict, Unpack, overload

from attrs import field, frozen

from offhook import function as functions
from offhook.context import RunContext, ToolContext
from offhook.errors import ToolError
from offhook.events import FunctionCall
from offhook.function import Function
from offhook.schema import Json

#: How long a tool may take unless it says otherwise: silence on a call is felt after seconds.
DEFAULT_TIMEOUT_S: Final = 30.0
#: What the services take as a function's name.
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")

#: Whether something holds, or a function (a coroutine function too) that tells.
Enabled: TypeAlias = bool | Callable[[RunContext[Any]], bool | Awaitable[bool]]
#: Asked with the parsed arguments. With arguments that are no JSON object a person decides, and it is not asked.
NeedsApproval: TypeAlias = bool | Callable[[ToolContext[Any], Json], bool | Awaitable[bool]]
#: Looks at the arguments; gives ``None`` to let them pass, or the output that the model reads instead.
InputCheck: TypeAlias = Callable[[ToolContext[Any], Json], str | Awaitable[str | None] | None]
#: Looks at the output; gives ``None`` to let it pass, or the one that the model reads instead.
OutputCheck: TypeAlias = Callable[[ToolContext[Any], str], str | Awaitable[str | None] | None]


@frozen
class Background:
    """What a tool returns to have its output noted without a reply: the model reads it when it next speaks."""

    output: Any


@frozen(kw_only=True)
class ToolFailure:
    """A call that cannot be answered with a result, for a formatter to put into words for the model.

    ``kind`` is ``rejected`` (by a person), ``raised``, ``timed_out``, ``malformed`` (the arguments) or ``unknown`` (no such
    tool); ``message`` are the words that it gets otherwise.
    """

    kind: Literal["rejected", "raised", "timed_out", "malformed", "unknown"]
    call: FunctionCall
    message: str
    error: BaseException | None = None


#: Words for the model about a failure; ``None`` leaves it at ``failure.message``.
FailureFormatter: TypeAlias = Callable[[ToolFailure], str | None]


@frozen(kw_only=True)
class FunctionTool:
    """A function that the model may call. Make one with ``function_tool``."""

    name: str
    description: str
    #: JSON schema of the arguments.
    parameters: Json
    #: Runs the tool with the arguments as JSON text. Raises ``ToolError`` for bad arguments.
    invoke: Callable[[ToolContext[Any], str], Awaitable[Any]] = field(repr=False)
    #: After this many seconds the model is told that the tool did not answer; ``None`` waits for ever.
    timeout_s: float | None = DEFAULT_TIMEOUT_S
    #: Asked when the model is told of its tools, and again when it calls.
    is_enabled: Enabled = True
    #: Whether a person must allow the call: ``session.approve`` or ``session.reject``.
    needs_approval: NeedsApproval = False
    input_guardrails: Sequence[InputCheck] = ()
    output_guardrails: Sequence[OutputCheck] = ()
    #: Whether an interruption of the assistant ends the work too.
    on_interrupt: Literal["keep", "cancel"] = "keep"
    #: When the model speaks about the output: at once, when nobody speaks, or when it is asked something next.
    reply: Literal["now", "when_idle", "never"] = "now"
    failure_formatter: FailureFormatter | None = field(default=None, repr=False)

    def __attrs_post_init__(self) -> None:
        if not is_tool_name(self.name):
            raise ToolError(
                f"a tool cannot be named {self.name!r}. Give it a name of up to 64 letters, digits, _ and -: "
                "function_tool(name=…)."
            )
        if self.timeout_s is not None and not self.timeout_s > 0:
            raise ToolError(
                f"timeout_s={self.timeout_s} is no time to run in. Give seconds above 0, or None to wait for ever."
            )

    def to_wire(self) -> Json:
        """Give the definition that the model is shown."""
        return {
            "type": "function",
            "name": self.name,
            "description": self.description,
            "parameters": self.parameters,
        }


def is_tool_name(name: str) -> bool:
    """Tell whether the services take this as a function's name."""
    return _NAME.fullmatch(name) is not None


def as_tool_name(text: str) -> str:
    """Give the nearest to ``text`` that the services take as a function's name."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", text)[:64]


class ToolOptions(TypedDict, total=False):
    """What ``function_tool`` may be told, each as the field of ``FunctionTool``."""

    name: str | None
    description: str | None
    timeout_s: float | None
    is_enabled: Enabled
    needs_approval: NeedsApproval
    input_guardrails: Sequence[InputCheck]
    output_guardrails: Sequence[OutputCheck]
    on_interrupt: Literal["keep", "cancel"]
    reply: Literal["now", "when_idle", "never"]
    failure_formatter: FailureFormatter | None


@overload
def function_tool(function: Function, /, **options: Unpack[ToolOptions]) -> FunctionTool: ...


@overload
def function_tool(**options: Unpack[ToolOptions]) -> Callable[[Function], FunctionTool]: ...


def function_tool(
    function: Function | None = None, /, **options: Unpack[ToolOptions]
) -> FunctionTool | Callable[[Function], FunctionTool]:
    """Make a tool of a function; a decorator, with or without ``ToolOptions``.

    The schema comes from the signature, descriptions from the docstring (its first paragraph, and an ``Args:`` section). A
    plain function runs in a thread, a coroutine function on the loop. A first parameter annotated ``ToolContext`` (or
    ``RunContext``) is filled in by the session. Raises ``ToolError`` for a signature that JSON cannot fill.
    """
    if function is None:
        return lambda function: _make(function, options)
    return _make(function, options)


def _make(function: Function, options: ToolOptions) -> FunctionTool:
    signature = functions.read(function)
    given: dict[str, Any] = {
        **options,
        "name": options.get("name") or str(getattr(function, "__name__", "")),
        "description": options.get("description") or signature.description,
    }
    return FunctionTool(parameters=signature.parameters.schema, invoke=signature.call, **given)
