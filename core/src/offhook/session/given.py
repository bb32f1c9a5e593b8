"""Arguments of another kind than they should be, refused where they are given and not where they are first used."""

from __future__ import annotations

from types import UnionType
from typing import Any

from offhook.errors import ConfigError

_LONGEST_SHOWN = 60


def required(value: object, kind: type[Any] | UnionType, name: str, remedy: str) -> None:
    """Raise ``ConfigError``, naming the argument and the ``remedy``, unless ``value`` is a ``kind``."""
    if isinstance(value, kind):
        return
    shown = repr(value) if isinstance(value, (str, int, float)) else f"a {type(value).__name__}"
    raise ConfigError(f"{name} was given {shown[:_LONGEST_SHOWN]}. {remedy}")
