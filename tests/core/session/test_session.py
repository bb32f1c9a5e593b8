"""offhook.session: a conversation of one agent over one transport."""

from __future__ import annotations

import asyncio
import base64

import pytest
from attrs import evolve

from offhook.agent import RealtimeAgent
from offhook.agent_events import AgentEnd
from offhook.audio.formats import PCM16_24K
from offhook.errors import AlreadyConnected, ConnectCancelled, ConnectError, NotConnected, Unsupported
from offhook.events import (
    AudioDone,
    AudioEvent,
    AudioInterrupted,
    ConnectionChange,
    ErrorEvent,
    RawEvent,
    SessionReady,
    TurnDone,
    TurnStarted,
    Usage,
)
from offhook.items import FunctionCallItem, InputAudio, InputImage, InputText, MessageItem, OutputAudio, OutputText
from offhook.realtime.capabilities import REALTIME_CAPABILITIES
from offhook.session.events import AudioStart, AudioStopped, HistoryAdded, HistoryUpdated, TranscriptEvent

PATIENCE_S = 5.0
WHERE = {"response_id": "resp_1", "item_id": "reply", "output_index": 0, "content_index": 0}
SAID = {"id": "reply", "type": "message", "role": "assistant", "status": "completed"}


def kinds(events):
    return [event.hook for event in events if event.hook not in {"raw_event", "connection_change"}]


def speaks(line, ms=20, **where):
    audio = base64.b64encode(bytes(PCM16_24K.size(ms))).decode()
    line.far.say({"type": "response.output_audio.delta", **WHERE, "delta": audio, **where})


async def all_of(events):
    async with asyncio.timeout(PATIENCE_S):
        return [event async for event in events]


# Connecting and ending.


async def test_connecting_and_closing_in_a_with_block(line):
    it = line()
    async with it.session as session:
        assert session is it.session
        assert it.transport.status == "connected"
        assert len(it.heard.of(SessionReady)) == 1
    assert it.transport.status == "disconnected"
    assert [event.status for event in it.heard.of(ConnectionChange)] == [
        "connecting", "connected", "disconnecting", "disconnected",
    ]  # fmt: skip


async def test_what_the_session_was_told_reaches_the_dialer(line, wire):
    async with line(api_key="sk-mine", url="ws://elsewhere/v1", model="gpt-x"):
        request = wire.requests[0]
    assert request.api_key == "sk-mine"
    assert request.url == "ws://elsewhere/v1/realtime?model=gpt-x"


async def test_a_call_id_attaches_to_that_call(line, wire):
    async with line(call_id="rtc_1"):
        assert wire.requests[0].call_id == "rtc_1"


async def test_a_connection_that_fails_raises_and_ends_what_was_waiting(line, wire):
    wire.error = ConnectError("nothing there")
    it = line()
    waiting = asyncio.create_task(all_of(it.session.events()))
    await asyncio.sleep(0)
    with pytest.raises(ConnectError, match="nothing there"):
        await it.session.connect()
    assert kinds(await waiting) == ["error"]
    assert kinds(await all_of(it.session)) == ["error"]
    wire.error = None
    async with it:
        assert it.transport.status == "connected"


async def test_connecting_twice_raises_and_leaves_the_first_connection_alone(line):
    async with line() as it:
        it.shows("a")
        await it.settled()
        with pytest.raises(AlreadyConnected):
            await it.session.connect()
        assert [item.item_id for item in it.session.history] == ["a"]
        it.shows("b", "a")
        await it.settled()
        assert [item.item_id for item in it.session.history] == ["a", "b"]


async def test_closing_is_idempotent_and_needs_no_connection(line):
    it = line()
    await it.session.close()
    async with it:
        await it.session.close()
        await it.session.close()
    assert [event.status for event in it.heard.of(ConnectionChange)].count("disconnected") == 1


async def test_closing_while_connecting_cancels_it(line):
    dialled = asyncio.Event()

    async def dial(_):
        dialled.set()
        await asyncio.Event().wait()

    it = line()
    it.transport._dialer = dial
    connecting = asyncio.create_task(it.session.connect())
    async with asyncio.timeout(PATIENCE_S):
        await dialled.wait()
    await it.session.close()
    with pytest.raises(ConnectCancelled):
        await connecting
    assert not it.session._listening.active


