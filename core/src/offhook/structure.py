"""From tables of text and numbers to attrs values, with errors that say where the mistake stands.

Files, environment and arguments are all read by the annotations of the attrs class they are for. TOML has no null: where a
value may be ``None``, the string ``"none"`` means it.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping, Sequence
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from attrs import NOTHING, Attribute, evolve, fields, frozen, has

from offhook.config import Unset
from offhook.errors import ConfigError, ContractError, OffhookError

T = TypeVar("T")
Kind = Any
Table = Mapping[str, Any]

_SCALARS: Final[Mapping[Kind, str]] = {
    str: "a string",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    Path: "a path",
    NoneType: '"none"',
}
_TABLES: Final = frozenset({dict, Mapping, MutableMapping})
#: Kinds of lists, and what they are read into.
_LISTS: Final[Mapping[Kind, Callable[[list[Any]], Any]]] = {
    list: list,
    tuple: tuple,
    set: set,
    frozenset: frozenset,
    Sequence: tuple,
    Collection: tuple,
}
#: What a file can hold. Anything else was given by a program, which knows what it does.
_OF_A_FILE: Final = (str, bool, int, float, Mapping, list, NoneType)
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
_LONGEST_SHOWN: Final = 60


@frozen
class Where:
    """Where a value stands: a file, an environment variable or the arguments, and the keys that lead to it.

    A ``secret`` value is never shown. Relative paths are read from ``folder``.
    """

    source: str
    keys: tuple[str, ...] = ()
    secret: bool = False
    folder: Path | None = None

    def at(self, key: str, *, secret: bool = False) -> Where:
        """One step down."""
        return evolve(self, keys=(*self.keys, key), secret=self.secret or secret)

    @property
    def key(self) -> str:
        """The dotted key."""
        return ".".join(self.keys)

    def __str__(self) -> str:
        return f"{self.key} in {self.source}" if self.keys else self.source


@frozen
class Placed:
    """A value that was read, and where it stood."""

    value: Any
    where: Where


def structure(cls: type[T], table: Table, where: Where) -> T:
    """Make an instance of the attrs class ``cls``. Raises ``ConfigError`` with the place and what belongs there."""
    return build(cls, read(cls, table, where), where)


def read(cls: type[Any], table: Table, where: Where) -> dict[str, Placed]:
    """Read the values of ``table`` as the fields of ``cls`` want them, without making an instance yet."""
    known = fields_of(cls)
    placed: dict[str, Placed] = {}
    for key, value in table.items():
        if key not in known:
            raise ConfigError(_unknown(key, known, where))
        here = where.at(key, secret=is_secret(known[key]))
        placed[key] = Placed(value_of(kind_of(cls, known[key]), value, here), here)
    return placed


def build(cls: type[T], placed: Mapping[str, Placed], where: Where) -> T:
    """Make an instance from what was read, perhaps from several places. ``where`` is where more can be added."""
    missing = [name for name, entry in fields_of(cls).items() if entry.default is NOTHING and name not in placed]
    if missing:
        raise ConfigError(f"{_and(missing)} must be set. Add {'it' if len(missing) == 1 else 'them'} to {where}.")
    try:
        return cls(**{name: entry.value for name, entry in placed.items()})
    except OffhookError:
        raise
    except Exception as error:  # noqa: BLE001  # converters and validators are the class's own
        failure = error
    # Out here, so that a secret inside the original is not dragged along as context.
    secret = any(entry.where.secret for entry in placed.values())
    raise _refused(cls, placed, where, failure) from None if secret else failure


def fields_of(cls: type[Any]) -> dict[str, Attribute[Any]]:
    """Give the fields that can be set, by the name they are set by."""
    return {str(entry.alias): entry for entry in fields(cls) if entry.init}


def is_secret(entry: Attribute[Any]) -> bool:
    """Tell whether a field's value may be shown: what stays out of ``repr`` stays out of messages."""
    return entry.repr is False


def kind_of(cls: type[Any], entry: Attribute[Any]) -> Kind:
    """Give a field's type. A converter takes what it is given: its own errors say what it wanted."""
    return Any if entry.converter is not None else _hints(cls).get(entry.name, Any)


