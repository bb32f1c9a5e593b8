"""WAV files: whatever a recorder writes in, PCM16 mono out.

The standard library's ``wave`` reads neither floating point nor ``WAVE_FORMAT_EXTENSIBLE``, so the chunks are
read here. Sources: "Multimedia Programming Interface and Data Specifications 1.0" (IBM and Microsoft, 1991)
for RIFF and WAVE; "Multiple channel audio data and WAVE files" (Microsoft, 2001) for the extensible format.
"""

from __future__ import annotations

import shlex
import struct
import sys
from array import array
from collections.abc import Callable, Iterable
from math import isnan
from os import PathLike
from pathlib import Path
from typing import Final

from attrs import field, frozen

from offhook.audio.formats import AudioFormat
from offhook.audio.resample import resample
from offhook.errors import AudioError

_FORMAT: Final = struct.Struct("<HHI6xH")  # codec, channels, samples per second, bits per sample
_SUBFORMAT_AT: Final = 24  # where the extensible format keeps the codec
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_CODECS: Final = {
    _PCM: "PCM",
    _FLOAT: "floating point",
    0x0002: "MS ADPCM",
    0x0006: "G.711 A-law",
    0x0007: "G.711 mu-law",
    0x0011: "IMA ADPCM",
    0x0031: "GSM 6.10",
    0x0055: "MP3",
}
#: What other files start with: offset, bytes, name.
_SIGNATURES: Final = (
    (0, b"ID3", "an MP3 file"),
    (0, b"\xff\xfb", "an MP3 file"),
    (0, b"\xff\xf3", "an MP3 file"),
    (0, b"\xff\xf1", "an AAC file"),
    (0, b"OggS", "an Ogg file (Opus or Vorbis)"),
    (0, b"fLaC", "a FLAC file"),
    (0, b"FORM", "an AIFF file"),
    (0, b"\x1aE\xdf\xa3", "a WebM or Matroska file"),
    (4, b"ftyp", "an MP4 or M4A file"),
    (0, b"RF64", "an RF64 file (a WAV for more than 4 GiB)"),
    (0, b"RIFX", "a big-endian WAV file (RIFX)"),
    (8, b"AVI ", "an AVI video"),
)
#: Writers that cannot go back to fill the length in put down 0x7FFFF000 (sox) or 0xFFFFFFFF (ffmpeg, and
#: speech services that stream): the audio then goes on to the end of the file.
_ENDLESS: Final = 0x7FFF_F000


@frozen
class WavAudio:
    """``pcm`` is PCM16 mono, little endian, at ``rate_hz`` samples per second."""

    pcm: bytes = field(repr=False)
    rate_hz: int

    @property
    def duration_ms(self) -> float:
        """How long the audio is, in milliseconds."""
        return AudioFormat("audio/pcm", self.rate_hz).duration_ms(len(self.pcm))

    def at(self, rate_hz: int) -> WavAudio:
        """The same audio at another rate. Raises the errors of :func:`offhook.audio.resample.resample`."""
        return self if rate_hz == self.rate_hz else WavAudio(resample(self.pcm, self.rate_hz, rate_hz), rate_hz)