@pytest.mark.parametrize(("code", "reason"), [(1000, "remote_hangup"), (1006, "lost")])
async def test_a9_the_other_side_hanging_up_is_told_and_ends_the_loop(line, code, reason):
    async with line() as it:
        it.far.hang_up(code)
        events = await all_of(it.session)
    assert events[-1].hook == "connection_change"
    assert (events[-1].status, events[-1].reason) == ("disconnected", reason)


async def test_a5_p4_a_malformed_frame_does_not_end_the_session(line):
    async with line() as it:
        for frame in (
            "{",
            "[]",
            '"x"',
            '{"type": 1}',
            '{"type": "response.created"}',
            '{"type":"conversation.item.added"}',
        ):
            it.far.say(frame)
        it.shows("a")
        await it.settled()
        assert [item.item_id for item in it.session.history] == ["a"]
        assert it.heard.of(ErrorEvent) == []


async def test_a6_p3_an_unknown_type_is_raw_and_never_an_error(line):
    async with line() as it:
        frame = {"type": "response.smell.delta", "more": [1]}
        it.far.say(frame)
        await it.settled()
        assert frame in [event.payload for event in it.heard.of(RawEvent)]
        assert it.heard.of(ErrorEvent) == []


async def test_an_error_of_the_service_is_told_and_the_session_lives(line):
    async with line() as it:
        it.far.say({"type": "error", "error": {"type": "invalid_request_error", "code": "no", "message": "No."}})
        error = await it.heard.until(ErrorEvent)
        assert (error.message, error.code, error.fatal) == ("No.", "no", False)
        assert it.transport.status == "connected"


async def test_a10_an_error_that_nobody_listens_for_harms_nobody(wire):
    from offhook.session import RealtimeSession

    async with RealtimeSession(RealtimeAgent(name="A"), transport=wire.transport()) as session:
        wire.channels[0].say({"type": "error", "error": {"message": "No."}})
        wire.channels[0].hang_up(1006)
        events = await all_of(session)
    assert events[-1].status == "disconnected"


async def test_connecting_again_begins_with_a_fresh_history(line):
    async with line() as it:
        it.shows("a")
        await it.settled()
        it.far.hang_up(1006)
        await all_of(it.session)
        assert [item.item_id for item in it.session.history] == ["a"]
        await it.session.connect()
        assert it.session.history == ()
        it.shows("b")
        await it.settled()
        assert [item.item_id for item in it.session.history] == ["b"]


async def test_commands_after_the_end_say_that_there_is_no_connection(line):
    it = line()
    for command in (it.session.send_message("x"), it.session.send_audio(b"x"), it.session.request_response()):
        with pytest.raises(NotConnected):
            await command


async def test_two_sessions_after_each_other_share_a_transport_and_leak_nothing(line):
    first = line()
    first_raw = []
    first.session.on("*", first_raw.append)
    before = dict(first.transport._emitter._table)
    async with first:
        pass
    assert first.transport._emitter._table == before == {}
    heard = len(first.heard), len(first_raw)
    second = line(transport=first.transport)
    async with second:
        second.shows("a")
        await second.settled()
        # Closing again what is closed long since must not end the other's connection.
        await first.session.close()
        assert second.transport.status == "connected"
    assert (len(first.heard), len(first_raw)) == heard
    assert first.session.history == ()
    assert first.transport._emitter._table == {}


async def test_a_session_that_was_overtaken_by_another_on_its_transport_leaves_that_one_alone(line):
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_run):
        asked.set()
        await go_on.wait()
        return "late"

    late = line(agent=RealtimeAgent(name="Late", instructions=slow))
    connecting = asyncio.create_task(late.session.connect())
    await asked.wait()
    async with line(transport=late.transport) as it:
        go_on.set()
        with pytest.raises(AlreadyConnected):
            await connecting
        it.shows("a")
        await it.settled()
        await late.session.close()
        assert it.transport.status == "connected"
    assert late.heard == []
    assert late.session.history == ()


async def test_two_sessions_may_share_an_agent_and_each_has_a_conversation_of_its_own(line, wire):
    heard, both = [], asyncio.Event()

    async def hear(event):
        await asyncio.sleep(0)
        heard.append(event.turn_id)
        if len(heard) == 2:
            both.set()

    agent = RealtimeAgent(name="A")
    agent.on("agent_start", hear)
    async with line(agent=agent) as one, line(agent=agent, transport=wire.transport()) as other:
        far = wire.channels[0], wire.channels[1]
        far[0].say({"type": "response.created", "response": {"id": "one", "status": "in_progress", "output": []}})
        await one.heard.until(TurnStarted)
        await one.session.close()
        far[1].say({"type": "response.created", "response": {"id": "other", "status": "in_progress", "output": []}})
        await other.heard.until(TurnStarted)
        assert [event.turn_id for event in one.heard.of(TurnStarted)] == ["one"]
        async with asyncio.timeout(PATIENCE_S):
            await both.wait()
        assert heard == ["one", "other"]


