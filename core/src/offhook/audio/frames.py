"""Chunks of any size into frames of one size, and frames of silence."""

from __future__ import annotations

from typing import Final

from offhook.audio.formats import AudioFormat
from offhook.errors import AudioError

#: The byte whose repetition is silence. G.711 inverts bits on the wire, so its zeros are not zero.
_SILENCE: Final = {"audio/pcm": b"\x00", "audio/pcmu": b"\xff", "audio/pcma": b"\xd5"}


class Framer:
    """Cuts a stream of bytes into frames of exactly ``size`` bytes and keeps what is left over.

    A size below 1 raises ``AudioError``.
    """

    def __init__(self, size: int) -> None:
        if size < 1:
            raise AudioError(
                f"A frame needs at least 1 byte, not {size}. AudioFormat.size(duration_ms) gives its size."
            )
        self._size = size
        self._rest = bytearray()

    def push(self, data: bytes) -> list[bytes]:
        """Every frame that ``data`` completes, oldest first; often none."""
        self._rest += data
        whole = len(self._rest) // self._size * self._size
        if not whole:
            return []
        frames = [bytes(self._rest[start : start + self._size]) for start in range(0, whole, self._size)]
        del self._rest[:whole]
        return frames

    def flush(self, pad: bytes = b"") -> bytes:
        """What is left over, and nothing is left over afterwards.

        With ``pad`` it is filled up to a whole frame with repetitions of ``pad``, which stay aligned with the
        frame's start; where nothing is left over there is nothing to fill, and the result is empty.
        """
        rest = bytes(self._rest)
        self._rest.clear()
        if not rest or not pad:
            return rest
        filling = pad * (self._size // len(pad) + 1)
        return rest + filling[len(rest) : self._size]


def silence(audio_format: AudioFormat, duration_ms: float) -> bytes:
    """``duration_ms`` milliseconds of silence, cut to whole samples.

    An encoding other than ``audio/pcm``, ``audio/pcmu`` and ``audio/pcma`` raises ``AudioError``.
    """
    try:
        return _SILENCE[audio_format.encoding] * audio_format.size(duration_ms)
    except KeyError:
        message = (
            f"offhook does not know what silence is in {audio_format.encoding!r}. Use one of {', '.join(_SILENCE)}."
        )
        raise AudioError(message) from None
