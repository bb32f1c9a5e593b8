"""offhook.audio.g711: bit-exact with audioop, which Python 3.13 no longer has; its answers are kept here."""

from __future__ import annotations

import hashlib
import math
import struct
import subprocess
import sys
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.audio import g711
from offhook.audio.wav import read_wav
from offhook.errors import AudioError

EVERY_SAMPLE = struct.pack("<65536h", *range(-32_768, 32_768))
EVERY_CODE = bytes(range(256))

#: Sample, mu-law code, A-law code, from CPython 3.11's audioop: both ends, every edge near zero, clipping.
ENCODED = [
    (0, 0xFF, 0xD5),
    (1, 0xFF, 0xD5),
    (3, 0xFF, 0xD5),
    (4, 0xFE, 0xD5),
    (8, 0xFE, 0xD5),
    (15, 0xFD, 0xD5),
    (16, 0xFD, 0xD4),
    (-1, 0x7E, 0x55),
    (-8, 0x7E, 0x55),
    (-9, 0x7D, 0x55),
    (-16, 0x7D, 0x55),
    (-17, 0x7C, 0x54),
    (100, 0xF2, 0xD3),
    (-100, 0x72, 0x53),
    (1000, 0xCE, 0xFA),
    (-1000, 0x4E, 0x7A),
    (8031, 0xA0, 0x8A),
    (-8031, 0x20, 0x0A),
    (32635, 0x80, 0xAA),
    (32767, 0x80, 0xAA),
    (-32635, 0x00, 0x2A),
    (-32768, 0x00, 0x2A),
]
#: Code, mu-law sample, A-law sample.
DECODED = [
    (0x00, -32124, -5504),
    (0x7F, 0, -848),
    (0x80, 32124, 5504),
    (0xFF, 0, 848),
    (0x55, -716, -8),
    (0xD5, 716, 8),
    (0x2A, -5372, -32256),
    (0xAA, 5372, 32256),
]
#: SHA-256 of audioop's answer to every sample (from -32768 up) and to every code.
DIGESTS = {
    "encode_ulaw": "81d633c9e6972a18c74a58720b96cb8ca0bdd096d4060b646dd708c3b846019a",
    "encode_alaw": "38488f6fd710f4686360edc4d38639f96c491595ef93f8eb8d62d5e07ca6ce7b",
    "decode_ulaw": "3dab54339e520bb2c924826e3b72a917a2b612e9fd12fc867500f1d983a75827",
    "decode_alaw": "e04788d110e58ff8c70c93b8480190d973e3b67876b6119abbaec766cc75c174",
}


def pcm(*samples):
    return struct.pack(f"<{len(samples)}h", *samples)


@pytest.mark.parametrize(("sample", "ulaw", "alaw"), ENCODED)
def test_a_sample_is_encoded_as_audioop_encodes_it(sample, ulaw, alaw):
    assert g711.encode_ulaw(pcm(sample)) == bytes([ulaw])
    assert g711.encode_alaw(pcm(sample)) == bytes([alaw])


@pytest.mark.parametrize(("code", "ulaw", "alaw"), DECODED)
def test_a_code_is_decoded_as_audioop_decodes_it(code, ulaw, alaw):
    assert g711.decode_ulaw(bytes([code])) == pcm(ulaw)
    assert g711.decode_alaw(bytes([code])) == pcm(alaw)


@pytest.mark.parametrize(("name", "digest"), DIGESTS.items())
def test_every_sample_and_every_code_has_the_recorded_answer(name, digest):
    answer = getattr(g711, name)(EVERY_SAMPLE if name.startswith("encode") else EVERY_CODE)
    assert hashlib.sha256(answer).hexdigest() == digest


def test_every_sample_and_every_code_has_the_answer_of_audioop_where_python_has_it():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        audioop = pytest.importorskip("audioop", reason="audioop left the standard library in Python 3.13")
    assert g711.encode_ulaw(EVERY_SAMPLE) == audioop.lin2ulaw(EVERY_SAMPLE, 2)
    assert g711.encode_alaw(EVERY_SAMPLE) == audioop.lin2alaw(EVERY_SAMPLE, 2)
    assert g711.decode_ulaw(EVERY_CODE) == audioop.ulaw2lin(EVERY_CODE, 2)
    assert g711.decode_alaw(EVERY_CODE) == audioop.alaw2lin(EVERY_CODE, 2)


@given(st.binary(max_size=400))
def test_decoding_and_encoding_again_gives_the_same_sound(data):
    for encoding in ("audio/pcmu", "audio/pcma"):
        heard = g711.decode(data, encoding)
        assert len(heard) == 2 * len(data)
        assert g711.decode(g711.encode(heard, encoding), encoding) == heard


@pytest.mark.parametrize("encoding", ["audio/pcmu", "audio/pcma"])
def test_real_speech_keeps_the_telephone_s_quality(corpus, encoding):
    speech = read_wav(corpus / "livekit" / "weather_question.wav").pcm
    heard = g711.decode(g711.encode(speech, encoding), encoding)
    count = len(speech) // 2
    pairs = list(zip(struct.unpack(f"<{count}h", speech), struct.unpack(f"<{count}h", heard), strict=True))
    signal = sum(said * said for said, _ in pairs)
    noise = sum((said - got) ** 2 for said, got in pairs)
    assert 10 * math.log10(signal / noise) > 35


def test_the_encoding_s_name_chooses_the_law_and_pcm_is_left_alone():
    sound = pcm(0, 1000, -1000, 32767)
    assert g711.encode(sound, "audio/pcm") == g711.decode(sound, "audio/pcm") == sound
    assert g711.encode(sound, "audio/pcmu") == g711.encode_ulaw(sound)
    assert g711.encode(sound, "audio/pcma") == g711.encode_alaw(sound)
    assert g711.decode(EVERY_CODE, "audio/pcmu") == g711.decode_ulaw(EVERY_CODE)
    assert g711.decode(EVERY_CODE, "audio/pcma") == g711.decode_alaw(EVERY_CODE)


@pytest.mark.parametrize("convert", [g711.encode, g711.decode])
def test_an_unknown_encoding_is_refused_with_the_ones_there_are(convert):
    with pytest.raises(AudioError, match=r"'audio/opus' .*audio/pcm, audio/pcmu, audio/pcma"):
        convert(b"", "audio/opus")


@pytest.mark.parametrize("encode", [g711.encode_ulaw, g711.encode_alaw])
def test_half_a_sample_is_refused_with_the_way_to_keep_it(encode):
    with pytest.raises(AudioError, match=r"321 bytes .*Keep the last byte for the next chunk"):
        encode(bytes(321))


def test_nothing_becomes_nothing():
    for encoding in ("audio/pcm", "audio/pcmu", "audio/pcma"):
        assert g711.encode(b"", encoding) == g711.decode(b"", encoding) == b""


def test_importing_builds_no_tables():
    program = "from offhook.audio import g711; print(g711._ulaw_codes.cache_info().currsize)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "0"
