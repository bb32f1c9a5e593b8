"""offhook.audio.wav: every WAV a recorder writes, and a helpful word about everything else."""

from __future__ import annotations

import contextlib
import math
import struct
import wave

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.audio.wav import WavAudio, check_writable, read_wav, write_wav
from offhook.errors import AudioError

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
SUBFORMAT_TAIL = bytes.fromhex("000000001000800000aa00389b71")
SPEECH = [0, 1, -1, 1_000, -1_000, 32_767, -32_768]


def chunk(name, content, size=None):
    return struct.pack("<4sI", name, len(content) if size is None else size) + content + b"\x00" * (len(content) % 2)


def form(codec=PCM, bits=16, channels=1, rate_hz=24_000, tail=b""):
    align = channels * bits // 8
    return struct.pack("<HHIIHH", codec, channels, rate_hz, rate_hz * align, align, bits) + tail


def riff(*chunks):
    body = b"".join(chunks)
    return struct.pack("<4sI4s", b"RIFF", 4 + len(body), b"WAVE") + body


def pcm16(*samples):
    return struct.pack(f"<{len(samples)}h", *samples)


def refusal(path):
    """The one paragraph with which a file is refused."""
    with pytest.raises(AudioError) as caught:
        read_wav(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


@pytest.fixture
def read(tmp_path):
    """Reads a file of the given bytes."""

    def _read(content):
        path = tmp_path / "input.wav"
        path.write_bytes(content)
        return read_wav(path)

    return _read


@pytest.fixture
def refuse(tmp_path):
    """The refusal of a file of the given bytes."""

    def _refuse(content, name="input.wav"):
        path = tmp_path / name
        path.write_bytes(content)
        return refusal(path)

    return _refuse


@pytest.mark.parametrize(
    ("codec", "bits", "data", "expected"),
    [
        (PCM, 8, bytes([128, 129, 0, 255]), [0, 256, -32_768, 32_512]),
        (PCM, 16, pcm16(*SPEECH), SPEECH),
        (PCM, 24, b"".join((s * 256).to_bytes(3, "little", signed=True) for s in SPEECH), SPEECH),
        (PCM, 32, struct.pack("<7i", *(sample * 65_536 for sample in SPEECH)), SPEECH),
        (FLOAT, 32, struct.pack("<7f", *(sample / 32_768 for sample in SPEECH)), SPEECH),
        (FLOAT, 32, struct.pack("<5f", 2, -2, math.inf, -math.inf, math.nan), [32_767, -32_768] * 2 + [0]),
    ],
)
def test_every_sample_format_becomes_pcm16(read, codec, bits, data, expected):
    extension = struct.pack("<HHIH", 22, bits, 4, codec) + SUBFORMAT_TAIL
    for header in (form(codec, bits), form(EXTENSIBLE, bits, tail=extension)):
        audio = read(riff(chunk(b"fmt ", header), chunk(b"data", data)))
        assert audio == WavAudio(pcm16(*expected), 24_000)


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 44_100, 48_000, 96_000])
def test_the_rate_is_the_file_s_own(read, rate_hz):
    audio = read(riff(chunk(b"fmt ", form(rate_hz=rate_hz)), chunk(b"data", pcm16(*[0] * rate_hz))))
    assert audio.rate_hz == rate_hz
    assert audio.duration_ms == 1_000


def test_stereo_is_mixed_down_without_overflow(read):
    data = pcm16(100, 300, 32_767, 32_767, -32_768, -32_768, 1_000, -1_000)
    audio = read(riff(chunk(b"fmt ", form(channels=2)), chunk(b"data", data)))
    assert audio.pcm == pcm16(200, 32_767, -32_768, 0)


def test_stereo_of_other_sample_formats_is_mixed_down_too(read):
    data = struct.pack("<4f", 0.5, -0.5, 0.25, 0.75)
    assert read(riff(chunk(b"fmt ", form(FLOAT, 32, 2)), chunk(b"data", data))).pcm == pcm16(0, 16_384)


