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

import dataclasses
import inspect
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from functools import partial
from typing import Any, Final, Generic, TypeVar, cast, get_origin, overload

import attrs
from attrs import field, frozen, has

from offhook._threads import run_in_thread
from offhook.errors import ToolError
from offhook.events import FunctionCall
from offhook.items import ConversationItem
from offhook.schema import Json, Parameters, hints_of, parameters_of

ContextT = TypeVar("ContextT")
Function = Callable[..., Any]
#: How long a tool may take unless it says otherwise: silence on a call is felt after seconds.
DEFAULT_TIMEOUT_S: Final = 30.0
#: What the services take as a function's name.
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


@frozen(kw_only=True)
class RunContext(Generic[ContextT]):
    """What a tool is told about where it runs. Take it as the first parameter, and the model does not see it."""

    #: The object given to the session as ``context``.
    context: ContextT
    #: The call being answered.
    call: FunctionCall
    _history: Callable[[], Sequence[ConversationItem]] = field(repr=False, alias="history")

    @property
    def history(self) -> Sequence[ConversationItem]:
        """The conversation up to now."""
        return self._history()


@frozen(kw_only=True)
class FunctionTool:
    """A function that the model may call. Make one with ``function_tool``."""

    name: str
    description: str
    #: JSON schema of the arguments.
    parameters: Json
    #: Runs the tool with the arguments as JSON text; gives the output as text. Raises ``ToolError`` for bad arguments.
    invoke: Callable[[RunContext[Any], str], Awaitable[str]] = field(repr=False)
    #: After this many seconds the model is told that the tool did not answer; ``None`` waits for ever.
    timeout_s: float | None = DEFAULT_TIMEOUT_S

    def to_wire(self) -> Json:
        """Give the definition that the model is shown."""
        return {
            "type": "function",
            "name": self.name,
            "description": self.description,
            "parameters": self.parameters,
        }


@overload
def function_tool(function: Function, /) -> FunctionTool: ...


@overload
def function_tool(
    *, name: str | None = None, description: str | None = None, timeout_s: float | None = DEFAULT_TIMEOUT_S
) -> Callable[[Function], FunctionTool]: ...


def function_tool(
    function: Function | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    timeout_s: float | None = DEFAULT_TIMEOUT_S,
) -> FunctionTool | Callable[[Function], FunctionTool]:
    """Make a tool of a function; a decorator, with or without arguments.

    The schema comes from the signature, descriptions from the docstring (its first paragraph, and an ``Args:`` section). A
    plain function runs in a thread, a coroutine function on the loop. A first parameter annotated ``RunContext`` is filled
    in by the session. Raises ``ToolError`` for a signature that JSON cannot fill.
    """
    if function is None:
        return partial(_make, name=name, description=description, timeout_s=timeout_s)
    return _make(function, name=name, description=description, timeout_s=timeout_s)


def _make(function: Function, *, name: str | None, description: str | None, timeout_s: float | None) -> FunctionTool:
    if timeout_s is not None and not timeout_s > 0:
        raise ToolError(f"timeout_s={timeout_s} is no time to run in. Give seconds above 0, or None to wait for ever.")
    # A partial's own docstring is about partials.
    summary, arguments = _read_docstring(inspect.getdoc(getattr(function, "func", function)) or "")
    context = _context_parameter(function)
    parameters = parameters_of(function, arguments, skip=frozenset({context} if context else ()))
    return FunctionTool(
        name=_checked_name(function, name),
        description=description or summary,
        parameters=parameters.schema,
        invoke=partial(_invoke, function, parameters, context),
        timeout_s=timeout_s,
    )


def _checked_name(function: Function, given: str | None) -> str:
    name = given or str(getattr(function, "__name__", ""))
    if not _NAME.fullmatch(name):
        raise ToolError(
            f"{function!r} cannot be a tool named {name!r}. Give it a name of up to 64 letters, digits, _ and -: "
            "function_tool(name=…)."
        )
    return name


async def _invoke(
    function: Function, parameters: Parameters, context_name: str | None, context: RunContext[Any], arguments: str
) -> str:
    keywords = parameters.structure(_parse(arguments))
    if context_name is not None:
        keywords[context_name] = context
    call = partial(function, **keywords)
    result = call() if _is_async(function) else await run_in_thread(call, name=f"offhook tool {context.call.name}")
    # Whatever the function looked like: a decorator may have made a plain one of a coroutine function.
    return as_output(await result if inspect.isawaitable(result) else result)


def _is_async(function: Function) -> bool:
    # An object with ``async def __call__`` is one too.
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def as_output(result: Any) -> str:
    """Give a tool's result as the text the model reads: strings as they are, everything else as JSON."""
    if isinstance(result, str):
        return result
    if isinstance(result, (bytes, bytearray, memoryview)):
        raise ToolError("a tool gave bytes, which the model cannot read. Give text, or something JSON can carry.")
    return json.dumps(result, ensure_ascii=False, default=_as_json)


def _as_json(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (set, frozenset)):
        return list(cast("set[Any]", value))
    if has(cast("type[Any]", type(value))):
        return attrs.asdict(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return str(value)


def _parse(arguments: str) -> Json:
    try:
        value = json.loads(arguments or "{}")
    except ValueError as error:
        raise ToolError(f"the arguments are not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ToolError(f"the arguments are no JSON object but {type(value).__name__}")
    return cast("Json", value)


def _context_parameter(function: Function) -> str | None:
    first = next(iter(inspect.signature(function).parameters), None)
    if first is None:
        return None
    hint = hints_of(function).get(first)
    return first if hint is RunContext or get_origin(hint) is RunContext else None


_ARGS_SECTION: Final = re.compile(r"^(?:Args|Arguments|Parameters):\s*$", re.MULTILINE)
_ARGUMENT: Final = re.compile(r"^\s+\**(\w+)(?:\s*\([^)]*\))?:\s*(.+(?:\n\s{8,}\S.*)*)", re.MULTILINE)


def _read_docstring(doc: str) -> tuple[str, dict[str, str]]:
    """Split a docstring into its first paragraph and its ``Args:`` section."""
    before, *section = _ARGS_SECTION.split(doc, maxsplit=1)
    summary = " ".join(before.split("\n\n", 1)[0].split())
    if not section:
        return summary, {}
    body = re.split(r"^\S", section[0], maxsplit=1, flags=re.MULTILINE)[0]
    return summary, {name: " ".join(text.split()) for name, text in _ARGUMENT.findall(body)}
