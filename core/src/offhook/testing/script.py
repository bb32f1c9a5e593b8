"""The script of a scripted transport: which commands are to come, and what happens then. Values in, values out."""

from __future__ import annotations

import copy
import difflib
import inspect
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias, cast

from attrs import define, evolve, field, frozen

from offhook.config import SessionConfig
from offhook.errors import ContractError
from offhook.events import ConnectionChange, Event
from offhook.hookspecs import ConnectOptions, OptionalCommands, RealtimeTransportLayer
from offhook.wire.channel import without_secrets

_SIGNATURES: Final[Mapping[str, inspect.Signature]] = MappingProxyType(
    {
        name: inspect.signature(member)
        for specification, is_command in (
            (RealtimeTransportLayer, inspect.iscoroutinefunction),
            (OptionalCommands, inspect.isfunction),
        )
        for name, member in vars(specification).items()
        if not name.startswith("_") and is_command(member)
    }
)
#: What tools of the service's own are given to log in with.
_SECRETS: Final = frozenset({"api_key", "authorization", "headers"})
_HIDDEN: Final = "<hidden>"
_LONGEST_SHOWN: Final = 120


class ScriptError(AssertionError):
    """The conversation is not the one in the script."""


class UnexpectedCommand(ScriptError):
    """A command came that the script does not have there; the message names both."""


class IncompleteScript(ScriptError):
    """A step of the script was never reached."""


@frozen
class Command:
    """A command as it came: its arguments by the names of the contract, copied, without secrets."""

    name: str
    arguments: Mapping[str, Any]

    @classmethod
    def of(cls, name: str, arguments: Mapping[str, Any]) -> Command:
        """Record a command."""
        return cls(name, MappingProxyType({key: _recorded(value) for key, value in arguments.items()}))

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{key}={_shown(value)}' for key, value in self.arguments.items())})"


@frozen
class Expect:
    """A command that is to come. Made by ``expect`` and ``fail``."""

    name: str
    wanted: Mapping[str, Any]
    events: tuple[Event, ...] = ()
    error: BaseException | None = None

    def differences(self, command: Command) -> list[str]:
        """Say what of the command is not as wanted."""
        return [
            f"{key} is {_shown(command.arguments[key])}, not {_shown(wanted)}"
            for key, wanted in self.wanted.items()
            if not _fits(wanted, command.arguments[key])
        ]

    def __str__(self) -> str:
        wanted = [f"{key}={_shown(value)}" for key, value in self.wanted.items()]
        rest = ["…"] if len(wanted) < len(_SIGNATURES[self.name].parameters) - 1 else []
        return f"{self.name}({', '.join([*wanted, *rest])})"


@frozen
class AnyOrder:
    """Commands that are all to come. Made by ``in_any_order``."""

    expects: tuple[Expect, ...]


@frozen
class Emit:
    """Events that come by themselves. Made by ``emit``."""

    events: tuple[Event, ...]


@frozen
class Lose:
    """The connection is lost. Made by ``lose``."""

    change: ConnectionChange


Step: TypeAlias = Expect | AnyOrder | Emit | Lose
#: What a step causes, in order.
Effect: TypeAlias = Event | Lose


def expect(name: str, /, *, emit: Event | Iterable[Event] = (), **arguments: Any) -> Expect:
    """Expect a command of the contract, and then emit events.

    Arguments that are not named may be anything. One that is must be equal to the value given, an instance of it where that
    is a class, or accepted by it where it is a function. Raises ``ContractError`` for what is no command, or no argument.
    """
    _check(name, arguments)
    return Expect(name, _matchers(arguments), (emit,) if isinstance(emit, Event) else tuple(emit))


def fail(name: str, error: BaseException, /, **arguments: Any) -> Expect:
    """Expect a command, and let it raise ``error``; arguments as for ``expect``."""
    _check(name, arguments)
    return Expect(name, _matchers(arguments), error=error)


def in_any_order(*expects: Expect) -> AnyOrder:
    """Expect several commands that may come in any order, such as the outputs of parallel calls."""
    return AnyOrder(expects)


def emit(*events: Event) -> Emit:
    """Emit events as soon as the script comes here: when it is connected, or after the step before."""
    return Emit(events)


def lose(*, reason: str = "lost", code: int | None = 1006, recoverable: bool = True) -> Lose:
    """Lose the connection as soon as the script comes here. Arguments are fields of ``ConnectionChange``."""
    return Lose(lost(reason, code=code, recoverable=recoverable))


def lost(reason: str, *, code: int | None, recoverable: bool) -> ConnectionChange:
    """Make the event of a connection that is lost."""
    return ConnectionChange(status="disconnected", reason=cast("Any", reason), code=code, recoverable=recoverable)


