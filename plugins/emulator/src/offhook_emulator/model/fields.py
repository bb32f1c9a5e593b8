"""Checks of JSON values, composed: each takes a value and its path, and gives it back normalised or refuses it.

The service names the exact path of what it refuses (``session.audio.input.format.type``), and so does this.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

import pybase64

from offhook_emulator.model import errors

#: A value and its path in, the normalised value out; raises :class:`errors.Refused`.
Check: TypeAlias = Callable[[Any, str], Any]


def anything(value: Any, _path: str) -> Any:
    """Accept whatever there is."""
    return value


def string(value: Any, path: str) -> str:
    """Accept a string."""
    if not isinstance(value, str):
        raise errors.wrong_type(path, "a string", value)
    return value


def boolean(value: Any, path: str) -> bool:
    """Accept true or false."""
    if not isinstance(value, bool):
        raise errors.wrong_type(path, "a boolean", value)
    return value


def integer(low: int | None = None, high: int | None = None) -> Check:
    """Accept a whole number between ``low`` and ``high``, both included."""

    def check(value: Any, path: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise errors.wrong_type(path, "an integer", value)
        _check_range(value, path, low, high)
        return value

    return check


def number(low: float, high: float) -> Check:
    """Accept any number between ``low`` and ``high``, both included."""

    def check(value: Any, path: str) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise errors.wrong_type(path, "a decimal", value)
        _check_range(value, path, low, high)
        return value

    return check


def _check_range(value: float, path: str, low: float | None, high: float | None) -> None:
    if low is not None and value < low:
        raise errors.out_of_range(path, value, low, below=True)
    if high is not None and value > high:
        raise errors.out_of_range(path, value, high, below=False)


def choice(*supported: str) -> Check:
    """Accept one of the ``supported`` words."""

    def check(value: Any, path: str) -> str:
        if string(value, path) not in supported:
            raise errors.unsupported_value(path, value, supported)
        return value

    return check


def nullable(inner: Check) -> Check:
    """Accept null too, and keep it."""
    return lambda value, path: None if value is None else inner(value, path)


def word_or_object(words: Sequence[str], inner: Check) -> Check:
    """Accept one of ``words``, or an object that ``inner`` accepts."""
    word = choice(*words)
    return lambda value, path: inner(value, path) if isinstance(value, dict) else word(value, path)


def list_of(inner: Check) -> Check:
    """Accept an array whose elements ``inner`` accepts."""

    def check(value: Any, path: str) -> list[Any]:
        if not isinstance(value, list):
            raise errors.wrong_type(path, "an array", value)
        return [inner(element, f"{path}[{index}]") for index, element in enumerate(cast("list[Any]", value))]

    return check


def mapping(value: Any, path: str) -> dict[str, Any]:
    """Accept any object."""
    if not isinstance(value, dict):
        raise errors.wrong_type(path, "an object", value)
    return cast("dict[str, Any]", value)


def shape(fields: Mapping[str, Check], *, required: Sequence[str] = ()) -> Check:
    """Accept an object with these ``fields`` and no others."""

    def check(value: Any, path: str) -> dict[str, Any]:
        given = mapping(value, path)
        for name in required:
            if name not in given:
                raise errors.missing_parameter(_join(path, name))
        for name in given:
            if name not in fields:
                raise errors.unknown_parameter(_join(path, name))
        return {name: fields[name](field, _join(path, name)) for name, field in given.items()}

    return check


def variants(tag: str, shapes: Mapping[str, Check]) -> Check:
    """Accept an object whose ``tag`` names which of ``shapes`` it has to have."""
    word = choice(*shapes)

    def check(value: Any, path: str) -> dict[str, Any]:
        given = mapping(value, path)
        if tag not in given:
            raise errors.missing_parameter(_join(path, tag))
        return shapes[word(given[tag], _join(path, tag))](given, path)

    return check


def audio_bytes(value: Any, path: str) -> bytes:
    """Accept base64, and give the bytes."""
    try:
        decoded = pybase64.b64decode(string(value, path), validate=True)
    except ValueError:
        raise errors.bad_audio(path) from None
    if not decoded:
        raise errors.bad_audio(path, "empty bytes")
    return decoded


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
