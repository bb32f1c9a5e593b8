"""The ``MessageChannel`` over a peer connection's data channel, and everything that lives and dies with it."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Final

from aiortc import RTCDataChannel, RTCPeerConnection
from aiortc.mediastreams import MediaStreamTrack

from offhook._log import logger
from offhook.errors import ConnectError, Unsupported
from offhook_webrtc.media_output import MediaOutput
from offhook_webrtc.teardown import close_peer, finish

_NORMAL: Final = 1000
#: Nobody said goodbye (RFC 6455, 7.4.1).
_ABNORMAL: Final = 1006
#: How long the other side may take to confirm the end of the data channel: one round trip, where it is still there.
_GOODBYE_S: Final = 1.0
#: More than this unsent makes senders wait.
_HIGH_WATER: Final = 1 << 20
#: Where the answer does not say how long a message may be (RFC 8841, 6.1).
_DEFAULT_MAX_MESSAGE: Final = 1 << 16
_MAX_MESSAGE: Final = re.compile(r"^a=max-message-size:(\d+)\s*$", re.MULTILINE)

_FIREWALL: Final = (
    "no UDP path to the service was found. Check that the firewall lets UDP out, and set ice_servers to a TURN server "
    "(or a STUN server behind a NAT) if it does not; the websocket transport needs no UDP."
)


class PeerChannel:
    """Messages over the data channel ``oai-events``. It owns its peer connection and, in ``resources``, the media.

    The end, whoever brings it about, closes all of it; ``close_code`` says so when that is done.
    """

    def __init__(self, *, grace_s: float) -> None:
        #: Id of the call, from the answer's ``Location``.
        self.call_id: str | None = None
        #: The longest message that the other side takes, in bytes; 0: any.
        self.max_message = _DEFAULT_MAX_MESSAGE
        self.output: MediaOutput | None = None
        self.resources = AsyncExitStack()
        self._grace_s = grace_s
        self._peer: RTCPeerConnection | None = None
        self._data: RTCDataChannel | None = None
        self._loop = asyncio.get_running_loop()
        self._opened: asyncio.Future[None] = self._loop.create_future()
        # Unbounded, because its reader hands on at once what comes.
        self._messages: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self._writable = asyncio.Event()
        self._patience: asyncio.TimerHandle | None = None
        self._over: tuple[int, str] | None = None
        self._goodbye = asyncio.Event()
        self._closing: asyncio.Task[None] | None = None
        self._close_code: int | None = None

    # The MessageChannel.

    @property
    def close_code(self) -> int | None:
        """1000 where the other side confirmed the end, 1006 where it did not; ``None`` until everything is closed."""
        return self._close_code

    @property
    def close_reason(self) -> str:
        """How it ended."""
        return self._over[1] if self._over else ""

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        """Iterate over the messages."""
        while (message := await self._messages.get()) is not None:
            yield message
        await self.close()

    async def send(self, text: str) -> None:
        """Send one message, waiting while a megabyte is unsent. Raises ``Unsupported`` where it is too long."""
        self.check_size(len(text.encode()))
        data = self._data
        if data is None or not _is(data, "open"):
            raise ConnectionError("the data channel is closed")
        data.send(text)
        while data.bufferedAmount > _HIGH_WATER and self._over is None:
            self._writable.clear()
            await self._writable.wait()

    def check_size(self, size: int) -> None:
        """Raise ``Unsupported`` where a message of ``size`` bytes is longer than the other side takes."""
        if self.max_message and size > self.max_message:
            raise Unsupported(
                f"a message of {size} bytes",
                f"the other side of the data channel takes {self.max_message} bytes",
                "Send less at once (a smaller image, shorter instructions), or use the websocket transport.",
            )

    async def close(self, code: int = _NORMAL, reason: str = "") -> None:
        """Say goodbye, and close the peer connection and the media. Idempotent. Cancelling it skips the goodbye."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(code, reason), name="offhook webrtc close")
        try:
            await asyncio.shield(self._closing)
        except asyncio.CancelledError:
            self._goodbye.set()
            await finish(self._closing)
            raise

    # What the dialer does with it.

    def attach(self, peer: RTCPeerConnection, data: RTCDataChannel) -> None:
        """Use this peer connection from now on; what an earlier one still says is ignored."""
        self._peer, self._data = peer, data
        data.bufferedAmountLowThreshold = _HIGH_WATER // 2
        peer.on("connectionstatechange", lambda: self._peer_changed(peer))
        data.on("open", lambda: self._data_opened(data))
        data.on("message", self._messages.put_nowait)
        data.on("close", lambda: self._data_closed(data))
        data.on("bufferedamountlow", self._writable.set)

    def answered(self, sdp: str, call_id: str | None) -> None:
        """Take note of what the service answered."""
        self.call_id = call_id
        said = _MAX_MESSAGE.search(sdp)
        self.max_message = int(said[1]) if said else _DEFAULT_MAX_MESSAGE

    def heard(self, track: MediaStreamTrack) -> None:
        """Let the output read the remote track."""
        if self.output is not None:
            self.output.attach(track)

    async def opened(self, timeout_s: float) -> None:
        """Wait until messages can be sent. Raises ``ConnectError`` that says how far it came."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._opened
        except TimeoutError:
            raise ConnectError(f"after {timeout_s:g} s there is no connection: {self._obstacle()}") from None

    # What the peer connection tells.

    def _peer_changed(self, peer: RTCPeerConnection) -> None:
        if peer is not self._peer:
            return
        self._lose_patience_no_more()
        match peer.connectionState:
            case "failed":
                self._end("the network path to the service was lost" if self._was_open else self._obstacle())
            case "closed":
                self._end("the other side closed the peer connection")
            case "disconnected":
                self._patience = self._loop.call_later(self._grace_s, self._lost)
            case _:
                pass

    def _data_opened(self, data: RTCDataChannel) -> None:
        if data is self._data and not self._opened.done():
            self._opened.set_result(None)

    @property
    def _was_open(self) -> bool:
        return self._opened.done() and not self._opened.cancelled() and self._opened.exception() is None

    def _data_closed(self, data: RTCDataChannel) -> None:
        if data is self._data:
            self._end("the other side closed the data channel")

    def _lost(self) -> None:
        self._end(f"the peer was disconnected for {self._grace_s:g} s. Check the network")

    def _lose_patience_no_more(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _end(self, why: str) -> None:
        """The connection is over; once."""
        self._goodbye.set()
        if self._over is not None:
            return
        self._over = (_ABNORMAL, why)
        self._lose_patience_no_more()
        self._writable.set()
        self._messages.put_nowait(None)
        if not self._opened.done():
            self._opened.set_exception(ConnectError(f"the connection ended before it was made: {why}"))
            self._opened.exception()  # it may be that nobody waits for it

    def _obstacle(self) -> str:
        state = self._peer.iceConnectionState if self._peer else "new"
        if state != "completed":
            return _FIREWALL
        return (
            "the other side was reached, but the encrypted connection (DTLS) or the data channel did not come about. "
            "Check that the url is that of a Realtime API's calls."
        )

    # The end.

    async def _close(self, code: int, reason: str) -> None:
        if self._over is None:
            confirmed = await self._say_goodbye()
            self._end("")
            self._over = (code if confirmed else _ABNORMAL, reason or "it was closed here")
        try:
            await self.resources.aclose()
        except Exception:  # noqa: BLE001  # a device that cannot be closed must not keep the peer open
            logger().exception("media_not_closed")
        if self._peer is not None:
            await close_peer(self._peer)
        self._close_code = self._over[0] if self._over else _ABNORMAL

    async def _say_goodbye(self) -> bool:
        """Close the data channel, which sends what is queued first; tells whether the other side confirmed it."""
        data = self._data
        if data is None or not _is(data, "open"):
            return False
        data.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_S):
                await self._goodbye.wait()
        return _is(data, "closed")


def _is(data: RTCDataChannel, state: str) -> bool:
    return data.readyState == state
