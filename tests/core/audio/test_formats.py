"""offhook.audio.formats: bytes to milliseconds and back."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.audio.formats import PCM16_24K, PCMA, PCMU, AudioFormat

FORMATS = [PCM16_24K, PCMU, PCMA, AudioFormat("audio/pcm", 48_000, 2), AudioFormat("audio/pcm", 11_025)]


@pytest.mark.parametrize(
    ("audio_format", "expected"),
    [(PCM16_24K, 48_000), (PCMU, 8_000), (PCMA, 8_000), (AudioFormat("audio/pcm", 48_000, 2), 192_000)],
)
def test_bytes_per_second_counts_encoding_rate_and_channels(audio_format, expected):
    assert audio_format.bytes_per_second == expected


@pytest.mark.parametrize(("audio_format", "expected"), [(PCM16_24K, 960), (PCMU, 160), (PCMA, 160)])
def test_a_20_ms_frame_has_the_size_every_telephone_expects(audio_format, expected):
    assert audio_format.size(20) == expected
    assert audio_format.duration_ms(expected) == 20


def test_a_size_is_cut_to_whole_samples_of_every_channel():
    assert AudioFormat("audio/pcm", 11_025, 2).size(1) == 11 * 2 * 2


@given(audio_format=st.sampled_from(FORMATS), milliseconds=st.integers(0, 3_600_000))
def test_size_and_duration_agree_to_within_a_sample(audio_format, milliseconds):
    duration = audio_format.duration_ms(audio_format.size(milliseconds))
    assert milliseconds - 1000 / audio_format.rate_hz < duration <= milliseconds


def test_importing_offhook_audio_brings_no_numpy():
    modules = ", ".join(f"offhook.audio.{name}" for name in ("formats", "frames", "g711", "resample", "wav"))
    program = f"import sys, {modules}; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False"
