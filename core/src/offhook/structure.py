"""From tables of text and numbers to attrs values, with errors that say where the mistake stands.

Files, environment and arguments are all read by the annotations of the attrs class they are for. TOML has no null: where a
value may be ``None``, the string ``"none"`` means it.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Any, Final, Literal, TypeAlias, TypeVar, cast, get_args, get_type_hints

from attrs import NOTHING, Attribute, evolve, fields, frozen

from offhook.errors import ConfigError, ContractError, OffhookError
from offhook.kinds import LISTS, SCALARS, TABLES, UNIONS, Kind, bare, describe, element, is_attrs

T = TypeVar("T")
Table: TypeAlias = Mapping[str, Any]

#: What a file can hold. Anything else was given by a program, which knows what it does.
_OF_A_FILE: Final = (str, bool, int, float, Mapping, list, NoneType)
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
    def dotted(self) -> str:
        """The keys alone."""
        return ".".join(self.keys)

    def __str__(self) -> str:
        return f"{self.dotted} in {self.source}" if self.keys else self.source


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
            raise ConfigError(_unknown(key, known, where, getattr(cls, "ELSEWHERE", {})))
        here = where.at(key, secret=is_secret(known[key]))
        placed[key] = Placed(value_of(kind_of(cls, known[key]), value, here), here)
    return placed


def build(cls: type[T], placed: Mapping[str, Placed], where: Where) -> T:
    """Make an instance from what was read, perhaps from several places. ``where`` is where more can be added."""
    missing = [name for name, entry in fields_of(cls).items() if entry.default is NOTHING and name not in placed]
    if missing:
        raise ConfigError(
            f"{' and '.join(missing)} must be set; add {'it' if len(missing) == 1 else 'them'} to {where}."
        )
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
    """Tell whether a field's value must not be shown: what ``repr`` does not show as it is stays out of messages."""
    return entry.repr is not True


def kind_of(cls: type[Any], entry: Attribute[Any]) -> Kind:
    """Give a field's type. A converter takes what it is given: its own errors say what it wanted."""
    converter = cast("Any", entry).converter
    return _hints(cls).get(entry.name, Any) if converter is None else Any


def value_of(kind: Kind, value: Any, where: Where) -> Any:
    """Give ``value`` as ``kind`` wants it. Raises ``ConfigError`` naming the place, what is expected and what it is."""
    kind, origin = bare(kind)
    return _READERS.get(origin, _object)(kind, value, where)


def _anything(_kind: Kind, value: Any, _where: Where) -> Any:
    return value


def _one_of(kind: Kind, value: Any, where: Where) -> Any:
    kinds = get_args(kind)
    if NoneType in kinds and value == "none":
        return None
    if isinstance(value, Mapping) and (tables := [member for member in kinds if is_attrs(member)]):
        # A mistake inside a table is told where it is, not as "this is no table".
        return value_of(tables[0], value, where)
    for member in kinds:
        try:
            return value_of(member, value, where)
        except ConfigError:
            continue
    raise _wrong(kind, value, where)


def _choice(kind: Kind, value: Any, where: Where) -> Any:
    choices = get_args(kind)
    for choice in choices:
        if type(choice) is type(value) and choice == value:
            return choice
    raise _wrong(kind, value, where)


def _scalar(kind: Kind, value: Any, where: Where) -> Any:
    if kind is Path and isinstance(value, (str, Path)):
        path = Path(value).expanduser()
        return where.folder / path if where.folder is not None else path
    if kind is float and type(value) is int:
        return float(value)
    # true is a number to isinstance, and to nobody else.
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    if kind is NoneType and value == "none":
        return None
    raise _wrong(kind, value, where)


def _list(kind: Kind, value: Any, where: Where) -> Any:
    if not isinstance(value, (list, tuple, set, frozenset)):
        raise _wrong(kind, value, where)
    values = list(cast("Collection[Any]", value))
    kind, origin = bare(kind)
    kinds = get_args(kind)
    if origin is not tuple or not kinds or kinds[-1] is Ellipsis:
        return LISTS[origin]([value_of(element(kind), entry, where) for entry in values])
    if len(values) != len(kinds):
        raise ConfigError(f"{where} must be a list of {len(kinds)}, and has {len(values)}.")
    return tuple(value_of(part, entry, where) for part, entry in zip(kinds, values, strict=True))


def _table(kind: Kind, value: Any, where: Where) -> Any:
    if not isinstance(value, Mapping):
        raise _wrong(kind, value, where)
    inner = (get_args(kind) or (Any, Any))[1]
    return {key: value_of(inner, entry, where.at(str(key))) for key, entry in cast("Table", value).items()}


def _object(kind: Kind, value: Any, where: Where) -> Any:
    """An attrs value from its table; and what only a program can give: functions, and instances of the class."""
    kind, origin = bare(kind)
    if is_attrs(origin) and isinstance(value, Mapping):
        return structure(origin, cast("Table", value), where)
    if getattr(origin, "_is_protocol", False) or origin is Callable or not isinstance(origin, type):
        fits = callable(value) or not isinstance(value, _OF_A_FILE)
    else:
        fits = isinstance(value, origin)
    if fits:
        return cast("Any", value)
    raise _wrong(kind, value, where)


_READERS: Final[Mapping[Kind, Callable[[Kind, Any, Where], Any]]] = {
    Any: _anything,
    Literal: _choice,
    **dict.fromkeys(UNIONS, _one_of),
    **dict.fromkeys(SCALARS, _scalar),
    **dict.fromkeys(LISTS, _list),
    **dict.fromkeys(TABLES, _table),
}


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


def _unknown(key: str, known: Collection[str], where: Where, elsewhere: Mapping[str, str]) -> str:
    near = [elsewhere[key]] if key in elsewhere else difflib.get_close_matches(key, known, n=1)
    hint = f" Did you mean {where.at(near[0]).dotted}?" if near else ""
    names = f"Known here: {', '.join(sorted(known))}." if known else "Nothing can be set here."
    return f"{where.at(key)} is unknown.{hint} {names}"


def _wrong(kind: Kind, value: Any, where: Where) -> ConfigError:
    return ConfigError(f"{where} must be {describe(kind)}, and is {_shown(value, where)}.{_meant(kind, value, where)}")


def _meant(kind: Kind, value: Any, where: Where) -> str:
    choices = [choice for choice in get_args(kind) if isinstance(choice, str)]
    near = difflib.get_close_matches(value, choices, n=1) if isinstance(value, str) and not where.secret else ()
    return f" Did you mean {near[0]!r}?" if near else ""


def _shown(value: Any, where: Where) -> str:
    what = "" if isinstance(value, (bool, NoneType)) else f"{type(value).__name__} "
    if where.secret:
        return f"{what}(not shown here)"
    text = repr(value)
    return what + (text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…")
