"""offhook.audio.frames: cutting into frames, and silence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.audio import g711
from offhook.audio.formats import PCM16_24K, PCMA, PCMU, AudioFormat
from offhook.audio.frames import Framer, silence
from offhook.errors import AudioError


@given(size=st.integers(1, 50), chunks=st.lists(st.binary(max_size=120)))
def test_every_frame_has_the_size_and_no_byte_is_lost_or_moved(size, chunks):
    framer = Framer(size)
    frames = [frame for chunk in chunks for frame in framer.push(chunk)]
    rest = framer.flush()
    assert {len(frame) for frame in frames} <= {size}
    assert len(rest) < size
    assert b"".join([*frames, rest]) == b"".join(chunks)


@given(size=st.integers(1, 50), chunks=st.lists(st.binary(max_size=120)))
def test_a_frame_comes_with_the_chunk_that_completes_it(size, chunks):
    framer, pushed, framed = Framer(size), 0, 0
    for chunk in chunks:
        pushed += len(chunk)
        framed += len(framer.push(chunk))
        assert framed == pushed // size


def test_frames_are_bytes_of_their_own():
    chunk = bytearray(b"abcd")
    framer = Framer(2)
    frames = framer.push(chunk)
    chunk[:] = b"zzzz"
    assert frames == [b"ab", b"cd"]
    assert all(type(frame) is bytes for frame in frames)


def test_flushing_leaves_nothing_behind():
    framer = Framer(4)
    framer.push(b"abcde")
    assert framer.flush() == b"e"
    assert framer.flush() == b""
    assert framer.push(b"fghi") == [b"fghi"]


def test_the_last_frame_is_padded_to_its_size():
    framer = Framer(4)
    framer.push(b"ab")
    assert framer.flush(b"\xff") == b"ab\xff\xff"


def test_padding_of_several_bytes_stays_aligned_with_the_frame():
    framer = Framer(8)
    framer.push(b"abc")
    assert framer.flush(b"12") == b"abc21212"


def test_padding_longer_than_the_frame_is_cut():
    framer = Framer(4)
    framer.push(b"a")
    assert framer.flush(b"123456") == b"a234"


def test_nothing_left_over_is_nothing_to_pad():
    framer = Framer(4)
    framer.push(b"abcd")
    assert framer.flush(b"\x00") == b""


@pytest.mark.parametrize("size", [0, -1])
def test_a_frame_without_bytes_is_refused(size):
    with pytest.raises(AudioError, match="at least 1 byte"):
        Framer(size)


@pytest.mark.parametrize("audio_format", [PCM16_24K, PCMU, PCMA, AudioFormat("audio/pcm", 48_000, 2)])
def test_silence_lasts_as_long_as_asked_and_sounds_like_nothing(audio_format):
    quiet = silence(audio_format, 20)
    assert audio_format.duration_ms(len(quiet)) == 20
    loudest = max(memoryview(g711.decode(quiet, audio_format.encoding)).cast("h"))
    assert loudest == (8 if audio_format is PCMA else 0)  # A-law has no zero; 8 is the nearest above


@pytest.mark.parametrize(("audio_format", "expected"), [(PCM16_24K, 0x00), (PCMU, 0xFF), (PCMA, 0xD5)])
def test_silence_is_the_encoding_s_own_zero(audio_format, expected):
    assert set(silence(audio_format, 10)) == {expected}


def test_silence_in_an_unknown_encoding_is_refused_with_the_ones_there_are():
    with pytest.raises(AudioError, match=r"'audio/opus'.*audio/pcm, audio/pcmu, audio/pcma"):
        silence(AudioFormat("audio/opus", 48_000), 20)
