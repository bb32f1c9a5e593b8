"""offhook.audio.resample: what a listener would notice, measured."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.audio.resample import Resampler, resample
from offhook.audio.wav import read_wav
from offhook.errors import AudioError

RATES = [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000]
PAIRS = list(itertools.permutations(RATES, 2))
LOUD = 16_000


def tone(hz, rate_hz, seconds=0.5):
    time = np.arange(int(rate_hz * seconds)) / rate_hz
    return np.rint(LOUD * np.sin(2 * np.pi * hz * time)).astype("<i2").tobytes()


def level_db(pcm):
    """The level of the middle of ``pcm`` against that of :func:`tone`."""
    samples = np.frombuffer(pcm, "<i2").astype(float)
    middle = samples[len(samples) // 4 : -len(samples) // 4]
    return 10 * math.log10((middle**2).mean() / (LOUD**2 / 2) + 1e-12)


def samples_of(pcm):
    return np.frombuffer(pcm, "<i2").astype(float)


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_speech_frequencies_keep_their_level(from_hz, to_hz):
    assert level_db(resample(tone(1_000, from_hz), from_hz, to_hz)) == pytest.approx(0, abs=0.05)
    assert level_db(resample(tone(0.4 * min(from_hz, to_hz), from_hz), from_hz, to_hz)) == pytest.approx(0, abs=0.5)


@pytest.mark.parametrize(("from_hz", "to_hz"), [pair for pair in PAIRS if 0.62 * pair[1] < 0.5 * pair[0]])
def test_what_the_lower_rate_cannot_carry_is_taken_out(from_hz, to_hz):
    for share in (0.55, 0.62):
        assert level_db(resample(tone(share * to_hz, from_hz), from_hz, to_hz)) < -70


@pytest.mark.parametrize(("from_hz", "to_hz"), [pair for pair in PAIRS if pair[1] > 1.3 * pair[0]])
def test_the_higher_rate_holds_no_images_of_the_lower_one(from_hz, to_hz):
    pcm = samples_of(resample(tone(0.4 * from_hz, from_hz), from_hz, to_hz))
    spectrum = np.abs(np.fft.rfft(pcm * np.blackman(len(pcm))))
    frequency = np.fft.rfftfreq(len(pcm), 1 / to_hz)
    assert spectrum[frequency > 0.55 * from_hz].max() < spectrum.max() * 10 ** (-70 / 20)


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_the_delay_stays_below_3_ms(from_hz, to_hz):
    resampler = Resampler(from_hz, to_hz)
    given_ms = got_ms = 0.0
    for _ in range(10):
        given_ms += 10
        got_ms += len(resampler.push(bytes(2 * from_hz // 100))) / 2 / to_hz * 1000
        assert 0 <= given_ms - got_ms < 3


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_the_output_is_in_step_with_the_input(from_hz, to_hz):
    click = np.zeros(from_hz // 10, "<i2")
    click[len(click) // 2] = LOUD
    heard = samples_of(resample(click.tobytes(), from_hz, to_hz))
    assert abs(heard).argmax() / to_hz == pytest.approx((len(click) // 2) / from_hz, abs=0.5 / to_hz + 1e-9)


@settings(deadline=None, max_examples=150)
@given(
    pair=st.sampled_from(PAIRS),
    pcm=st.binary(max_size=6_000),
    cuts=st.lists(st.integers(0, 6_000), max_size=12),
)
def test_any_chunking_gives_the_same_bytes_even_through_the_middle_of_a_sample(pair, pcm, cuts):
    edges = [0, *sorted(min(cut, len(pcm)) for cut in cuts), len(pcm)]
    resampler = Resampler(*pair)
    streamed = [resampler.push(pcm[start:end]) for start, end in itertools.pairwise(edges)]
    assert b"".join([*streamed, resampler.flush()]) == resample(pcm, *pair)


@settings(deadline=None)
@given(from_hz=st.integers(1_000, 9_000), to_hz=st.integers(1_000, 9_000), count=st.integers(0, 500))
def test_any_two_rates_conserve_the_duration(from_hz, to_hz, count):
    assert len(resample(bytes(2 * count), from_hz, to_hz)) == 2 * math.ceil(count * to_hz / from_hz)


@pytest.mark.parametrize(("from_hz", "to_hz"), [(8_000, 24_000), (48_000, 44_100)])
def test_a_long_recording_is_cut_into_blocks_that_nobody_hears(from_hz, to_hz):
    pcm = tone(440, from_hz, seconds=3)
    resampler = Resampler(from_hz, to_hz)
    frames = [resampler.push(pcm[at : at + 320]) for at in range(0, len(pcm), 320)]
    assert b"".join([*frames, resampler.flush()]) == resample(pcm, from_hz, to_hz)


def test_a_constant_stays_that_constant():
    for from_hz, to_hz in PAIRS:
        constant = np.full(from_hz // 10, 12_345, "<i2").tobytes()
        heard = samples_of(resample(constant, from_hz, to_hz))
        middle = heard[len(heard) // 4 : -len(heard) // 4]
        assert set(middle) == {12_345}


def test_full_scale_is_clipped_and_never_wraps_around():
    square = np.repeat(np.array([32_767, -32_768] * 50, "<i2"), 40)
    heard = samples_of(resample(square.tobytes(), 24_000, 48_000))
    for at in range(100):  # the filter rings at the edges, beyond full scale; the plateaus keep their sign
        plateau = heard[at * 80 + 10 : at * 80 + 70]
        assert (np.sign(plateau) == (-1) ** at).all()


def test_speech_survives_the_way_up_and_down_again(corpus):
    speech = read_wav(corpus / "livekit" / "weather_question.wav")
    back = resample(resample(speech.pcm, speech.rate_hz, 48_000), 48_000, speech.rate_hz)
    assert len(back) == len(speech.pcm)
    below = np.fft.rfftfreq(len(back) // 2, 1 / speech.rate_hz) < 0.4 * speech.rate_hz
    said, heard = (np.fft.rfft(samples_of(pcm))[below] for pcm in (speech.pcm, back))
    assert 20 * math.log10(np.linalg.norm(said) / np.linalg.norm(said - heard)) > 55


def test_equal_rates_pass_through_in_whole_samples():
    resampler = Resampler(24_000, 24_000)
    assert resampler.push(b"abc") == b"ab"
    assert resampler.push(b"d") == b"cd"
    assert resampler.flush() == b""


def test_half_a_sample_at_the_end_is_dropped():
    pcm = tone(440, 8_000, seconds=0.01)
    assert resample(pcm + b"\x7f", 8_000, 24_000) == resample(pcm, 8_000, 24_000)
    assert resample(b"abc", 8_000, 8_000) == b"ab"


def test_after_a_flush_the_next_push_starts_anew():
    pcm = tone(440, 24_000, seconds=0.05)
    resampler = Resampler(24_000, 16_000)
    first = resampler.push(pcm + b"\x01") + resampler.flush()
    assert resampler.push(pcm) + resampler.flush() == first


def test_what_is_kept_between_pushes_does_not_grow():
    resampler = Resampler(48_000, 8_000)
    for _ in range(200):
        resampler.push(bytes(1_920))
    assert resampler._filter is not None
    assert resampler._filter._past.nbytes < 1_000
    assert resampler._filter._past.base is None


@pytest.mark.parametrize(("from_hz", "to_hz"), [(0, 24_000), (24_000, 0), (-8_000, 8_000), (8_000, 4_000_000), (0, 0)])
def test_a_rate_nobody_records_at_is_refused(from_hz, to_hz):
    with pytest.raises(AudioError, match="Use 1000 to 384000 Hz"):
        Resampler(from_hz, to_hz)


def test_without_numpy_the_error_names_the_extra_and_equal_rates_still_work():
    program = """
import sys
sys.modules["numpy"] = None
from offhook.audio.resample import Resampler, resample
from offhook.errors import AudioError
assert resample(b"abcd", 24_000, 24_000) == b"abcd"
try:
    Resampler(24_000, 16_000)
except AudioError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert 'pip install "offhook[audio]"' in done.stdout
