"""Names for what the server makes, in the service's style: ``item_E6U11eeiqpcw4luxPkEiJ``."""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from typing import Final, TypeAlias

#: Gives a fresh id for a prefix: ``event``, ``item``, ``resp``, ``call``, ``conv``, ``sess`` or ``rtc``.
Ids: TypeAlias = Callable[[str], str]

_ALPHABET: Final = string.ascii_letters + string.digits
_LENGTH: Final = 21
_CALL_LENGTH: Final = 16
_random: Final = random.Random()  # noqa: S311 - these are names; whoever guesses one has gained nothing


def random_id(prefix: str) -> str:
    """Give ``prefix``, an underscore and 21 letters or digits (16 for ``call``)."""
    length = _CALL_LENGTH if prefix == "call" else _LENGTH
    return f"{prefix}_{''.join(_random.choices(_ALPHABET, k=length))}"


def obfuscation(delta: str) -> str:
    """Give the padding that hides the length of ``delta`` from who watches encrypted traffic, as the service does."""
    return "".join(_random.choices(_ALPHABET, k=-len(delta) % 16))
