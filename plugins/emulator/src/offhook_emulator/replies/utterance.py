"""What the user said, as a place to find arguments in: every part of it is used once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Final

from attrs import define, field

from offhook_emulator.replies.words import CLOCK, DATE, PHRASE_ENDS, WORD, numbers, stem

_QUOTED: Final = re.compile(
    r"[\"\u201c]([^\"\u201c\u201d]+)[\"\u201d]|(?<!\w)['\u2018]([^'\u2018\u2019]+)['\u2019](?!\w)"
)
_ARTICLES: Final = frozenset({"the", "a", "an"})
_LONGEST_PHRASE: Final = 4
#: "the city of London" is London.
_SORT_OF_PLACE: Final = re.compile(r"^(?:city|town|state|country|village) of ", re.IGNORECASE)
_POLITE_END: Final = re.compile(r"\s+(?:please|thanks|thank you)$", re.IGNORECASE)
#: Up to the end of the sentence; the point in "2.50" is none.
_TO_THE_END: Final = re.compile(r"(?:[^.?!;]|\.(?=\w))+")
#: The first word of a sentence is capitalised in any case, so there it takes two.
_CAPITALISED: Final = re.compile(
    r"(?<=[\w,] )[A-Z][\w'\u2019-]*(?: [A-Z][\w'\u2019-]*)*|^[A-Z][\w'\u2019-]*(?: [A-Z][\w'\u2019-]*)+"
)

Span = tuple[int, int]


@define
class Utterance:
    """A text whose parts are taken, one by one, as arguments. Nothing is found twice."""

    text: str
    _taken: list[Span] = field(factory=list[Span], init=False)

    def match(self, pattern: re.Pattern[str]) -> str | None:
        """Take the first match: its first group, where it has groups."""
        for found in pattern.finditer(self.text):
            if self._is_free(found.span()):
                self._taken.append(found.span())
                return next((group for group in found.groups() if group), found[0]).strip()
        return None

    def quoted(self) -> str | None:
        """Take what stands in quotation marks."""
        return self.match(_QUOTED)

    def number(self, fits: Callable[[Span], bool]) -> float | None:
        """Take the first number whose place in the text ``fits``."""
        for value, *span in numbers(self.text):
            start, end = span
            if self._is_free((start, end)) and fits((start, end)):
                self._taken.append((start, end))
                return value
        return None

    def is_time(self, span: Span) -> bool:
        """Tell whether a number at ``span`` is one of a time: the seven of "7 pm"."""
        return any(_overlap(span, time) for time in self._times)

    def phrase_after(self, prepositions: Sequence[str]) -> str | None:
        """Take the few words (a place, a name) that follow the first of ``prepositions``, best first."""
        for preposition in prepositions:
            for found in re.finditer(rf"\b{preposition}\s+", self.text, re.IGNORECASE):
                if phrase := self._take(self._phrase(found.end())):
                    return _SORT_OF_PLACE.sub("", phrase)
        return None

    def rest_after(self, openings: Sequence[str]) -> str | None:
        """Take all from the first of ``openings``, best first, to the end of the sentence."""
        for opening in openings:
            for found in re.finditer(rf"\b{opening}:?\s+(?=\w)", self.text, re.IGNORECASE):
                rest = _TO_THE_END.match(self.text, found.end())
                if rest and self._is_free(rest.span()):
                    self._taken.append(rest.span())
                    return _POLITE_END.sub("", rest[0].strip(" ,"))
        return None

    def leftover(self, skip: Iterable[str]) -> str | None:
        """Take what may be meant: a capitalised name, else the last run of words that mean something.

        Words whose stem is in ``skip`` do not count, nor do times and numbers.
        """
        skipped, run = frozenset(skip), list[re.Match[str]]()
        for name in _CAPITALISED.finditer(self.text):
            words = list(WORD.finditer(self.text, *name.span()))
            if all(self._means_something(word) and stem(word[0]) not in skipped for word in words):
                return self._take(words)
        for word in reversed(list(WORD.finditer(self.text))):
            if self._means_something(word) and stem(word[0]) not in skipped:
                run.insert(0, word)
            elif run:
                break
        return self._take(run)

    def _phrase(self, start: int) -> list[re.Match[str]]:
        words, end = list[re.Match[str]](), start
        for word in WORD.finditer(self.text, start):
            if self.text[end : word.start()].strip():  # a comma, say, lies between
                break
            end = word.end()
            if not words and word[0].lower() in _ARTICLES:
                continue
            if len(words) == _LONGEST_PHRASE or not self._means_something(word):
                break
            words.append(word)
        return words

    def _means_something(self, word: re.Match[str]) -> bool:
        letters = re.split(r"['\u2019]", word[0].lower())[0]  # "what" of "what's"
        is_amount = any(_overlap(word.span(), amount) for amount in self._amounts)
        return letters not in PHRASE_ENDS and self._is_free(word.span()) and not is_amount

    @cached_property
    def _times(self) -> list[Span]:
        return [found.span() for pattern in (DATE, CLOCK) for found in pattern.finditer(self.text)]

    @cached_property
    def _amounts(self) -> list[Span]:
        """Where times and numbers stand."""
        return self._times + [(start, end) for _, start, end in numbers(self.text)]

    def _take(self, words: list[re.Match[str]]) -> str | None:
        if not words:
            return None
        start, end = words[0].start(), words[-1].end()
        self._taken.append((start, end))
        return self.text[start:end]

    def _is_free(self, span: Span) -> bool:
        return not any(_overlap(span, taken) for taken in self._taken)


def _overlap(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]
