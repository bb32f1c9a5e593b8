"""English, as far as the rules need it: which words carry no meaning of their own, stems, numbers, times."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final


def word_list(words: str) -> list[str]:
    """Give the words of a text, in order."""
    return words.split()


def word_set(words: str) -> frozenset[str]:
    """Give the words of a text, as a set."""
    return frozenset(words.split())


#: Words that begin or fill a request and are never (part of) an argument.
FILLERS: Final = word_set(
    """
    a about again all also am an and any anything are around as at be been but by can could current currently
    did do does doing each else for from get give going had has have into onto people through via having he
    hello help her hey hi him his hm how i if in is it its just kindly know let like look looking me mine more
    my near need no not of off ok okay on or our out outside over please quick quickly really right say see
    shall she should show so some someone something sure tell than thank thanks that the their them then there
    these they think this those to too up us use using want was we well were what when where which who whom
    whose why will wish with would yes you your here ll s m re ve d t
    """
)
#: Words that say when. They end a place or a name, too.
TIME_WORDS: Final = word_set(
    """
    today tomorrow tonight yesterday now later soon morning afternoon evening night noon midnight week weekend
    month year day days hour hours minute minutes moment next last monday tuesday wednesday thursday friday
    saturday sunday
    """
)
#: Words about the weather and the like that follow a place rather than belong to one.
_UNITS: Final = word_set("celsius fahrenheit degrees degree forecast temperature conditions")
#: Words that end a phrase such as a place or a name.
PHRASE_ENDS: Final = (FILLERS | TIME_WORDS | _UNITS) - {"of"}

_UNITS_BELOW_TEN: Final = word_list("one two three four five six seven eight nine")
_TEENS: Final = word_list("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen")
_TENS: Final = word_list("twenty thirty forty fifty sixty seventy eighty ninety")
_VALUES: Final = (
    {"zero": 0, "a": 1}
    | {word: value for value, word in enumerate(_UNITS_BELOW_TEN + _TEENS, start=1)}
    | {word: value * 10 for value, word in enumerate(_TENS, start=2)}
)

_DAYS: Final = "(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_MONTHS: Final = "(?:january|february|march|april|may|june|july|august|september|october|november|december)"
#: A day: "tomorrow", "next Friday", "July 4th", "2026-07-04", "in three days".
DATE: Final = re.compile(
    rf"""\b(?: today | tomorrow | tonight | yesterday | \d{{4}}-\d\d-\d\d
    | (?:this|next|last) \s+ (?:week(?:end)? | month | year | {_DAYS}) | {_DAYS}
    | {_MONTHS} \s+ (?:the\s+)? \d{{1,2}} (?:st|nd|rd|th)? (?:,?\s+\d{{4}})?
    | \d{{1,2}} (?:st|nd|rd|th)? \s+ (?:of\s+)? {_MONTHS} (?:\s+\d{{4}})?
    | in \s+ \w+ \s+ (?:day|week|month)s? )\b""",
    re.IGNORECASE | re.VERBOSE,
)
_HOURS: Final = rf"(?:\d{{1,2}}|{'|'.join(_UNITS_BELOW_TEN + _TEENS[:3])})"
#: A time of day: "7 pm", "half past six", "19:30", "noon", "in ten minutes".
CLOCK: Final = re.compile(
    rf"""\b(?: \d{{1,2}}:\d\d (?:\s*[ap]m)? | {_HOURS} \s* (?:[ap]\.m\.|[ap]m\b|o['\u2019]clock) | noon | midnight
    | (?:half|quarter) \s+ (?:past|to) \s+ {_HOURS} | in \s+ \w+ \s+ (?:minute|hour)s?
    | this \s+ (?:morning|afternoon|evening) )""",
    re.IGNORECASE | re.VERBOSE,
)
WORD: Final = re.compile(r"\w+(?:['\u2019.-]\w+)*")


def _number_pattern() -> re.Pattern[str]:
    unit, teen, tens = ("(?:" + "|".join(words) + ")" for words in (_UNITS_BELOW_TEN, _TEENS, _TENS))
    below_100 = rf"(?:{tens}(?:[\s-]{unit})?|{teen}|{unit}|zero)"
    below_1000 = rf"(?:(?:{unit}|a)\s+hundred(?:(?:\s+and)?\s+{below_100})?|{below_100})"
    words = rf"(?:{below_1000}|a)\s+thousand(?:(?:\s+and)?\s+{below_1000})?|{below_1000}"
    return re.compile(rf"(?<![\w.])-?\d[\d,]{{0,14}}(?:\.\d{{1,9}})?(?!\w)|\b(?:{words})\b", re.IGNORECASE)


_NUMBER: Final = _number_pattern()


def split_name(name: str) -> list[str]:
    """Split an identifier into lower-case words: ``getWeather``, ``get_weather``, ``get-weather``."""
    return re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", re.sub(r"[\W_]+", " ", name)).lower().split()


def stem(word: str) -> str:
    """Take off what makes forms of one word differ: ``orders``, ``city's``, ``cities``, ``reminder``."""
    word = re.sub(r"['\u2019]s?$", "", word.lower())
    if word.endswith("ies"):
        return word[:-3] + "y"
    word = word[:-1] if word.endswith("s") and not word.endswith("ss") else word
    # "remind me" names a reminder. Both sides are cut, so it does no harm that "weath" is no word.
    return re.sub(r"(?<=\w{5})(?:er|ing)$", "", word)


def stems(text: str) -> set[str]:
    """Give the stems of all words of a text."""
    return {stem(word) for word in WORD.findall(text)} | {stem(word) for word in re.findall(r"\w+", text)}


def numbers(text: str) -> Iterator[tuple[float, int, int]]:
    """Find numbers in digits and in words ("twenty two"): value, start and end in the text."""
    for match in _NUMBER.finditer(text):
        yield _value(match[0].lower()), match.start(), match.end()


def _value(text: str) -> float:
    if any(letter.isdigit() for letter in text):
        return float(text.replace(",", ""))
    total, part = 0, 0
    for word in re.findall(r"[a-z]+", text):
        match word:
            case "hundred":
                part *= 100
            case "thousand":
                total, part = part * 1000, 0
            case "and":
                pass
            case _:
                part += _VALUES[word]
    return float(total + part)
