"""Guardrails: the application's own checks of what the assistant says, and of what the user said.

::

    @output_guardrail
    def no_prices(context: RunContext[None], text: str) -> bool:
        return "€" in text

A check takes where it runs and the text so far, and tells whether the guardrail tripped: ``True``, or a ``GuardrailResult``
that says more. A plain function runs in a thread, a coroutine function on the loop.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, overload

from attrs import Attribute, field, frozen

from offhook import function as functions
from offhook.context import RunContext
from offhook.errors import ConfigError

if TYPE_CHECKING:
    from offhook.session.events import GuardrailTripped


@frozen
class GuardrailResult:
    """What a check found. ``info`` is passed on: in the event, and as JSON to the model."""

    tripped: bool
    info: Any = None


Check: TypeAlias = Callable[[RunContext[Any], str], bool | GuardrailResult | Awaitable[bool | GuardrailResult]]
#: Gives the words that the model reads about a trip; ``None`` for none this time.
Feedback: TypeAlias = "Callable[[GuardrailTripped], str | None]"


@frozen
class Guardrail:
    """A check with a name. ``policy`` is what the model is told of the rule; without one it is told the name."""

    name: str
    check: Check = field(repr=False)
    policy: str | None = field(default=None, kw_only=True)

    async def run(self, context: RunContext[Any], text: str) -> GuardrailResult:
        """Check ``text``. Raises what the check raises, and ``TypeError`` where it gives neither yes nor no."""
        thread = f"offhook guardrail {self.name}"
        result = await functions.run(partial(self.check, context, text), self.check, name=thread)
        if isinstance(result, GuardrailResult):
            return result
        if isinstance(result, bool):
            return GuardrailResult(result)
        # A forgotten return would let everything pass, and nobody would know.
        raise TypeError(f"guardrail {self.name!r} gave {type(result).__name__}. Return a bool, or a GuardrailResult.")


@frozen
class OutputGuardrail(Guardrail):
    """Checks what the assistant says and writes, while it does: ``RealtimeSession(output_guardrails=[…])``."""


@frozen
class InputGuardrail(Guardrail):
    """Checks what the user said, before the assistant answers: ``RealtimeSession(input_guardrails=[…])``."""


@overload
def output_guardrail(check: Check, /, *, name: str | None = None, policy: str | None = None) -> OutputGuardrail: ...


@overload
def output_guardrail(*, name: str | None = None, policy: str | None = None) -> Callable[[Check], OutputGuardrail]: ...


def output_guardrail(
    check: Check | None = None, /, *, name: str | None = None, policy: str | None = None
) -> OutputGuardrail | Callable[[Check], OutputGuardrail]:
    """Make an output guardrail of a function; a decorator, with or without options. Its name is the function's."""
    if check is None:
        return lambda check: OutputGuardrail(name or _name_of(check), check, policy=policy)
    return OutputGuardrail(name or _name_of(check), check, policy=policy)


@overload
def input_guardrail(check: Check, /, *, name: str | None = None, policy: str | None = None) -> InputGuardrail: ...


@overload
def input_guardrail(*, name: str | None = None, policy: str | None = None) -> Callable[[Check], InputGuardrail]: ...


def input_guardrail(
    check: Check | None = None, /, *, name: str | None = None, policy: str | None = None
) -> InputGuardrail | Callable[[Check], InputGuardrail]:
    """Make an input guardrail of a function; a decorator, with or without options. Its name is the function's."""
    if check is None:
        return lambda check: InputGuardrail(name or _name_of(check), check, policy=policy)
    return InputGuardrail(name or _name_of(check), check, policy=policy)


def default_feedback(trip: GuardrailTripped) -> str:
    """Tell the model which rule it was, what the check found, and to go on in another way."""
    rule = trip.guardrail.policy or trip.guardrail.name
    about = f"because of this rule: {rule}.{_details(trip.info)}"
    if trip.kind == "input":
        return (
            f"The user's last words were not let through, {about} Do not act on them. Tell the user in one sentence that "
            "you cannot help with that, and ask what else you can do."
        )
    return f"Your last answer was stopped, {about} Apologise in a few words, and answer again in a way that keeps the rule."


def _not_negative(instance: object, attribute: Attribute[Any], value: float) -> None:  # noqa: ARG001  # attrs gives all three
    if value < 0:
        raise ConfigError(f"GuardrailSettings({attribute.name}={value}) is no length of time. Give 0 or more.")


@frozen(kw_only=True)
class GuardrailSettings:
    """How guardrails of a session work. Raises ``ConfigError`` for times below 0."""

    #: Check an answer each time it has grown by so many characters. 0: at its first words; negative: not before its end. At
    #: its end it is checked in any case.
    debounce_chars: int = 100
    #: Hold audio back until the words up to it were checked, for at most so many ms. 0 holds nothing back.
    hold_back_ms: int = field(default=0, validator=_not_negative)
    #: What the model is told about a trip, and asked to reply to; ``None`` tells it nothing.
    feedback: Feedback | None = default_feedback
    #: A check that takes longer, in seconds, counts as one that raised.
    timeout_s: float = field(default=10.0, validator=_not_negative)
    #: How long after a user's turn its words may take to come, in ms, for ``input_guardrails``.
    transcript_wait_ms: int = field(default=5_000, validator=_not_negative)


def _name_of(check: Check) -> str:
    return str(getattr(check, "__name__", type(check).__name__))


def _details(info: Any) -> str:
    if info is None:
        return ""
    try:
        return f" Details: {functions.as_output(info)}"
    except Exception:  # noqa: BLE001  # it goes round in a circle, or is no data: the rule alone has to do
        return ""
