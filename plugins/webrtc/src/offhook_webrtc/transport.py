"""``OpenAIRealtimeWebRTC``: the Realtime dialect over a data channel, and the audio beside it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final

from attrs import evolve

from offhook.audio.formats import PCM16_24K
from offhook.capabilities import Capabilities
from offhook.config import SessionConfig
from offhook.errors import ConnectError
from offhook.events import (
    AudioEvent,
    AudioInterrupted,
    ConnectionChange,
    ErrorEvent,
    FunctionCall,
    OutputSpeechStarted,
    OutputSpeechStopped,
    SessionReady,
)
from offhook.hookspecs import Delivery
from offhook.items import MessageItem
from offhook.realtime.capabilities import REALTIME_CAPABILITIES
from offhook.realtime.items import message_to_wire
from offhook.realtime.transport import OpenAIRealtimeBase
from offhook.wire.codec import dumps
from offhook.wire.config import to_wire
from offhook_webrtc.channel import PeerChannel
from offhook_webrtc.dialer import WebRTCDialer
from offhook_webrtc.options import WebRTCOptions
from offhook_webrtc.signalling import calls_url
from offhook_webrtc.tracks import InputGate

#: A second of PCM16 at 24 kHz. As base64 it is the longest that any peer must take, which is 64 KiB (RFC 8841, 6.1).
_APPEND_BYTES: Final = PCM16_24K.size(1000)
#: What an event adds to its payload: its type, its id, and the id of what it is about.
_ENVELOPE: Final = 256
#: Of 32767: below this, what comes while the service plays nothing is the codec's idea of silence.
_AUDIBLE: Final = 64


class OpenAIRealtimeWebRTC(OpenAIRealtimeBase):
    """The ``webrtc`` transport. It records and plays by itself; the service knows what was heard."""

    def __init__(self, options: WebRTCOptions | None = None) -> None:
        options = options or WebRTCOptions()
        self._gate = InputGate(ready=False)
        self._epoch = 1
        self._playing = False
        dialer = options.dialer or WebRTCDialer(
            options,
            gate=self._gate,
            on_audio=self._heard if options.audio_events else None,
            input_failed=self._input_failed,
        )
        super().__init__(
            "webrtc",
            dialer,
            url=options.url,
            model=options.model,
            api_key=options.api_key or _key_of_the_environment,
            headers=options.headers,
            capabilities=_capabilities(options),
            ack_timeout_s=options.ack_timeout_s,
            service_plays=True,
        )
        self.on("connection_change", self._on_connection_change)
        self.on("session_ready", self._on_session_ready)
        self.on("audio_interrupted", self._on_audio_interrupted)
        self.on("output_speech_started", self._on_output_speech_started)
        self.on("output_speech_stopped", self._on_output_speech_stopped)

    @property
    def muted(self) -> bool:
        """Whether silence is sent in place of the input. It can be set at any time, and outlives connections."""
        return self._gate.muted

    @property
    def call_id(self) -> str | None:
        """Id of the call, for its sideband and to hang it up; ``None`` without a connection."""
        return self._channel.call_id if isinstance(self._channel, PeerChannel) else None

    async def mute(self, muted: bool) -> None:
        """Send silence from now on, or the input again."""
        self._gate.muted = muted

    async def send_audio(self, audio: bytes, *, commit: bool = False) -> None:
        """Append audio to the input buffer over the data channel, beside whatever the input sends."""
        for start in range(0, max(len(audio), 1), _APPEND_BYTES):
            part = audio[start : start + _APPEND_BYTES]
            await super().send_audio(part, commit=commit and start + _APPEND_BYTES >= len(audio))

    async def send_event(self, event: Mapping[str, Any]) -> str:
        """Send a client event of the Realtime API as it is; gives its ``event_id``. Raises ``Unsupported`` if too long."""
        self._require_room(event)
        return await super().send_event(event)

    async def send_message(self, message: str | MessageItem, *, respond: bool = True) -> None:
        """Add a message and, with ``respond``, ask for a reply to it. Raises ``Unsupported`` if it is too long."""
        self._require_room(message_to_wire(message))
        await super().send_message(message, respond=respond)

    async def update_session_config(self, config: SessionConfig) -> None:
        """Send what is set in ``config`` and differs. Raises ``ImmutableConfig``, or ``Unsupported`` if it is too long."""
        self._require_room(to_wire(config))
        await super().update_session_config(config)

    async def send_function_call_output(
        self,
        call: FunctionCall,
        output: str,
        start_response: bool = True,
        *,
        delivery: Delivery | None = None,
        final: bool = True,
    ) -> None:
        """Answer a call. Raises ``Unsupported`` if the output is too long; the call still wants one."""
        self._require_room(output)
        await super().send_function_call_output(call, output, start_response, delivery=delivery, final=final)

    def _require_room(self, payload: Any) -> None:
        # Before the protocol counts on it: what is refused here was never said, and what follows it is not waited for.
        if isinstance(self._channel, PeerChannel):
            self._channel.check_size(len(dumps(payload).encode()) + _ENVELOPE)

    def address(self, url: str, *, model: str | None, call_id: str | None) -> str:  # noqa: ARG002  # it is the dialer's to name
        """Give the address where calls are made. Raises ``ConnectError``."""
        if call_id is not None:
            raise ConnectError(
                f"webrtc makes calls, and cannot join the call {call_id!r}. "
                "Leave call_id out, or join it with the websocket transport."
            )
        return calls_url(url)

    def _heard(self, pcm: bytes) -> None:
        """Emit what the remote track said as an event, while the service plays something, or something is heard."""
        if self._status == "connected" and (self._playing or _audible(pcm)):
            self._emit(AudioEvent(data=pcm, epoch=self._epoch, format=PCM16_24K))

    def _input_failed(self, error: Exception) -> None:
        message = f"the audio input broke, and silence is sent from now on: {error}. Connect again to open it anew."
        self._emit(ErrorEvent(message=message, cause=error))

    def _on_connection_change(self, event: ConnectionChange) -> None:
        self._playing = False
        if event.status == "connecting":
            self._gate.ready = False
            self._epoch = 1

    def _on_session_ready(self, _: SessionReady) -> None:
        self._gate.ready = True

    def _on_audio_interrupted(self, event: AudioInterrupted) -> None:
        self._playing = False
        self._epoch = event.epoch + 1
        if isinstance(self._channel, PeerChannel) and self._channel.output is not None:
            self._channel.output.flush()

    def _on_output_speech_started(self, _: OutputSpeechStarted) -> None:
        self._playing = True

    def _on_output_speech_stopped(self, _: OutputSpeechStopped) -> None:
        self._playing = False


def _capabilities(options: WebRTCOptions) -> Capabilities:
    return evolve(
        REALTIME_CAPABILITIES,
        truncate="server",
        mute="local",
        output_pacing="realtime",
        handles_audio=True,
        speech_events=frozenset({"input", "output"}),
        # Where a track carries the input, ``send_audio`` would only talk over it.
        input_formats=REALTIME_CAPABILITIES.input_formats if options.input is None else (),
        output_formats=(PCM16_24K,) if options.audio_events else (),
    )


def _audible(pcm: bytes) -> bool:
    samples = memoryview(pcm).cast("h")
    return len(samples) > 0 and (max(samples) > _AUDIBLE or min(samples) < -_AUDIBLE)


def _key_of_the_environment() -> str:
    return os.environ.get("OPENAI_API_KEY", "")
