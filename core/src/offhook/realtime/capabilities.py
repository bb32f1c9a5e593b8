"""What the Realtime API can do, as flags."""

from __future__ import annotations

from typing import Final

from offhook.audio.formats import PCM16_24K, PCMA, PCMU
from offhook.capabilities import Capabilities
from offhook.realtime import session_config

#: What the Realtime API can do over a channel that carries the audio too.
REALTIME_CAPABILITIES: Final = Capabilities(
    turn_model="response",
    items="server",
    history="mutable",
    quiet_messages=True,
    cancel="server",
    truncate="client",
    turn_control="both",
    clear_audio=True,
    request_response=True,
    request_ids=True,
    deliveries=frozenset({"speak", "silent"}),
    mutable_config=session_config.MUTABLE,
    input_formats=(PCM16_24K, PCMU, PCMA),
    output_formats=(PCM16_24K, PCMU, PCMA),
    text_output=True,
    images=True,
    mcp=True,
    input_transcripts="append",
    output_transcripts="append",
    speech_events=frozenset({"input"}),
    resume="replay",
    timeline="input_audio",
)
