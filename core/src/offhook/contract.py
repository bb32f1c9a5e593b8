"""Whether a transport is what the contract says, compared when it is made, so that it never fails at call time.

pluggy cannot do this: it checks only the names of arguments, and commands are not called through it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Final, cast, get_args

from attrs import frozen

from offhook.capabilities import Capabilities
from offhook.errors import ContractError
from offhook.events import Status
from offhook.hookspecs import OptionalCommands, RealtimeTransportLayer

_STATUSES: Final = get_args(Status)
#: The attributes of a transport: what they hold, in words and as a test.
_ATTRIBUTES: Final[Mapping[str, tuple[str, Callable[[Any], bool]]]] = {
    "name": ("a str", lambda value: isinstance(value, str)),
    "status": (f"one of {', '.join(_STATUSES)}", lambda value: value in _STATUSES),
    "muted": ("a bool, or None where it does no muting", lambda value: value is None or isinstance(value, bool)),
    "capabilities": ("an offhook.Capabilities", lambda value: isinstance(value, Capabilities)),
}
#: Which flag promises which optional command.
_PROMISED: Final[Mapping[str, Callable[[Capabilities], bool]]] = {
    "send_context": lambda flags: bool(flags.context_modes),
    "played": lambda flags: flags.truncate == "client",
    "clear_audio": lambda flags: flags.clear_audio,
    "finish_work": lambda flags: flags.delegation,
}


def check_transport(transport: object, *, distribution: str = "") -> RealtimeTransportLayer:
    """Give ``transport`` back if it has every attribute and command of the contract.

    ``distribution`` is who to name as its origin. Raises ``ContractError`` naming it, the class, and each signature that
    was expected.
    """
    faults = [*_attribute_faults(transport), *_command_faults(transport)]
    if faults:
        cls = type(transport)
        origin = f" of {distribution}" if distribution else ""
        raise ContractError(
            f"{cls.__module__}.{cls.__qualname__}{origin} is not a transport as the contract has it: "
            f"{'; '.join(faults)}. Correct the class; offhook.transport.TransportBase has most of it."
        )
    return cast("RealtimeTransportLayer", transport)


def accepts(offered: inspect.Signature, wanted: inspect.Signature) -> bool:
    """Tell whether every way to call ``wanted`` also works on ``offered``, each argument arriving under its own name."""
    return all(_arrives(offered, positional, keywords) for positional, keywords in _ways_to_call(wanted))


@frozen
class _Command:
    signature: inspect.Signature
    is_async: bool
    text: str


def _attribute_faults(transport: object) -> Iterator[str]:
    for name, (expected, fits) in _ATTRIBUTES.items():
        value = _look(transport, name)
        if not fits(value):
            yield f"its attribute {name} must be {expected}, and is {value!r}"


def _command_faults(transport: object) -> Iterator[str]:
    for name, command in _commands(RealtimeTransportLayer).items():
        if not _fits(_look(transport, name), command):
            yield f"it needs {command.text}"
    flags = _look(transport, "capabilities")
    if not isinstance(flags, Capabilities):
        return
    for name, command in _commands(OptionalCommands).items():
        if _PROMISED[name](flags) and not _fits(_look(transport, name), command):
            yield f"its capabilities promise {command.text}"


def _look(transport: object, name: str) -> object:
    """Give the attribute; a property that raises, like one that is missing, gives its exception, which fits nothing."""
    try:
        return getattr(transport, name)
    except Exception as error:  # noqa: BLE001  # whatever it is, it is told as a fault
        return error


@cache
def _commands(specification: type) -> Mapping[str, _Command]:
    return {
        name: _command(name, member)
        for name, member in vars(specification).items()
        if inspect.isfunction(member) and not name.startswith("_")
    }


def _command(name: str, function: Callable[..., Any]) -> _Command:
    signature, is_async = inspect.signature(function), inspect.iscoroutinefunction(function)
    # Annotations are strings here, and are better read without their quotes.
    text = f"{'async def' if is_async else 'def'} {name}{signature}".replace("'", "")
    _self, *rest = signature.parameters.values()
    return _Command(signature.replace(parameters=rest), is_async, text)


def _fits(method: object, command: _Command) -> bool:
    if not callable(method) or inspect.iscoroutinefunction(method) != command.is_async:
        return False
    try:
        offered = inspect.signature(method)
    except (TypeError, ValueError):
        return False
    return accepts(offered, command.signature)


def _ways_to_call(wanted: inspect.Signature) -> Iterator[tuple[list[str], list[str]]]:
    """Give the extremes of what the signature allows, as names of arguments given by position and by keyword."""
    parameters = wanted.parameters.values()
    either = [entry for entry in parameters if entry.kind is entry.POSITIONAL_OR_KEYWORD]
    keyword = [entry for entry in parameters if entry.kind is entry.KEYWORD_ONLY]
    more = ["*", "*"] if any(entry.kind is entry.VAR_POSITIONAL for entry in parameters) else []
    yield [*_names(either), *more], _names(keyword)
    yield [], _names([*either, *keyword])
    yield [], [entry.name for entry in (*either, *keyword) if entry.default is entry.empty]


def _names(parameters: list[inspect.Parameter]) -> list[str]:
    return [entry.name for entry in parameters]


def _arrives(offered: inspect.Signature, positional: list[str], keywords: list[str]) -> bool:
    # Each argument is its own name, so that it can be seen where it arrives.
    try:
        arrived = offered.bind(*positional, **{name: name for name in keywords}).arguments
    except TypeError:
        return False
    return all(arrived.get(name, name) == name for name in (*positional, *keywords))
