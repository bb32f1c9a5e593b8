"""``EmulatorTransport``: the Realtime dialect with the emulator in this process, without a server."""

from __future__ import annotations

from typing import Final

from offhook.audio.formats import PCM16_24K, AudioFormat
from offhook.errors import NotConnected
from offhook.realtime.transport import OpenAIRealtimeBase
from offhook_emulator.dialer import EmulatorDialer
from offhook_emulator.line.mouth import Mouth
from offhook_emulator.options import EmulatorOptions

_NOWHERE: Final = "ws://emulator/v1/realtime"


class EmulatorTransport(OpenAIRealtimeBase):
    """The ``emulator`` transport: every connection has a session of its own. Audio passes through it as bytes."""

    def __init__(self, options: EmulatorOptions | None = None) -> None:
        self._emulator = EmulatorDialer(options or EmulatorOptions())
        super().__init__("emulator", self._emulator, url=_NOWHERE)

    async def speech(self, text: str, audio_format: AudioFormat = PCM16_24K) -> bytes:
        """Say ``text`` in the emulator's own voice, as audio to send: what a user would say. Raises ``NotConnected``."""
        if self._emulator.voice is None:
            raise NotConnected("speech()", self.status)
        mouth, audio = Mouth(audio_format), bytearray()
        async for pcm in self._emulator.voice.text_to_speech.speak(text):
            audio += b"".join(mouth.push(pcm))
        return bytes(audio + b"".join(mouth.flush()))
