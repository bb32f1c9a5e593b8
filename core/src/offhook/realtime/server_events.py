"""The 46 server events of the Realtime API, and how a frame becomes one.

Only what offhook acts on is declared and checked; unknown members stay in the raw frame, and unknown types decode to
``None``. A vendor that adds a field, a type or an enum value breaks nothing. Names and fields: types of the ``openai``
package 3.54.0, section "server events" of the Realtime API reference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any, Final, TypeAlias

from attrs import Factory, define, fields, has

from offhook.config import UNSET

Json: TypeAlias = dict[str, Any]


class MalformedFrame(ValueError):
    """A frame of a known type lacks what the type requires."""


@define(kw_only=True)
class ServerEvent:
    """Base of all server events. ``event_id`` is absent on a few of them."""

    type: str
    event_id: str | None = None


@define(kw_only=True)
class ErrorBody:
    message: str = ""
    type: str | None = None
    code: str | None = None
    param: str | None = None
    event_id: str | None = None


@define(kw_only=True)
class Error(ServerEvent):
    error: ErrorBody


@define(kw_only=True)
class SessionEvent(ServerEvent):
    """``session.created`` and ``session.updated``."""

    session: Json


@define(kw_only=True)
class ConversationCreated(ServerEvent):
    conversation: Json | None = None


@define(kw_only=True)
class ItemEvent(ServerEvent):
    """``conversation.item.created``, ``.added``, ``.done``. ``previous_item_id``: absent (``UNSET``), null or an id."""

    item: Json
    previous_item_id: Any = UNSET


@define(kw_only=True)
class ItemRetrieved(ServerEvent):
    item: Json


@define(kw_only=True)
class ItemDeleted(ServerEvent):
    item_id: str


@define(kw_only=True)
class ItemTruncated(ServerEvent):
    item_id: str
    content_index: int = 0
    audio_end_ms: int = 0


@define(kw_only=True)
class TranscriptionCompleted(ServerEvent):
    item_id: str
    content_index: int = 0
    transcript: str = ""
    usage: Json | None = None


@define(kw_only=True)
class TranscriptionDelta(ServerEvent):
    item_id: str
    content_index: int | None = 0
    delta: str | None = ""


@define(kw_only=True)
class TranscriptionSegment(ServerEvent):
    item_id: str
    content_index: int = 0
    text: str = ""


@define(kw_only=True)
class TranscriptionFailed(ServerEvent):
    item_id: str
    content_index: int = 0
    error: ErrorBody = Factory(ErrorBody)


@define(kw_only=True)
class InputBufferEvent(ServerEvent):
    """``input_audio_buffer.committed`` and ``.cleared``."""

    item_id: str | None = None
    previous_item_id: str | None = None


@define(kw_only=True)
class SpeechStarted(ServerEvent):
    item_id: str | None = None
    audio_start_ms: int | None = None


@define(kw_only=True)
class SpeechStopped(ServerEvent):
    item_id: str | None = None
    audio_end_ms: int | None = None


@define(kw_only=True)
class TimeoutTriggered(ServerEvent):
    item_id: str | None = None
    audio_start_ms: int | None = None
    audio_end_ms: int | None = None


@define(kw_only=True)
class DtmfReceived(ServerEvent):
    event: str
    received_at: float | None = None


@define(kw_only=True)
class OutputBufferEvent(ServerEvent):
    """``output_audio_buffer.started``, ``.stopped`` and ``.cleared`` (WebRTC and SIP only)."""

    response_id: str | None = None


@define(kw_only=True)
class RateLimitsUpdated(ServerEvent):
    rate_limits: list[Any] = Factory(list[Any])


@define(kw_only=True)
class Response:
    id: str
    status: str | None = None
    status_details: Any = None
    output: Any = Factory(list[Any])
    usage: Json | None = None
    audio: Json | None = None
    #: ``UNSET``: the service leaves it out, and would not give back what it was given.
    metadata: Any = UNSET


@define(kw_only=True)
class ResponseEvent(ServerEvent):
    """``response.created`` and ``response.done``."""

    response: Response


@define(kw_only=True)
class OutputItemEvent(ServerEvent):
    """``response.output_item.added`` and ``.done``."""

    item: Json
    response_id: str | None = None
    output_index: int = 0


@define(kw_only=True)
class OutputEvent(ServerEvent):
    """Everything that happens inside one content part of a response's output."""

    item_id: str | None = None
    response_id: str | None = None
    output_index: int = 0
    content_index: int = 0


@define(kw_only=True)
class ContentPartEvent(OutputEvent):
    part: Json | None = None


@define(kw_only=True)
class OutputDelta(OutputEvent):
    """``response.output_text.delta`` and ``response.output_audio_transcript.delta``."""

    delta: str = ""


@define(kw_only=True)
class OutputTextDone(OutputEvent):
    text: str = ""


@define(kw_only=True)
class OutputTranscriptDone(OutputEvent):
    transcript: str = ""


@define(kw_only=True)
class OutputAudioDelta(OutputEvent):
    """``delta`` is base64. The protocol reads this one type by hand, straight to bytes."""

    delta: str


@define(kw_only=True)
class ArgumentsEvent(ServerEvent):
    """Arguments of a function or MCP call, growing (``delta``) or whole (``arguments``)."""

    item_id: str | None = None
    response_id: str | None = None
    output_index: int = 0
    call_id: str | None = None
    delta: str | None = None
    arguments: str | None = None


@define(kw_only=True)
class McpProgress(ServerEvent):
    """``response.mcp_call.*`` and ``mcp_list_tools.*``."""

    item_id: str | None = None
    output_index: int = 0


