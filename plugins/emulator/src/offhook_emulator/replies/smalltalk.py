"""What the rules say when no tool is named: a greeting, a story, or that they understood."""

from __future__ import annotations

import re
from typing import Final

from offhook_emulator.replies.words import word_set

_HELLO: Final = re.compile(r"^\W*(?:hello|hi|hey|good (?:morning|afternoon|evening))\b", re.IGNORECASE)
_THANKS: Final = re.compile(r"\b(?:thanks|thank you)\b", re.IGNORECASE)
_BYE: Final = re.compile(r"\b(?:bye|goodbye|good night|see you)\b", re.IGNORECASE)
_QUESTION: Final = re.compile(
    r"\?\s*$|^\W*(?:who|what|when|where|why|how|which|whose|is|are|am|was|were|do|does|did|can|could|will|would|should)\b",
    re.IGNORECASE,
)
_STORY: Final = re.compile(
    r"\b(?:tell|read|give|make|invent|write)\b.*\bstory\b(?: about (?P<topic>[^.?!,]+))?|\blong story\b", re.IGNORECASE
)
_SHORT_WORDS: Final = 4
_GIST_WORDS: Final = 14
#: The speaker's words, as the other says them.
_YOURS: Final = {
    "i": "you",
    "i'm": "you are",
    "i've": "you have",
    "i'd": "you would",
    "i'll": "you will",
    "me": "you",
    "my": "your",
    "mine": "yours",
    "myself": "yourself",
    "am": "are",
}
#: A first word is written small inside a sentence, unless it may be a name.
_STARTERS: Final = word_set(
    """
    a an the this that these those what who when where why how which is are was were do does did can could will
    would should there it we they he she your you yours please tell
    """
)

_TO_SAY_QUOTED: Final = re.compile(
    r"\b(?:say|saying|greet\w*|welcome|answer|reply|respond|begin|start|open)\b[^\"\u201c.]*[\"\u201c]([^\"\u201d]+)[\"\u201d]",
    re.IGNORECASE,
)
_TO_SAY: Final = re.compile(
    r"\bsay(?: exactly| verbatim| this| the following| to the \w+)*\s*:\s*(?P<text>[^\n]+)", re.IGNORECASE
)
_TO_GREET: Final = re.compile(r"\b(?:greet\w*|welcome|introduce yourself|say hello|say hi)\b", re.IGNORECASE)
_CHEERFUL: Final = re.compile(r"\b(?:cheer\w*|warm\w*|friendly|enthusias\w*|happ\w+|joy\w*)\b", re.IGNORECASE)
_ROLE_NAME: Final = re.compile(r"\b(?:[Yy]ou are|[Yy]our name is|[Yy]ou're)\s+([A-Z]\w+)(?!['\u2019\w])")


def greeting(instructions: str) -> str:
    """Open the conversation. Instructions that say to greet shape it: a name, good cheer."""
    if not _TO_GREET.search(instructions):
        return "Hello! How can I help you?"
    hello = "Hello! How lovely to hear from you." if _CHEERFUL.search(instructions) else "Hello!"
    name = _ROLE_NAME.search(instructions)
    return f"{hello} {f'My name is {name[1]}. ' if name else ''}How can I help you today?"


def told_to_say(instructions: str) -> str | None:
    """Give the words that instructions put into the assistant's mouth: Say to the caller: ..., greet with "..."."""
    if quoted := _TO_SAY_QUOTED.search(instructions):
        return quoted[1].strip()
    if following := _TO_SAY.search(instructions):
        return following["text"].strip()
    return None


def story_for(text: str) -> str | None:
    """Tell a long story (at least 30 s) where the text asks for one."""
    asked = _STORY.search(text)
    if asked is None:
        return None
    topic = asked["topic"]
    return f"Here is a story{f' about {topic.strip()}' if topic else ''}. {_TALE}"


def heard(text: str) -> str:
    """Show, shortly, that a text was understood."""
    words = text.split()
    if not re.search(r"\w", text):
        return "I am sorry, I did not catch that. Could you say it again?"
    if _BYE.search(text) and len(words) <= _SHORT_WORDS:
        return "Goodbye! It was nice talking to you."
    if _THANKS.search(text) and len(words) <= _SHORT_WORDS:
        return "You are welcome."
    if _HELLO.search(text) and len(words) <= _SHORT_WORDS:
        return "Hello! How can I help you?"
    if _QUESTION.search(text):
        return f"You asked: {_gist(text)}? I understood the question, but these simple rules do not know the answer."
    return f"I understood: {_gist(text)}."


def _gist(text: str) -> str:
    words = [_YOURS.get(word.lower().replace("\u2019", "'"), word) for word in text.strip(" .?!").split()]
    if words[0].lower() in _STARTERS or words[0].split()[0] in _YOURS.values():
        words[0] = words[0][0].lower() + words[0][1:]
    return " ".join(words if len(words) <= _GIST_WORDS else [*words[:_GIST_WORDS], "and so on"])


_TALE: Final = """\
Once upon a time, on a small island far out at sea, there stood a lighthouse, and in it lived an old keeper. \
Every evening he climbed the ninety nine steps, lit the lamp, and counted the ships that passed. \
He knew them all by name, and he waved to each of them, although nobody on board could see him. \
One night the fog was so thick that the light did not reach the water. \
The keeper heard a ship's bell in the dark, first far away, and then much too close. \
He could not make the lamp any brighter, so he opened the window and began to sing. \
He had not sung for thirty years, and his voice creaked like the door of the tower. \
But the helmsman heard it, turned the wheel, and the ship slid past the rocks with a whisper. \
In the morning the sea was calm, and a little boat came to the island. \
The captain stepped ashore, with a basket of oranges under one arm and an accordion under the other. \
She said that she had come to thank the man with the terrible voice. \
He laughed for the first time in a long while, and put the kettle on. \
They sat on the steps until noon, and she taught him three new songs. \
From that day on, every ship slowed down when it passed the lighthouse. \
The sailors stood at the rail, listened, and rang their bells in answer. \
And on foggy nights, if you are out at sea, you can still hear him sing. \
That is the end of the story."""
