"""The default conversation: items in order, and what clients do to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from offhook.audio.formats import AudioFormat
from offhook_emulator.model import errors
from offhook_emulator.model.effects import Outlet
from offhook_emulator.model.items import Item
from offhook_emulator.model.sound import Recordings, Sound

#: ``previous_item_id`` of an item that is to stand at the front.
ROOT = "root"


class Conversation:
    """Holds the items, and announces every change."""

    def __init__(self, outlet: Outlet) -> None:
        self.id = outlet.new_id("conv")
        self._outlet = outlet
        self._items: dict[str, Item] = {}
        self._order: list[str] = []
        self._recordings = Recordings()

    def __iter__(self) -> Iterator[Item]:
        """Give the items in their order."""
        return (self._items[item_id] for item_id in self._order)

    def get(self, item_id: str) -> Item | None:
        """Give an item, or None where there is none of that id."""
        return self._items.get(item_id)

    @property
    def last_id(self) -> str | None:
        """The id of the last item, None where there is none."""
        return self._order[-1] if self._order else None

    def create(self, item: Item, previous_item_id: str | None) -> None:
        """Insert a finished item after another one: at the front for ``"root"``, at the end for None."""
        if item.id in self._items:
            raise errors.duplicate_item(item.id)
        if item.wire["type"] == "function_call_output" and not self._has_call(item.wire["call_id"]):
            raise errors.no_such_call(item.wire["call_id"])
        self._insert(item, self._position(previous_item_id))
        self.announce("added", item)
        self.announce("done", item)
        self.keep_audio(item)

    def append(self, item: Item) -> None:
        """Add an item that is still being made. Its maker announces that it is done, and keeps its audio."""
        self._insert(item, len(self._order))
        self.announce("added", item)

    def announce(self, change: str, item: Item) -> None:
        """Say that an item was ``added`` or is ``done``; an item that was deleted meanwhile is not spoken of."""
        if item.id in self._items:
            previous = self._previous(item.id)
            self._outlet.send(f"conversation.item.{change}", previous_item_id=previous, item=item.wire)

    def keep_audio(self, item: Item) -> None:
        """Keep the audio of a finished item, as long as there is room."""
        for sound in item.sounds.values():
            self._recordings.keep(sound)

    def retrieve(self, item_id: str, input_format: AudioFormat) -> None:
        """Show an item with its audio; what the user said in ``input_format``."""
        item = self._existing("retrieve", item_id)
        self._outlet.send("conversation.item.retrieved", item=item.with_audio(input_format))

    def delete(self, item_id: str) -> None:
        """Take an item out."""
        self._existing("delete", item_id)
        del self._items[item_id]
        self._order.remove(item_id)
        self._outlet.send("conversation.item.deleted", item_id=item_id)

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """Forget the audio of an assistant's message behind ``audio_end_ms``, and its transcript altogether.

        The service deletes the transcript because it cannot tell which words were heard.
        """
        item = self._existing("truncate", item_id)
        sound = _spoken_output(item, content_index)
        if audio_end_ms > sound.duration_ms:
            raise errors.already_shorter(int(sound.duration_ms), audio_end_ms)
        sound.cut(audio_end_ms)
        if item.wire["content"]:
            item.set_transcript(content_index, None)
        fields: dict[str, Any] = {"item_id": item_id, "content_index": content_index, "audio_end_ms": audio_end_ms}
        self._outlet.send("conversation.item.truncated", **fields)

    def _existing(self, doing: str, item_id: str) -> Item:
        item = self._items.get(item_id)
        if item is None:
            raise errors.no_such_item(doing, item_id)
        return item

    def _has_call(self, call_id: str) -> bool:
        calls = (item.wire for item in self._items.values() if item.wire["type"] == "function_call")
        return any(call["call_id"] == call_id for call in calls)

    def _position(self, previous_item_id: str | None) -> int:
        if previous_item_id is None:
            return len(self._order)
        if previous_item_id == ROOT:
            return 0
        if previous_item_id not in self._items:
            raise errors.no_previous_item(previous_item_id)
        return self._order.index(previous_item_id) + 1

    def _insert(self, item: Item, position: int) -> None:
        self._items[item.id] = item
        self._order.insert(position, item.id)

    def _previous(self, item_id: str) -> str | None:
        position = self._order.index(item_id)
        return self._order[position - 1] if position else None


def _spoken_output(item: Item, content_index: int) -> Sound:
    if item.wire.get("role") != "assistant" or content_index not in item.sounds:
        raise errors.not_truncatable()
    return item.sounds[content_index]