def test_other_chunks_are_skipped_odd_ones_with_their_padding(read):
    parts = chunk(b"LIST", b"odd"), chunk(b"fmt ", form()), chunk(b"fact", b"1234"), chunk(b"data", b"ab")
    assert read(riff(*parts, chunk(b"id3 ", b"tag"))).pcm == b"ab"


@pytest.mark.parametrize("size", [0xFFFF_FFFF, 0x7FFF_F000])
def test_a_streamed_file_goes_on_to_its_end(read, size):
    assert read(riff(chunk(b"fmt ", form()), chunk(b"data", b"abcd", size))).pcm == b"abcd"


def test_an_unfinished_frame_at_the_end_is_dropped(read):
    data = pcm16(100, 300, 500) + b"\x01"
    assert read(riff(chunk(b"fmt ", form(channels=2)), chunk(b"data", data))).pcm == pcm16(200)


def test_recorded_speech_is_read_as_the_standard_library_reads_it(corpus):
    for name in ("hello_world.wav", "weather_question.wav"):
        path = corpus / "livekit" / name
        with wave.open(str(path)) as file:
            expected = WavAudio(file.readframes(file.getnframes()), file.getframerate())
        assert read_wav(path) == read_wav(str(path)) == expected


def test_audio_at_another_rate_lasts_as_long(corpus):
    audio = read_wav(corpus / "livekit" / "hello_world.wav")
    telephone = audio.at(8_000)
    assert telephone.rate_hz == 8_000
    assert telephone.duration_ms == pytest.approx(audio.duration_ms, abs=1 / 8)
    assert audio.at(audio.rate_hz) is audio


def test_printing_audio_shows_none_of_it():
    assert repr(WavAudio(b"secret", 24_000)) == "WavAudio(rate_hz=24000)"


@given(pcm=st.binary(min_size=1, max_size=100).map(lambda half: half * 2), rate_hz=st.sampled_from([8_000, 24_000]))
def test_what_is_written_is_read_again(tmp_path_factory, pcm, rate_hz):
    path = tmp_path_factory.mktemp("wav") / "out.wav"
    write_wav(path, pcm, rate_hz)
    assert read_wav(path) == WavAudio(pcm, rate_hz)


def test_the_standard_library_reads_what_is_written(tmp_path):
    write_wav(tmp_path / "out.wav", pcm16(*SPEECH), 24_000)
    with wave.open(str(tmp_path / "out.wav")) as file:
        assert file.getparams()[:4] == (1, 2, 24_000, len(SPEECH))
        assert file.readframes(99) == pcm16(*SPEECH)


def test_a_missing_file_is_named(tmp_path):
    assert "There is no file" in refusal(tmp_path / "missing.wav")


def test_a_directory_is_called_one(tmp_path):
    assert "is a directory" in refusal(tmp_path)


def test_a_file_that_may_not_be_opened_is_named_with_the_reason(tmp_path):
    (tmp_path / "file").touch()
    assert "Not a directory" in refusal(tmp_path / "file" / "input.wav")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"ID3\x04" + bytes(20), "an MP3 file"),
        (b"\xff\xfb\x90" + bytes(20), "an MP3 file"),
        (b"OggS" + bytes(20), "an Ogg file"),
        (b"fLaC" + bytes(20), "a FLAC file"),
        (b"\x00\x00\x00\x20ftypM4A " + bytes(20), "an MP4 or M4A file"),
        (b"RIFF\x00\x00\x00\x00AVI " + bytes(20), "an AVI video"),
        (b"hello, this is text", "not a WAV file"),
        (b"x", "not a WAV file"),
    ],
)
def test_another_kind_of_file_is_named_with_the_command_that_converts_it(refuse, content, what):
    message = refuse(content, "my song.mp3")
    assert f"is {what}" in message
    assert "ffmpeg -i '" in message
    assert message.endswith("my song.mp3' -ar 24000 -ac 1 'my song-24k.wav'")


