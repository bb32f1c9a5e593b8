"""Audio between the client's formats and the voice's."""

from __future__ import annotations

import pytest

from offhook.audio.formats import PCM16_24K, PCMA, PCMU
from offhook_emulator.line.ear import Ear
from offhook_emulator.line.mouth import Mouth


class Hops:
    """A detector that says how many bytes it got."""

    hop_ms = 20

    def push(self, pcm: bytes) -> list[float]:
        return [len(pcm)]


@pytest.mark.parametrize("audio_format", [PCM16_24K, PCMU, PCMA])
def test_a_second_of_any_format_is_heard_as_a_second_at_16_khz(audio_format):
    ear = Ear(Hops())
    slices = list(ear.listen(bytes(audio_format.size(1000)), audio_format))
    assert sum(len(pcm) for pcm, _ in slices) == pytest.approx(32_000, abs=100)


def test_long_audio_is_heard_in_slices_of_half_a_second():
    assert len(list(Ear(Hops()).listen(bytes(PCM16_24K.size(2000)), PCM16_24K))) == 4


def test_a_sample_may_be_split_between_appends():
    ear = Ear(Hops())
    heard = [pcm for size in (33, 33, 34) for pcm, _ in ear.listen(bytes(size), PCM16_24K)]
    assert all(len(pcm) % 2 == 0 for pcm in heard)


def test_the_format_may_change_between_appends():
    ear = Ear(Hops())
    for audio_format in (PCM16_24K, PCMU):
        assert list(ear.listen(bytes(audio_format.size(100)), audio_format))


def test_nothing_is_lost_and_the_first_piece_is_the_smallest():
    mouth, second = Mouth(PCM16_24K), bytes(range(256)) * 188
    pieces = [*mouth.push(second), *mouth.flush()]
    assert b"".join(pieces) == second
    durations = [PCM16_24K.duration_ms(len(piece)) for piece in pieces[:4]]
    assert durations == [60, 120, 240, 240]


@pytest.mark.parametrize("audio_format", [PCMU, PCMA])
def test_speech_is_encoded_for_the_telephone(audio_format):
    mouth = Mouth(audio_format)
    pieces = [*mouth.push(bytes(48_000)), *mouth.flush()]
    assert len(b"".join(pieces)) == 8000
    assert len(pieces[0]) == 480


def test_a_message_without_audio_has_no_pieces():
    assert Mouth(PCMU).flush() == []
