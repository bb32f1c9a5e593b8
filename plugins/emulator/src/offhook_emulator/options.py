"""What the ``[transports.emulator]`` table may hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from attrs import Attribute, field, frozen

from offhook_emulator.replies import Chosen, chosen


def _names_replies(_options: object, _attribute: Attribute[Any], value: Chosen) -> None:
    chosen(value)  # raises


@frozen(kw_only=True)
class EmulatorOptions:
    """Options of the ``emulator`` transport. Times are in seconds."""

    #: Who answers: ``rules``, ``script:FILE``, ``chat:URL``, the entries of a scenario, or an object with ``reply()``.
    replies: str | Sequence[str | Mapping[str, Any]] | Any = field(default="rules", validator=_names_replies)
    #: What it hears and speaks with: ``real`` (models, the extra ``[speech]``) or ``scripted`` (tones, for tests).
    voice: Literal["real", "scripted"] = "real"
    #: How long a session may last.
    session_s: float = 3600.0