@pytest.mark.parametrize(
    ("header", "what"),
    [
        (form(2, 4), "4-bit MS ADPCM"),
        (form(7, 8), "8-bit G.711 mu-law"),
        (form(0x55, 0), "0-bit MP3"),
        (form(0x1234, 16), "16-bit audio of codec 0x1234"),
        (form(FLOAT, 64), "64-bit floating point"),
        (form(PCM, 12), "12-bit PCM"),
    ],
)
def test_a_codec_that_is_not_read_is_named_with_the_command_that_converts_it(refuse, header, what):
    message = refuse(riff(chunk(b"fmt ", header), chunk(b"data", bytes(100))))
    assert f"a WAV file with {what}, " in message
    assert message.endswith("input.wav -ar 24000 -ac 1 input-24k.wav")


COMPLETE = riff(chunk(b"fmt ", form()), chunk(b"data", bytes(100)))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "the file is empty"),
        (COMPLETE[:10], "it ends before its header does"),
        (COMPLETE[:12], "it ends before its header does"),
        (COMPLETE[:30], "it ends before its header does"),
        (COMPLETE[:36], "there is no audio in it"),
        (COMPLETE[:100], "its header promises 100 bytes of audio, and 56 are there"),
        (riff(chunk(b"fmt ", form()), chunk(b"data", b"")), "there is no audio in it"),
        (riff(chunk(b"fmt ", form()), chunk(b"data", b"a")), "there is no audio in it"),
        (riff(chunk(b"fmt ", form(channels=0)), chunk(b"data", b"ab")), "0 channels at 24000 Hz"),
        (riff(chunk(b"fmt ", form(rate_hz=0)), chunk(b"data", b"ab")), "1 channels at 0 Hz"),
    ],
)
def test_a_damaged_file_is_told_from_a_foreign_one(refuse, content, why):
    message = refuse(content)
    assert why in message
    assert "Record or export it again" in message


@given(keep=st.integers(0, len(COMPLETE) - 1))
def test_a_file_cut_off_anywhere_is_refused(tmp_path_factory, keep):
    path = tmp_path_factory.mktemp("wav") / "cut.wav"
    path.write_bytes(COMPLETE[:keep])
    refusal(path)


@given(junk=st.binary(max_size=200))
def test_any_bytes_after_a_wav_s_first_twelve_are_audio_or_an_audio_error(tmp_path_factory, junk):
    path = tmp_path_factory.mktemp("wav") / "junk.wav"
    path.write_bytes(COMPLETE[:12] + junk)
    with contextlib.suppress(AudioError):
        assert read_wav(path).pcm


def test_writing_half_a_sample_is_refused_and_writes_nothing(tmp_path):
    with pytest.raises(AudioError, match="3 bytes are not PCM16"):
        write_wav(tmp_path / "out.wav", b"abc", 24_000)
    assert not (tmp_path / "out.wav").exists()


def test_a_place_that_cannot_be_written_is_named_with_the_reason(tmp_path):
    with pytest.raises(AudioError, match=r"no.such.folder.* cannot be written: No such file or directory\. Give"):
        write_wav(tmp_path / "no such folder" / "out.wav", b"ab", 24_000)


@pytest.mark.parametrize("place", ["no such folder/out.wav", "."])
def test_a_place_can_be_checked_before_there_is_anything_to_write(tmp_path, place):
    with pytest.raises(AudioError, match="cannot be written"):
        check_writable(tmp_path / place)


def test_a_check_leaves_nothing_behind_and_what_is_there_as_it_is(tmp_path):
    kept = tmp_path / "kept.wav"
    kept.write_bytes(b"an answer")
    for path in (kept, tmp_path / "new.wav"):
        check_writable(path)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("kept.wav", b"an answer")]
