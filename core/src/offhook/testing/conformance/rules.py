"""What a test of the suite is: one rule of the contract, its flags, and a fresh line to a fresh far end."""

from __future__ import annotations

import asyncio
import inspect
import unittest
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, ClassVar, Final, Literal, TypeAlias, TypeVar, cast

from attrs import frozen

from offhook.capabilities import Capabilities
from offhook.errors import ContractError
from offhook.hookspecs import ConnectOptions, RealtimeTransportLayer
from offhook.testing.conformance.line import Line
from offhook.testing.conformance.peer import Peer
from offhook.testing.conformance.waiting import soon

#: The key that the suite connects with. No log may ever hold it.
KEY: Final = "sk-conformance-key-not-to-be-seen"
#: How the message of every skip by flag begins, and of no other.
SKIPPED_BY_FLAG: Final = "offhook conformance, skipped by flag: "
#: And where it is not the transport that lacks something.
SKIPPED_BY_ENVIRONMENT: Final = "offhook conformance, skipped by environment: "
#: No rule takes longer, or something hangs.
_DEADLINE_S: Final = 30.0

S = TypeVar("S", bound="Suite")
#: What a flag must hold: one of these values, or whatever the function takes.
Wanted: TypeAlias = Collection[Any] | Callable[[Any], bool]
Body: TypeAlias = Callable[[S, Line], Awaitable[None]]
_FACTORIES: Final = ("transport", "peer", "clogged_peer", "connect_options")


class SkippedByFlag(unittest.SkipTest):
    """The transport's capabilities do not promise what the rule is about. pytest shows it as a skip."""


class SkippedByEnvironment(unittest.SkipTest):
    """What the rule is about cannot be seen in the place that the suite runs in. Found out there, never declared."""

    def __init__(self, why: str) -> None:
        super().__init__(f"{SKIPPED_BY_ENVIRONMENT}{why}")


@frozen
class Rule:
    """A test: its body, and the flags without which it says nothing."""

    name: str
    body: Callable[[Any, Line], Awaitable[None]]
    flags: Mapping[str, Wanted]
    clogged: bool

    def require(self, capabilities: Capabilities) -> None:
        """Raise ``SkippedByFlag``, naming the flag, where the transport promises nothing of the kind."""
        for flag, wanted in self.flags.items():
            value = getattr(capabilities, flag)
            if not (wanted(value) if callable(wanted) else value in wanted):
                raise SkippedByFlag(f"{SKIPPED_BY_FLAG}{flag}={value!r}")


def rule(*, clogged: bool = False, **flags: Wanted) -> Callable[[Body[S]], Callable[[S], None]]:
    """Make a test of an ``async def`` that takes a line, not yet connected.

    ``flags`` are those of ``Capabilities`` that it needs; ``clogged``: at the other end is a peer that reads no more.
    """

    def decorate(body: Body[S]) -> Callable[[S], None]:
        made = Rule(_name_of(body), body, flags, clogged)

        def test(self: S) -> None:
            asyncio.run(self.check(made))

        # Not functools.wraps: pytest would look through it, and ask for a fixture named ``line``.
        test.__name__, test.__qualname__, test.__doc__ = made.name, _qualname_of(body), body.__doc__
        test.__module__ = body.__module__
        test.rule = made  # type: ignore[attr-defined]  # functions take any attribute
        return test

    return decorate


def rules_of(suite: type[Suite]) -> dict[str, Rule]:
    """Give the rules of a class, by name."""
    found = ((name, getattr(getattr(suite, name), "rule", None)) for name in dir(suite))
    return {name: made for name, made in found if isinstance(made, Rule)}


class Suite(ABC):
    """Three factories, and how a rule is checked with what they make."""

    #: Seconds that the suite waits for what must happen.
    patience_s: ClassVar[float] = 5.0

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name in _FACTORIES:
            _refuse_async(cls, name)
        for base in cls.__mro__[1:]:
            for name in vars(base):
                if isinstance(getattr(vars(base)[name], "rule", None), Rule):
                    _refuse_override(cls, name, vars(base)[name])

    @abstractmethod
    def transport(self, peer: Any) -> RealtimeTransportLayer:
        """Make the transport, disconnected, pointed at ``peer``: one that ``peer()`` or ``clogged_peer()`` made."""

    @abstractmethod
    def peer(self) -> Peer:
        """Make a far end."""

    @abstractmethod
    def clogged_peer(self) -> Peer:
        """Make a far end that takes the session, and then reads no more."""

    def connect_options(self) -> ConnectOptions:
        """Give what to connect with: the suite's ``KEY`` and, where the transport needs one, a ``call_id``."""
        return ConnectOptions(api_key=KEY)

    async def check(self, made: Rule) -> None:
        """Check one rule on a line of its own. Raises ``AssertionError``, or a ``SkipTest`` that says why."""
        await soon(self._check(made), f"{made.name} to end", _DEADLINE_S)

    async def _check(self, made: Rule) -> None:
        peer = self.clogged_peer() if made.clogged else self.peer()
        async with peer:
            line = Line(self.transport(peer), peer, self.connect_options(), self.patience_s)
            made.require(line.transport.capabilities)
            try:
                await made.body(self, line)
            finally:
                await line.end()


@frozen
class Outcome:
    """How a rule turned out."""

    status: Literal["passed", "skipped", "failed"]
    why: str = ""
    error: BaseException | None = None


async def outcomes(suite: type[Suite]) -> dict[str, Outcome]:
    """Check every rule, one after the other, without pytest: for places where there is none."""
    return {name: await _outcome(suite(), made) for name, made in rules_of(suite).items()}


async def _outcome(suite: Suite, made: Rule) -> Outcome:
    try:
        await suite.check(made)
    except unittest.SkipTest as skipped:
        return Outcome("skipped", str(skipped))
    except Exception as error:  # noqa: BLE001  # whatever it is, it is how the rule turned out
        return Outcome("failed", f"{type(error).__name__}: {error}", error)
    return Outcome("passed")


def _refuse_override(cls: type, name: str, original: object) -> None:
    if getattr(cls, name) is not original:
        raise ContractError(
            f"{cls.__qualname__} overrides {name}, and the tests of the suite are the contract's, not the transport's. "
            "Take it out: what the transport's capabilities do not promise is skipped by itself."
        )


def _refuse_async(cls: type, name: str) -> None:
    function = vars(cls).get(name)
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise ContractError(
            f"{cls.__qualname__}.{name} is an async function, and nobody would await it. Make it a plain one: a transport "
            "is made disconnected, and a peer opens what it needs in start()."
        )


def _name_of(body: Body[Any]) -> str:
    return cast("Callable[..., Any]", body).__name__


def _qualname_of(body: Body[Any]) -> str:
    return cast("Callable[..., Any]", body).__qualname__
