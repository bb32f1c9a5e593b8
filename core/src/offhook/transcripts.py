"""A history outside of its session: kept as JSON, put into writing for another session, or given to a text model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar, cast, get_args

from attrs import NOTHING, Attribute, evolve, fields

from offhook.errors import HistoryError
from offhook.items import (
    ContentPart,
    ConversationItem,
    FunctionCallItem,
    InputAudio,
    InputImage,
    InputText,
    ItemStatus,
    McpApprovalRequestItem,
    McpCallItem,
    MessageItem,
    OutputAudio,
    OutputText,
    Role,
)

#: Of the JSON that ``to_json`` writes. Members that are added with a default leave it as it is.
VERSION: Final = 1

_ITEMS: Final[Mapping[str, type[ConversationItem]]] = {
    "message": MessageItem,
    "function_call": FunctionCallItem,
    "mcp_call": McpCallItem,
    "mcp_approval_request": McpApprovalRequestItem,
}
_PARTS: Final[Mapping[str, type[ContentPart]]] = {
    "input_text": InputText,
    "input_audio": InputAudio,
    "input_image": InputImage,
    "output_text": OutputText,
    "output_audio": OutputAudio,
}
_NAMES: Final[Mapping[type[Any], str]] = {cls: name for name, cls in (*_ITEMS.items(), *_PARTS.items())}
#: What members hold that are no texts. By hand: a converter would rewrite the annotations of these public classes.
_KINDS: Final[Mapping[str, type[Any]]] = {"error": Mapping, "approved": bool}
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {"role": get_args(Role), "status": get_args(ItemStatus)}
T = TypeVar("T")


def to_json(items: Iterable[ConversationItem]) -> list[dict[str, Any]]:
    """Give one JSON object per item. Each stands alone, and ``from_json`` reads it back, in this and later versions."""
    return [{"version": VERSION, "type": _NAMES[type(item)], **_members(item)} for item in items]


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


def _members(value: ConversationItem | ContentPart) -> dict[str, Any]:
    return {entry.name: _as_json(getattr(value, entry.name)) for entry in fields(type(value))}


def _as_json(held: Any) -> Any:
    match held:
        case tuple():
            parts = cast("tuple[ContentPart, ...]", held)
            return [{"type": _NAMES[type(part)], **_members(part)} for part in parts]
        case Mapping():
            return dict(cast("Mapping[str, Any]", held))
        case _:
            return held


def _item(number: int, entry: Any) -> ConversationItem:
    members = _object(entry)
    if members.get("version") != VERSION:
        raise HistoryError(
            f"item {number} of the history has version {members.get('version')!r}, and this offhook reads {VERSION}. "
            "Give what to_json() made; if a newer offhook wrote it, read it with that one."
        )
    try:
        return _read(_ITEMS, members)
    except (TypeError, ValueError) as error:
        raise HistoryError(
            f"item {number} of the history cannot be read: {error}. Give what to_json() made."
        ) from error


def _read(classes: Mapping[str, type[T]], members: Mapping[str, Any]) -> T:
    """Read an object by its ``type``. Members of a later version are passed over. Raises ``ValueError``."""
    cls = classes.get(str(members.get("type")))
    if cls is None:
        raise ValueError(f"its type is none of {', '.join(classes)}")
    known = {entry.name: entry for entry in fields(cast("type[Any]", cls))}
    missing = [name for name, entry in known.items() if entry.default is NOTHING and name not in members]
    if missing:
        raise ValueError(f"it has no {' and no '.join(missing)}")
    return cls(**{name: _value(name, value, known[name]) for name, value in members.items() if name in known})


def _value(name: str, value: Any, entry: Attribute[Any]) -> Any:
    if name == "content":
        return tuple(_read(_PARTS, _object(part)) for part in value)
    if not (_fits(name, value) or (value is None and entry.default is None)):
        # What it is stays unsaid: it may be what somebody said (P11).
        raise ValueError(f"its {name} is none that it can have")
    return value


def _fits(name: str, value: Any) -> bool:
    return value in _CHOICES[name] if name in _CHOICES else isinstance(value, _KINDS.get(name, str))


def _object(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


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