def read_wav(path: str | PathLike[str]) -> WavAudio:
    """The audio of a WAV file, its channels mixed down to one, at the file's own rate.

    Reads 8, 16, 24 and 32-bit integers and 32-bit floating point, of any rate. What cannot be read raises
    ``AudioError``: a missing or damaged file, one without audio, a compressed one, another kind of file.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            head = file.read(12)
            if head[:4] != b"RIFF" or head[8:] != b"WAVE":
                raise _not_a_wav(path, head)
            return _parse(path, file.read())
    except FileNotFoundError as error:
        raise AudioError(f"There is no file {path}. Check the path; it should name a WAV file.") from error
    except IsADirectoryError as error:
        raise AudioError(f"{path} is a directory. Give the path of a WAV file in it.") from error
    except OSError as error:
        raise AudioError(f"{path} cannot be read: {error.strerror}. Check its permissions, or use a copy.") from error


def write_wav(path: str | PathLike[str], pcm: bytes, rate_hz: int) -> None:
    """Writes PCM16 mono (little endian) as a WAV file, over any that is there.

    Half a sample at the end of ``pcm``, and a path that cannot be written, raise ``AudioError``.
    """
    if len(pcm) % 2:
        raise AudioError(f"{len(pcm)} bytes are not PCM16: a sample has two. Nothing was written to {path}.")
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, _PCM, 1, rate_hz, 2 * rate_hz, 2, 16)
    data = struct.pack("<4sI", b"data", len(pcm))
    head = struct.pack("<4sI4s", b"RIFF", 4 + len(form) + len(data) + len(pcm), b"WAVE")
    try:
        Path(path).write_bytes(head + form + data + pcm)
    except OSError as error:
        raise _unwritable(path, error) from error


def check_writable(path: str | PathLike[str]) -> None:
    """Raises the ``AudioError`` that ``write_wav`` would raise for ``path``. What is there stays as it is."""
    path = Path(path)
    there = path.exists()
    try:
        path.open("ab").close()
        if not there:
            path.unlink()
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: str | PathLike[str], error: OSError) -> AudioError:
    return AudioError(
        f"{path} cannot be written: {error.strerror}. Give a file name in a folder that you may write to."
    )


def _parse(path: Path, body: bytes) -> WavAudio:
    chunks = _chunks(path, body)
    codec, channels, rate_hz, bits = _format(path, chunks.get(b"fmt ", b""))
    if (codec, bits) not in _TO_PCM16:
        raise _foreign(path, f"a WAV file with {bits}-bit {_CODECS.get(codec, f'audio of codec {codec:#06x}')}")
    if not channels or not rate_hz:
        raise _damaged(path, f"its header speaks of {channels} channels at {rate_hz} Hz")
    frame = channels * bits // 8
    data = chunks.get(b"data", b"")
    if len(data) < frame:
        raise _damaged(path, "there is no audio in it")
    pcm = _TO_PCM16[codec, bits](data[: len(data) // frame * frame])
    return WavAudio(pcm if channels == 1 else _mixed(pcm, channels), rate_hz)


def _format(path: Path, chunk: bytes) -> tuple[int, int, int, int]:
    """Codec, channels, samples per second, bits per sample."""
    if len(chunk) < _FORMAT.size:
        raise _damaged(path, "it ends before its header does")
    codec, channels, rate_hz, bits = _FORMAT.unpack_from(chunk)
    if codec == _EXTENSIBLE and len(chunk) >= _SUBFORMAT_AT + 2:
        codec = int.from_bytes(chunk[_SUBFORMAT_AT : _SUBFORMAT_AT + 2], "little")
    return codec, channels, rate_hz, bits


def _chunks(path: Path, body: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    at = 0
    while at + 8 <= len(body):
        name, size = struct.unpack_from("<4sI", body, at)
        content = body[at + 8 : at + 8 + size]
        if name == b"data" and len(content) < size < _ENDLESS:
            raise _damaged(path, f"its header promises {size} bytes of audio, and {len(content)} are there")
        found.setdefault(name, content)
        at += 8 + size + size % 2  # chunks start at even offsets
    return found


def _mixed(pcm: bytes, channels: int) -> bytes:
    return _pcm16(sum(frame) // channels for frame in struct.iter_unpack(f"<{channels}h", pcm))


def _pcm16(samples: Iterable[int]) -> bytes:
    values = array("h", samples)
    if sys.byteorder == "big":
        values.byteswap()
    return values.tobytes()


def _from_bytes(data: bytes) -> bytes:
    pcm = bytearray(2 * len(data))
    pcm[1::2] = data.translate(bytes(value ^ 0x80 for value in range(256)))  # 8 bits alone are unsigned
    return bytes(pcm)


def _from_wide(data: bytes, size: int) -> bytes:
    pcm = bytearray(2 * (len(data) // size))
    pcm[::2], pcm[1::2] = data[size - 2 :: size], data[size - 1 :: size]
    return bytes(pcm)


def _from_float(data: bytes) -> bytes:
    scaled = (value * 32_768 for (value,) in struct.iter_unpack("<f", data))
    return _pcm16(0 if isnan(value) else round(max(-32_768, min(32_767, value))) for value in scaled)


_TO_PCM16: Final[dict[tuple[int, int], Callable[[bytes], bytes]]] = {
    (_PCM, 8): _from_bytes,
    (_PCM, 16): lambda data: data,
    (_PCM, 24): lambda data: _from_wide(data, 3),
    (_PCM, 32): lambda data: _from_wide(data, 4),
    (_FLOAT, 32): _from_float,
}


def _not_a_wav(path: Path, head: bytes) -> AudioError:
    if not head:
        return _damaged(path, "the file is empty")
    if head[:4] == b"RIFF" and b"WAVE".startswith(head[8:]):
        return _damaged(path, "it ends before its header does")
    kinds = (kind for at, start, kind in _SIGNATURES if head.startswith(start, at))
    return _foreign(path, next(kinds, "not a WAV file"))


def _foreign(path: Path, what: str) -> AudioError:
    command = shlex.join(["ffmpeg", "-i", str(path), "-ar", "24000", "-ac", "1", f"{path.stem}-24k.wav"])
    return AudioError(
        f"{path} is {what}, and offhook reads WAV files of 8 to 32-bit PCM or 32-bit floating point. "
        f"Convert it first: {command}"
    )


def _damaged(path: Path, why: str) -> AudioError:
    return AudioError(f"{path} cannot be used: {why}. Record or export it again as a WAV file.")
