"""What is said about the output of a function: values of any shape, as sentences."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

from offhook_emulator.replies.conversation import ToolOutput
from offhook_emulator.replies.tools import name_words
from offhook_emulator.replies.words import split_name, word_set

_DONE: Final = frozenset({"", "null", "none", "ok", "okay", "done", "success", "true"})
#: A single value under one of these names is the answer itself.
_ANSWERS: Final = word_set("answer message output response result summary text value")
_FAILURES: Final = word_set("error errors exception failure")
#: What the last word of a name says about its number: ``wind_kmh``.
_UNITS: Final = {
    "c": "degrees Celsius",
    "celsius": "degrees Celsius",
    "f": "degrees Fahrenheit",
    "fahrenheit": "degrees Fahrenheit",
    "percent": "percent",
    "km": "kilometers",
    "kmh": "kilometers per hour",
    "mph": "miles per hour",
    "minutes": "minutes",
    "seconds": "seconds",
    "hours": "hours",
    "days": "days",
    "usd": "dollars",
    "eur": "euros",
}
_SENTENCE_WORDS: Final = 4
_MOST_LISTED: Final = 5
#: Longer output is read out as it is: looking for structure in it would block the event loop.
_LONGEST_PARSED: Final = 100_000


def spoken(outputs: Sequence[ToolOutput]) -> str:
    """Say what function calls came back with: text as it is, JSON (and what Python prints) as sentences."""
    return " ".join(_ended(_output(output)) for output in outputs)


def _output(output: ToolOutput) -> str:
    value = _parsed(output.output.strip())
    if value is None or value is True or (isinstance(value, str) and value.lower() in _DONE):
        return "Done"
    if value is False:
        return "I am sorry, that did not work"
    if isinstance(value, Mapping):
        return _object(cast(Mapping[str, Any], value))
    if isinstance(value, list):
        return _records(cast(list[Any], value), output.name)
    text = _scalar(value)
    return text if _is_sentence(text) else f"The {_subject(output.name)} {text}"


def _parsed(text: str) -> Any:
    if len(text) > _LONGEST_PARSED:
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    if text[:1] not in "{[(":
        return text
    try:
        # Many Python agents send str(result).
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def _object(value: Mapping[str, Any]) -> str:
    for name in _FAILURES & value.keys():
        if value[name]:
            return f"I am sorry, that did not work: {_phrase(value[name])}"
    if len(value) == 1:
        name, only = next(iter(value.items()))
        if name.lower() in _ANSWERS or (isinstance(only, str) and _is_sentence(only)):
            return _phrase(only)
    facts = _listed([fact for name, inside in value.items() for fact in _facts(name, inside)])
    return facts[:1].upper() + facts[1:] if facts else "Done"


def _facts(name: str, value: Any) -> Iterator[str]:
    """Say "the wind speed is 5" of ``{"wind": {"speed": 5}}``; nothing of null."""
    words = split_name(name)
    if isinstance(value, Mapping):
        for inner, inside in cast(Mapping[str, Any], value).items():
            yield from _facts(f"{name} {inner}", inside)
    elif value is not None:
        unit = _UNITS.get(words[-1]) if len(words) > 1 and _is_number(value) else None
        subject = " ".join(words[:-1] if unit else words)
        verb = "are" if isinstance(value, list) else "is"
        yield f"the {subject} {verb} {_phrase(value)}{f' {unit}' if unit else ''}"


def _records(values: list[Any], function: str) -> str:
    if not values:
        return "I found nothing"
    if not all(isinstance(value, Mapping) for value in values):
        return f"The {_subject(function)} {_phrase(values)}"
    said = [_ended(_object(value)) for value in values[:_MOST_LISTED]]
    more = len(values) - len(said)
    return " ".join([*said, f"And {more} more."] if more else said)


def _phrase(value: Any) -> str:
    if isinstance(value, Mapping):
        return _listed(
            [fact for name, inside in cast(Mapping[str, Any], value).items() for fact in _facts(name, inside)]
        )
    if isinstance(value, list | tuple):
        listed = [_phrase(inside) for inside in cast(Sequence[Any], value)]
        more = len(listed) - _MOST_LISTED
        return _listed([*listed[:_MOST_LISTED], f"{more} more"] if more > 0 else listed)
    return _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _listed(parts: Sequence[str]) -> str:
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else "".join(parts)


def _subject(function: str) -> str:
    """What a function's bare value is: that of ``get_weather`` is "the weather is"."""
    nouns, actions = name_words(function)
    if actions or not nouns:
        return "answer is"
    are = nouns[-1].endswith("s") and not nouns[-1].endswith(("ss", "us", "news"))
    return f"{' '.join(nouns)} {'are' if are else 'is'}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_sentence(text: str) -> bool:
    return len(text.split()) >= _SENTENCE_WORDS or text.endswith((".", "!", "?"))


def _ended(text: str) -> str:
    return text if text.endswith((".", "!", "?", "\u2026")) else f"{text}."
