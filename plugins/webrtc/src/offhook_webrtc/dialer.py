"""Makes a call with ``aiortc``: opens the media, exchanges SDP, and waits for the data channel."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final

from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamTrack

from offhook.errors import AudioError, ConnectError
from offhook.wire.channel import DialRequest
from offhook.wire.handshake import authorization
from offhook_webrtc.channel import PeerChannel
from offhook_webrtc.jitter import shorten
from offhook_webrtc.media_input import open_input
from offhook_webrtc.media_output import open_output
from offhook_webrtc.options import IceServer, WebRTCOptions
from offhook_webrtc.signalling import NO_KEY, exchange
from offhook_webrtc.teardown import close_peer, finish
from offhook_webrtc.tracks import InputGate

#: The data channel's name, by which the service knows it.
LABEL: Final = "oai-events"


class WebRTCDialer:
    """Makes calls as the options say.

    ``gate`` decides what of the input may leave. ``on_audio`` is given what is heard, as PCM16 mono at 24 kHz.
    ``input_failed`` is told when the input breaks during a call.
    """

    def __init__(
        self,
        options: WebRTCOptions,
        *,
        gate: InputGate | None = None,
        on_audio: Callable[[bytes], None] | None = None,
        input_failed: Callable[[Exception], None] = lambda _: None,
    ) -> None:
        self._options = options
        self._gate = gate or InputGate()
        self._on_audio = on_audio
        self._input_failed = input_failed

    async def __call__(self, request: DialRequest) -> PeerChannel:
        """Make the call. Raises ``AuthenticationError`` or ``ConnectError``; cancelling it leaves nothing behind."""
        authorization(request, remedy=NO_KEY)  # before anyone's microphone is opened
        channel = PeerChannel(grace_s=self._options.grace_s)
        try:
            await self._connect(channel, request)
        except BaseException as error:
            await finish(channel.close())
            if isinstance(error, AudioError):
                raise ConnectError(str(error)) from error
            raise
        return channel

    async def _connect(self, channel: PeerChannel, request: DialRequest) -> None:
        options = self._options
        media = channel.resources
        channel.output = await media.enter_async_context(open_output(options, self._on_audio))
        track = await media.enter_async_context(open_input(options, self._gate, self._input_failed))
        peer = await self._make_peer(channel, track)
        offer = await _offer(peer)
        answer = await exchange(offer, request, options)
        channel.answered(answer.sdp, answer.call_id)
        await _take_answer(peer, answer.sdp)
        await channel.opened(options.ice_timeout_s)

    async def _make_peer(self, channel: PeerChannel, track: MediaStreamTrack | None) -> RTCPeerConnection:
        """Make the peer connection, and let the caller inspect or replace it."""
        peer = RTCPeerConnection(_configuration(self._options.ice_servers))
        _equip(peer, channel, track)
        if self._options.on_peer_connection is None:
            return peer
        chosen: Any = self._options.on_peer_connection(peer)
        if inspect.isawaitable(chosen):
            chosen = await chosen
        if chosen is None or chosen is peer:
            return peer
        _equip(chosen, channel, track)
        await finish(close_peer(peer))
        return chosen


def _equip(peer: RTCPeerConnection, channel: PeerChannel, track: MediaStreamTrack | None) -> None:
    """Give a peer connection what a call needs: the data channel, the track, and someone who listens to it."""
    if track is None:
        peer.addTransceiver("audio", direction="recvonly")
    else:
        peer.addTrack(track)
    data = peer.createDataChannel(LABEL)
    channel.attach(peer, data)

    def received(remote: MediaStreamTrack) -> None:
        for transceiver in peer.getTransceivers():
            if transceiver.receiver.track is remote and remote.kind == "audio":
                shorten(transceiver.receiver)
                channel.heard(remote)

    peer.on("track", received)


def _configuration(servers: tuple[IceServer, ...]) -> RTCConfiguration:
    return RTCConfiguration(
        iceServers=[
            RTCIceServer(
                urls=server.urls if isinstance(server.urls, str) else list(server.urls),
                username=server.username,
                credential=server.credential,
            )
            for server in servers
        ],
        # Audio and messages share one connection: one socket, one handshake.
        bundlePolicy=RTCBundlePolicy.MAX_BUNDLE,
    )


async def _offer(peer: RTCPeerConnection) -> str:
    # aioice leaves sockets open when it is cancelled here; it takes five seconds at most, where a server is silent.
    await finish(peer.setLocalDescription())
    sdp = peer.localDescription.sdp
    if "a=candidate:" not in sdp:
        raise ConnectError(
            "this machine has no network interface that a call can use: there is nothing but loopback (lo). "
            "Connect it to a network (in a container, give it one), or use the websocket transport."
        )
    return sdp


async def _take_answer(peer: RTCPeerConnection, sdp: str) -> None:
    try:
        await finish(peer.setRemoteDescription(RTCSessionDescription(sdp, "answer")))
    except Exception as error:
        raise ConnectError(
            f"what the service answered is no SDP that fits the offer ({type(error).__name__}: {error}). "
            "Check that the url is that of a Realtime API's calls; it usually ends in /v1/realtime/calls."
        ) from error