def test_an_agent_may_be_used_in_one_event_loop_after_the_other(line):
    heard = []

    async def hear(_event):
        heard[-1].set()

    agent = RealtimeAgent(name="A")
    agent.on("agent_start", hear)

    async def talk():
        heard.append(asyncio.Event())
        async with line(agent=agent) as it, asyncio.timeout(PATIENCE_S):
            it.begins()
            await heard[-1].wait()

    asyncio.run(talk())
    asyncio.run(talk())


# Speaking.


async def test_messages_audio_and_images_go_out_as_they_are_given(line):
    async with line() as it:
        await it.session.send_message("Hello", respond=False)
        await it.session.send_audio(b"\x00\x01", commit=True)
        await it.session.add_image(InputImage(image_url="data:image/png;base64,AA=="), respond=False)
        await it.session.request_response({"instructions": "Be brief."})
        sent = it.far.sent[1:]
    assert [frame["type"] for frame in sent] == [
        "conversation.item.create", "input_audio_buffer.append", "input_audio_buffer.commit", "conversation.item.create",
        "response.create",
    ]  # fmt: skip
    assert sent[0]["item"]["content"] == [{"type": "input_text", "text": "Hello"}]
    assert sent[1]["audio"] == "AAE="
    assert sent[3]["item"]["content"] == [{"type": "input_image", "image_url": "data:image/png;base64,AA=="}]
    assert sent[4]["response"]["instructions"] == "Be brief."


async def test_a_message_asks_for_a_reply_unless_told_otherwise(line):
    async with line() as it:
        await it.session.send_message("Hello")
        assert it.far.kinds[1:] == ["conversation.item.create", "response.create"]


async def test_what_the_transport_cannot_do_it_refuses(line):
    async with line() as it:
        assert it.session.muted is None
        with pytest.raises(Unsupported):
            await it.session.mute(True)


async def test_a_history_to_start_from_is_sent_as_text_and_calls_with_outputs(line):
    history = [
        MessageItem(item_id="1", role="user", content=(InputAudio(transcript="What time is it?"),)),
        FunctionCallItem(item_id="2", call_id="c", name="clock", arguments="{}", output="noon", status="completed"),
        MessageItem(item_id="3", role="assistant", content=(OutputAudio(transcript="Noon."),)),
    ]
    async with line(history=history) as it:
        items = [frame["item"] for frame in it.far.sent if frame["type"] == "conversation.item.create"]
    assert [item["type"] for item in items] == ["message", "function_call", "function_call_output", "message"]
    assert items[0]["content"] == [{"type": "input_text", "text": "What time is it?"}]
    assert items[2]["output"] == "noon"
    assert items[3]["content"] == [{"type": "output_text", "text": "Noon."}]
    assert it.far.kinds[0] == "session.update"


async def test_interrupting_stops_the_assistant_and_reports_what_was_played(line):
    async with line() as it:
        it.begins()
        speaks(it, ms=100)
        await it.heard.until(AudioEvent)
        it.session.played(40)
        await it.session.interrupt()
        assert it.heard.of(AudioInterrupted)[0].heard_ms == 40
        assert [kind for kind in it.far.kinds if kind != "session.update"] == [
            "response.cancel",
            "conversation.item.truncate",
        ]
        assert it.far.sent[-1]["audio_end_ms"] == 40


async def test_playback_is_reported_only_where_the_client_has_to(wire, line):
    import attrs

    from offhook.realtime.capabilities import REALTIME_CAPABILITIES

    transport = wire.transport(capabilities=attrs.evolve(REALTIME_CAPABILITIES, truncate="server"))
    transport.played = None
    async with line(transport=transport) as it:
        it.session.played(40)


# What is told.


