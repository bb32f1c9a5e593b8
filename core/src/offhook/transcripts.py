"""A history outside of its session: kept as JSON, put into writing for another session, or given to a text model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final, cast

from attrs import evolve

from offhook.errors import HistoryError
from offhook.items import (
    ContentPart,
    ConversationItem,
    FunctionCallItem,
    InputAudio,
    InputImage,
    InputText,
    McpApprovalRequestItem,
    McpCallItem,
    MessageItem,
    OutputAudio,
    OutputText,
    Role,
)

if TYPE_CHECKING:
    from cattrs import Converter

#: Of the JSON that ``to_json`` writes. Members that are added with a default leave it as it is.
VERSION: Final = 1

_ITEMS: Final[Mapping[str, type[Any]]] = {
    "message": MessageItem,
    "function_call": FunctionCallItem,
    "mcp_call": McpCallItem,
    "mcp_approval_request": McpApprovalRequestItem,
}
_PARTS: Final[Mapping[str, type[Any]]] = {
    "input_text": InputText,
    "input_audio": InputAudio,
    "input_image": InputImage,
    "output_text": OutputText,
    "output_audio": OutputAudio,
}


def to_json(items: Iterable[ConversationItem]) -> list[dict[str, Any]]:
    """Give one JSON object per item. Each stands alone, and ``from_json`` reads it back, in this and later versions."""
    return [{"version": VERSION, **_converter().unstructure(item, ConversationItem)} for item in items]


def from_json(data: Iterable[Mapping[str, Any]]) -> list[ConversationItem]:
    """Read what ``to_json`` wrote. Raises ``HistoryError``, naming the item, for anything else."""
    return [_item(number, entry) for number, entry in enumerate(data)]


def in_writing(item: ConversationItem) -> ConversationItem:
    """Give a message as text, as a service can be told it: what was spoken as what it says, and by whom.

    Speech without words is left out. Calls are given as they are.
    """
    if not isinstance(item, MessageItem):
        return item
    parts = (_written(part, item.role) for part in item.content)
    return evolve(item, content=tuple(part for part in parts if part is not None))


def seed(items: Iterable[ConversationItem]) -> tuple[ConversationItem, ...]:
    """Give what another session can start from: everything in writing, without the messages that have no words."""
    written = (in_writing(item) for item in items)
    return tuple(item for item in written if not isinstance(item, MessageItem) or item.content)


def to_messages(items: Sequence[ConversationItem]) -> list[dict[str, Any]]:
    """Give the conversation as messages of the chat completions API: ``role``, ``content`` and ``tool_calls``.

    Calls that have no output yet are left out: the API refuses them. So is what was said without words.
    """
    messages: list[dict[str, Any]] = []
    outputs: list[dict[str, Any]] = []
    for item in items:
        call = _call(item)
        if call is not None:
            tool_call, output = call
            _asking(messages).setdefault("tool_calls", []).append(tool_call)
            outputs.append(output)
        elif isinstance(item, MessageItem) and (content := _content(item)):
            messages += [*outputs, {"role": item.role, "content": content}]
            outputs = []
    return messages + outputs


def _item(number: int, entry: Mapping[str, Any]) -> ConversationItem:
    version = entry.get("version")
    if version != VERSION:
        raise HistoryError(
            f"item {number} of the history has version {version!r}, and this offhook reads version {VERSION}. "
            "Give what to_json() made; if a newer offhook wrote it, read it with that one."
        )
    members = {name: value for name, value in entry.items() if name != "version"}
    try:
        return _converter().structure(members, cast("type[ConversationItem]", ConversationItem))
    except Exception as error:
        raise HistoryError(
            f"item {number} of the history cannot be read: {type(error).__name__}: {error}. Give what to_json() made."
        ) from error


@cache
def _converter() -> Converter:
    from cattrs import Converter, UnstructureStrategy  # noqa: PLC0415  # 40 ms that nobody else should pay
    from cattrs.strategies import configure_tagged_union  # noqa: PLC0415  # as above

    converter = Converter(unstruct_strat=UnstructureStrategy.AS_DICT, unstruct_collection_overrides={tuple: list})
    converter.register_structure_hook(str, _text)
    for union, names in ((ContentPart, _PARTS), (ConversationItem, _ITEMS)):
        tags = {cls: name for name, cls in names.items()}
        configure_tagged_union(union, converter, tag_generator=tags.__getitem__, tag_name="type")
    return converter


def _text(value: Any, _: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, got {type(value).__name__}")
    return value


def _written(part: ContentPart, role: Role) -> ContentPart | None:
    match part:
        case InputImage():
            return part
        case InputText(text) | OutputText(text):
            words = text
        case InputAudio() | OutputAudio():
            words = part.transcript
            if not words:
                return None
    return OutputText(words) if role == "assistant" else InputText(words)


def _content(item: MessageItem) -> str | list[dict[str, Any]]:
    if not any(isinstance(part, InputImage) for part in item.content):
        return item.text
    return [_chat_part(part) for part in cast("MessageItem", in_writing(item)).content]


def _chat_part(part: ContentPart) -> dict[str, Any]:
    if isinstance(part, InputImage):
        image = {"url": part.image_url}
        return {"type": "image_url", "image_url": {**image, "detail": part.detail} if part.detail else image}
    return {"type": "text", "text": cast("InputText | OutputText", part).text}


def _call(item: ConversationItem) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Give a call and its output as the chat API has them; ``None`` for what is none, or has none."""
    match item:
        case FunctionCallItem():
            call_id, output = item.call_id, item.output
        case McpCallItem():
            call_id, output = item.item_id, item.output
        case _:
            return None
    if output is None:
        return None
    function = {"name": item.name, "arguments": item.arguments}
    call = {"id": call_id, "type": "function", "function": function}
    return call, {"role": "tool", "tool_call_id": call_id, "content": output}


def _asking(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """Give the assistant's message that the calls after it belong to, made if there is none."""
    if not messages or messages[-1]["role"] != "assistant":
        messages.append({"role": "assistant", "content": None})
    return messages[-1]
