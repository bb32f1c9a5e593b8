"""The words of a text, told in step with their audio."""

from __future__ import annotations

import re
from collections import deque
from typing import Final

_WORD: Final = re.compile(r"\s*\S+(?:\s+$)?|\s+")
_MS_PER_LETTER: Final = 65
#: The service's transcript runs a little ahead of its audio.
_LEAD_MS: Final = 300


def words(text: str) -> list[str]:
    """Cut text into words, each with the space before it; joined they are the text again."""
    return _WORD.findall(text)


class WordClock:
    """Tells the words of one text as its audio goes by: nobody says when each is spoken, so it is estimated."""

    def __init__(self, text: str) -> None:
        self._due: deque[tuple[float, str]] = deque()
        at_ms = 0.0
        for word in words(text):
            self._due.append((at_ms, word))
            at_ms += len(word) * _MS_PER_LETTER

    def until(self, heard_ms: float) -> list[str]:
        """Give the words that are due when ``heard_ms`` of the text's audio are out."""
        due = list[str]()
        while self._due and self._due[0][0] <= heard_ms + _LEAD_MS:
            due.append(self._due.popleft()[1])
        return due

    def rest(self) -> list[str]:
        """Give all words that were not told yet."""
        return self.until(float("inf"))
