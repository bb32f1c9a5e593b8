"""What the annotations of config values say: in words, and how the text of an environment variable is to be read."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, TypeVar, Union, cast, get_args, get_origin

from attrs import has

from offhook.config import Unset

#: An annotation: a class, a union, a ``Literal`` …
Kind = Any

UNIONS: Final[frozenset[Kind]] = frozenset({Union, UnionType})
TABLES: Final[frozenset[Kind]] = frozenset({dict, Mapping, MutableMapping})
#: Kinds of lists, and what they are read into.
LISTS: Final[Mapping[Kind, Callable[[list[Any]], Collection[Any]]]] = {
    list: list,
    tuple: tuple,
    set: set,
    frozenset: frozenset,
    Sequence: tuple,
    Collection: tuple,
}
SCALARS: Final[Mapping[Kind, str]] = {
    str: "a string",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    Path: "a path",
    NoneType: '"none"',
}
_WORDS: Final[Mapping[Kind, str]] = {**SCALARS, **dict.fromkeys(TABLES, "a table"), Any: "anything"}
_BOOLEANS: Final = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}


def bare(kind: Kind) -> tuple[Kind, Kind]:
    """Take off what only annotates, and give the kind with its unsubscripted form."""
    kind = getattr(kind, "__value__", kind)  # an alias of the ``type`` statement
    if get_origin(kind) is Annotated:
        return bare(get_args(kind)[0])
    if isinstance(kind, TypeVar):
        return Any, Any
    return kind, get_origin(kind) or kind


def is_attrs(kind: Kind) -> bool:
    """Tell whether ``kind`` is an attrs class."""
    return isinstance(kind, type) and has(cast("type[Any]", kind))


def element(kind: Kind) -> Kind:
    """Give the kind of a list's elements."""
    return (get_args(kind) or (Any,))[0]


def describe(kind: Kind) -> str:
    """Say in words what ``kind`` takes."""
    kind, origin = bare(kind)
    if origin in UNIONS:
        return " or ".join(dict.fromkeys(describe(member) for member in get_args(kind) if member is not Unset))
    if origin is Literal:
        return f"one of {', '.join(repr(choice) for choice in get_args(kind))}"
    if origin in _WORDS or is_attrs(origin):
        return _WORDS.get(origin, "a table")
    if origin in LISTS:
        return "a list" if element(kind) is Any else f"a list, each of it {describe(element(kind))}"
    name = "a function" if origin is Callable else getattr(origin, "__name__", origin)
    return f"{name} (which only a program can give)"


def from_text(kind: Kind, text: str) -> Any:
    """Give what the text of an environment variable means for a field of ``kind``, yet to be validated.

    Text where text is wanted; ``a,b`` for lists; 1/0, yes/no, on/off for booleans; otherwise as TOML would have it.
    """
    kinds = set(_members(kind))
    if bool in kinds and text.lower() in _BOOLEANS:
        return _BOOLEANS[text.lower()]
    for member in kinds:
        if bare(member)[1] in LISTS and not text.lstrip().startswith("["):
            return [from_text(element(member), part.strip()) for part in text.split(",") if part.strip()]
    value = _toml(text)
    takes_text = not kinds.isdisjoint({str, Path, Any})
    return value if type(value) in kinds or not takes_text else text


def _members(kind: Kind) -> Iterator[Kind]:
    """Give the kinds that ``kind`` is made of; a ``Literal`` is made of the types of its choices."""
    kind, origin = bare(kind)
    if origin in UNIONS:
        for member in get_args(kind):
            yield from _members(member)
    elif origin is Literal:
        yield from {type(choice) for choice in get_args(kind)}
    else:
        yield kind


def _toml(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
