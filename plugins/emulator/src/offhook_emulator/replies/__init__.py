"""Who answers: ``rules`` (default), ``script:FILE`` (a YAML scenario), ``chat:URL`` (a chat-completions endpoint)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final, TypeAlias

from offhook.errors import ConfigError
from offhook_emulator.replies.chat import Chat
from offhook_emulator.replies.protocol import Replies
from offhook_emulator.replies.rules import Rules
from offhook_emulator.replies.script import Script

_KINDS: Final = ("rules", "script", "chat")

#: How an application chooses: by name, as the entries of a scenario, or by bringing its own.
Chosen: TypeAlias = str | Sequence[str | Mapping[str, Any]] | Replies


def chosen(replies: Chosen) -> Replies:
    """Give the replies that an application chose. Raises ConfigError as ``replies_from`` does."""
    if isinstance(replies, str):
        return replies_from(replies)
    return Script.of(replies) if isinstance(replies, Sequence) else replies


def replies_from(spec: str) -> Replies:
    """Make the source of replies that ``--replies`` names: ``rules``, ``script:FILE``, ``chat:URL`` or ``chat:URL#MODEL``.

    The key for a chat endpoint comes from the environment variable OFFHOOK_CHAT_API_KEY. Raises ConfigError for any other
    text, for a scenario that cannot be read, and for what is no URL.
    """
    kind, _, rest = spec.partition(":")
    match kind:
        case "rules" if not rest:
            return Rules()
        case "script" if rest:
            return Script.load(rest)
        case "chat" if rest:
            url, _, model = rest.partition("#")
            return Chat(url, os.environ.get("OFFHOOK_CHAT_API_KEY"), model or None)
        case _:
            near = get_close_matches(kind, _KINDS, n=1)
            hint = f" Did you mean {near[0]}?" if near and near[0] != kind else ""
            raise ConfigError(f"{spec!r} names no replies.{hint} Choose rules, script:FILE or chat:URL.")
