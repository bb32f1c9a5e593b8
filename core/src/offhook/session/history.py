"""The conversation so far: items in linked order, so that a change costs the same at item 2 and at item 2,000."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define, evolve, field

from offhook.config import UNSET, Maybe
from offhook.items import (
    ContentPart,
    ConversationItem,
    FunctionCallItem,
    InputAudio,
    MessageItem,
    OutputAudio,
)
from offhook.session.cutting import Cut


@define(eq=False)
class _Node:
    #: ``None``: the place is kept for an item that is to come.
    item: ConversationItem | None
    #: Where it was cut off, if it was.
    cut: Cut | None = None
    #: Whether the service said where it goes, or it stands at the end for want of knowledge.
    placed: bool = False
    before: _Node | None = None
    after: _Node | None = None


@define(eq=False)
class History:
    """Items by id, in the order of the conversation. Values come in, nothing comes out: ``items`` is read when wanted."""

    _nodes: dict[str, _Node] = field(init=False, factory=dict)  # pyright: ignore[reportUnknownVariableType]
    _first: _Node | None = field(init=False, default=None)
    _last: _Node | None = field(init=False, default=None)
    _items: tuple[ConversationItem, ...] | None = field(init=False, default=())

    @property
    def items(self) -> tuple[ConversationItem, ...]:
        """The items in order; made when first asked for after a change."""
        if self._items is None:
            self._items = tuple(self._walk())
        return self._items

    def get(self, item_id: str) -> ConversationItem | None:
        """Give the item, if it is known."""
        node = self._nodes.get(item_id)
        return node.item if node else None

    def before(self, item_id: str) -> str | None:
        """Give the id of the item that this one follows; ``None`` where it is the first, or not known."""
        node = self._nodes.get(item_id)
        node = node.before if node else None
        while node is not None and node.item is None:
            node = node.before
        return node.item.item_id if node and node.item else None

    def reserve(self, item_id: str) -> None:
        """Keep the place at the end for an item that is to come."""
        if item_id not in self._nodes:
            node = self._nodes[item_id] = _Node(None)
            self._insert(node, None)

    def put(self, item: ConversationItem, previous: Maybe[str | None] = UNSET) -> bool:
        """Add or update an item; tells whether it is new.

        A new item goes after ``previous``, to the front if that is ``None``, and to the end if it is unknown or unset. What
        is known already (a transcript, a call's output) is not wiped by an update that lacks it.
        """
        self._items = None
        node = self._nodes.get(item.item_id)
        if node is not None:
            new = node.item is None
            node.item = _keeping_what_is_known(node.item, item) if node.item else item
            if node.cut and isinstance(node.item, MessageItem):
                node.item = node.cut.apply(node.item)
            self._move(node, previous)
            return new
        before = self._nodes.get(previous) if isinstance(previous, str) else None
        node = self._nodes[item.item_id] = _Node(item, placed=before is not None or previous is None)
        self._insert(node, before)
        return True

    def remove(self, item_id: str) -> bool:
        """Remove an item, or the place kept for it; tells whether it was there."""
        node = self._nodes.pop(item_id, None)
        if node is None:
            return False
        self._items = None
        self._unlink(node)
        return node.item is not None

    def heard(self, item_id: str, transcript: str) -> bool:
        """Fill in what the user said in a spoken message; tells whether the message is new.

        Text that comes before its message makes the message: it will find its place when the service names it.
        """
        item = self.get(item_id)
        if not isinstance(item, MessageItem):
            return self.put(MessageItem(item_id=item_id, role="user", content=(InputAudio(transcript=transcript),)))
        heard = InputAudio(transcript=transcript)
        parts = tuple(heard if isinstance(part, InputAudio) else part for part in item.content)
        if heard not in parts:  # not every service shows the audio when it shows the message
            parts = (*parts, heard)
        return self.put(evolve(item, content=parts, status="completed"))

    def cut(self, item_id: str, cut: Cut, said: str = "") -> bool:
        """Cut a message of the assistant off; tells whether that changed it.

        ``said`` is what it is known to say so far, where the item does not have that yet. What is told of it later cannot
        bring back what nobody heard.
        """
        node = self._nodes.get(item_id)
        if node is None or not isinstance(node.item, MessageItem) or node.item.role != "assistant":
            return False
        if node.cut is None or not node.cut.knows:
            node.cut = cut
        before, self._items = node.item, None
        node.item = node.cut.apply(_with_words(before, node.cut.content_index, said))
        return node.item != before

    def _walk(self) -> Iterator[ConversationItem]:
        node = self._first
        while node is not None:
            if node.item is not None:
                yield node.item
            node = node.after

    def _insert(self, node: _Node, before: _Node | None) -> None:
        if not node.placed:
            before = self._last
        node.before = before
        node.after = before.after if before else self._first
        if node.before:
            node.before.after = node
        else:
            self._first = node
        if node.after:
            node.after.before = node
        else:
            self._last = node

    def _unlink(self, node: _Node) -> None:
        if node.before:
            node.before.after = node.after
        else:
            self._first = node.after
        if node.after:
            node.after.before = node.before
        else:
            self._last = node.before

    def _move(self, node: _Node, previous: Maybe[str | None]) -> None:
        """A response's own events do not say where its items go; the conversation's do, a moment later."""
        before = self._nodes.get(previous) if isinstance(previous, str) else None
        if not node.placed and before is not None and before is not node:
            node.placed = True
            self._unlink(node)
            self._insert(node, before)


def _keeping_what_is_known(old: ConversationItem, new: ConversationItem) -> ConversationItem:
    if isinstance(old, MessageItem) and isinstance(new, MessageItem):
        parts = [_kept(_at(old.content, index), part) for index, part in enumerate(new.content)]
        # An empty update of a message with content announces nothing.
        return evolve(new, content=tuple(parts) or old.content)
    if isinstance(old, FunctionCallItem) and isinstance(new, FunctionCallItem):
        new = evolve(new, arguments=new.arguments or old.arguments)
        if new.output is None and old.output is not None:
            new = evolve(new, output=old.output, status=old.status)
    return new


def _with_words(item: MessageItem, index: int, said: str) -> MessageItem:
    """Give ``item`` with the words that were said in its part ``index``, unless it has more of them."""
    known = _at(item.content, index)
    if index > len(item.content) or not (known is None or isinstance(known, OutputAudio)):
        return item
    if len(said) <= len((known.transcript if known else None) or ""):
        return item
    return evolve(item, content=(*item.content[:index], OutputAudio(transcript=said), *item.content[index + 1 :]))


def _kept(old: ContentPart | None, new: ContentPart) -> ContentPart:
    if old is None or type(old) is not type(new) or not isinstance(new, (InputAudio, OutputAudio)):
        return new
    return new if new.transcript else old


def _at(parts: tuple[ContentPart, ...], index: int) -> ContentPart | None:
    return parts[index] if index < len(parts) else None
