"""Text arguments: what kind of text one is (its name says so), and where an utterance has it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from attrs import frozen

from offhook_emulator.replies.schema import Argument
from offhook_emulator.replies.utterance import Span, Utterance
from offhook_emulator.replies.words import CLOCK, DATE, WORD, stem, word_set

_EMAIL: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
#: "555 123 4567", "A-1234".
_CODE: Final = re.compile(r"\+?\d[\d -]{5,}\d|(?<![\w.:])[\w-]*\d[\w-]*(?![\w:])")
_NAMED: Final = (r"(?:under )?the name(?: of)?", r"name is", r"i am", r"(?:named|called)", "for", "with", "to", "from")
_ABOUT: Final = ("about", "regarding", "saying", "that says", "called", "titled", "for", "on", "of", "to")
_AT: Final = ("in", "near", "at", "around", "for", "to", "from", "of", "about")
_TO: Final = ("to", "for", "in", "at")
_FROM: Final = ("from",)
_ORIGINS: Final = frozenset({"from", "origin", "departure"})
#: "order number 12", "my order is 12".
_JOINTS: Final = frozenset({stem("number"), stem("is"), "are"})
_DESTINATIONS: Final = frozenset({"to", "destination", "arrival"})


@frozen
class Kind:
    """A kind of text: the words in an argument's name that give it away, and how it is found."""

    names: frozenset[str]
    find: Callable[[Argument, Utterance], str | None]
    #: Whether, in need, whatever words are left over may be it.
    may_be_anything: bool = False


def kind_of(argument: Argument) -> Kind:
    """Tell what kind of text an argument is."""
    words = set(argument.words)
    return next((kind for kind in KINDS if kind.names & words), TOPIC)


def as_name(text: str) -> str:
    """Write a name as names are written; recognised speech may be all lower case."""
    return " ".join(word.capitalize() for word in text.split()) if text.islower() else text


def beside(argument: Argument, text: str, span: Span) -> bool:
    """Tell whether a number stands next to the argument's name: "two guests", "order number 12"."""
    before = [stem(word) for word in WORD.findall(text[: span[0]])[-2:]]
    after = [stem(word) for word in WORD.findall(text[span[1] :])[:1]]
    if before and before[-1] in _JOINTS:
        before.pop()
    return not argument.stems.isdisjoint(before[-1:] + after)


def _email(_argument: Argument, utterance: Utterance) -> str | None:
    return utterance.match(_EMAIL)


def _code(argument: Argument, utterance: Utterance) -> str | None:
    """Take what has digits in it, else digits spoken one by one; an optional one only beside its name."""
    if not argument.required:
        value = utterance.number(lambda span: beside(argument, utterance.text, span))
        return None if value is None else f"{value:.0f}"
    if code := utterance.match(_CODE):
        return code
    spoken = list(iter(lambda: utterance.number(lambda _span: True), None))
    return "".join(f"{value:.0f}" for value in spoken) or None


def _date(_argument: Argument, utterance: Utterance) -> str | None:
    return utterance.match(DATE)


def _clock(_argument: Argument, utterance: Utterance) -> str | None:
    return utterance.match(CLOCK)


def _date_and_clock(argument: Argument, utterance: Utterance) -> str | None:
    found = _date(argument, utterance), _clock(argument, utterance)
    return " ".join(part for part in found if part) or None


def _place(argument: Argument, utterance: Utterance) -> str | None:
    words = set(argument.words)
    prepositions = _FROM if words & _ORIGINS else _TO if words & _DESTINATIONS else _AT
    place = utterance.phrase_after(prepositions)
    return as_name(place) if place else None


def _person(_argument: Argument, utterance: Utterance) -> str | None:
    if email := utterance.match(_EMAIL):
        return email
    name = utterance.phrase_after(_NAMED)
    return as_name(name) if name else None


def _language(_argument: Argument, utterance: Utterance) -> str | None:
    language = utterance.phrase_after(("into", "to", "in"))
    return as_name(language) if language else None


def _topic(argument: Argument, utterance: Utterance) -> str | None:
    if quoted := utterance.quoted():
        return quoted
    return utterance.rest_after(_ABOUT) if argument.required else None


TOPIC: Final = Kind(frozenset(), _topic, may_be_anything=True)
#: In the order in which they are looked for: first what cannot be mistaken.
KINDS: Final = (
    Kind(word_set("email mail"), _email),
    Kind(word_set("id number code reference ref sku zip postcode phone telephone"), _code),
    Kind(
        word_set(
            """
    city town location place country region state address destination origin venue area where zone timezone
    airport station room
    """
        ),
        _place,
        may_be_anything=True,
    ),
    Kind(word_set("when datetime deadline due start end"), _date_and_clock),
    Kind(word_set("date day"), _date),
    Kind(word_set("time hour clock"), _clock),
    Kind(word_set("language lang locale"), _language, may_be_anything=True),
    Kind(
        word_set("name person who to recipient contact customer client guest attendee assignee user sender"),
        _person,
        may_be_anything=True,
    ),
)
