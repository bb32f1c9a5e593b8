"""The audio of items: its length, its words, and how long its bytes are kept."""

from __future__ import annotations

from offhook.audio.formats import PCM16_24K, PCMU, AudioFormat
from offhook_emulator.model.sound import Recordings, Sound


def _sound(duration_ms: int, words: str = "") -> Sound:
    sound = Sound(PCM16_24K, words)
    sound.add(bytes(PCM16_24K.size(duration_ms)))
    return sound


def test_cutting_keeps_about_the_words_that_were_heard():
    sound = _sound(1000, "one two three four")
    sound.cut(500)
    assert (sound.duration_ms, sound.words, len(sound.data)) == (500, "one two", 24_000)


def test_cutting_to_nothing_keeps_no_word():
    sound = _sound(1000, "one two three four")
    sound.cut(0)
    assert (sound.duration_ms, sound.words) == (0, "")


def test_the_length_is_known_after_the_bytes_are_gone():
    sound = _sound(1000)
    sound.forget()
    assert (sound.duration_ms, bytes(sound.data)) == (1000, b"")


def test_bytes_are_given_in_another_format():
    sound = Sound(AudioFormat("audio/pcm", 16_000))
    sound.add(bytes(32_000))
    assert len(sound.encoded(PCM16_24K)) == 48_000
    assert sound.encoded(PCMU) == b"\xff" * 8_000
    assert sound.encoded(sound.format) == bytes(32_000)


def test_only_the_latest_recordings_are_kept():
    recordings, sounds = Recordings(kept_bytes=100_000), [_sound(1000) for _ in range(4)]
    for sound in sounds:
        recordings.keep(sound)
    assert [len(sound.data) for sound in sounds] == [0, 0, 48_000, 48_000]