def value_of(kind: Kind, value: Any, where: Where) -> Any:
    """Give ``value`` as ``kind`` wants it. Raises ``ConfigError`` naming the place, what is expected and what it is."""
    kind, origin = _bare(kind)
    if kind is Any or isinstance(kind, TypeVar):
        return value
    if origin in {Union, UnionType}:
        return _one_of(get_args(kind), value, where)
    if origin is Literal:
        return _choice(kind, value, where)
    if kind in _SCALARS:
        return _scalar(kind, value, where)
    if origin in _LISTS:
        return _list(kind, origin, value, where)
    if origin in _TABLES:
        return _table(kind, value, where)
    if isinstance(kind, type) and has(cast("type[Any]", kind)) and isinstance(value, Mapping):
        return structure(cast("type[Any]", kind), cast("Table", value), where)
    return _object(kind, origin, value, where)


def from_text(kind: Kind, text: str) -> Any:
    """Give what the text of an environment variable means for a field of ``kind``, yet to be validated.

    Text where text is wanted; ``a,b`` for lists; 1/0, yes/no, on/off for booleans; otherwise as TOML would have it.
    """
    kinds = set(_members(kind))
    if bool in kinds and text.lower() in _BOOLEANS:
        return _BOOLEANS[text.lower()]
    for member in kinds:
        if _bare(member)[1] in _LISTS and not text.lstrip().startswith("["):
            return [from_text(_element(member), part.strip()) for part in text.split(",") if part.strip()]
    value = _toml(text)
    takes_text = not kinds.isdisjoint({str, Path, Any})
    return value if type(value) in kinds or not takes_text else text


def _bare(kind: Kind) -> tuple[Kind, Kind]:
    """Take off what only annotates, and give the type with its unsubscripted form."""
    kind = getattr(kind, "__value__", kind)  # an alias of the ``type`` statement
    if get_origin(kind) is Annotated:
        return _bare(get_args(kind)[0])
    return kind, get_origin(kind) or kind


def _members(kind: Kind) -> Iterator[Kind]:
    kind, origin = _bare(kind)
    if origin in {Union, UnionType}:
        for member in get_args(kind):
            yield from _members(member)
    elif origin is Literal:
        yield from {type(choice) for choice in get_args(kind)}
    else:
        yield kind


def _one_of(kinds: Sequence[Kind], value: Any, where: Where) -> Any:
    if NoneType in kinds and value == "none":
        return None
    if isinstance(value, Mapping):
        # A mistake inside a table is told where it is, not as "no table".
        for kind in kinds:
            if isinstance(kind, type) and has(cast("type[Any]", kind)):
                return value_of(kind, value, where)
    for kind in kinds:
        try:
            return value_of(kind, value, where)
        except ConfigError:
            continue
    raise _wrong(where, describe(Union[tuple(kinds)]), value)  # noqa: UP007  # made from values


def _choice(kind: Kind, value: Any, where: Where) -> Any:
    choices = get_args(kind)
    for choice in choices:
        if type(choice) is type(value) and choice == value:
            return choice
    near = _near(value, [choice for choice in choices if isinstance(choice, str)]) if isinstance(value, str) else None
    raise _wrong(where, describe(kind), value, f" Did you mean {near!r}?" if near and not where.secret else "")


def _scalar(kind: Kind, value: Any, where: Where) -> Any:
    if kind is Path and isinstance(value, (str, Path)):
        path = Path(value).expanduser()
        return where.folder / path if where.folder is not None else path
    if kind is float and type(value) is int:
        return float(value)
    # By type, not isinstance: true is no number. Paths and subclasses of str come from programs.
    if type(value) is kind or (isinstance(value, kind) and not isinstance(value, bool)):
        return value
    if kind is NoneType and value == "none":
        return None
    raise _wrong(where, describe(kind), value)


def _list(kind: Kind, origin: Kind, value: Any, where: Where) -> Any:
    if not isinstance(value, (list, tuple, set, frozenset)):
        raise _wrong(where, describe(kind), value)
    values = list(cast("Collection[Any]", value))
    arguments = get_args(kind)
    if origin is tuple and arguments and arguments[-1] is not Ellipsis:
        if len(values) != len(arguments):
            raise _wrong(where, f"a list of {len(arguments)}", value)
        return tuple(value_of(part, entry, where) for part, entry in zip(arguments, values, strict=True))
    return _LISTS[origin]([value_of(_element(kind), entry, where) for entry in values])


