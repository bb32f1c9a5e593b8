"""The work of a session: hearing, transcribing, replying, and stopping all of it in time."""

from __future__ import annotations

import asyncio
import base64

import pytest

from offhook.errors import OffhookError
from offhook_emulator.replies.protocol import CallFunction, Say

WITH_TRANSCRIPTION = {"type": "realtime", "audio": {"input": {"transcription": {"model": "whisper-1"}}}}


def _types(frames):
    """Without repetitions in a row."""
    types = [frame["type"] for frame in frames]
    return [kind for at, kind in enumerate(types) if at == 0 or types[at - 1] != kind]


def _audio(frames):
    return b"".join(
        base64.b64decode(frame["delta"]) for frame in frames if frame["type"] == "response.output_audio.delta"
    )


async def test_a_spoken_turn_is_heard_transcribed_and_answered(call):
    async with call() as caller:
        caller.replies.pieces = [Say("Hi.")]
        await caller.send("session.update", session=WITH_TRANSCRIPTION)
        await caller.say()
        frames = await caller.until("rate_limits.updated")
    assert _types(frames) == [
        "session.created",
        "session.updated",
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]
    assert _audio(frames) == bytes(4800)
    assert caller.replies.requests[0].items[0]["content"][0]["transcript"] == "Hello."


async def test_a_reply_waits_for_the_transcript_whether_or_not_the_client_wants_it(call):
    async with call() as caller:
        caller.voice.may_write.clear()
        await caller.say()
        await caller.until("response.created")
        assert caller.replies.requests == []
        caller.voice.may_write.set()
        frames = await caller.until("response.done")
    assert not any("transcription" in kind for kind in _types(frames))
    assert caller.replies.requests[0].items[0]["content"][0]["transcript"] == "Hello."
    assert len(caller.voice.heard) == 1


async def test_words_are_told_before_their_audio_and_all_of_them(call):
    async with call() as caller:
        caller.replies.pieces = [Say("One two three. "), Say("Four.")]
        await caller.ask()
        frames = await caller.until("response.done")
    spoken = [frame for frame in frames if frame["type"].endswith(("transcript.delta", "output_audio.delta"))]
    assert spoken[0]["delta"] == "One"
    told = "".join(frame["delta"] for frame in spoken if frame["type"].endswith("transcript.delta"))
    assert told == "One two three. Four."
    assert frames[-1]["response"]["output"][0]["content"][0]["transcript"] == told
    assert [text for text, _, _ in caller.voice.spoken] == ["One two three.", "Four."]


async def test_text_is_written_and_not_spoken(call):
    async with call() as caller:
        await caller.ask(output_modalities=["text"])
        frames = await caller.until("response.done")
    assert [frame["delta"] for frame in frames if frame["type"] == "response.output_text.delta"] == ["Hello", " there."]
    assert caller.voice.spoken == []


async def test_voice_speed_and_format_are_those_of_the_session(call):
    async with call() as caller:
        output = {"voice": "cedar", "speed": 1.25, "format": {"type": "audio/pcmu"}}
        await caller.send("session.update", session={"type": "realtime", "audio": {"output": output}})
        await caller.ask()
        frames = await caller.until("response.done")
    assert caller.voice.spoken == [("Hello there.", "cedar", 1.25)]
    assert _audio(frames) == b"\xff" * 1600


async def test_a_reply_may_speak_and_call_functions(call):
    async with call() as caller:
        caller.replies.pieces = [Say("One moment."), CallFunction("f", "{}"), CallFunction("g", '{"a": 1}')]
        await caller.ask()
        done = (await caller.until("response.done"))[-1]
    assert [item["type"] for item in done["response"]["output"]] == ["message", "function_call", "function_call"]


