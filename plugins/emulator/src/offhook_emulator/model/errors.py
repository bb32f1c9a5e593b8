"""What the service says when it refuses something: its own codes and words, so that clients' matching works.

Sources: the published schema (``RealtimeServerEventError``) and the messages that users of the service report.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final


class Refused(Exception):
    """A client event (or REST body) that is refused. The connection and the session stay as they were."""

    def __init__(self, message: str, code: str | None, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param

    def body(self) -> dict[str, Any]:
        """Give the ``error`` object, without ``event_id``."""
        return {"type": "invalid_request_error", "code": self.code, "message": self.message, "param": self.param}


_TYPE_NAMES: Final[dict[type, str]] = {
    type(None): "null",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal",
    str: "a string",
    list: "an array",
    dict: "an object",
}


def unknown_parameter(path: str, hint: str = "") -> Refused:
    """Refuse a field that does not exist."""
    return Refused(f"Unknown parameter: '{path}'.{hint}", "unknown_parameter", path)


def missing_parameter(path: str, hint: str = "") -> Refused:
    """Refuse an object that lacks a field."""
    return Refused(f"Missing required parameter: '{path}'.{hint}", "missing_required_parameter", path)


def wrong_type(path: str, expected: str, value: object) -> Refused:
    """Refuse a value of another JSON type; ``expected`` reads like "a string"."""
    got = _TYPE_NAMES[type(value)]
    return Refused(f"Invalid type for '{path}': expected {expected}, but got {got} instead.", "invalid_type", path)


def unsupported_value(path: str, value: object, supported: Sequence[str]) -> Refused:
    """Refuse a word that is not one of the ``supported`` ones."""
    words = [f"'{word}'" for word in supported]
    listed = " and ".join(words) if len(words) <= 2 else f"{', '.join(words[:-1])}, and {words[-1]}"  # noqa: PLR2004 - grammar
    return Refused(f"Invalid value: '{value}'. Supported values are: {listed}.", "invalid_value", path)


def out_of_range(path: str, value: float, bound: float, *, below: bool) -> Refused:
    """Refuse a number that lies below its minimum or above its maximum."""
    kind = "integer" if isinstance(value, int) else "decimal"
    limit, sign = ("minimum", ">=") if below else ("maximum", "<=")
    message = (
        f"Invalid '{path}': {kind} {'below' if below else 'above'} {limit} value. "
        f"Expected a value {sign} {bound}, but got {value} instead."
    )
    return Refused(message, f"{kind}_{'below_min' if below else 'above_max'}_value", path)


def bad_audio(path: str, problem: str = "an invalid value") -> Refused:
    """Refuse audio that is not base64, or is none."""
    return Refused(f"Invalid '{path}'. Expected base64-encoded audio bytes but got {problem}.", "invalid_value", path)


def not_json() -> Refused:
    """Refuse a text frame that is not JSON."""
    return Refused("Invalid event: failed to parse JSON value. Send one JSON object per text message.", "invalid_json")


def not_object() -> Refused:
    """Refuse JSON that is not an object."""
    return Refused("Invalid event: expected a JSON object.", "invalid_event")


def not_text() -> Refused:
    """Refuse a binary frame."""
    return Refused("Expected a text WebSocket message; binary frames are not supported.", "invalid_event")


def active_response(response_id: str) -> Refused:
    """Refuse a second response in the default conversation."""
    message = (
        f"Conversation already has an active response in progress: {response_id}. "
        "Wait until the response is finished before creating a new one."
    )
    return Refused(message, "conversation_already_has_active_response")


def no_active_response() -> Refused:
    """Refuse to cancel what is not there."""
    return Refused("Cancellation failed: no active response found", "response_cancel_not_active")


def buffer_too_small(duration_ms: float) -> Refused:
    """Refuse to commit less than 100 ms of audio."""
    message = (
        "Error committing input audio buffer: buffer too small. "
        f"Expected at least 100ms of audio, but buffer only has {duration_ms:.2f}ms of audio."
    )
    return Refused(message, "input_audio_buffer_commit_empty")


def no_such_item(doing: str, item_id: str) -> Refused:
    """Refuse to retrieve, truncate or delete an item that is not in the conversation."""
    code = f"item_{doing}_invalid_item_id"
    return Refused(f"Error {doing[:-1]}ing item: the item with id '{item_id}' does not exist.", code, "item_id")


def no_previous_item(item_id: str) -> Refused:
    """Refuse to insert after an item that is not in the conversation."""
    message = f"Error adding item: the previous item with id '{item_id}' does not exist."
    return Refused(message, "item_create_invalid_previous_item_id", "previous_item_id")


def duplicate_item(item_id: str) -> Refused:
    """Refuse an id that the conversation has already."""
    message = f"Error adding item: the item with id '{item_id}' already exists."
    return Refused(message, "item_create_duplicate_id", "item.id")


def no_referenced_item(item_id: str) -> Refused:
    """Refuse to answer items that are not in the conversation."""
    message = f"Error adding item: the referenced item with id '{item_id}' does not exist."
    return Refused(message, "item_reference_invalid_item_id", "response.input")


def no_such_call(call_id: str) -> Refused:
    """Refuse the output of a call that nobody made."""
    return Refused(f"Tool call ID '{call_id}' not found in conversation.", "invalid_tool_call_id")


def not_truncatable() -> Refused:
    """Refuse to truncate anything but spoken output."""
    return Refused("Only model output audio messages can be truncated", "unsupported_content_type")


def already_shorter(actual_ms: int, wanted_ms: int) -> Refused:
    """Refuse to truncate behind the end of the audio."""
    return Refused(f"Audio content of {actual_ms}ms is already shorter than {wanted_ms}ms", "invalid_value")


def voice_is_fixed() -> Refused:
    """Refuse another voice once the assistant has spoken."""
    return Refused("Cannot update a conversation's voice if assistant audio is present.", "cannot_update_voice")


def model_is_fixed(model: str) -> Refused:
    """Refuse another model than the one the connection was made for."""
    message = f"Cannot change the model of a session: it is '{model}'. Connect again with the other model."
    return Refused(message, "invalid_value", "session.model")


def wrong_line(event_type: str) -> Refused:
    """Refuse an event that makes sense over WebRTC and SIP only."""
    message = f"'{event_type}' is only supported over WebRTC and SIP: over WebSocket the client plays the audio."
    return Refused(message, "invalid_value", "type")


def bad_offer(problem: str) -> Refused:
    """Refuse an SDP offer that cannot be answered."""
    message = (
        f"The SDP offer cannot be answered: {problem}. Send the offer of a peer connection that has an audio line."
    )
    return Refused(message, "invalid_offer", "sdp")


def session_expired(duration_s: float) -> Refused:
    """Announce the end of the session."""
    count, unit = (duration_s / 60, "minutes") if duration_s >= 60 else (duration_s, "seconds")  # noqa: PLR2004 - a minute
    return Refused(f"Your session hit the maximum duration of {count:g} {unit}.", "session_expired")