CLASSES: Final[Mapping[str, type[ServerEvent]]] = {
    "error": Error,
    "session.created": SessionEvent,
    "session.updated": SessionEvent,
    "conversation.created": ConversationCreated,
    "conversation.item.created": ItemEvent,
    "conversation.item.added": ItemEvent,
    "conversation.item.done": ItemEvent,
    "conversation.item.retrieved": ItemRetrieved,
    "conversation.item.deleted": ItemDeleted,
    "conversation.item.truncated": ItemTruncated,
    "conversation.item.input_audio_transcription.completed": TranscriptionCompleted,
    "conversation.item.input_audio_transcription.delta": TranscriptionDelta,
    "conversation.item.input_audio_transcription.segment": TranscriptionSegment,
    "conversation.item.input_audio_transcription.failed": TranscriptionFailed,
    "input_audio_buffer.committed": InputBufferEvent,
    "input_audio_buffer.cleared": InputBufferEvent,
    "input_audio_buffer.speech_started": SpeechStarted,
    "input_audio_buffer.speech_stopped": SpeechStopped,
    "input_audio_buffer.timeout_triggered": TimeoutTriggered,
    "input_audio_buffer.dtmf_event_received": DtmfReceived,
    "output_audio_buffer.started": OutputBufferEvent,
    "output_audio_buffer.stopped": OutputBufferEvent,
    "output_audio_buffer.cleared": OutputBufferEvent,
    "rate_limits.updated": RateLimitsUpdated,
    "response.created": ResponseEvent,
    "response.done": ResponseEvent,
    "response.output_item.added": OutputItemEvent,
    "response.output_item.done": OutputItemEvent,
    "response.content_part.added": ContentPartEvent,
    "response.content_part.done": ContentPartEvent,
    "response.output_text.delta": OutputDelta,
    "response.output_text.done": OutputTextDone,
    "response.output_audio.delta": OutputAudioDelta,
    "response.output_audio.done": OutputEvent,
    "response.output_audio_transcript.delta": OutputDelta,
    "response.output_audio_transcript.done": OutputTranscriptDone,
    "response.function_call_arguments.delta": ArgumentsEvent,
    "response.function_call_arguments.done": ArgumentsEvent,
    "response.mcp_call_arguments.delta": ArgumentsEvent,
    "response.mcp_call_arguments.done": ArgumentsEvent,
    "response.mcp_call.in_progress": McpProgress,
    "response.mcp_call.completed": McpProgress,
    "response.mcp_call.failed": McpProgress,
    "mcp_list_tools.in_progress": McpProgress,
    "mcp_list_tools.completed": McpProgress,
    "mcp_list_tools.failed": McpProgress,
}


def decode(payload: Json) -> ServerEvent | None:
    """Make the typed event of a frame; ``None`` for a type the API reference does not have.

    Raises ``MalformedFrame`` where a known type lacks what it requires.
    """
    name = payload.get("type")
    cls = CLASSES.get(name) if isinstance(name, str) else None
    if cls is None:
        return None
    try:
        return _hook(cls)(payload, cls)
    except MalformedFrame:
        raise
    except Exception as error:
        raise MalformedFrame(f"{name}: {error}") from error


@cache
def _hook(cls: type[ServerEvent]) -> Callable[[Json, Any], ServerEvent]:
    # Built at the first frame of its type: all of them together would cost the first connection 30 ms. A look-up by type
    # and a hook per class are a third of the cost of a tagged union.
    return _converter().get_structure_hook(cls)


@cache
def _converter() -> Any:
    from cattrs import Converter  # noqa: PLC0415  # 40 ms that `import offhook` must not cost

    converter = Converter(detailed_validation=False)
    converter.register_structure_hook_factory(has, partial(_nulls_left_out, converter))
    converter.register_structure_hook(str, _as_text)
    converter.register_structure_hook_func(lambda cls: cls == str | None, _as_text_or_none)
    converter.register_structure_hook_func(lambda cls: cls == Json, _as_object)
    converter.register_structure_hook_func(lambda cls: cls == Json | None, _as_object_or_none)
    return converter


def _nulls_left_out(converter: Any, cls: type[Any]) -> Callable[[Any, Any], Any]:
    """Read a null as the default where it is not a value of its own: services write nulls the reference does not have."""
    from cattrs.gen import make_dict_structure_fn  # noqa: PLC0415  # as above

    structure = make_dict_structure_fn(cls, converter, _cattrs_detailed_validation=False)
    nullable = frozenset(a.name for a in fields(cls) if a.default is None or a.default is UNSET)

    def hook(value: Any, cls: Any) -> Any:
        given = _as_object(value, cls)
        if None in given.values():
            given = {key: v for key, v in given.items() if v is not None or key in nullable}
        return structure(given, cls)

    return hook


def _as_object(value: Any, _: Any) -> Json:
    if not isinstance(value, dict):
        raise MalformedFrame(f"expected an object, got {type(value).__name__}")
    return value  # pyright: ignore[reportUnknownVariableType]  # JSON has no other keys than strings


def _as_object_or_none(value: Any, _: Any) -> Json | None:
    # Some services put a string such as "unimplemented" where others have an object.
    return value if isinstance(value, dict) else None  # pyright: ignore[reportUnknownVariableType]


def _as_text_or_none(value: Any, _: Any) -> str | None:
    # A hook of its own: half of all fields are optional texts, and two calls for each are felt.
    if value is None or isinstance(value, str):
        return value
    raise MalformedFrame(f"expected text, got {type(value).__name__}")


def _as_text(value: Any, _: Any) -> str:
    if not isinstance(value, str):
        raise MalformedFrame(f"expected text, got {type(value).__name__}")
    return value