async def test_speech_stops_the_sentence_that_is_being_spoken(call):
    async with call() as caller:
        caller.replies.pieces = [Say("One two three four.")]
        await caller.ask()
        await caller.until("response.output_audio.delta")
        caller.voice.may_speak.clear()
        await caller.say(silence_ms=0)
        done = (await caller.until("response.done"))[-1]["response"]
        assert done["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
        await caller.voice.stopped.wait()


async def test_the_client_stops_the_sentence_that_is_being_spoken(call):
    async with call() as caller:
        caller.voice.may_speak.clear()
        await caller.ask()
        await caller.until("response.output_audio_transcript.delta")
        await caller.send("response.cancel")
        assert (await caller.until("response.done"))[-1]["response"]["status"] == "cancelled"
        await caller.voice.stopped.wait()
        caller.voice.may_speak.set()
        await caller.ask()
        assert (await caller.until("response.done"))[-1]["response"]["status"] == "completed"


async def test_a_reply_that_grows_too_long_is_stopped(call):
    async with call() as caller:
        caller.replies.pieces = [Say("One two three four five six seven eight nine ten.")]
        await caller.ask(max_output_tokens=5)
        done = (await caller.until("response.done"))[-1]["response"]
        assert done["status_details"]["reason"] == "max_output_tokens"
        await caller.voice.stopped.wait()


async def test_a_failed_transcription_is_told_and_the_reply_still_comes(call):
    async with call() as caller:
        caller.voice.transcript = RuntimeError("no model")
        await caller.send("session.update", session=WITH_TRANSCRIPTION)
        await caller.say()
        frames = await caller.until("response.done")
    assert "conversation.item.input_audio_transcription.failed" in _types(frames)
    assert frames[-1]["response"]["status"] == "completed"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OffhookError("Nobody answers. Start a server."), "Nobody answers."),
        (KeyError("secret"), "The server had an error"),
    ],
)
async def test_a_reply_that_raises_fails_its_response_and_the_session_goes_on(call, error, message):
    async with call() as caller:
        caller.replies.pieces = [Say("Hello."), error]
        await caller.ask()
        done = (await caller.until("response.done"))[-1]["response"]
        assert done["status"] == "failed"
        assert done["status_details"]["error"]["message"].startswith(message)
        caller.replies.pieces = [Say("Hello.")]
        await caller.ask()
        assert (await caller.until("response.done"))[-1]["response"]["status"] == "completed"


@pytest.mark.parametrize(
    ("frame", "code"), [("{", "invalid_json"), ("[1]", "invalid_event"), (b"{}", "invalid_event"), ("{}", "missing_required_parameter")]
)  # fmt: skip
async def test_a_malformed_frame_causes_an_error_and_nothing_else(call, frame, code):
    async with call() as caller:
        await caller.send_frame(frame)
        assert (await caller.until("error"))[-1]["error"]["code"] == code
        await caller.ask()
        assert (await caller.until("response.done"))[-1]["response"]["status"] == "completed"


async def test_minutes_in_one_append_leave_other_tasks_their_turn(call):
    async with call() as caller:
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(others())
        await caller.say(speech_ms=20_000)
        task.cancel()
        assert turns > 20


async def test_a_session_that_expires_is_told_and_closed(call):
    async with call(lifetime_s=0.01) as caller:
        assert (await caller.until("error"))[-1]["error"]["code"] == "session_expired"
        code, reason = await asyncio.wait_for(caller.closed, 5)
        assert (code, reason.split()[0]) == (1001, "Your")


async def test_a_closed_session_leaves_no_task(call):
    before = asyncio.all_tasks()
    async with call() as caller:
        caller.voice.may_speak.clear()
        caller.voice.may_write.clear()
        await caller.ask()
        await caller.until("response.output_audio_transcript.delta")
        await caller.say()
    assert asyncio.all_tasks() == before
    assert caller.voice.stopped.is_set()


async def test_both_directions_are_observed(call):
    async with call() as caller:
        await caller.ask()
        await caller.until("response.done")
    assert caller.seen[:2] == [("server", "session.created"), ("client", "conversation.item.create")]
    assert ("client", "response.create") in caller.seen
    assert caller.seen[-1] == ("server", "rate_limits.updated")
