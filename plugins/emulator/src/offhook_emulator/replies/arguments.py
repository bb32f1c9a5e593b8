"""A tool's arguments, taken from what the user said by the tool's JSON schema.

Values of an enumeration are found by being named, numbers in digits or words, booleans by their name being said
("no" or "without" before it: false), text by the kind that its name says it is (``strings.py``). What is required and
was not said comes from the schema's ``default`` or ``examples``; the rest is missing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from attrs import define, field

from offhook_emulator.replies.schema import Argument, Schema, arguments_of, resolve
from offhook_emulator.replies.strings import KINDS, TOPIC, as_name, beside, kind_of
from offhook_emulator.replies.tools import Tool
from offhook_emulator.replies.utterance import Utterance
from offhook_emulator.replies.words import FILLERS, WORD, stem

_NEGATED: Final = re.compile(r"\b(?:no|not|without|don['\u2019]t|never)(?:\s+\w+){0,2}\s+$", re.IGNORECASE)
_YES: Final = re.compile(r"^\W*(?:yes|yeah|yep|sure|please|of course|true|right|correct)\b", re.IGNORECASE)
_LISTED: Final = ("with", "of", "for", "in", "to", "about", "are", "is")
_BETWEEN_LISTED: Final = re.compile(r",\s*(?:and\s+)?|\s+and\s+")
_NUMBERS: Final = frozenset({"integer", "number"})
_DEEPEST: Final = 3


@define
class Found:
    """What an utterance says of a tool's arguments."""

    values: dict[str, Any] = field(factory=dict[str, Any])
    #: Required arguments that were not said and for which the schema suggests nothing.
    missing: list[Argument] = field(factory=list[Argument])


def arguments_for(tool: Tool, text: str, answers: Mapping[str, str] | None = None) -> Found:
    """Take a tool's arguments from ``text``. ``answers`` are what was said when one was asked for, by its spoken name."""
    search = _Search(Utterance(text), tool.schema, tool.words)
    found = search.fields(tool.schema)
    for argument in list(found.missing):
        if answers and argument.spoken in answers:
            found.values[argument.name] = _answer(argument, answers[argument.spoken], tool)
            found.missing.remove(argument)
    return found


def guess(argument: Argument, text: str) -> Any:
    """Make up a value for an argument that must have one."""
    if argument.choices:
        return argument.choices[0]
    match argument.type:
        case "integer" | "number":
            return argument.schema.get("minimum", 1)
        case "boolean":
            return False
        case "array":
            return []
        case "object":
            return {}
        case _:
            return text.strip(" .?!") or "something"


def _answer(argument: Argument, text: str, tool: Tool) -> Any:
    """Read the answer to "Which city?": in most cases, just a city."""
    if argument.type == "boolean":
        return bool(_YES.match(text))
    search = _Search(Utterance(text), tool.schema, frozenset())
    value = search.value(argument)
    if value is not None:
        return value
    said = text.strip(" .?!")
    if argument.type == "string" and not argument.choices:
        leftover = search.leftover(argument)
        return said if leftover is None else leftover
    return guess(argument, said)


@define
class _Search:
    """One utterance, and one tool's schema."""

    utterance: Utterance
    root: Schema
    #: Stems that name the tool or an argument, and are therefore no value.
    skip: frozenset[str]
    #: How many objects the one that is being read lies in.
    depth: int = 0

    def fields(self, schema: Schema) -> Found:
        """Take the arguments that an object schema describes. A schema may contain itself, so depth is limited."""
        arguments = list(arguments_of(schema, self.root)) if self.depth < _DEEPEST else []
        self.depth += 1
        self.skip |= {word for argument in arguments for word in argument.stems}
        said = {argument.name: self.value(argument) for argument in sorted(arguments, key=_precedence)}
        self.depth -= 1
        found = Found()
        for argument in arguments:
            value = said[argument.name]
            if value is not None:
                found.values[argument.name] = value
            elif argument.required:
                self._supply(argument, found)
        return found

    def value(self, argument: Argument) -> Any:
        """Take one argument, where it is said plainly."""
        if argument.choices:
            return self._choice(argument.choices)
        match argument.type:
            case "integer" | "number":
                return self._number(argument)
            case "boolean":
                return self._boolean(argument)
            case "array":
                return self._list(argument)
            case "object":
                return self.fields(argument.schema).values or None
            case _:
                return kind_of(argument).find(argument, self.utterance)

    def leftover(self, argument: Argument) -> str | None:
        """Take what may be meant, where the argument's kind allows it."""
        kind = kind_of(argument)
        if not kind.may_be_anything or argument.type != "string" or argument.choices:
            return None
        found = self.utterance.leftover(self.skip)
        return found if found is None or kind is TOPIC else as_name(found)

    def _supply(self, argument: Argument, found: Found) -> None:
        """Find a value for what is required and was not said plainly."""
        leftover = self.leftover(argument)
        if leftover is not None:
            found.values[argument.name] = leftover
        elif argument.suggestions:
            found.values[argument.name] = argument.suggestions[0]
        elif argument.nullable:
            found.values[argument.name] = None
        elif argument.type == "boolean":
            found.values[argument.name] = False
        else:
            found.missing.append(argument)

    def _choice(self, choices: Sequence[Any]) -> Any:
        spoken = {_plain(str(choice)): choice for choice in choices}
        longest_first = sorted(filter(None, spoken), key=len, reverse=True)
        pattern = "|".join(r"[\W_]+".join(map(re.escape, words.split())) for words in longest_first)
        said = self.utterance.match(re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE)) if pattern else None
        return None if said is None else spoken[_plain(said)]

    def _number(self, argument: Argument) -> float | None:
        """Take the number beside the argument's name ("two guests"); for a required one, else, the first."""
        text = self.utterance.text
        value = self.utterance.number(lambda span: beside(argument, text, span))
        if value is None and argument.required:
            value = self.utterance.number(lambda span: not self.utterance.is_time(span))
        if value is None:
            return None
        return int(value) if argument.type == "integer" or value.is_integer() else value

    def _boolean(self, argument: Argument) -> bool | None:
        for word in WORD.finditer(self.utterance.text):
            if stem(word[0]) in argument.stems - FILLERS:
                return not _NEGATED.search(self.utterance.text[: word.start()])
        return None

    def _list(self, argument: Argument) -> list[Any] | None:
        items, _ = resolve(cast(Schema, argument.schema.get("items") or {}), self.root)
        inside = Argument(argument.name, items, required=True, nullable=False)
        if inside.choices or inside.type in _NUMBERS:
            return list(iter(lambda: self.value(inside), None)) or None
        listed = self.utterance.rest_after(_LISTED) if argument.required and inside.type == "string" else None
        return _BETWEEN_LISTED.split(listed) if listed else None


def _precedence(argument: Argument) -> tuple[int, bool]:
    """Take first what cannot be mistaken, and what is required before what is not."""
    if argument.choices:
        rank = 0
    elif argument.type != "string":
        rank = len(KINDS)
    else:
        kind = kind_of(argument)
        rank = len(KINDS) + 1 if kind is TOPIC else KINDS.index(kind) + 1
    return rank, not argument.required


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", " ", text).strip().lower()
