"""offhook.schema: what the model is told a function takes, and what its JSON means in Python."""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import functools
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NotRequired, TypedDict

import attrs
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import ToolError
from offhook.schema import parameters_of, schema_of

if TYPE_CHECKING:
    from decimal import Decimal


class Unit(enum.Enum):
    CELSIUS = "celsius"
    KELVIN = "kelvin"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@attrs.frozen
class Place:
    kind: ClassVar[str] = "place"
    city: str
    zip_code: str | None = None
    seen: int = attrs.field(default=0, init=False)


class Options(TypedDict):
    unit: Annotated[Unit, "how to measure"]
    digits: NotRequired[int]


@attrs.frozen
class Tree:
    branches: list[Tree]


def of(function, **descriptions):
    return parameters_of(function, descriptions, skip=frozenset())


def value_of(kind, value):
    def function(it):
        raise NotImplementedError

    function.__annotations__ = {"it": kind}
    return of(function).structure({"it": value})["it"]


@pytest.mark.parametrize(
    ("kind", "schema"),
    [
        (str, {"type": "string"}),
        (int, {"type": "integer"}),
        (float, {"type": "number"}),
        (bool, {"type": "boolean"}),
        (Any, {}),
        (str | None, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
        (Literal["a", 1], {"enum": ["a", 1]}),
        (Unit, {"type": "string", "enum": ["celsius", "kelvin"]}),
        (Literal[Unit.KELVIN], {"type": "string", "enum": ["kelvin"]}),
        (Level, {"type": "integer", "enum": [1, 2]}),
        (list, {"type": "array"}),
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (Sequence[str], {"type": "array", "items": {"type": "string"}}),
        (tuple[int, ...], {"type": "array", "items": {"type": "integer"}}),
        (tuple[float, float], {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}),
        (
            tuple[str, int],
            {
                "type": "array",
                "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
                "minItems": 2,
                "maxItems": 2,
            },
        ),
        (dict[str, int], {"type": "object"}),
        (Annotated[str, "a city"], {"type": "string", "description": "a city"}),
        (Annotated[str, ["no", "text"]], {"type": "string"}),
    ],
)
def test_a_type_becomes_its_json_schema(kind, schema):
    assert schema_of(kind, "here") == schema


def test_an_attrs_class_becomes_an_object_of_the_fields_one_can_give():
    assert schema_of(Place, "here") == {
        "type": "object",
        "properties": {"city": {"type": "string"}, "zip_code": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
        "required": ["city"],
        "additionalProperties": False,
    }


def test_a_typed_dict_becomes_an_object_whose_optional_keys_are_optional():
    schema = schema_of(Options, "here")
    assert schema["required"] == ["unit"]
    assert schema["properties"]["unit"] == {
        "type": "string",
        "enum": ["celsius", "kelvin"],
        "description": "how to measure",
    }
    assert schema["properties"]["digits"] == {"type": "integer"}


def test_a_parameter_without_a_default_is_required_and_a_default_is_shown():
    def function(
        city: str, days: int = 3, unit: Unit = Unit.KELVIN, tags: tuple[str, ...] = ("a",), note: str | None = None
    ):
        raise NotImplementedError

    schema = of(function, city="Where").schema
    assert schema["required"] == ["city"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["city"] == {"type": "string", "description": "Where"}
    assert schema["properties"]["days"] == {"type": "integer", "default": 3}
    assert schema["properties"]["unit"]["default"] == "kelvin"
    assert json.loads(json.dumps(schema["properties"]["tags"]["default"])) == ["a"]
    assert "default" not in schema["properties"]["note"]


def test_a_default_that_json_cannot_carry_is_not_shown():
    def function(place: Place = Place("Rome"), tags: frozenset[str] = frozenset(), more: dict[str, Any] = {"a": {1}}):  # noqa: B006  # what is tested
        raise NotImplementedError

    schema = of(function).schema
    json.dumps(schema)
    assert all("default" not in entry for entry in schema["properties"].values())
    assert schema["required"] == []


def test_a_parameter_without_an_annotation_is_a_string():
    def function(city):
        raise NotImplementedError

    assert of(function).schema["properties"] == {"city": {"type": "string"}}


def bytes_parameter(data: bytes):
    raise NotImplementedError


def many(*cities: str):
    raise NotImplementedError


def keywords(**cities: str):
    raise NotImplementedError


def positional(city: str, /):
    raise NotImplementedError


def nested(tree: Tree):
    raise NotImplementedError


def only_for_checkers(amount: Decimal):
    raise NotImplementedError


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (bytes_parameter, "bytes_parameter: <class 'bytes'> has no JSON schema. Use str, int"),
        (many, "cities: 'str' cannot be filled in"),
        (keywords, "cannot be filled in"),
        (positional, "cannot be filled in"),
        (nested, "contains itself"),
        (only_for_checkers, "name 'Decimal' is not defined. Import the type at the top of the module"),
    ],
)
def test_a_signature_that_json_cannot_fill_is_refused_with_the_reason(function, why):
    with pytest.raises(ToolError) as refused:
        of(function)
    assert why in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "value", "meaning"),
    [
        (float, 3, 3.0),
        (int, 3.0, 3),
        (Unit, "kelvin", Unit.KELVIN),
        (Level, 2, Level.HIGH),
        (list[Unit], ["kelvin"], [Unit.KELVIN]),
        (Sequence[int], [1], [1]),
        (tuple[str, int], ["a", 1], ("a", 1)),
        (tuple[int, ...], [1, 2, 3], (1, 2, 3)),
        (set[str], ["a", "a"], {"a"}),
        (Mapping[str, int], {"a": 1}, {"a": 1}),
        (str | None, None, None),
        (int | str, "3", "3"),
        (list[str] | str, "abc", "abc"),
        (Place, {"city": "Rome"}, Place("Rome")),
        (Place | None, {"city": "Rome"}, Place("Rome")),
        (Options, {"unit": "kelvin"}, {"unit": Unit.KELVIN}),
        (Annotated[str, "a city"], "Rome", "Rome"),
        (Any, {"a": [1]}, {"a": [1]}),
    ],
)
def test_json_becomes_the_value_that_the_function_expects(kind, value, meaning):
    result = value_of(kind, value)
    assert result == meaning
    assert type(result) is type(meaning)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (str, 3),
        (int, "3"),
        (int, 3.5),
        (int, True),
        (float, "3"),
        (bool, 1),
        (str, None),
        (list[str], "Paris"),
        (list[str], {"a": 1}),
        (list[str] | None, "Paris"),
        (set[str], "ab"),
        (list[int], [1, "2"]),
        (tuple[int, int], [1]),
        (tuple[int, int], [1, 2, 3]),
        (dict[str, int], [["a", 1]]),
        (dict[str, int], {"a": "1"}),
        (Unit, "fahrenheit"),
        (Literal["a"], "b"),
        (Place, {}),
        (Place, {"city": "Rome", "planet": "Mars"}),
        (Place, "Rome"),
        (Options, {}),
        (Options, {"unit": "kelvin", "more": 1}),
    ],
)
def test_what_is_of_another_type_is_refused_by_name_and_never_guessed_at(kind, value):
    with pytest.raises(ToolError, match=r"^argument 'it': "):
        value_of(kind, value)