def _table(kind: Kind, value: Any, where: Where) -> Any:
    if not isinstance(value, Mapping):
        raise _wrong(where, describe(kind), value)
    inner = (get_args(kind) or (Any, Any))[1]
    return {key: value_of(inner, entry, where.at(str(key))) for key, entry in cast("Table", value).items()}


def _object(kind: Kind, origin: Kind, value: Any, where: Where) -> Any:
    """Let through what only a program can give: functions, and instances of the class."""
    if getattr(origin, "_is_protocol", False) or origin is Callable or not isinstance(origin, type):
        fits = callable(value) or not isinstance(value, _OF_A_FILE)
    else:
        fits = isinstance(value, origin)
    if fits:
        return value
    raise _wrong(where, describe(kind), value)


def describe(kind: Kind) -> str:
    """Say in words what ``kind`` takes."""
    kind, origin = _bare(kind)
    if origin in {Union, UnionType}:
        return " or ".join(dict.fromkeys(describe(member) for member in get_args(kind) if member is not Unset))
    if origin is Literal:
        return f"one of {', '.join(repr(choice) for choice in get_args(kind))}"
    if kind in _SCALARS:
        return _SCALARS[kind]
    if origin in _LISTS:
        inner = describe(_element(kind))
        return "a list" if inner == "anything" else f"a list, each of it {inner}"
    if origin in _TABLES or (isinstance(origin, type) and has(cast("type[Any]", origin))):
        return "a table"
    if kind is Any:
        return "anything"
    return f"{getattr(origin, '__name__', origin)} (which only a program can give)"


def _element(kind: Kind) -> Kind:
    return (get_args(kind) or (Any,))[0]


def _toml(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


@cache
def _hints(cls: type[Any]) -> Mapping[str, Any]:
    try:
        return get_type_hints(cls, include_extras=True)
    except NameError as error:
        raise ContractError(
            f"the annotations of {cls.__module__}.{cls.__qualname__} cannot be read: {error}. "
            "Import what they name outside TYPE_CHECKING: options are validated by it."
        ) from error


def _refused(cls: type[Any], placed: Mapping[str, Placed], where: Where, failure: Exception) -> ConfigError:
    culprit = _culprit(cls, placed)
    secrets = [entry.value for entry in placed.values() if entry.where.secret]
    # attrs' validators give the sentence first, then objects that hold the value.
    detail = " ".join(str(failure.args[0] if failure.args else failure).split())
    hidden = (culprit and culprit.where.secret) or any(str(secret) in detail for secret in secrets)
    why = type(failure).__name__ if hidden or not detail else detail
    return ConfigError(f"{culprit.where if culprit else where} is refused: {why.rstrip('.')}. Correct it there.")


def _culprit(cls: type[Any], placed: Mapping[str, Placed]) -> Placed | None:
    """Find the value without which an instance could be made: its error need not name it."""
    required = [name for name, entry in fields_of(cls).items() if entry.default is NOTHING]
    given = {name: placed[name].value for name in required}
    if not _can_be_made(cls, given):
        return placed[required[0]] if len(required) == 1 else None
    for name, entry in placed.items():
        given[name] = entry.value
        if not _can_be_made(cls, given):
            return entry
    return None


def _can_be_made(cls: type[Any], values: Table) -> bool:
    try:
        cls(**values)
    except Exception:  # noqa: BLE001  # which one was told already
        return False
    return True


def _unknown(key: str, known: Collection[str], where: Where) -> str:
    near = _near(key, known)
    hint = f" Did you mean {near}?" if near else ""
    names = f"Known here: {', '.join(sorted(known))}." if known else "Nothing can be set here."
    return f"{where.at(key)} is unknown.{hint} {names}"


def _near(word: str, words: Collection[str]) -> str | None:
    return next(iter(difflib.get_close_matches(word, words, n=1)), None)


def _wrong(where: Where, expected: str, value: Any, hint: str = "") -> ConfigError:
    return ConfigError(f"{where} must be {expected}, and is {_shown(value, where)}.{hint}")


def _shown(value: Any, where: Where) -> str:
    what = {bool: "", NoneType: ""}.get(type(value), f"{type(value).__name__} ")
    if where.secret:
        return f"{what}(not shown here)"
    text = repr(value)
    return what + (text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…")


def _and(names: Sequence[str]) -> str:
    return " and ".join(names)
