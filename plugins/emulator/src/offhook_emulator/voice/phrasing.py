"""Where text may be cut: into sentences, and into phrases short enough that speaking can begin early."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

#: Characters of the first phrase: up to here synthesis takes about 25 ms, and a cut costs more than it gains.
_FIRST: Final = 80
#: Characters of any phrase: beyond, synthesis time grows faster than the text.
_LONGEST: Final = 240
#: A first phrase shorter than this would be over before the second one is there.
_SHORTEST: Final = 12

_SENTENCE_END: Final = re.compile(r"(?<=[.!?…])[\"”\u2019')\]]*\s+(?=\S)|\s*\n\s*(?=\S)")
_CLAUSE_END: Final = re.compile(r"(?<=[,;:—])\s+|\s+(?=(?:and|but|or|so|because|when|where|which|who|while) )")
_ABBREVIATION: Final = re.compile(r"(?:\b(?:mr|mrs|ms|dr|prof|st|no|vs|e\.g|i\.e|etc)|\b[A-Z])\.$", re.IGNORECASE)


def sentences(text: str) -> list[str]:
    """Cut text into sentences. Each keeps the space that follows it, so joined they are the text again."""
    found, start = list[str](), 0
    for end in _SENTENCE_END.finditer(text):
        if not _ABBREVIATION.search(text, start, end.start()):
            found.append(text[start : end.end()])
            start = end.end()
    return [*found, text[start:]] if text[start:] else found


def phrases(text: str) -> Iterator[str]:
    """Cut text into what is spoken in one go: sentences, a long first one cut at a clause."""
    limit = _FIRST
    for sentence in sentences(text):
        rest = sentence.strip()
        while len(rest) > limit and (cut := _cut(rest, limit)):
            yield rest[:cut].strip()
            rest, limit = rest[cut:].strip(), _LONGEST
        if rest:
            yield rest
        limit = _LONGEST


def _cut(text: str, limit: int) -> int:
    """Find the last place before ``limit`` where a clause ends or, in very long text, a word."""
    clauses = [end.start() for end in _CLAUSE_END.finditer(text, 0, limit + 1) if end.start() >= _SHORTEST]
    if clauses:
        return clauses[-1]
    if len(text) <= _LONGEST:
        return 0
    space = text.rfind(" ", _SHORTEST, limit)
    return space if space > 0 else limit
