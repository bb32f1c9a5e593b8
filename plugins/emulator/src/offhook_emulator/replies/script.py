"""Replies from a scenario: a YAML file of what the user may say and what is answered.

::

    - when: weather in (?P<city>\\w+)         # a regular expression, found anywhere, in any case; "*" is anything
      call: {name: get_weather, arguments: {city: "{city}"}}
      then: "Here you are: {output}"          # once the output of the call is there
    - say: Welcome to the second turn.        # without "when": answers one turn, then is used up
    - when: "*"
      say: Pardon?

For each turn of the user, entries are tried from the top. One with ``when`` answers every turn that it fits. One without
answers a single turn, whatever is said: a list of these is a play in order. A response that is asked for before the user
has said anything answers the empty text (``when: ^$``).

A step has ``say``, ``call`` (one or a list), or both. ``then`` follows the outputs of its calls, as text or as a step
with ``say``, ``call`` and ``then`` of its own; without it the outputs are spoken. Texts and arguments may hold
``{output}`` and ``{names}`` of groups in ``when``.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from itertools import groupby
from os import PathLike
from pathlib import Path
from typing import Any, cast

from attrs import define, frozen

from offhook_emulator.replies.conversation import Item, is_call, is_message, new_outputs, text_of
from offhook_emulator.replies.protocol import CallFunction, ReplyRequest, Say
from offhook_emulator.replies.scenario import Entry, Step, entries_of, read_entries
from offhook_emulator.replies.sentences import spoken
from offhook_emulator.voice.phrasing import sentences


@frozen
class Script:
    """A source of replies that follows a scenario. It calls what it is told to, whatever tools are on offer."""

    entries: Sequence[Entry]

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Script:
        """Read a scenario. Raises ConfigError, with the file, the entry and what is wrong with it."""
        return cls(read_entries(Path(path)))

    @classmethod
    def of(cls, entries: Sequence[str | Mapping[str, Any]]) -> Script:
        """Take a scenario written in Python: entries with the keys of the file; a text is an entry that says it.

        Raises ConfigError likewise.
        """
        tables = [{"say": entry} if isinstance(entry, str) else entry for entry in entries]
        return cls(entries_of(tables, "the replies"))

    async def reply(self, request: ReplyRequest) -> AsyncIterator[Say | CallFunction]:
        """Answer the conversation, a sentence or a call at a time."""
        for piece in self._answer(request.items):
            yield piece

    def _answer(self, items: Sequence[Item]) -> Iterator[Say | CallFunction]:
        turns = _turns(items)
        entry = self._entry([turn.text for turn in turns])
        outputs = spoken(new_outputs(items))
        if entry is None:
            return _said(outputs or f"The scenario has no entry for: {turns[-1].text or 'a turn without words'}.")
        step: Step | None = entry.step
        for _ in range(turns[-1].rounds):
            step = step and step.then
        return _played(step or Step(say="{output}"), _values(entry, turns[-1].text) | {"output": outputs})

    def _entry(self, texts: Sequence[str]) -> Entry | None:
        """Find the entry for the last turn, after those without ``when`` that the turns before used up."""
        chosen, unused = None, list(self.entries)
        for text in texts:
            chosen = next((entry for entry in unused if entry.when is None or entry.when.search(text)), None)
            if chosen is not None and chosen.when is None:
                unused = [entry for entry in unused if entry is not chosen]
        return chosen


@define
class _Turn:
    """What the user said at once, and how many times functions have come back since."""

    text: str
    rounds: int = 0
    answered: bool = False


def _turns(items: Sequence[Item]) -> list[_Turn]:
    """Cut a conversation into turns; the last one is the one to answer."""
    turns = list[_Turn]()
    for is_output, run in groupby(items, key=lambda item: item.get("type") == "function_call_output"):
        if is_output and turns:
            turns[-1].rounds += 1
        for item in run:
            if is_message(item, "user"):
                if not turns or turns[-1].answered:
                    turns.append(_Turn(""))
                turns[-1].text = f"{turns[-1].text} {text_of(item)}".strip()
            elif is_message(item, "assistant") or is_call(item):
                turns = turns or [_Turn("")]
                turns[-1].answered = True
    if not turns or (turns[-1].answered and is_message(items[-1], "assistant")):
        turns.append(_Turn(""))
    return turns


def _values(entry: Entry, text: str) -> dict[str, str]:
    match = entry.when.search(text) if entry.when else None
    return {name: value or "" for name, value in match.groupdict().items()} if match else {}


def _played(step: Step, values: Mapping[str, str]) -> Iterator[Say | CallFunction]:
    yield from _said(_filled(step.say, values))
    for call in step.calls:
        yield CallFunction(call.name, json.dumps(_filled(call.arguments, values), ensure_ascii=False))


def _said(text: str) -> Iterator[Say]:
    return (Say(sentence) for sentence in sentences(text))


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    """Put values into the placeholders of all texts inside ``value``. Other braces stay as they are."""
    if isinstance(value, str):
        return re.sub(r"\{(\w+)\}", lambda name: values.get(name[1], name[0]), value)
    if isinstance(value, Mapping):
        return {key: _filled(inner, values) for key, inner in cast(Mapping[str, Any], value).items()}
    if isinstance(value, list):
        return [_filled(inner, values) for inner in cast(list[Any], value)]
    return value
