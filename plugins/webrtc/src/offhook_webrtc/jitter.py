"""A small receive buffer in place of aiortc's: the one place where aiortc's insides are touched.

aiortc 1.16 holds four packets back, has no timer, and waits at a lost packet until its ring of sixteen is full: one loss
costs 320 ms of silence and leaves the call 280 ms late for good. It has no setting for it.
"""

from __future__ import annotations

from typing import Final

import aiortc
from aiortc import RTCRtpReceiver
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.rtp import RtpPacket

from offhook._log import logger

#: What was read, and is tested, of aiortc.
_VERIFIED: Final = "1.16."
_ATTRIBUTE: Final = "_RTCRtpReceiver__jitter_buffer"
#: Where it puts the payload of a packet, for the buffer.
_PAYLOAD: Final = "_data"

#: Packets held back, 20 ms each: enough to put two that overtook each other in order again.
_DEPTH: Final = 1
#: A packet this much older than the last one (RFC 3550, A.1) is no late packet but a stream that began anew.
_MAX_MISORDER: Final = 100
_CYCLE: Final = 1 << 16


class ShallowBuffer:
    """Gives packets in order, each as soon as ``depth`` later ones are there. What is missing then is given up.

    It has the interface of aiortc's buffer. One packet of audio is one frame (RFC 7587, RFC 3551), so there is nothing to
    assemble. The delay never grows: as many packets come out as come in.
    """

    def __init__(self, depth: int = _DEPTH) -> None:
        self._depth = depth
        self._waiting: dict[int, RtpPacket] = {}
        self._given: int | None = None  # number of the packet that was given last

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        """Take a packet; give whether a picture is to be asked for (never), and the next frame if it is time for it."""
        number = packet.sequence_number
        if self._given is not None:
            age = (self._given - number) % _CYCLE
            if age < _MAX_MISORDER:
                return False, None  # its turn has passed
            if age < _CYCLE // 2:
                self._waiting.clear()
                self._given = None
        self._waiting[number] = packet
        return False, self._next(number) if len(self._waiting) > self._depth else None

    def _next(self, newest: int) -> JitterFrame:
        # Counted from the newest, so that numbers which start over at zero stay in order.
        oldest = max(self._waiting, key=lambda number: (newest - number + _CYCLE // 2) % _CYCLE)
        packet = self._waiting.pop(oldest)
        self._given = oldest
        return JitterFrame(data=getattr(packet, _PAYLOAD), timestamp=packet.timestamp)


def shorten(receiver: RTCRtpReceiver) -> bool:
    """Replace the buffer of a receiver that has not started. Where aiortc has changed, nothing is touched: a warning."""
    if aiortc.__version__.startswith(_VERIFIED) and isinstance(getattr(receiver, _ATTRIBUTE, None), JitterBuffer):
        setattr(receiver, _ATTRIBUTE, ShallowBuffer())
        return True
    logger().warning("receive_buffer_not_replaced", aiortc=aiortc.__version__, verified=f"{_VERIFIED}x")
    return False
