"""One response while it is being made: its items, and the events that tell of them in the service's order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

import pybase64
from attrs import define, field

from offhook_emulator.model.conversation import Conversation
from offhook_emulator.model.effects import Outlet
from offhook_emulator.model.ids import obfuscation
from offhook_emulator.model.items import Item
from offhook_emulator.model.playback import Playback
from offhook_emulator.model.settings import ResponseSettings
from offhook_emulator.model.sound import Sound
from offhook_emulator.model.usage import Tokens, response_usage, spoken_tokens, text_tokens

Status: TypeAlias = Literal["completed", "cancelled", "incomplete", "failed"]
#: Letters of one delta of a function call's arguments.
_ARGUMENTS_STEP: Final = 8


@define(eq=False)
class _Message:
    """The message item that is open, and its one content part."""

    item: Item
    output_index: int
    sound: Sound | None  # None for a message of text
    text: list[str] = field(factory=list[str])


class Response:
    """Tells of one response. After ``finish`` nothing more is told, whoever still reports pieces of it.

    Its audio goes to the client or, where the service plays it, to ``playback``.
    """

    def __init__(
        self,
        outlet: Outlet,
        settings: ResponseSettings,
        conversation: Conversation,
        read: Tokens,
        playback: Playback | None = None,
    ) -> None:
        self.id = outlet.new_id("resp")
        self.settings = settings
        self.finished = False
        self.used_tokens = 0
        self._outlet = outlet
        self._conversation = conversation if settings.in_conversation else None
        self._read = read
        self._playback = playback
        self._output: list[Item] = []
        self._message: _Message | None = None
        self._outlet.send("response.created", response=self._wire("in_progress"))

    @property
    def output(self) -> Sequence[Item]:
        """The items made so far."""
        return self._output

    @property
    def audio_ms(self) -> float:
        """Milliseconds of audio made so far."""
        return sum(sound.duration_ms for item in self._output for sound in item.sounds.values())

    @property
    def over_limit(self) -> bool:
        """Whether it has become longer than ``max_output_tokens``."""
        limit = self.settings.max_output_tokens
        return limit is not None and self._written().total > limit

    def write(self, text: str) -> None:
        """Go on with the message: with its text, or with the transcript of its audio."""
        message = self._open()
        message.text.append(text)
        kind = "output_audio_transcript" if message.sound else "output_text"
        self._tell_part(message, f"{kind}.delta", delta=text, obfuscation=obfuscation(text))
        if message.sound:
            message.sound.words += text

    def play(self, audio: bytes) -> None:
        """Go on with the audio of the message, in the response's format."""
        message = self._open()
        if message.sound:
            message.sound.add(audio)
            if self._playback:
                self._playback.add(self, message.item, audio)
            else:
                self._tell_part(message, "output_audio.delta", delta=pybase64.b64encode(audio).decode())

    def end_message(self, status: Literal["completed", "incomplete"] = "completed") -> None:
        """Close the message, if one is open."""
        message = self._message
        if not message:
            return
        text = "".join(message.text)
        if message.sound:
            self._tell_part(message, "output_audio.done")
            self._tell_part(message, "output_audio_transcript.done", transcript=text)
            content = {"type": "output_audio", "transcript": text}
        else:
            self._tell_part(message, "output_text.done", text=text)
            content = {"type": "output_text", "text": text}
        self._tell_part(message, "content_part.done", part=_part(message, text))
        message.item.replace(status=status, content=[content])
        self._message = None
        self._end_item(message.item, message.output_index)

    def call_function(self, name: str, arguments: str) -> None:
        """Add a function call, whole."""
        self.end_message()
        call = {"name": name, "call_id": self._outlet.new_id("call")}
        head = {"id": self._outlet.new_id("item"), "type": "function_call", "status": "in_progress"}
        item = Item({**head, **call, "arguments": ""})
        output_index = self._add_item(item)
        where = {"item_id": item.id, "output_index": output_index, "call_id": call["call_id"]}
        for at in range(0, len(arguments), _ARGUMENTS_STEP):
            delta = arguments[at : at + _ARGUMENTS_STEP]
            self._tell("function_call_arguments.delta", **where, delta=delta, obfuscation=obfuscation(delta))
        self._tell("function_call_arguments.done", **where, name=name, arguments=arguments)
        item.replace(status="completed", arguments=arguments)
        self._end_item(item, output_index)

    def finish(self, status: Status, **details: Any) -> None:
        """Close what is open, and the response. ``details`` say why it is not completed: ``reason`` or ``error``."""
        self.end_message("completed" if status == "completed" else "incomplete")
        self.finished = True
        usage = response_usage(self._read, self._written())
        self.used_tokens = usage["total_tokens"]
        self._outlet.send("response.done", response=self._wire(status, details, usage))

    def _open(self) -> _Message:
        if not self._message:
            head = {"id": self._outlet.new_id("item"), "type": "message", "status": "in_progress"}
            item = Item({**head, "role": "assistant", "content": []})
            sound = Sound(self.settings.audio_format) if self.settings.modality == "audio" else None
            if sound:
                item.sounds[0] = sound
            message = self._message = _Message(item, self._add_item(item), sound)
            self._tell_part(message, "content_part.added", part=_part(message, ""))
        return self._message

    def _add_item(self, item: Item) -> int:
        self._output.append(item)
        output_index = len(self._output) - 1
        self._tell("output_item.added", output_index=output_index, item=item.wire)
        if self._conversation:
            self._conversation.append(item)
        return output_index

    def _end_item(self, item: Item, output_index: int) -> None:
        if self._conversation:
            self._conversation.announce("done", item)
            self._conversation.keep_audio(item)
        self._tell("output_item.done", output_index=output_index, item=item.wire)

    def _tell(self, kind: str, **fields: Any) -> None:
        self._outlet.send(f"response.{kind}", response_id=self.id, **fields)

    def _tell_part(self, message: _Message, kind: str, **fields: Any) -> None:
        where = {"item_id": message.item.id, "output_index": message.output_index, "content_index": 0}
        self._tell(kind, **where, **fields)

    def _written(self) -> Tokens:
        texts = [item.wire.get("arguments", "") for item in self._output]
        texts += [part.get("text") or part.get("transcript", "") for item in self._output for part in _parts(item)]
        if self._message:
            texts.append("".join(self._message.text))
        sounds = [sound for item in self._output for sound in item.sounds.values()]
        return Tokens(text=sum(map(text_tokens, texts)), audio=spoken_tokens(sounds))

    def _wire(
        self, status: str, details: Mapping[str, Any] | None = None, usage: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        settings = self.settings
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": status,
            "status_details": {"type": status, **details} if details else None,
            "output": [item.wire for item in self._output],
            "conversation_id": self._conversation.id if self._conversation else None,
            "output_modalities": [settings.modality],
            "max_output_tokens": settings.max_output_tokens or "inf",
            "audio": {"output": {"format": settings.format, "voice": settings.voice}},
            "usage": usage,
            "metadata": settings.metadata,
        }


def _part(message: _Message, text: str) -> dict[str, str]:
    return {"type": "audio", "transcript": text} if message.sound else {"type": "text", "text": text}


def _parts(item: Item) -> list[dict[str, Any]]:
    return item.wire.get("content", [])
