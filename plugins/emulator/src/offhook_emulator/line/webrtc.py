"""The WebRTC line: a caller's peer connection, with audio both ways and the events on a data channel.

Importing this imports aiortc, which takes a third of a second; the extra ``[webrtc]`` brings it.
"""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Final, cast

from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame, AudioResampler

from offhook.audio.formats import PCM16_24K
from offhook.errors import OffhookError
from offhook_emulator.line.calls import Call
from offhook_emulator.line.datachannel import ControlChannel
from offhook_emulator.model import errors
from offhook_emulator.model.hearing import EAR_FORMAT
from offhook_emulator.model.playback import FRAME_BYTES

#: The data channel that carries the events.
_LABEL: Final = "oai-events"
#: A caller who has not connected by then is not coming.
_CONNECT_S: Final = 30.0
#: How long connecting may go on after it was stopped: a tick of the ICE checks, which is 20 ms.
_SETTLING_S: Final = 2.0
_FRAME_S: Final = 0.02
#: A track that is asked for frames too late by more than this goes on from now, and does not catch up.
_TOO_LATE_S: Final = 0.2
_SILENCE: Final = bytes(FRAME_BYTES)
#: What an offer that does not say it takes (RFC 8841, 6.1).
_DEFAULT_MAX_MESSAGE: Final = 64 * 1024
_MAX_MESSAGE: Final = re.compile(r"^a=max-message-size:(\d+)\s*$", re.MULTILINE)
_NO_INTERFACE: Final = (
    "This machine has no network interface but loopback (lo), which WebRTC leaves out. Bring another one up, "
    "such as eth0; for a test a dummy will do: ip link add dummy0 type dummy; ip addr add 192.0.2.1/24 dev dummy0; "
    "ip link set dummy0 up."
)
_OVER: Final = frozenset({"failed", "closed"})


class WebRtcLine:
    """One caller. ``answer`` their offer first, then ``run`` the line as ``Calls`` does."""

    def __init__(self) -> None:
        # None at all, or else aiortc asks one on the Internet where it is.
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._voice = _Voice()
        self._max_message = _DEFAULT_MAX_MESSAGE
        self._connected = asyncio.Event()
        self._gone = asyncio.Event()
        self._track: asyncio.Future[MediaStreamTrack] = asyncio.get_running_loop().create_future()
        self._channel: asyncio.Future[ControlChannel] = asyncio.get_running_loop().create_future()
        self._peer.on("track", self._on_track)
        self._peer.on("datachannel", self._on_channel)
        self._peer.on("connectionstatechange", self._on_state)

    async def answer(self, offer: str) -> str:
        """Answer an SDP offer with an SDP answer, all candidates in it.

        Raises ``Refused`` where the offer cannot be read, OffhookError where there is no network; it is closed then.
        """
        try:
            return await self._answer(offer)
        except BaseException:
            await self._peer.close()
            raise

    async def _answer(self, offer: str) -> str:
        peer = self._peer
        try:
            await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        except Exception as error:  # aiortc says in many ways what it cannot read
            raise errors.bad_offer(f"{type(error).__name__}: {error}") from error
        if not any(part.kind == "audio" for part in peer.getTransceivers()):
            raise errors.bad_offer("it has no audio (an m=audio line)")
        peer.addTrack(self._voice)
        await peer.setLocalDescription(await peer.createAnswer())
        if stated := _MAX_MESSAGE.search(offer):
            self._max_message = int(stated[1])
        answer = peer.localDescription.sdp
        if "\na=candidate:" not in answer:
            raise OffhookError(_NO_INTERFACE)
        return answer

    async def run(self, call: Call) -> None:
        """Carry audio and events until the caller is gone; when it is cancelled the peer connection is closed."""
        self._voice.source = call.pull
        try:
            async with asyncio.TaskGroup() as tasks:
                helpers = [tasks.create_task(self._listen(call)), tasks.create_task(self._serve(call))]
                try:
                    async with asyncio.timeout(_CONNECT_S):
                        await self._connected.wait()
                    await self._gone.wait()
                except TimeoutError:
                    pass  # the call is over before anybody spoke
                finally:
                    for helper in helpers:
                        helper.cancel()
        finally:
            await _close(self._peer)

    async def _listen(self, call: Call) -> None:
        track = await self._track
        resampler = AudioResampler(format="s16", layout="mono", rate=EAR_FORMAT.rate_hz)
        while True:
            try:
                frame = cast("AudioFrame", await track.recv())  # pyright: ignore[reportUnknownMemberType]  # av's Packet
            except MediaStreamError:
                return  # they may be heard no more, and go on listening and writing
            for part in resampler.resample(frame):
                await call.hear(bytes(part.planes[0])[: 2 * part.samples], EAR_FORMAT)

    async def _serve(self, call: Call) -> None:
        channel = await self._channel
        await channel.serve(call)

    def _on_track(self, track: MediaStreamTrack) -> None:
        if track.kind == "audio" and not self._track.done():
            self._track.set_result(track)

    def _on_channel(self, channel: RTCDataChannel) -> None:
        if channel.label == _LABEL and not self._channel.done():
            self._channel.set_result(ControlChannel(channel, max_message=self._max_message))

    def _on_state(self) -> None:
        state = self._peer.connectionState
        if state in _OVER:
            self._connected.set()
            self._gone.set()
        elif state == "connected":
            self._connected.set()


async def _close(peer: RTCPeerConnection) -> None:
    """Close a peer connection at any moment, with nothing of it left.

    aiortc goes on connecting one that is closed meanwhile, and where that succeeds it is to be stopped once more.
    """
    connecting = {task for task in asyncio.all_tasks() if _owner(task) is peer}
    await peer.close()
    if not connecting:
        return
    done, _ = await asyncio.wait(connecting, timeout=_SETTLING_S)
    for task in done:
        task.exception()  # that it was closed is no news
    for transceiver in peer.getTransceivers():
        await transceiver.stop()
        await transceiver.receiver.transport.stop()
        await transceiver.receiver.transport.transport.stop()


def _owner(task: asyncio.Task[Any]) -> object:
    coroutine = task.get_coro()
    return inspect.getcoroutinelocals(coroutine).get("self") if inspect.iscoroutine(coroutine) else None


class _Voice(MediaStreamTrack):
    """What the caller hears: frames of ``source`` at the pace of speech, silence where there are none."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.source: Callable[[], bytes] = bytes
        self._due: float | None = None
        self._pts = 0

    async def recv(self) -> AudioFrame:
        """Give the frame that is due now."""
        if self.readyState != "live":
            raise MediaStreamError
        await self._until_due()
        frame = AudioFrame(format="s16", layout="mono", samples=FRAME_BYTES // 2)
        frame.planes[0].update(self.source() or _SILENCE)
        frame.sample_rate, frame.time_base = PCM16_24K.rate_hz, Fraction(1, PCM16_24K.rate_hz)
        frame.pts = self._pts
        self._pts += frame.samples
        return frame

    async def _until_due(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._due is None or now - self._due > _TOO_LATE_S:
            self._due = now
        await asyncio.sleep(max(self._due - now, 0))
        self._due += _FRAME_S
