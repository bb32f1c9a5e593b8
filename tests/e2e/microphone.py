"""Somebody who speaks: a recording in pieces, and the silence that ends their turn."""

from __future__ import annotations

from pathlib import Path

from offhook.audio.formats import PCM16_24K
from offhook.audio.frames import silence
from offhook.audio.wav import read_wav

#: As long as a browser or a telephone bridge would send.
_PIECE_MS = 40
#: More than any turn detection here waits for before it takes a turn for ended.
_SILENCE_MS = 1000


def spoken(path: Path) -> list[bytes]:
    """Give a recording, and the silence after it, as pieces of PCM16 24 kHz mono."""
    pcm = read_wav(path).at(PCM16_24K.rate_hz).pcm + silence(PCM16_24K, _SILENCE_MS)
    size = PCM16_24K.size(_PIECE_MS)
    return [pcm[at : at + size] for at in range(0, len(pcm), size)]
