"""offhook.contract: what is no transport is refused when it is made, not when it is called."""

from __future__ import annotations

import functools
import inspect

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from offhook.capabilities import Capabilities
from offhook.contract import accepts, check_transport
from offhook.errors import ContractError
from offhook.hookspecs import OptionalCommands, RealtimeTransportLayer
from offhook.loopback import Loopback
from offhook.realtime.capabilities import REALTIME_CAPABILITIES

COMMANDS = [
    name
    for name, member in vars(RealtimeTransportLayer).items()
    if inspect.isfunction(member) and not name.startswith("_")
]


def transport_with(**members):
    return type("Odd", (Loopback,), members)()


def complaint_about(transport):
    with pytest.raises(ContractError) as caught:
        check_transport(transport, distribution="offhook-odd 1.0")
    return str(caught.value)


def test_a_transport_is_given_back():
    transport = Loopback()
    assert check_transport(transport) is transport


def test_the_complaint_names_distribution_and_class():
    assert complaint_about(object()).startswith("builtins.object of offhook-odd 1.0 is not a transport")


def test_the_complaint_names_everything_that_is_missing_at_once():
    complaint = complaint_about(object())
    assert all(f" {name}(self" in complaint for name in COMMANDS)
    assert all(f"attribute {name} " in complaint for name in ("name", "status", "muted", "capabilities"))


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_of_the_contract_is_required(name):
    assert f"{name}(self" in complaint_about(transport_with(**{name: None}))


async def _send_audio_by_any_name(self, *args, **kwargs): ...


async def _send_audio_with_more(self, audio, *, commit=False, level=0): ...


async def _send_audio_by_position_too(self, audio, commit=False): ...


@pytest.mark.parametrize(
    "function", [_send_audio_by_any_name, _send_audio_with_more, _send_audio_by_position_too], ids=lambda f: f.__name__
)
def test_a_command_may_take_more_than_the_contract_gives(function):
    check_transport(transport_with(send_audio=function))


def test_a_decorated_command_is_judged_by_what_it_wraps():
    @functools.wraps(_send_audio_with_more)
    async def decorated(*args, **kwargs): ...

    check_transport(transport_with(send_audio=decorated))


def _sync(self, audio, *, commit=False): ...


async def _other_name(self, data, *, commit=False): ...


async def _position_only(self, audio, /, *, commit=False): ...


async def _no_default(self, audio, *, commit): ...


async def _one_more(self, audio, rate, *, commit=False): ...


async def _one_less(self, audio): ...


async def _swapped(self, commit=False, audio=b""): ...


@pytest.mark.parametrize(
    "function",
    [_sync, _other_name, _position_only, _no_default, _one_more, _one_less, _swapped],
    ids=lambda function: function.__name__,
)
def test_a_command_that_could_not_be_called_as_the_contract_says_is_refused_with_the_signature_it_should_have(function):
    complaint = complaint_about(transport_with(send_audio=function))
    assert "async def send_audio(self, audio: bytes, *, commit: bool = False) -> None" in complaint


def test_an_async_function_where_the_contract_has_a_plain_one_is_refused():
    async def register(self, listener): ...

    assert "def register(self, listener: object) -> None" in complaint_about(transport_with(register=register))


def test_an_async_generator_gives_events_just_as_well():
    async def events(self, *names):
        yield None

    check_transport(transport_with(events=events))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", 3),
        ("name", None),
        ("status", "reconnecting"),
        ("muted", "no"),
        ("muted", 0),
        ("capabilities", {}),
        ("capabilities", Capabilities),
    ],
)
def test_an_attribute_of_the_wrong_kind_is_refused_with_what_it_holds(name, value):
    members = {name: property(lambda _self: value, lambda _self, _value: None)}
    assert f"its attribute {name} must be" in complaint_about(transport_with(**members))


def test_an_attribute_that_cannot_be_read_is_refused():
    def capabilities(self):
        raise ZeroDivisionError("oops")

    complaint = complaint_about(transport_with(capabilities=property(capabilities)))
    assert "its attribute capabilities must be an offhook.Capabilities, and is ZeroDivisionError('oops')" in complaint


@pytest.mark.parametrize(
    ("flags", "command"),
    [
        ({"context_modes": frozenset({"silent"})}, "send_context"),
        ({"clear_audio": True}, "clear_audio"),
        ({"delegation": True}, "finish_work"),
        ({"truncate": "client"}, "played"),
    ],
)
def test_a_flag_that_promises_a_command_requires_it(flags, command):
    capabilities = evolve(REALTIME_CAPABILITIES, truncate="none", clear_audio=False)
    members = {command: None, "capabilities": property(lambda _self: capabilities)}
    check_transport(transport_with(**members))
    promising = evolve(capabilities, **flags)
    complaint = complaint_about(transport_with(**{**members, "capabilities": property(lambda _self: promising)}))
    kind = "async def" if inspect.iscoroutinefunction(getattr(OptionalCommands, command)) else "def"
    assert f"its capabilities promise {kind} {command}(self" in complaint


KINDS = [inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY]


@st.composite
def signatures(draw):
    """Signatures of the kind the contract has: named arguments, some with defaults, then keyword-only ones."""
    names = draw(st.lists(st.sampled_from("abcde"), unique=True, max_size=4))
    rows = sorted((draw(st.sampled_from(KINDS)), draw(st.booleans()), name) for name in names)
    return inspect.Signature(
        [
            inspect.Parameter(name, kind, default=name if has_default else inspect.Parameter.empty)
            for kind, has_default, name in rows
        ]
    )


@st.composite
def calls(draw, wanted):
    """Any call that ``wanted`` allows, each argument its own name."""
    given_, keywords = [], {}
    by_position = True
    for entry in wanted.parameters.values():
        if entry.default is not entry.empty and draw(st.booleans()):
            by_position = False
            continue
        by_position = by_position and entry.kind is entry.POSITIONAL_OR_KEYWORD and draw(st.booleans())
        if by_position:
            given_.append(entry.name)
        else:
            keywords[entry.name] = entry.name
    return given_, keywords


@given(st.data(), signatures(), signatures())
def test_what_accepts_a_signature_takes_every_call_of_it(data, wanted, offered):
    positional, keywords = data.draw(calls(wanted))
    if accepts(offered, wanted):
        arrived = offered.bind(*positional, **keywords).arguments
        assert all(arrived[name] == name for name in (*positional, *keywords))


@given(signatures())
def test_every_signature_accepts_itself(signature):
    assert accepts(signature, signature)


@given(signatures(), signatures())
def test_dropping_an_argument_or_requiring_a_new_one_is_not_accepted(wanted, offered):
    lost = wanted.parameters.keys() - offered.parameters.keys()
    new = [p for name, p in offered.parameters.items() if name not in wanted.parameters and p.default is p.empty]
    if lost or new:
        assert not accepts(offered, wanted)
