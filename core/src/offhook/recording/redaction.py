"""What a recording must not hold, and what it holds instead.

Keys, tokens and resume handles never get into a file. Audio does only where it is asked for: otherwise its length stands in
its place, and a replay has silence there. Words stay: whoever records a conversation wants to read it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from attrs import define, field

from offhook.audio.formats import AudioFormat
from offhook.audio.frames import silence
from offhook.realtime.session_config import audio_format
from offhook.wire.channel import without_secrets
from offhook.wire.codec import as_object, b64encode
from offhook.wire.config import merge

REDACTED: Final = "[redacted]"
#: Members that hold a secret, whatever it looks like; written without case, - and _.
_SECRETS: Final = frozenset(
    {
        "authorization", "apikey", "xapikey", "bearer", "clientsecret", "ephemeralkey", "secret", "token", "accesstoken",
        "refreshtoken", "idtoken", "authtoken", "password", "handle", "newhandle", "previoushandle", "resumehandle",
        "resumptionhandle", "resumptiontoken",
    }
)  # fmt: skip
#: What is a secret wherever it stands: keys as vendors issue them, bearer tokens, JSON web tokens.
_SECRET: Final = re.compile(
    r"\b(?:sk|rk)-[\w-]{8,}|\b(?:ek|rk|sk)_[\w-]{8,}|\bwhsec_[\w+/=-]{8,}|\b[Bb]earer\s+[\w.~+/=-]{16,}"
    r"|\beyJ[\w-]{8,}\.[\w-]{4,}\.[\w-]*"
)
_AUDIO_DELTAS: Final = frozenset({"response.output_audio.delta", "response.audio.delta"})


@define(eq=False)
class Redactor:
    """Takes out of the frames of one connection, in order, what must not stay."""

    #: Whether audio stays.
    audio: bool = False
    _session: Mapping[str, Any] = field(init=False, factory=dict[str, Any])

    def redact(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Give a frame as it may be kept; ``event`` itself is left as it is."""
        if "session" in event:
            # Who appends audio, and who plays it, goes by the formats that the session has by then.
            self._session = merge(self._session, as_object(event["session"]))
        return self._object(event)

    def _object(self, owner: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self._member(name, value, owner) for name, value in owner.items()}

    def _member(self, name: str, value: Any, owner: Mapping[str, Any]) -> Any:
        if isinstance(value, str) and (side := _audio_side(name, owner)) is not None:
            return value if self.audio else _length(value, audio_format(self._session, side))
        if _is_secret(name, value, owner):
            return _blanked(value)
        if isinstance(value, str) and name.lower().endswith("url"):
            return value if value.startswith("data:") else without_secrets(value)
        return self._value(value)

    def _value(self, value: Any) -> Any:
        match value:
            case str():
                return _SECRET.sub(REDACTED, value)
            case Mapping():
                return self._object(cast("Mapping[str, Any]", value))
            case [*members]:
                return [self._value(member) for member in members]
            case _:
                return value


def restore(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give a frame in which silence stands where its audio was taken out."""
    return {name: _restored(value) for name, value in event.items()}


def _restored(value: Any) -> Any:
    match value:
        case {"redacted": "audio", "bytes": int(size), "format": str(encoding)}:
            quiet = silence(AudioFormat(encoding, 1000), 1)
            return b64encode((quiet * size)[:size])
        case Mapping():
            return restore(cast("Mapping[str, Any]", value))
        case [*members]:
            return [_restored(member) for member in members]
        case _:
            return value


def _audio_side(name: str, owner: Mapping[str, Any]) -> str | None:
    """Tell whose speech a text member of ``owner`` is, if it is speech."""
    if name == "delta" and owner.get("type") in _AUDIO_DELTAS:
        return "output"
    if name == "audio":
        return "output" if owner.get("type") in {"output_audio", "audio"} else "input"
    # Other dialects say what a blob is.
    kind = owner.get("mimeType", owner.get("mime_type"))
    return "input" if name == "data" and isinstance(kind, str) and kind.startswith("audio/") else None


def _length(audio: str, audio_format: AudioFormat) -> dict[str, Any]:
    size = len(audio) * 3 // 4 - audio[-2:].count("=")
    ms = round(audio_format.duration_ms(size), 1)
    return {"redacted": "audio", "bytes": size, "ms": ms, "format": audio_format.encoding}


def _is_secret(name: str, value: Any, owner: Mapping[str, Any]) -> bool:
    plain = name.lower().replace("-", "").replace("_", "")
    if plain == "headers":  # those that a hosted MCP server is called with
        return "server_label" in owner
    if plain not in _SECRETS or "logprob" in owner:  # there a token is a piece of a word
        return False
    # The schema of a tool's parameter of such a name is none.
    return not (isinstance(value, Mapping) and isinstance(cast("Mapping[str, Any]", value).get("type"), str))


def _blanked(value: Any) -> Any:
    match value:
        case str():
            return REDACTED
        case Mapping():
            return {name: _blanked(member) for name, member in cast("Mapping[str, Any]", value).items()}
        case [*members]:
            return [_blanked(member) for member in cast("Sequence[Any]", members)]
        case _:
            return value
