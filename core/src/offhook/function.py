"""A Python function seen as a tool: what it takes, what its docstring says of it, and how JSON text calls it."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import json
import re
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from enum import Enum
from functools import partial
from pathlib import PurePath
from typing import Any, Final, cast, get_origin

import attrs
from attrs import frozen, has

from offhook._threads import run_in_thread
from offhook.context import RunContext, ToolContext
from offhook.errors import ToolError
from offhook.schema import Json, Parameters, hints_of, is_model, parameters_of

Function = Callable[..., Any]


@frozen
class Signature:
    """How a function is called: its parameters, and which of them takes the context."""

    function: Function
    description: str
    parameters: Parameters
    context_name: str | None

    async def call(self, context: ToolContext[Any], arguments: str) -> Any:
        """Call the function with arguments as JSON text. Raises ``ToolError`` for what does not fit, and what it raises."""
        keywords = self.parameters.structure(parse_arguments(arguments))
        if self.context_name is not None:
            keywords[self.context_name] = context
        return await run(partial(self.function, **keywords), self.function, name=f"offhook tool {context.call.name}")


def read(function: Function) -> Signature:
    """Read a function's signature and docstring. Raises ``ToolError`` for what JSON cannot fill."""
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ToolError(
            f"{function.__name__}: a call has one output, and a function that yields gives several. Return the whole."
        )
    # Of a partial its function's, since its own is that of ``functools.partial``.
    summary, arguments = _read_docstring(inspect.getdoc(getattr(function, "func", function)) or "")
    context = _context_parameter(function)
    parameters = parameters_of(function, arguments, skip=frozenset({context} if context else ()))
    return Signature(function, summary, parameters, context)


async def run(call: Callable[[], Any], function: Function, *, name: str) -> Any:
    """Call ``call``, which calls ``function``: on the loop if that is a coroutine function, in a thread otherwise."""
    result = call() if _is_async(function) else await run_in_thread(call, name=name)
    # Whatever the function looked like: a decorator may have made a plain one of a coroutine function.
    return await result if inspect.isawaitable(result) else result


async def ask(function: Function, *given: Any) -> Any:
    """Give what a function of the application gives, be it a coroutine function or a plain one that is quick.

    Raises its exceptions, as ``contained`` makes them.
    """
    with contained():
        result = function(*given)
        return await result if inspect.isawaitable(result) else result


@contextmanager
def contained() -> Generator[None]:
    """Have code of the application fail with an ``Exception`` at worst.

    Else it could end the program with everyone's calls (argparse raises ``SystemExit``), or a task of ours that looks
    cancelled and is not, and a call would have no answer (P7).
    """
    try:
        yield
    except SystemExit as error:
        raise RuntimeError(f"it wanted to exit with {error.code!r}") from error
    except asyncio.CancelledError as error:
        if (task := _current_task()) is None or task.cancelling():
            raise
        raise RuntimeError("something that it waited for was cancelled") from error
    except GeneratorExit as error:
        if _current_task() is None:  # nobody raised it: this is what is left of a loop that is gone
            raise
        raise RuntimeError("it raised GeneratorExit") from error


def origin(error: BaseException) -> str:
    """Say what was raised, and where. Without its own words: they may hold what people said, and this is logged."""
    if isinstance(error.__cause__, (SystemExit, asyncio.CancelledError, GeneratorExit)):
        error = error.__cause__  # see ``contained``
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    name = type(error).__name__
    return f"{name} at {PurePath(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else name


def _current_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:  # no loop runs
        return None


def parse_arguments(arguments: str) -> Json:
    """Give the arguments of a call as an object. Raises ``ToolError`` where they are none."""
    try:
        value = json.loads(arguments or "{}")
    except (ValueError, RecursionError) as error:
        raise ToolError(f"the arguments are not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ToolError(f"the arguments are no JSON object but {type(value).__name__}")
    return cast("Json", value)


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
    if is_model(type(value)):
        return value.model_dump(mode="json")
    if has(cast("type[Any]", type(value))):
        return attrs.asdict(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return str(value)


def _is_async(function: Function) -> bool:
    # An object with ``async def __call__`` is one too.
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def _context_parameter(function: Function) -> str | None:
    first = next(iter(inspect.signature(function).parameters), None)
    if first is None:
        return None
    hint = hints_of(function).get(first)
    return first if (get_origin(hint) or hint) in {RunContext, ToolContext} else None


_ARGS_SECTION: Final = re.compile(r"^(?:Args|Arguments|Parameters):\s*$", re.MULTILINE)
_ARGUMENT: Final = re.compile(r"^\s+\**(\w+)(?:\s*\([^)]*\))?:\s*(.+(?:\n\s{8,}\S.*)*)", re.MULTILINE)


def _read_docstring(doc: str) -> tuple[str, Mapping[str, str]]:
    """Split a docstring into its first paragraph and its ``Args:`` section."""
    before, *section = _ARGS_SECTION.split(doc, maxsplit=1)
    summary = " ".join(before.split("\n\n", 1)[0].split())
    if not section:
        return summary, {}
    body = re.split(r"^\S", section[0], maxsplit=1, flags=re.MULTILINE)[0]
    return summary, {name: " ".join(text.split()) for name, text in _ARGUMENT.findall(body)}
