"""What the ``[transports.webrtc]`` table may hold. Importing this imports no media library."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

from attrs import field, frozen

from offhook.audio.devices import AudioDevices
from offhook.hookspecs import ApiKey
from offhook.wire.channel import Dialer

DEFAULT_URL = "https://api.openai.com/v1/realtime/calls"
DEFAULT_MODEL = "gpt-realtime-2.1"


class AudioTrack(Protocol):
    """An ``aiortc.MediaStreamTrack`` of kind ``audio``."""

    @property
    def kind(self) -> str:
        """``audio``."""
        ...

    async def recv(self) -> Any:
        """Give the next ``av.AudioFrame``, at the pace of speech."""
        ...


#: Called with PCM16 mono and its rate in Hz, about every 20 ms, in the event loop: it must not block.
PcmCallback: TypeAlias = Callable[[bytes, int], object]
#: Called with the remote ``aiortc.MediaStreamTrack``; what it gives back is awaited, and cancelled when the call ends.
TrackConsumer: TypeAlias = Callable[[Any], Awaitable[object] | None]
#: Called with the ``aiortc.RTCPeerConnection`` before the offer is made. May give another one to use instead.
PeerHook: TypeAlias = Callable[[Any], Any | Awaitable[Any]]


@frozen(kw_only=True)
class IceServer:
    """A STUN or TURN server (RFC 7064, RFC 7065): ``stun:host:port``, ``turn:host:port?transport=udp``, ``turns:…``."""

    urls: str | tuple[str, ...]
    username: str | None = None
    credential: str | None = field(default=None, repr=False)


@frozen(kw_only=True)
class WebRTCOptions:
    """Options of the ``webrtc`` transport. Times are in seconds, rates in Hz."""

    #: Where calls are made (``https://host/v1/realtime/calls``), or the API's base (``https://host/v1``).
    url: str = DEFAULT_URL
    model: str | None = DEFAULT_MODEL
    #: A key, an ``ek_`` secret, or a (possibly async) function that gives one at every connect; else ``OPENAI_API_KEY``.
    api_key: ApiKey | None = field(default=None, repr=False)
    #: Sent with the SDP request. ``Authorization`` or ``api-key`` here takes the place of the bearer key.
    headers: Mapping[str, str] = field(factory=dict[str, str], repr=False)

    #: What the model hears: the microphone, a WAV file, a track of the caller's (never stopped here), PCM16 mono of
    #: ``input_rate_hz`` from an asynchronous iterator, or nothing (then ``send_audio`` works). Only silence is sent
    #: until the service has accepted the config.
    input: Literal["microphone"] | Path | str | AudioTrack | AsyncIterable[bytes] | None = (  # noqa: PYI051  # for readers
        "microphone"
    )
    input_rate_hz: int = 24_000
    #: What plays the answer: the loudspeaker, a WAV file, a function given PCM16 mono at 24 kHz, or nothing.
    output: Literal["speaker"] | Path | str | PcmCallback | None = "speaker"  # noqa: PYI051  # for readers
    #: Names of devices, or parts of them; without, the system chooses.
    input_device: str | None = None
    output_device: str | None = None
    #: Reaches devices instead of the installed audio library.
    devices: AudioDevices | None = None
    #: Also emit what is heard as ``audio`` events (PCM16 mono at 24 kHz).
    audio_events: bool = False
    #: Also give the remote track to a consumer of tracks.
    on_track: TrackConsumer | None = None

    #: Send the config with the offer too (``multipart/form-data``), for services that want it there.
    session_in_offer: bool = False
    #: None by default: the service is reachable from the outside. The first STUN and the first TURN server are used.
    ice_servers: tuple[IceServer, ...] = ()
    #: Inspect or replace the peer connection before the offer is made.
    on_peer_connection: PeerHook | None = None
    #: How long the SDP request may take, and after it the connection.
    sdp_timeout_s: float = 10.0
    ice_timeout_s: float = 15.0
    #: How long ``connect()`` waits for the service to accept the config before it goes on with a warning.
    ack_timeout_s: float = 5.0
    #: How long a peer may be ``disconnected`` before it counts as lost.
    grace_s: float = 5.0
    #: A proxy's URL for the SDP request; ``auto`` obeys the environment, ``none`` goes direct.
    proxy: str = "auto"
    #: A file of certificates to trust instead of the system's.
    ca_file: str | None = None
    #: A whole context, for programs; beats ``ca_file``.
    ssl: ssl.SSLContext | None = None
    #: Opens the channel instead of the built-in dialer.
    dialer: Dialer | None = None
