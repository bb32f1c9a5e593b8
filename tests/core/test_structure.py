"""offhook.structure: tables become attrs values, and a mistake is told with the place where it stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import pytest
from attrs import define, field, frozen, validators
from hypothesis import given
from hypothesis import strategies as st

from offhook.audio.formats import PCMU
from offhook.config import UNSET, Maybe, SessionConfig, TurnDetection
from offhook.errors import ConfigError, ContractError, ToolError
from offhook.structure import Where, fields_of, structure

if TYPE_CHECKING:
    from decimal import Decimal

FILE = Where("/etc/offhook.toml")
SECRET = "sk-very-secret"


class Dialer(Protocol):
    async def __call__(self) -> None: ...


@frozen(kw_only=True)
class Inner:
    depth: int = 0
    mode: Literal["fast", "slow", 3] = "fast"


@frozen(kw_only=True)
class Options:
    url: str = "ws://nowhere"
    retries: int = 3
    pause_s: float = 1.0
    ping_s: float | None = 20.0
    loud: bool = False
    model: str | None = None
    ca_file: Path | None = None
    inner: Inner = Inner()
    other: Maybe[Inner | None] = UNSET
    names: tuple[str, ...] = ()
    pair: tuple[int, str] = (1, "a")
    flags: frozenset[str] = frozenset()
    inners: Sequence[Inner] = ()
    headers: Mapping[str, str] = field(factory=dict[str, str])
    anything: Any = None
    count_or_word: int | str = 0
    dialer: Dialer | None = None
    fetch: Callable[[], str] | None = None
    thing: dict[str, Any] | Inner | None = None
    api_key: str | Callable[[], str] | None = field(default=None, repr=False)
    _hidden: int = field(default=0, alias="shown_as")
    derived: int = field(init=False, default=7)


def refused(table, where=FILE, cls=Options):
    with pytest.raises(ConfigError) as caught:
        structure(cls, table, where)
    return str(caught.value)


@pytest.mark.parametrize(
    ("key", "given_", "value"),
    [
        ("url", "ws://there", "ws://there"),
        ("retries", 5, 5),
        ("pause_s", 2, 2.0),
        ("pause_s", 2.5, 2.5),
        ("ping_s", "none", None),
        ("ping_s", None, None),
        ("model", "none", None),
        ("model", "gpt", "gpt"),
        ("loud", True, True),
        ("ca_file", "/abs/ca.pem", Path("/abs/ca.pem")),
        ("inner", {"depth": 2}, Inner(depth=2)),
        ("inner", Inner(depth=4), Inner(depth=4)),
        ("inner", {"mode": 3}, Inner(mode=3)),
        ("other", {"depth": 2}, Inner(depth=2)),
        ("other", "none", None),
        ("other", UNSET, UNSET),
        ("names", ["a", "b"], ("a", "b")),
        ("pair", [2, "b"], (2, "b")),
        ("flags", ["a", "a"], frozenset({"a"})),
        ("inners", [{"depth": 1}, {"mode": "slow"}], (Inner(depth=1), Inner(mode="slow"))),
        ("headers", {"x": "y"}, {"x": "y"}),
        ("anything", [{"a": 1}], [{"a": 1}]),
        ("count_or_word", 5, 5),
        ("count_or_word", "inf", "inf"),
        ("thing", {"depth": 1}, Inner(depth=1)),
    ],
)
def test_a_value_becomes_what_its_annotation_says(key, given_, value):
    found = getattr(structure(Options, {key: given_}, FILE), key)
    assert (type(found), found) == (type(value), value)


def test_nothing_given_is_all_defaults():
    assert structure(Options, {}, FILE) == Options()


def test_a_private_field_is_set_by_its_alias():
    assert structure(Options, {"shown_as": 5}, FILE)._hidden == 5
    assert "_hidden in /etc/offhook.toml is unknown" in refused({"_hidden": 5})


def test_a_field_that_cannot_be_set_is_unknown():
    assert "derived in /etc/offhook.toml is unknown" in refused({"derived": 5})


def test_what_only_a_program_can_give_is_left_alone():
    async def dial(): ...

    fetch = SECRET.upper
    options = structure(Options, {"dialer": dial, "fetch": fetch, "api_key": fetch}, Where("the arguments"))
    assert (options.dialer, options.fetch, options.api_key) == (dial, fetch, fetch)


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({"ulr": "x"}, "ulr in /etc/offhook.toml is unknown. Did you mean url?"),
        (
            {"inner": {"dept": 1}},
            "inner.dept in /etc/offhook.toml is unknown. Did you mean inner.depth? Known here: dep",
        ),
        ({"other": {"dept": 1}}, "other.dept in /etc/offhook.toml is unknown. Did you mean other.depth?"),
        ({"qqq": 1}, "qqq in /etc/offhook.toml is unknown. Known here: anything, api_key,"),
        ({"url": 5}, "url in /etc/offhook.toml must be a string, and is int 5."),
        ({"retries": "5"}, "retries in /etc/offhook.toml must be a whole number, and is str '5'."),
        ({"retries": True}, "retries in /etc/offhook.toml must be a whole number, and is True."),
        ({"retries": 2.5}, "must be a whole number, and is float 2.5."),
        ({"pause_s": True}, "must be a number, and is True."),
        ({"loud": 1}, "must be true or false, and is int 1."),
        ({"ping_s": "off"}, "ping_s in /etc/offhook.toml must be a number or \"none\", and is str 'off'."),
        ({"inner": 3}, "inner in /etc/offhook.toml must be a table, and is int 3."),
        ({"other": "nil"}, "must be a table or \"none\", and is str 'nil'."),
        ({"inner": {"mode": "slwo"}}, "must be one of 'fast', 'slow', 3, and is str 'slwo'. Did you mean 'slow'?"),
        ({"inner": {"mode": True}}, "must be one of 'fast', 'slow', 3, and is True."),
        ({"names": "a"}, "must be a list, each of it a string, and is str 'a'."),
        ({"names": [1]}, "names in /etc/offhook.toml must be a string, and is int 1."),
        ({"pair": [1]}, "pair in /etc/offhook.toml must be a list of 2, and has 1."),
        ({"inners": [{"dept": 1}]}, "inners.dept in /etc/offhook.toml is unknown."),
        ({"headers": {"x": 1}}, "headers.x in /etc/offhook.toml must be a string, and is int 1."),
        ({"headers": ["x"]}, "headers in /etc/offhook.toml must be a table, and is list ['x']."),
        ({"dialer": "tcp"}, "must be Dialer (which only a program can give) or \"none\", and is str 'tcp'."),
        ({"count_or_word": []}, "must be a whole number or a string, and is list []."),
        ({"url": ["x" * 100]}, "x…."),
    ],
)
def test_a_mistake_is_told_with_file_key_what_is_expected_and_what_it_is(table, complaint):
    assert complaint in refused(table)


def test_an_empty_options_class_says_that_there_is_nothing_to_set():
    @frozen
    class Nothing: ...

    assert refused({"a": 1}, cls=Nothing) == "a in /etc/offhook.toml is unknown. Nothing can be set here."


@pytest.mark.parametrize("value", [5, [SECRET], {"key": SECRET}, {"deep": {"key": SECRET}}])
def test_the_value_of_a_field_that_stays_out_of_repr_is_never_shown(value):
    complaint = refused({"api_key": value})
    assert "api_key in /etc/offhook.toml must be a string" in complaint
    assert "(not shown here)" in complaint
    assert SECRET not in complaint


def test_a_path_in_a_file_is_read_from_the_folder_of_the_file():
    where = Where("/etc/offhook.toml", folder=Path("/etc"))
    assert structure(Options, {"ca_file": "certs/ca.pem"}, where).ca_file == Path("/etc/certs/ca.pem")
    assert structure(Options, {"ca_file": "/abs/ca.pem"}, where).ca_file == Path("/abs/ca.pem")
    assert structure(Options, {"ca_file": "certs/ca.pem"}, FILE).ca_file == Path("certs/ca.pem")


def _even(_instance, _attribute, value):
    if value % 2:
        raise ValueError(f"{value} is odd")


@define(kw_only=True)
class Checked:
    number: int = field(converter=int, default=0)
    even: int = field(validator=_even, default=0)
    kind: str = field(validator=validators.in_(("a", "b")), default="a")
    token: str = field(repr=False, validator=validators.max_len(4), default="")
    low: int = 0
    high: int = 10

    def __attrs_post_init__(self):
        if self.low > self.high:
            raise ValueError(f"low={self.low} is above high={self.high}")


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({"number": "x", "even": 2}, "number in /etc/offhook.toml is refused: invalid literal for int()"),
        ({"low": 1, "even": 3}, "even in /etc/offhook.toml is refused: 3 is odd. Correct it there."),
        ({"kind": "c"}, "kind in /etc/offhook.toml is refused: 'kind' must be in ('a', 'b')"),
        ({"low": 11}, "low in /etc/offhook.toml is refused: low=11 is above high=10"),
        ({"low": 5, "high": 4}, "high in /etc/offhook.toml is refused: low=5 is above high=4"),
    ],
)
def test_converters_and_validators_run_and_what_they_refuse_is_told_with_its_key(table, complaint):
    assert complaint in refused(table, cls=Checked)


def test_a_converter_is_given_what_the_file_holds():
    assert structure(Checked, {"number": "12"}, FILE).number == 12


def test_a_refused_secret_is_not_shown_nor_chained():
    with pytest.raises(ConfigError) as caught:
        structure(Checked, {"token": SECRET}, FILE)
    assert str(caught.value) == "token in /etc/offhook.toml is refused: ValueError. Correct it there."
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_secret_is_not_shown_by_the_complaint_about_another_field():
    @frozen(kw_only=True)
    class Pair:
        token: str = field(repr=False, default="")
        other: int = 0

        def __attrs_post_init__(self):
            if self.other:
                raise ValueError(f"{self.token} does not go with {self.other}")

    assert SECRET not in refused({"token": SECRET, "other": 1}, cls=Pair)


def test_an_error_of_ours_out_of_an_options_class_is_left_as_it_is():
    @frozen
    class Picky:
        name: str = ""

        def __attrs_post_init__(self):
            raise ToolError("not like this")

    with pytest.raises(ToolError, match=r"^not like this$"):
        structure(Picky, {"name": "x"}, FILE)


def test_what_must_be_set_is_told_with_the_place_to_set_it():
    @frozen(kw_only=True)
    class Needy:
        account: str
        number: str
        optional: int = 0

    assert refused({}, cls=Needy) == "account and number must be set; add them to /etc/offhook.toml."
    assert "number must be set; add it to" in refused({"account": "a"}, cls=Needy)


def test_annotations_that_cannot_be_read_are_the_author_s_defect():
    @frozen
    class Unreadable:
        amount: Decimal | None = None

    with pytest.raises(ContractError, match=r"Unreadable cannot be read: name 'Decimal'.*outside TYPE_CHECKING"):
        structure(Unreadable, {"amount": 1}, FILE)


def test_the_session_config_is_read_to_its_depths():
    table = {
        "instructions": "Be brief.",
        "output_modalities": ["text"],
        "max_output_tokens": "inf",
        "tool_choice": {"type": "function", "name": "get_weather"},
        "audio": {
            "input": {
                "format": {"encoding": "audio/pcmu", "rate_hz": 8000},
                "turn_detection": {"type": "server_vad", "threshold": 1, "idle_timeout_ms": "none"},
                "noise_reduction": "none",
            },
            "output": {"voice": "marin", "speed": 1.2},
        },
        "provider": {"anything": {"at": ["all"]}},
    }
    config = structure(SessionConfig, table, FILE)
    assert config.output_modalities == ("text",)
    assert config.max_output_tokens == "inf"
    assert config.audio.input.format == PCMU
    assert config.audio.input.noise_reduction is None
    assert config.audio.input.turn_detection == TurnDetection(type="server_vad", threshold=1.0, idle_timeout_ms=None)
    assert config.audio.input.transcription is UNSET
    assert config.audio.output.voice == "marin"
    assert config.provider == {"anything": {"at": ["all"]}}


def test_a_mistake_in_the_depths_of_the_session_config_is_told_with_its_whole_key():
    complaint = refused({"audio": {"input": {"turn_detection": {"treshold": 0.5}}}}, cls=SessionConfig)
    assert "audio.input.turn_detection.treshold in /etc/offhook.toml is unknown." in complaint
    assert "Did you mean audio.input.turn_detection.threshold?" in complaint


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from([*fields_of(Options), "unknown"])


@given(st.dictionaries(KEYS, PLAIN, max_size=4))
def test_whatever_a_file_holds_it_is_taken_or_refused_with_its_place(table):
    try:
        options = structure(Options, table, FILE)
    except ConfigError as error:
        told = str(error)
    else:
        told = "" if isinstance(options, Options) else "no options"
    assert told == "" or "in /etc/offhook.toml" in told


@given(PLAIN)
def test_what_is_taken_once_is_taken_again(value):
    try:
        options = structure(Options, {"anything": value, "thing": value}, FILE)
    except ConfigError:
        return
    again = {"anything": options.anything, "thing": options.thing}
    assert repr(structure(Options, again, FILE)) == repr(options)
