"""Answers by rules, without a model: they call the tools that the user names, and speak of what comes back.

The order of the rules, each for what the conversation ends with:

1. Outputs of function calls: they are spoken, whatever ``tool_choice`` says (it would never come to an end else).
2. A wish of the user for a story: one that lasts more than 30 seconds.
3. Words that name tools: those are called. A required argument that nobody gave is asked for ("Which city?"), and the
   answer completes the call. With ``tool_choice`` required or a function's name, a call is made in any case, with
   guesses where need be.
4. Other words: a short answer that shows they were understood.
5. Nothing new: what the instructions say to say, else a greeting, or an offer of more help.

The same conversation always gets the same reply.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Final, cast

from offhook_emulator.replies.arguments import Found, arguments_for, guess
from offhook_emulator.replies.conversation import (
    has_image,
    is_message,
    new_outputs,
    spoken_turns,
    text_of,
    unanswered,
)
from offhook_emulator.replies.protocol import CallFunction, ReplyRequest, Say
from offhook_emulator.replies.schema import Argument
from offhook_emulator.replies.sentences import spoken
from offhook_emulator.replies.smalltalk import greeting, heard, story_for, told_to_say
from offhook_emulator.replies.tools import Tool, function_tools, named_in
from offhook_emulator.voice.phrasing import sentences

_QUESTION: Final = re.compile(r"\bWhich (?P<argument>[^?]+)\?$")
_CLAUSES: Final = re.compile(r"[,.;?!]\s+|\s+(?:and|then|also)\s+", re.IGNORECASE)
#: Characters. More than that is no question, and reading it would hold up the other conversations.
_LONGEST: Final = 2000
#: Turns of a request, a question and an answer.
_ASKED: Final = 3
_NEVER_MIND: Final = re.compile(r"^\W*(?:never ?mind|cancel|stop|nothing|forget it|no)\W*$", re.IGNORECASE)

Piece = Say | CallFunction


class Rules:
    """The default source of replies; see the module for its rules."""

    async def reply(self, request: ReplyRequest) -> AsyncIterator[Piece]:
        """Answer the conversation, a sentence or a call at a time."""
        for piece in answer(request):
            yield piece


def answer(request: ReplyRequest) -> Iterator[Piece]:
    """Give the whole answer to a conversation."""
    if outputs := new_outputs(request.items):
        return say(spoken(outputs))
    if said := unanswered(request.items, "user"):
        text = " ".join(filter(None, map(text_of, said)))[:_LONGEST]
        if not text and has_image(said[-1]):
            return say("I have got your picture.")
        return _to_words(text, request)
    return _to_silence(request)


def say(text: str) -> Iterator[Say]:
    """Say a text sentence by sentence."""
    return (Say(sentence) for sentence in sentences(text))


def _to_silence(request: ReplyRequest) -> Iterator[Piece]:
    told = [text_of(message) for message in unanswered(request.items, "system")]
    to_say = told_to_say("\n".join([request.instructions, *told]))
    said = "\n".join(text_of(item) for item in request.items if is_message(item, "assistant"))
    if to_say and to_say not in said:  # instructions of the session still say so long after it was said
        return say(to_say)
    if told:
        return _to_words(told[-1], request)
    if said:
        return say("Is there anything else I can help you with?")
    if request.items:
        return say("One moment, please. I am still waiting for an answer.")
    return say(greeting(request.instructions))


def _to_words(text: str, request: ReplyRequest) -> Iterator[Piece]:
    tools, forced = _choice(request)
    named = named_in(text, tools)
    if not named and (pending := _pending(request.items, tools)) and not _NEVER_MIND.match(text):
        return _calls([pending], text, forced=forced)
    if forced:
        named = named or tools[:1]
    elif (story := story_for(text)) and not any("story" in tool.nouns for tool in named):
        return say(story)
    if not named:
        return say(heard(text))
    return _calls([(tool, _found(tool, text, named)) for tool in named], text, forced=forced)


def _choice(request: ReplyRequest) -> tuple[list[Tool], bool]:
    """Give the tools that may be called, and whether one must be."""
    tools, choice = function_tools(request.tools), request.tool_choice
    if choice == "none":
        return [], False
    if isinstance(choice, Mapping):
        name = cast(Mapping[str, Any], choice).get("name")
        chosen = [tool for tool in tools if tool.name == name]
        return (chosen, True) if chosen else (tools, False)
    return tools, choice == "required" and bool(tools)


def _found(tool: Tool, text: str, named: Sequence[Tool]) -> Found:
    """Take a tool's arguments from its own part of the text; where that lacks some, from all of it."""
    if len(named) > 1:
        found = arguments_for(tool, _part_about(tool, text, named))
        if not found.missing:
            return found
    return arguments_for(tool, text)


def _part_about(tool: Tool, text: str, named: Sequence[Tool]) -> str:
    """Join the clauses from the one that names the tool to the one that names another."""
    about, parts = named[0], list[str]()
    for clause in _CLAUSES.split(text):
        about = next(iter(named_in(clause, named)), about)
        if about == tool:
            parts.append(clause)
    return ", ".join(parts)


def _calls(found: Sequence[tuple[Tool, Found]], text: str, *, forced: bool) -> Iterator[Piece]:
    """Call what is complete; ask for the first thing that is missing, or make it up where a call must be made."""
    asked = False
    for tool, arguments in found:
        if arguments.missing and not forced:
            if not asked:
                yield Say(_question(arguments.missing[0]))
            asked = True
            continue
        values = arguments.values | {missing.name: guess(missing, text) for missing in arguments.missing}
        yield CallFunction(tool.name, json.dumps(values, ensure_ascii=False))


def _question(argument: Argument) -> str:
    return f"Which {argument.spoken}?"


def _pending(items: Sequence[Mapping[str, Any]], tools: Sequence[Tool]) -> tuple[Tool, Found] | None:
    """Complete the call that the assistant last asked an argument for, with the answers that followed."""
    turns, answers = spoken_turns(items), dict[str, str]()
    while len(turns) >= _ASKED and turns[-1][0] == "user" and (asked := _QUESTION.search(turns[-2][1])):
        answers[asked["argument"]] = turns[-1][1]
        turns = turns[:-2]
    opening = turns[-1][1] if turns else ""
    for tool in named_in(opening, tools):
        if any(missing.spoken in answers for missing in arguments_for(tool, opening).missing):
            return tool, arguments_for(tool, opening, answers)
    return None
