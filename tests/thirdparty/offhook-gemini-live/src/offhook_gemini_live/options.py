"""What the ``[transports.gemini-live]`` table may hold, and what the transport can do with it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from attrs import evolve, field, frozen

from offhook.audio.formats import PCM16_24K, AudioFormat
from offhook.capabilities import Capabilities
from offhook.hookspecs import ApiKey
from offhook.wire import without_secrets

#: The service hears 16 kHz and takes other rates too; it speaks at 24 kHz.
PCM16_16K: Final = AudioFormat("audio/pcm", 16_000)
_SERVICE: Final = "google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"


def _key_of_the_environment() -> str:
    return os.environ.get("GEMINI_API_KEY") or os.environ.get("GOOGLE_API_KEY", "")


@frozen(kw_only=True)
class GeminiLiveOptions:
    """Options of the ``gemini-live`` transport. Times are in seconds, sizes in bytes."""

    url: str = field(default=f"wss://generativelanguage.googleapis.com/ws/{_SERVICE}", repr=without_secrets)
    model: str = "gemini-2.5-flash-native-audio-latest"
    #: A key or a (possibly async) function that gives one; else ``GEMINI_API_KEY`` or ``GOOGLE_API_KEY``.
    api_key: ApiKey = field(default=_key_of_the_environment, repr=False)
    #: Sent with the handshake. ``Authorization`` here takes the place of the key (Vertex AI).
    headers: Mapping[str, str] = field(factory=dict[str, str], repr=False)
    #: Calls do not hold the turn, and say how their outputs enter the talk. Not every model has this.
    non_blocking_calls: bool = False
    #: How long the handshake may take, and then the service's word on the setup.
    open_timeout_s: float = 10.0
    ack_timeout_s: float = 10.0
    max_size: int = 24 * 1024 * 1024


#: What the service promises for every model. Its newer models tell more (speech events); a flag must not hope.
_CAPABILITIES: Final = Capabilities(
    turn_model="turn",
    items="local",
    history="append",
    cancel="server",
    truncate="server",
    turn_control="both",
    request_response=True,
    auto_reply=True,
    blocking_calls=True,
    cancels_calls=True,
    mute="local",
    input_formats=(PCM16_16K, PCM16_24K),
    output_formats=(PCM16_24K,),
    images=True,
    input_transcripts="append",
    output_transcripts="append",
    resume="native",
    timeline="input_audio",
)


def capabilities(options: GeminiLiveOptions) -> Capabilities:
    """Give the flags: they depend on how calls are declared."""
    if not options.non_blocking_calls:
        return _CAPABILITIES
    return evolve(_CAPABILITIES, blocking_calls=False, deliveries=frozenset({"when_idle", "silent", "interrupt"}))