def test_unknown_and_missing_arguments_are_all_named():
    def function(city: str, day: str, hour: int = 0):
        raise NotImplementedError

    with pytest.raises(ToolError) as refused:
        of(function).structure({"town": "Rome", "day": "today"})
    assert str(refused.value) == "unknown argument 'town'; argument 'city' is missing"


def test_what_is_skipped_is_neither_shown_nor_taken():
    def function(context: object, city: str):
        raise NotImplementedError

    parameters = parameters_of(function, {}, skip=frozenset({"context"}))
    assert list(parameters.schema["properties"]) == ["city"]
    with pytest.raises(ToolError, match="unknown argument 'context'"):
        parameters.structure({"context": 1, "city": "Rome"})


class Desk:
    def __call__(self, city: str, days: int):
        raise NotImplementedError

    def method(self, city: str, days: int):
        raise NotImplementedError


def two(city: str, days: int):
    raise NotImplementedError


@pytest.mark.parametrize("function", [Desk(), Desk().method, two], ids=["object", "method", "function"])
def test_any_kind_of_callable_has_a_schema(function):
    assert of(function).schema["properties"] == {"city": {"type": "string"}, "days": {"type": "integer"}}


def test_what_a_partial_has_been_given_has_a_default():
    parameters = of(functools.partial(two, days=3))
    assert parameters.schema["required"] == ["city"]
    assert parameters.structure({"city": "Rome"}) == {"city": "Rome"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
KINDS = [str, int, float, bool, list[int], dict[str, str], Unit, Level, Place, Options, str | None, Literal["a", 1], set[str], tuple[int, str]]  # fmt: skip


@given(kind=st.sampled_from(KINDS), value=JSON)
def test_whatever_json_the_model_gives_it_is_taken_or_refused_with_a_tool_error(kind, value):
    with contextlib.suppress(ToolError):
        value_of(kind, value)


# Classes of others.


@dataclasses.dataclass
class Trip:
    place: Place
    days: int = 1
    notes: list[str] = dataclasses.field(default_factory=list)
    seen: bool = dataclasses.field(default=False, init=False)


def test_a_dataclass_becomes_an_object_and_back():
    schema = schema_of(Trip, "f")
    assert (list(schema["properties"]), schema["required"]) == (["place", "days", "notes"], ["place"])

    def go(trip: Trip) -> None:
        raise NotImplementedError

    taken = parameters_of(go, {}, skip=frozenset())
    given = taken.structure({"trip": {"place": {"city": "Paris"}, "days": 2}})
    assert given == {"trip": Trip(Place("Paris"), 2)}
    with pytest.raises(ToolError, match="argument 'trip'"):
        taken.structure({"trip": {"place": {"city": "Paris"}, "days": "2"}})


class Guest(pydantic.BaseModel):
    name: str = pydantic.Field(description="As on the passport.", min_length=1)
    friends: list[Friend] = []


class Friend(pydantic.BaseModel):
    name: str


Guest.model_rebuild()


class Ancestor(pydantic.BaseModel):
    of: Ancestor | None = None


def test_a_pydantic_model_says_its_schema_itself_and_validates_itself():
    def invite(guest: Guest) -> None:
        raise NotImplementedError

    taken = parameters_of(invite, {}, skip=frozenset())
    guest = taken.schema["properties"]["guest"]
    assert guest["properties"]["name"]["description"] == "As on the passport."
    assert guest["properties"]["friends"]["items"]["properties"]["name"]["type"] == "string"
    assert "$ref" not in json.dumps(taken.schema)
    given = taken.structure({"guest": {"name": "Ada", "friends": [{"name": "Bob"}]}})
    assert given == {"guest": Guest(name="Ada", friends=[Friend(name="Bob")])}
    with pytest.raises(ToolError, match=r"(?s)argument 'guest'.*at least 1 character"):
        taken.structure({"guest": {"name": ""}})


def test_a_model_that_contains_itself_is_refused():
    with pytest.raises(ToolError, match="contains itself"):
        schema_of(Ancestor, "f")
