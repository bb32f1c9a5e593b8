"""offhook.cli.media: the ends of a conversation, and how they get to a transport."""

from __future__ import annotations

import asyncio
import time

import pytest

from offhook.audio.wav import WavAudio
from offhook.cli.media import Answer, Question, transport_for
from offhook.errors import Unsupported

ENDS = 'input: Any = "microphone"; output: Any = "speaker"'


@pytest.fixture(autouse=True)
def no_config(monkeypatch, tmp_path):
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)


def test_a_transport_that_handles_the_audio_is_handed_the_ends_through_its_options(kit, site):
    site.transport("acme", kit.handles(f"{ENDS}; input_rate_hz: int = 8000"))
    ends = {"input": object(), "output": print}
    options = transport_for("acme", ends, {"input_rate_hz": 24_000, "devices": object()}).options
    assert (options.input, options.output, options.input_rate_hz) == (ends["input"], print, 24_000)


def test_options_that_nobody_wants_to_change_stay_as_they_are_configured(kit, site, monkeypatch):
    site.transport("acme", kit.handles(ENDS))
    monkeypatch.setenv("OFFHOOK_ACME_URL", "ws://here")
    options = transport_for("acme", {}).options
    assert (options.url, options.input, options.output) == ("ws://here", "microphone", "speaker")


def test_a_transport_that_carries_audio_through_the_contract_needs_no_options(site):
    site.transport("acme")
    assert transport_for("acme", {"input": object(), "output": print}).options.retries == 3


def test_without_a_name_the_configured_transport_is_meant(kit, site, monkeypatch):
    site.transport("acme", kit.handles(ENDS))
    monkeypatch.setenv("OFFHOOK_TRANSPORT", "acme")
    assert transport_for(None, {"input": 1}).options.input == 1


@pytest.mark.parametrize(
    ("options", "needed", "missing"),
    [
        ("pass", {}, "no input and no output"),
        ("input: Any = None", {}, "no output"),
        (ENDS, {"input_device": "Mic"}, "no input_device"),
    ],
)
def test_a_transport_whose_sound_is_elsewhere_is_refused_with_what_it_lacks(kit, site, options, needed, missing):
    site.transport("acme", kit.handles(options))
    with pytest.raises(Unsupported, match=rf"over 'acme' is not supported .*options have {missing}\).* Choose another"):
        transport_for("acme", needed)


# The question


async def take(frames, count):
    taken = [await anext(frames) for _ in range(count)]
    await frames.aclose()
    return taken


async def test_a_question_is_given_in_whole_frames_and_followed_by_silence(kit):
    question = Question(WavAudio(kit.tone(50), 24_000))
    frames = await take(question.frames(24_000, ahead_ms=1000), 5)
    assert [len(frame) for frame in frames] == [960] * 5
    assert b"".join(frames) == kit.tone(50) + bytes(50 * 48)


async def test_a_question_is_given_at_the_rate_that_is_asked_for(kit):
    frames = await take(Question(WavAudio(kit.tone(40), 24_000)).frames(8_000, ahead_ms=1000), 3)
    assert [len(frame) for frame in frames] == [320] * 3


async def test_a_question_takes_as_long_as_it_takes_to_say_it(kit):
    before = time.perf_counter()
    await take(Question(WavAudio(kit.tone(100), 24_000)).frames(24_000), 6)
    assert time.perf_counter() - before >= 0.1


async def test_whoever_keeps_the_time_may_take_a_question_a_little_early_but_not_all_at_once(kit):
    frames = aiter(Question(WavAudio(kit.tone(20), 24_000)))
    before = time.perf_counter()
    await take(frames, 8)
    assert time.perf_counter() - before >= 0.079


async def test_a_question_knows_when_its_last_loud_frame_went_out(kit):
    question = Question(WavAudio(kit.tone(40) + bytes(4800), 24_000))
    frames = question.frames(24_000, ahead_ms=1000)
    await anext(frames)
    assert question.ended_at == 0  # it is not out before its taker is back
    await anext(frames)
    await anext(frames)
    ended_at = question.ended_at
    assert ended_at > 0
    await anext(frames)
    assert (question.ended_at, question.taken_ms) == (ended_at, 60)
    await frames.aclose()


# The answer


def test_an_answer_goes_from_the_first_sound_to_the_last(kit):
    answer = Answer()
    answer.hear(bytes(960), 24_000)
    assert answer.began_at == 0
    for pcm in (kit.tone(20), bytes(1920), kit.tone(20), bytes(4800)):
        answer.hear(pcm, 24_000)
    assert answer.began_at > 0
    assert answer.pcm == kit.tone(20) + bytes(1920) + kit.tone(20)
    assert answer.quiet_ms == 100


def test_an_answer_is_given_at_24_khz(kit):
    answer = Answer()
    answer.hear(kit.tone(100, 8_000), 8_000)
    assert len(answer.pcm) == 4800


def test_pieces_that_are_cut_in_the_middle_of_a_sample_are_put_together(kit):
    answer = Answer()
    for pcm in (b"\0", b"\0" + kit.tone(20)[:101], kit.tone(20)[101:]):
        answer.hear(pcm, 24_000)
    assert kit.tone(20) in answer.pcm


def test_an_answer_that_was_interrupted_is_forgotten(kit):
    answer = Answer()
    answer.hear(kit.tone(20), 24_000)
    answer.forget()
    assert (answer.began_at, answer.pcm) == (0, b"")


async def test_quiet_is_awaited_until_it_follows_a_sound(kit):
    answer = Answer()
    waiting = asyncio.create_task(answer.quiet(100))
    for pcm in (bytes(9600), kit.tone(20), bytes(2400)):
        answer.hear(pcm, 24_000)
        await asyncio.sleep(0)
        assert not waiting.done()
    answer.hear(bytes(2400), 24_000)
    await asyncio.wait_for(waiting, kit.PATIENCE_S)