@define
class Script:
    """How far the script got. With ``strict``, a command is refused that is neither the next one nor ``allowed``."""

    _steps: tuple[Step, ...] = field(converter=tuple)
    _strict: bool
    _allowed: frozenset[str]
    _left: deque[Step] = field(init=False)
    #: Commands of the step that is under way.
    _open: list[Expect] = field(init=False, factory=list[Expect])
    failures: list[UnexpectedCommand] = field(init=False, factory=list[UnexpectedCommand])

    def __attrs_post_init__(self) -> None:
        self._left = deque(self._steps)

    @property
    def done(self) -> bool:
        """Whether nothing is left to happen."""
        return not self._open and not self._left

    def go_on(self) -> list[Effect]:
        """Give what happens by itself, up to the next command that is expected, or the end of the connection."""
        effects: list[Effect] = []
        while not self._open_next() and self._left:
            step = self._left.popleft()
            if isinstance(step, Lose):
                return [*effects, step]
            if isinstance(step, Emit):
                effects += step.events
        return effects

    def take(self, command: Command) -> Expect | None:
        """Take a command; gives the expectation that it meets, if any. Raises ``UnexpectedCommand``, and remembers it."""
        self._open_next()
        expected = next((one for one in self._open if one.name == command.name and not one.differences(command)), None)
        if expected is not None:
            self._open.remove(expected)
        elif self._strict and command.name not in self._allowed:
            failure = UnexpectedCommand(self._unexpected(command))
            self.failures.append(failure)
            raise failure
        return expected

    def next_up(self) -> str:
        """Say where the script stands."""
        number = len(self._steps) - len(self._left)
        where = f"step {number} of {len(self._steps)}"
        return f"{' or '.join(map(str, self._open))} ({where})" if self._open else "its next connection"

    def _open_next(self) -> bool:
        """Tell whether a command is expected next."""
        match self._left[0] if self._left and not self._open else None:
            case Expect() as one:
                self._open = [one]
            case AnyOrder(expects):
                self._open = list(expects)
            case _:
                return bool(self._open)
        self._left.popleft()
        return bool(self._open)

    def _unexpected(self, command: Command) -> str:
        if not self._open and not self._left:
            return (
                f"the script is over after {len(self._steps)} steps, and {command} came. Add expect({command.name!r}), or "
                f"let it come at any time: allow={{{command.name!r}}}."
            )
        near = [differ for one in self._open if one.name == command.name for differ in one.differences(command)]
        told = f"; {', '.join(near)}" if near else ""
        return (
            f"the script expects {self.next_up()}, and {command} came{told}. Correct the one that is wrong, or allow "
            f"{command.name!r} at any time with allow=."
        )


def _check(name: str, arguments: Mapping[str, Any]) -> None:
    if name not in _SIGNATURES:
        raise ContractError(f"there is no command {name!r}.{_near(name, _SIGNATURES)} There are: {_list(_SIGNATURES)}.")
    known = [key for key in _SIGNATURES[name].parameters if key != "self"]
    for key in arguments:
        if key not in known:
            raise ContractError(f"{name} has no argument {key!r}.{_near(key, known)} It has: {_list(known)}.")


def _near(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def _list(words: Iterable[str]) -> str:
    return ", ".join(sorted(words)) or "none"


def _matchers(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    # What is compared with a record is what would be recorded.
    return {key: value if callable(value) else _recorded(value) for key, value in arguments.items()}


def _fits(wanted: Any, value: Any) -> bool:
    if isinstance(wanted, type):
        return isinstance(value, wanted)
    return bool(cast("Callable[[Any], object]", wanted)(value)) if callable(wanted) else wanted == value


def _recorded(value: Any) -> Any:
    match value:
        case ConnectOptions():
            return evolve(
                value,
                api_key=None,
                url=value.url and without_secrets(value.url),
                resume=value.resume and evolve(value.resume, value=None),
                config=_recorded(value.config),
                initial_history=tuple(value.initial_history),
            )
        case SessionConfig(tools=tools):
            return evolve(value, tools=_recorded(tools), provider=_recorded(value.provider))
        case Mapping():
            table = cast("Mapping[Any, Any]", value)
            return {key: _HIDDEN if key in _SECRETS else _recorded(inner) for key, inner in table.items()}
        case tuple() | list():
            entries = [_recorded(entry) for entry in cast("Iterable[Any]", value)]
            return entries if isinstance(value, list) else tuple(entries)
        case _:
            return copy.deepcopy(value)


def _shown(value: Any) -> str:
    match value:
        case bytes():
            return f"<{len(value)} bytes>"
        case type():
            return f"a {value.__name__}"
        case _ if callable(value):
            return f"what {getattr(value, '__name__', value)} accepts"
        case _:
            text = repr(value)
            return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