async def test_a_spoken_turn_is_told_from_start_to_end(line):
    async with line() as it:
        await it.settled()
        it.heard.clear()
        it.begins()
        speaks(it)
        speaks(it)
        it.far.say({"type": "response.output_audio_transcript.delta", **WHERE, "delta": "Hel"})
        it.far.say({"type": "response.output_audio_transcript.done", **WHERE, "transcript": "Hello"})
        it.far.say({"type": "response.output_audio.done", **WHERE})
        item = {**SAID, "content": [{"type": "output_audio", "transcript": "Hello"}]}
        it.ends(output=[item], usage={"input_tokens": 3, "output_tokens": 4})
        end = await it.heard.until(AgentEnd)
        assert kinds(it.heard) == [
            "turn_started", "agent_start", "audio_start", "audio", "audio", "audio_transcript_delta", "transcript",
            "audio_transcript_delta", "transcript", "audio_done", "audio_stopped", "usage_update", "turn_done", "agent_end",
        ]  # fmt: skip
    assert (end.agent, end.turn_id, end.text) == (it.agent, "resp_1", "Hello")
    captions = [(event.role, event.text, event.final) for event in it.heard.of(TranscriptEvent)]
    assert captions == [("assistant", "Hel", False), ("assistant", "Hello", True)]


async def test_p10_words_of_an_interrupted_turn_are_forgotten_with_it(line):
    async with line() as it:
        it.begins()
        it.far.say({"type": "response.output_audio_transcript.delta", **WHERE, "delta": "Hel"})
        await it.heard.until(TranscriptEvent)
        it.ends(status="cancelled")
        await it.heard.until(AgentEnd)
        await it.settled()
        assert not it.session._parts.chronicle.captions._open


async def test_a_turn_that_only_calls_tools_ends_without_words(line):
    async with line() as it:
        it.begins()
        it.ends(output=[{"id": "f", "type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"}])
        assert (await it.heard.until(AgentEnd)).text == ""


async def test_the_last_words_are_those_before_the_calls(line):
    async with line() as it:
        it.begins()
        said = {**SAID, "content": [{"type": "output_text", "text": "One moment."}]}
        it.ends(output=[said, {"id": "f", "type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"}])
        assert (await it.heard.until(AgentEnd)).text == "One moment."


@pytest.mark.parametrize("between", ["turn", "audio_done", "interruption"])
async def test_audio_starts_anew_after_a_turn_an_end_and_an_interruption(line, between):
    async with line() as it:
        it.begins()
        speaks(it)
        if between == "audio_done":
            it.far.say({"type": "response.output_audio.done", **WHERE})
            speaks(it, item_id="reply_2")
        if between == "interruption":
            await it.heard.until(AudioEvent)
            await it.session.interrupt()
        if between != "audio_done":
            it.ends()
            it.begins("resp_2")
            speaks(it, response_id="resp_2", item_id="reply_2")
        await it.heard.until(AudioStart, 2)
        await it.settled()
        assert len(it.heard.of(AudioStart)) == 2


async def test_audio_stopped_follows_audio_done(line):
    async with line() as it:
        it.far.say({"type": "response.output_audio.done", **WHERE})
        await it.heard.until(AudioStopped)
        assert [event.hook for event in it.heard.of(AudioDone)] == ["audio_done"]


async def test_at_the_pace_of_speech_audio_starts_and_stops_when_the_service_says_so(line, wire):
    flags = evolve(REALTIME_CAPABILITIES, output_pacing="realtime", speech_events=frozenset({"input", "output"}))
    async with line(transport=wire.transport(capabilities=flags)) as it:
        await it.settled()
        it.heard.clear()
        it.far.say({"type": "output_audio_buffer.started", "response_id": "resp_1"})
        speaks(it)
        it.far.say({"type": "response.output_audio.done", **WHERE})
        speaks(it)  # what the wire carries beside the events comes later than they do
        it.far.say({"type": "output_audio_buffer.stopped", "response_id": "resp_1"})
        await it.settled()
        assert kinds(it.heard) == [
            "output_speech_started", "audio_start", "audio", "audio_done", "audio", "output_speech_stopped",
            "audio_stopped",
        ]  # fmt: skip


async def test_the_history_fills_up_as_the_service_shows_it(line):
    async with line() as it:
        it.shows("question")
        it.begins()
        it.far.say({"type": "response.output_item.added", "response_id": "resp_1", "item": {**SAID, "content": []}})
        it.shows("reply", "question", role="assistant", content=[])
        it.shows("reply", stage="done", role="assistant", content=[{"type": "output_text", "text": "Hello"}])
        await it.settled()
        assert it.session.history == (
            MessageItem(item_id="question", role="user", content=(InputText("question"),), status="in_progress"),
            MessageItem(item_id="reply", role="assistant", content=(OutputText("Hello"),), status="completed"),
        )
        assert [event.item.item_id for event in it.heard.of(HistoryAdded)] == ["question", "reply"]
        assert it.heard.of(HistoryUpdated)[-1].history == it.session.history


