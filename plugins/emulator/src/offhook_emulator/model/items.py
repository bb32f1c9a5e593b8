"""Conversation items: what a client may create, and the three ways an item is shown.

In events it is shown without audio bytes, on retrieval with them, and to whoever replies with the words of all audio.
Source: ``RealtimeConversationItem`` of the published schema; order and nulls as recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import pybase64
from attrs import define, field

from offhook.audio.formats import AudioFormat
from offhook_emulator.model.fields import (
    Check,
    anything,
    audio_bytes,
    choice,
    list_of,
    nullable,
    shape,
    string,
    variants,
)
from offhook_emulator.model.ids import Ids
from offhook_emulator.model.sound import Sound

_STATUS: Final = choice("completed", "incomplete", "in_progress")
_HEAD: Final[dict[str, Check]] = {
    "id": string,
    "object": choice("realtime.item"),
    "type": string,
    "status": _STATUS,
}
_TEXT: Final = shape({"type": string, "text": string}, required=["text"])
_AUDIO: Final = shape(
    {"type": string, "audio": audio_bytes, "transcript": nullable(string), "format": anything}, required=["audio"]
)
_IMAGE: Final = shape(
    {"type": string, "image_url": string, "detail": choice("auto", "low", "high")}, required=["image_url"]
)


def _message(parts: Mapping[str, Check]) -> Check:
    fields = {**_HEAD, "role": string, "content": list_of(variants("type", parts))}
    return shape(fields, required=["content"])


_MESSAGE: Final = variants(
    "role",
    {
        "system": _message({"input_text": _TEXT}),
        "user": _message({"input_text": _TEXT, "input_audio": _AUDIO, "input_image": _IMAGE}),
        "assistant": _message({"output_text": _TEXT}),
    },
)
_FUNCTION_CALL: Final = shape(
    {**_HEAD, "name": string, "call_id": string, "arguments": string}, required=["name", "arguments"]
)
_FUNCTION_CALL_OUTPUT: Final = shape({**_HEAD, "call_id": string, "output": string}, required=["call_id", "output"])
_ITEMS: Final[dict[str, Check]] = {
    "message": _MESSAGE,
    "function_call": _FUNCTION_CALL,
    "function_call_output": _FUNCTION_CALL_OUTPUT,
}
#: An item as a client may create it.
ITEM: Final = variants("type", _ITEMS)
#: The same, or a reference to one that the conversation has.
ITEM_OR_REFERENCE: Final = variants(
    "type", {**_ITEMS, "item_reference": shape({"type": string, "id": string}, required=["id"])}
)


@define(eq=False)
class Item:
    """An item of the conversation. ``wire`` is what events show: replace it, never change it in place."""

    wire: dict[str, Any]
    #: The audio of each audio part, by content index.
    sounds: dict[int, Sound] = field(factory=dict[int, Sound])

    @property
    def id(self) -> str:
        """The item's id."""
        return self.wire["id"]

    def replace(self, **changes: Any) -> None:
        """Change fields of ``wire``."""
        self.wire = {**self.wire, **changes}

    def set_transcript(self, content_index: int, transcript: str | None) -> None:
        """Show another transcript of an audio part; None takes it away."""
        content = [dict(part) for part in self.wire["content"]]
        content[content_index].pop("transcript", None)
        if transcript is not None:
            content[content_index]["transcript"] = transcript
        self.replace(content=content)

    def with_audio(self, input_format: AudioFormat) -> dict[str, Any]:
        """Give what ``conversation.item.retrieved`` shows: with audio bytes, where they are still kept.

        What the user said is in ``input_format``, what the assistant said in the format it was sent in.
        """

        def audio(sound: Sound) -> dict[str, Any]:
            data = sound.encoded(input_format if self.wire["role"] == "user" else sound.format)
            return {"audio": pybase64.b64encode(data).decode()} if data else {}

        return self._with_parts(audio)

    def with_words(self) -> dict[str, Any]:
        """Give what a reply is made from: audio parts carry a ``transcript``, whatever the client was told."""
        return self._with_parts(lambda sound: {"transcript": sound.words})

    def _with_parts(self, more: Callable[[Sound], dict[str, Any]]) -> dict[str, Any]:
        if not self.sounds:
            return self.wire
        parts = [
            {**part, **more(self.sounds[index])} if index in self.sounds else part
            for index, part in enumerate(self.wire["content"])
        ]
        return {**self.wire, "content": parts}


def item_from_client(checked: Mapping[str, Any], audio_format: AudioFormat, new_id: Ids) -> Item:
    """Make the item of what ``ITEM`` accepted, completing what the client may leave out."""
    head = {"id": checked.get("id") or new_id("item"), "type": checked["type"]}
    if checked["type"] == "function_call_output":
        return Item({**head, "call_id": checked["call_id"], "output": checked["output"]})
    head["status"] = "completed"
    if checked["type"] == "function_call":
        call_id = checked.get("call_id") or new_id("call")
        return Item({**head, "name": checked["name"], "call_id": call_id, "arguments": checked["arguments"]})
    sounds = {index: _sound(part, audio_format) for index, part in enumerate(checked["content"]) if "audio" in part}
    content = [_shown(part) for part in checked["content"]]
    return Item({**head, "role": checked["role"], "content": content}, sounds)


def spoken_by_user(item_id: str, sound: Sound) -> Item:
    """Make the item of a committed turn."""
    content = [{"type": "input_audio", "transcript": None}]
    return Item(
        {"id": item_id, "type": "message", "status": "completed", "role": "user", "content": content}, {0: sound}
    )


def _shown(part: Mapping[str, Any]) -> dict[str, Any]:
    if part["type"] == "input_audio":
        return {"type": "input_audio", "transcript": part.get("transcript")}
    if part["type"] == "input_image":
        return {"detail": "auto", **part}
    return dict(part)


def _sound(part: Mapping[str, Any], audio_format: AudioFormat) -> Sound:
    sound = Sound(audio_format, words=part.get("transcript") or "")
    sound.add(part["audio"])
    return sound
