"""The audio of one telephone call, as RTP: 20 ms of G.711 a packet, both ways, and the keys that are pressed."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import Final

from aiortp import PortAllocator, RTPSession

from offhook.audio.formats import PCM16_24K
from offhook.audio.frames import Framer, silence
from offhook.audio.resample import Resampler
from offhook_emulator.line.calls import Call
from offhook_emulator.line.sip.ticks import FRAME_MS, PHONE_FORMAT, ticks

_FRAME_SAMPLES: Final = PHONE_FORMAT.rate_hz * FRAME_MS // 1000
_NOTHING_TO_PLAY: Final = silence(PCM16_24K, FRAME_MS)
#: Frames that may wait to be heard, 5 s of them; further ones are lost.
_MAX_WAITING: Final = 250
#: A telephone that sends nothing for so long is taken for silent. Some do that instead of sending silence, and without
#: silence no turn would ever end.
_QUIET_MS: Final = 400
_SILENCE: Final = silence(PHONE_FORMAT, _QUIET_MS)
#: Packets that have to follow before a missing one is given up.
_REORDERED: Final = 2
_UNKNOWN_KEY: Final = "?"
#: Below those that systems give to whoever asks for any.
_PORTS: Final = range(16_384, 32_768)
_PORTS_OF_A_SERVER: Final = 4096


class RtpAudio:
    """One call's audio. ``sending`` False keeps what is to be played waiting: the caller is on hold."""

    def __init__(self, session: RTPSession) -> None:
        self.sending = True
        self._session = session
        self._heard: asyncio.Queue[bytes] = asyncio.Queue(_MAX_WAITING)
        session.on_audio = self._on_audio

    @classmethod
    async def open(
        cls, local: tuple[str, int], remote: tuple[str, int], *, audio_type: int, keys_type: int
    ) -> RtpAudio:
        """Take a pair of ports and begin to listen. Raises ``OSError`` where they are not to be had.

        ``audio_type`` and ``keys_type`` are RTP payload types. Where packets come from beats what ``remote`` says.
        """
        session = await RTPSession.create(
            local_addr=local,
            remote_addr=remote,
            payload_type=audio_type,
            dtmf_payload_type=keys_type,
            cname="offhook-emulator",
            jitter_prefetch=_REORDERED,
            skip_audio_gaps=True,
            symmetric_rtp=True,
        )
        return cls(session)

    def redirect(self, remote: tuple[str, int]) -> None:
        """Send to another address from now on."""
        self._session.update_remote(remote)

    async def carry(self, call: Call) -> None:
        """Carry audio and keys both ways, until this is cancelled."""
        self._session.on_dtmf = lambda key, _duration: _press(call, key)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(call))
            tasks.create_task(self._speak(call))

    async def close(self) -> None:
        """Give the ports back."""
        await self._session.close()

    def _on_audio(self, pcm: bytes, _timestamp: int) -> None:
        if not self._heard.full():
            self._heard.put_nowait(pcm)

    async def _listen(self, call: Call) -> None:
        while True:
            try:
                async with asyncio.timeout(_QUIET_MS / 1000):
                    pcm = await self._heard.get()
            except TimeoutError:
                # Where it was this process that was busy, packets have come by now.
                pcm = self._heard.get_nowait() if self._heard.qsize() else _SILENCE
            await call.hear(pcm, PHONE_FORMAT)

    async def _speak(self, call: Call) -> None:
        resampler = Resampler(PCM16_24K.rate_hz, PHONE_FORMAT.rate_hz)
        framer, timestamp = Framer(PHONE_FORMAT.size(FRAME_MS)), 0
        async for _ in ticks():
            if self.sending:
                for frame in framer.push(resampler.push(call.pull() or _NOTHING_TO_PLAY)):
                    self._session.send_audio_pcm(frame, timestamp)
            timestamp = (timestamp + _FRAME_SAMPLES) % 2**32


def new_ports() -> PortAllocator:
    """Give the ports of one server: pairs, an even one for RTP and the next for RTCP.

    Where they begin is left to chance, so that servers that start together do not reach for the same ones.
    """
    start = _PORTS.start + 2 * secrets.randbelow((len(_PORTS) - _PORTS_OF_A_SERVER) // 2)
    return PortAllocator((start, start + _PORTS_OF_A_SERVER))


def _press(call: Call, key: str) -> None:
    if key != _UNKNOWN_KEY:
        # The service gives this event no event_id.
        call.tell({"type": "input_audio_buffer.dtmf_event_received", "event": key, "received_at": int(time.time())})