async def test_added_comes_before_updated_and_after_the_items_own_event(line):
    async with line() as it:
        await it.settled()
        it.heard.clear()
        it.shows("a")
        await it.heard.until(HistoryUpdated)
        assert kinds(it.heard) == ["item_update", "history_added", "history_updated"]


async def test_a4_items_are_ordered_by_what_they_follow(line):
    async with line() as it:
        it.shows("a")
        it.shows("c", "a")
        it.shows("b", "a")
        await it.settled()
        assert [item.item_id for item in it.session.history] == ["a", "b", "c"]


async def test_b45_an_item_after_an_unknown_one_is_appended(line):
    async with line() as it:
        it.shows("a")
        it.shows("b", "never seen")
        it.shows("c", "unsaid")
        await it.settled()
        assert [item.item_id for item in it.session.history] == ["a", "b", "c"]


async def test_b42_a_truncated_item_that_comes_back_without_words_keeps_them(line):
    async with line() as it:
        it.shows("reply", role="assistant", content=[{"type": "output_audio", "transcript": "Hello there"}])
        item = {**SAID, "content": [{"type": "output_audio", "transcript": None}]}
        it.far.say({"type": "conversation.item.retrieved", "item": item})
        await it.settled()
        assert it.session.history[0].text == "Hello there"


async def test_a_deleted_item_leaves_the_history_once(line):
    async with line() as it:
        it.shows("a")
        it.far.say({"type": "conversation.item.deleted", "item_id": "a"})
        it.far.say({"type": "conversation.item.deleted", "item_id": "a"})
        await it.settled()
        assert it.session.history == ()
        assert [event.item_id for event in it.heard.of(HistoryUpdated)] == ["a", "a"]


HEARD = {"item_id": "question", "content_index": 0}
TRANSCRIPTION = "conversation.item.input_audio_transcription"


async def test_a15_what_the_user_said_arrives_late_falls_into_place_and_nothing_is_fetched(line):
    async with line() as it:
        it.shows("question", content=[{"type": "input_audio", "transcript": None}])
        it.shows("reply", "question", role="assistant", content=[{"type": "output_text", "text": "Yes."}])
        it.far.say({"type": f"{TRANSCRIPTION}.delta", **HEARD, "delta": "Hi"})
        it.far.say({"type": f"{TRANSCRIPTION}.completed", **HEARD, "transcript": "Hi there"})
        await it.settled()
        assert [(item.item_id, item.text) for item in it.session.history] == [
            ("question", "Hi there"),
            ("reply", "Yes."),
        ]
        captions = [(event.role, event.text, event.final) for event in it.heard.of(TranscriptEvent)]
        assert captions == [("user", "Hi", False), ("user", "Hi there", True)]
        assert it.far.kinds == ["session.update"]


async def test_words_that_could_not_be_written_down_end_the_caption_and_are_no_error(line):
    async with line() as it:
        it.shows("question", content=[{"type": "input_audio", "transcript": None}])
        it.far.say({"type": f"{TRANSCRIPTION}.failed", **HEARD, "error": {"code": "unintelligible", "message": "?"}})
        caption = await it.heard.until(TranscriptEvent)
        assert (caption.text, caption.final) == ("", True)
        assert it.session.history[0].content == (InputAudio(transcript=None),)
        assert it.heard.of(ErrorEvent) == []


async def test_a_calls_output_shows_in_the_history_without_waiting_for_the_echo(line):
    from offhook.tool import function_tool

    @function_tool
    async def look() -> str:
        return "seen"

    async with line(tools=[look]) as it:
        it.begins()
        it.calls("look", "call_1")
        await it.far.received("conversation.item.create")
        await it.settled()
        (item,) = it.session.history
        assert (item.call_id, item.output, item.status) == ("call_1", "seen", "completed")


async def test_usage_adds_up_over_the_turns(line):
    async with line() as it:
        assert it.session.usage == Usage()
        for number in range(3):
            it.begins(str(number))
            it.ends(
                str(number), usage={"input_tokens": 3, "output_tokens": 4, "input_token_details": {"text_tokens": 2}}
            )
        await it.heard.until(TurnDone, 3)
        assert it.session.usage == Usage(
            requests=3, input_tokens=9, output_tokens=12, total_tokens=21, input_details={"text_tokens": 6}
        )
