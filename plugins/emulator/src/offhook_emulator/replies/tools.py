"""The tools on offer, and which of them an utterance names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, cast

from attrs import frozen

from offhook_emulator.replies.words import FILLERS, WORD, split_name, stem, stems, word_set

Schema = Mapping[str, Any]

#: Verbs (and such) that any tool may have in its name: they name none.
_GENERIC: Final = word_set(
    """
    get gets set fetch find look lookup up retrieve show check tell give do make run use read list query search
    request handle my the a an of for by to from in on at with and or tool function api info information data
    details current new user
    """
)
#: Verbs that name a tool where nothing else does: "cancel my order" means cancel_order rather than get_order.
_ACTIONS: Final = word_set(
    """
    add book buy calculate call cancel close compute convert create delete divide end flip multiply open pay
    play remind remove reserve roll save schedule send start stop subtract transfer translate turn update
    """
)
#: A word of the description counts alone when it is that long; shorter ones must be two.
_TELLING_LENGTH: Final = 6
_SHORTEST_KEYWORD: Final = 4


@frozen
class Tool:
    """A function tool, with the words it goes by."""

    name: str
    schema: Schema
    #: Stems of the name's own words.
    nouns: frozenset[str]
    #: Stems of the verbs in the name that say something.
    actions: frozenset[str]
    #: Stems of the description's telling words that are not the arguments'.
    keywords: frozenset[str]

    @classmethod
    def of(cls, wire: Mapping[str, Any]) -> Tool:
        """Read a tool as the wire has it."""
        schema = cast(Schema, wire.get("parameters") or {})
        name = str(wire.get("name", ""))
        nouns, actions = name_words(name)
        return cls(
            name=name,
            schema=schema,
            nouns=frozenset(map(stem, nouns or actions or split_name(name))),
            actions=frozenset(map(stem, actions)),
            keywords=_keywords(str(wire.get("description") or ""), schema),
        )

    @property
    def words(self) -> frozenset[str]:
        """All stems that may name the tool; they are not arguments."""
        return self.nouns | self.actions | self.keywords


def name_words(name: str) -> tuple[list[str], list[str]]:
    """Give the telling words of a tool's name: its nouns, and the verbs that say something."""
    words = split_name(name)
    nouns = [word for word in words if len(word) > 1 and word not in _GENERIC | _ACTIONS]
    return nouns, [word for word in words if word in _ACTIONS]


def function_tools(tools: Iterable[Mapping[str, Any]]) -> list[Tool]:
    """Read the function tools among those on offer."""
    return [Tool.of(tool) for tool in tools if tool.get("type", "function") == "function" and tool.get("name")]


def named_in(text: str, tools: Sequence[Tool]) -> list[Tool]:
    """Give the tools that a text names, in the order of the offer.

    By a noun of their name ("weather"); else by its verb ("cancel"); else, the best one, by its description. Of two
    tools that the same noun names, the one wins that more of its words name.
    """
    heard = stems(text)
    named = list[Tool]()
    for tool in sorted(tools, key=lambda tool: _strength(tool, heard), reverse=True):
        nouns = tool.nouns & heard
        if nouns and not any(nouns <= better.nouns for better in named):
            named.append(tool)
    if named:
        return [tool for tool in tools if tool in named]
    by_action = [tool for tool in tools if tool.actions & heard]
    return by_action[:1] or _best_described(heard, tools)


def _strength(tool: Tool, heard: set[str]) -> tuple[int, float, int]:
    """Rank by the words that name the tool, then by how few of its words were not heard."""
    nouns = len(tool.nouns & heard)
    return 2 * nouns + len(tool.actions & heard), nouns / max(len(tool.nouns), 1), -len(tool.actions - heard)


def _best_described(heard: set[str], tools: Sequence[Tool]) -> list[Tool]:
    def telling(tool: Tool) -> int:
        found = tool.keywords & heard
        return len(found) if len(found) > 1 or any(len(word) >= _TELLING_LENGTH for word in found) else 0

    best = max(tools, key=telling, default=None)
    return [best] if best and telling(best) else []


def _keywords(description: str, schema: Schema) -> frozenset[str]:
    properties = cast(Mapping[str, Any], schema.get("properties") or {})
    arguments = {stem(word) for name in properties for word in split_name(name)}
    words = (word.lower() for word in WORD.findall(description))
    telling = {stem(word) for word in words if len(word) >= _SHORTEST_KEYWORD and word not in FILLERS | _GENERIC}
    return frozenset(telling - arguments)
