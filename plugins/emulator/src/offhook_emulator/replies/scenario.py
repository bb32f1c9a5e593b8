"""The scenario file of scripted replies: reading it, and saying what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, cast

import yaml
from attrs import frozen

from offhook.errors import ConfigError

_STEP_KEYS: Final = ("say", "call", "then")
_ENTRY_KEYS: Final = ("when", *_STEP_KEYS)
_CALL_KEYS: Final = ("name", "arguments")
#: Fits whatever is said; a regular expression for it is less plain.
_ANYTHING: Final = "*"
#: What YAML makes of a value, in words; a truth value counts as number, too, and so stands before it.
_KINDS: Final = (
    (type(None), "empty"),
    (bool, "true or false"),
    ((int, float), "a number"),
    (str, "text"),
    (list, "a list"),
    (dict, "keys and values"),
)


@frozen
class Call:
    """A function to call. Texts in the arguments may hold ``{placeholders}``."""

    name: str
    arguments: Mapping[str, Any]


@frozen
class Step:
    """Something said, functions called, and the step that follows their outputs."""

    say: str = ""
    calls: Sequence[Call] = ()
    then: Step | None = None


@frozen
class Entry:
    """A step, and when it is taken: ``when`` is None for the entries that answer one turn each, in order."""

    when: re.Pattern[str] | None
    step: Step


def read_entries(path: Path) -> list[Entry]:
    """Read a scenario file. Raises ConfigError, with the file, the entry and what is wrong with it."""
    try:
        content: object = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"The scenario {path} cannot be read: {error.strerror}. Check the path after 'script:'."
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"The scenario {path} is not YAML: {error}. Texts with a colon in them need quotes."
        ) from error
    kind = _kind(content)
    entries = cast(list[Any], content) if isinstance(content, list) else []
    if not entries:
        raise ConfigError(
            f"The scenario {path} must be a list of entries, each beginning with '- when:' or '- say:'; it is {kind}."
        )
    return entries_of(entries, str(path))


def entries_of(entries: Sequence[Any], name: str) -> list[Entry]:
    """Read entries that are loaded already. Raises ConfigError, with ``name``, the entry and what is wrong with it."""
    return [_Reader(f"{name}, entry {number}").entry(entry) for number, entry in enumerate(entries, start=1)]


@frozen
class _Reader:
    """Reads one entry; ``where`` is what errors begin with."""

    where: str

    def entry(self, value: Any) -> Entry:
        content = self._mapping(value, "an entry", _ENTRY_KEYS)
        return Entry(self._pattern(content.get("when")), self._step(content))

    def _step(self, content: Mapping[str, Any]) -> Step:
        if "say" not in content and "call" not in content:
            raise self._wrong("it says nothing and calls nothing. Give it 'say' or 'call'")
        calls = content.get("call", [])
        step = Step(
            say=self._text(content.get("say", ""), "say"),
            calls=[self._call(call) for call in (cast(list[Any], calls) if isinstance(calls, list) else [calls])],
            then=self._then(content["then"]) if "then" in content else None,
        )
        if step.then and not step.calls:
            raise self._wrong("'then' follows the output of a call, and there is no 'call'")
        return step

    def _then(self, value: Any) -> Step:
        if isinstance(value, str):
            return Step(say=value)
        return self._step(self._mapping(value, "'then'", _STEP_KEYS))

    def _call(self, value: Any) -> Call:
        content = self._mapping(value, "'call'", _CALL_KEYS)
        name = self._text(content.get("name", ""), "name")
        if not name:
            raise self._wrong("'call' names no function. Write: call: {name: get_weather, arguments: {city: Paris}}")
        arguments = content.get("arguments")
        return Call(name, {} if arguments is None else self._mapping(arguments, "'arguments'", None))

    def _pattern(self, value: Any) -> re.Pattern[str] | None:
        if value is None:
            return None
        text = self._text(value, "when")
        try:
            return re.compile("" if text == _ANYTHING else text, re.IGNORECASE)
        except re.error as error:
            raise self._wrong(f"'when' is no regular expression: {error}. A plain * must stand alone") from error

    def _text(self, value: Any, key: str) -> str:
        if not isinstance(value, str):
            raise self._wrong(f"'{key}' must be text, not {_kind(value)}; put it in quotes")
        return value

    def _mapping(self, value: Any, what: str, keys: Sequence[str] | None) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise self._wrong(f"{what} must be keys and values, not {_kind(value)}")
        content = cast(dict[Any, Any], value)
        for key in content:
            if keys is not None and key not in keys:
                near = get_close_matches(str(key), keys, n=1)
                hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(keys)}"
                raise self._wrong(f"unknown key '{key}' in {what}; {hint}")
        return {str(key): inner for key, inner in content.items()}

    def _wrong(self, what: str) -> ConfigError:
        return ConfigError(f"{self.where}: {what}{'' if what.endswith('?') else '.'}")


def _kind(value: object) -> str:
    name = type(value).__name__
    return next((words for kind, words in _KINDS if isinstance(value, kind)), name)
