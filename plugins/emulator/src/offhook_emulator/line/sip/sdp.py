"""What a caller's telephone offers, and what it is answered: G.711 over RTP, and keys as telephone events."""

from __future__ import annotations

from typing import Final

from aiosipua import SdpMessage, SdpNegotiationError, negotiate_sdp
from attrs import frozen

from offhook_emulator.line.sip.ticks import FRAME_MS

PCMU_TYPE: Final = 0
PCMA_TYPE: Final = 8
#: As the service names its sessions.
_SESSION_NAME: Final = "OAI"
_PLAIN_RTP: Final = "RTP/AVP"
_EVENTS: Final = "telephone-event"
#: A type that RTP never uses for keys where none were offered: it would be taken for audio otherwise.
_NO_KEYS: Final = 127
_ON_HOLD: Final = "0.0.0.0"  # noqa: S104 - how telephones said so before there were directions


class NotAcceptable(Exception):
    """There is no audio in the offer that this line can carry."""


@frozen
class Answer:
    """``sdp`` answers an offer. ``remote`` is where to send RTP to, and ``sends`` whether to: a caller may be on hold.

    ``audio_type`` and ``keys_type`` are RTP payload types.
    """

    sdp: SdpMessage
    audio_type: int
    keys_type: int
    remote: tuple[str, int]
    sends: bool


def answer(
    offer: SdpMessage | None, host: str, port: int, *, supported: tuple[int, ...] = (PCMU_TYPE, PCMA_TYPE)
) -> Answer:
    """Answer an offer with RTP at ``host`` and ``port``. Raises ``NotAcceptable``."""
    if offer is None or offer.audio is None or offer.rtp_address is None or offer.audio.proto != _PLAIN_RTP:
        raise NotAcceptable
    keys_type = next((codec.payload_type for codec in offer.audio.codecs if codec.encoding_name.lower() == _EVENTS), 0)
    try:
        sdp, audio_type = negotiate_sdp(
            offer,
            host,
            port,
            supported_codecs=list(supported),
            dtmf_payload_type=keys_type,  # the offer's, and not one of our own: some telephones send no other
            session_name=_SESSION_NAME,
        )
    except SdpNegotiationError as error:
        raise NotAcceptable from error
    if sdp.audio is None:  # pragma: no cover - there was audio in the offer
        raise NotAcceptable
    sdp.audio.attributes["ptime"] = [str(FRAME_MS)]  # aiosipua repeats what the caller wishes; this is what it gets
    sends = sdp.audio.direction in ("sendrecv", "sendonly") and offer.rtp_address[0] != _ON_HOLD
    return Answer(sdp, audio_type, keys_type or _NO_KEYS, offer.rtp_address, sends)
