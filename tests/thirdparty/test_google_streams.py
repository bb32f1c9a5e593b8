"""Recorded conversations of Google's services, through an unchanged session: what was said, called and used all arrives."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from google_streams import STREAMS, Frame, Recording, Service, audio_of, load
from offhook_gemini_live import GeminiLive, GeminiLiveOptions

from offhook import AgentEnd, FunctionTool, RealtimeAgent, RealtimeSession, ToolContext, ToolEnd, TranscriptEvent
from offhook import events as e
from offhook.hookspecs import RealtimeTransportEventTypes, event_names
from offhook.items import FunctionCallItem, InputText, MessageItem, OutputText

PATIENCE_S = 30.0
CALLING = [name for name in STREAMS if "tool_round" in name or "asap" in name]
#: One of the eleven has no audio at all, and one a single piece.
AUDIBLE = [name for name in STREAMS if "[google-current]" not in name or "tool" in name]
AUDIBLE = [name for name in AUDIBLE if name != "test_google_ws__test_text_in_audio_out_turn"]


class Replayed:
    """A session that did what the recorded client did, and all that came of it."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.service = Service(recording)
        self.events: list[Any] = []
        self._frames = 0
        self._news = asyncio.Event()

    async def run(self) -> Replayed:
        """Talk."""
        async with self.service.serving() as url, asyncio.timeout(PATIENCE_S):
            transport = GeminiLive(GeminiLiveOptions(url=url, api_key="unused"))
            self.session = RealtimeSession(self._agent(), transport=transport, history=self._history())
            names = [*event_names(RealtimeTransportEventTypes), "transcript", "agent_end", "agent_tool_end"]
            for name in names:
                self.session.on(name, self._hear)
            async with self.session:
                await self._drive()
        return self

    def of(self, kind: type[Any]) -> list[Any]:
        """The events of one class, in order."""
        return [event for event in self.events if isinstance(event, kind)]

    def _hear(self, event: Any) -> None:
        self.events.append(event)
        self._frames += isinstance(event, e.RawEvent)
        self._news.set()

    async def _drive(self) -> None:
        """Say what the recorded client said, when it did; config, history and tools are the session's own business."""
        said_before = 0
        for direction, frame in self.recording.steps:
            if direction == "received":
                said_before += 1
                await self._until(said_before)
            elif frame.get("clientContent", {}).get("turnComplete"):
                await self.session.send_message(frame["clientContent"]["turns"][0]["parts"][0]["text"])
            elif "turns" not in frame.get("clientContent", {"turns": []}):
                await self.session.interrupt()
            elif audio := audio_of(frame):
                await self.session.send_audio(audio[0])

    async def _until(self, frames: int) -> None:
        while self._frames < frames:
            self._news.clear()
            await self._news.wait()

    def _agent(self) -> RealtimeAgent:
        """An agent with the recorded tools, which give the recorded outputs."""
        answers = [frame["toolResponse"] for frame in self.recording.sent if "toolResponse" in frame]
        outputs = {one["id"]: one["response"]["output"] for answer in answers for one in answer["functionResponses"]}

        async def answer(run: ToolContext[None], _arguments: str) -> str:
            if run.call.call_id not in outputs:
                await asyncio.Event().wait()  # until it is cancelled
            return outputs[run.call.call_id]

        declared = [one for group in self.recording.setup.get("tools", ()) for one in group["functionDeclarations"]]
        tools = [
            FunctionTool(
                name=one["name"], description=one["description"], parameters=lowered(one["parameters"]), invoke=answer
            )
            for one in declared
        ]
        parts = self.recording.setup.get("systemInstruction", {}).get("parts", [{"text": ""}])
        return RealtimeAgent(name="A", instructions=parts[0]["text"], tools=tools)

    def _history(self) -> list[MessageItem]:
        seeds = [frame["clientContent"] for frame in self.recording.sent if "clientContent" in frame]
        turns = [turn for seed in seeds if not seed["turnComplete"] for turn in seed.get("turns", ())]
        return [
            MessageItem(item_id="", role="assistant", content=(OutputText(turn["parts"][0]["text"]),))
            if turn["role"] == "model"
            else MessageItem(item_id="", role="user", content=(InputText(turn["parts"][0]["text"]),))
            for turn in turns
        ]


def lowered(schema: Any) -> Any:
    """JSON Schema of the dialect that the recorded client wrote: types in lower case."""
    if not isinstance(schema, dict):
        return schema
    return {key: value.lower() if key == "type" else lowered(value) for key, value in schema.items()}


@pytest.fixture
def recording(corpus, request) -> Recording:
    return load(corpus / "streams" / f"{request.param}.jsonl")


def test_no_recording_is_left_out(corpus):
    """The list is complete: every stream whose first frame is Google's ``setup``."""
    paths = (corpus / "streams").glob("*.jsonl")
    assert sorted(path.stem for path in paths if "setup" in load(path).sent[0]) == sorted(STREAMS)


@pytest.mark.parametrize("recording", STREAMS, indirect=True, ids=STREAMS)
async def test_a_recorded_stream_runs_through_the_session_whole_in_order_and_without_an_error(recording):
    heard = await Replayed(recording).run()

    assert [event.payload for event in heard.of(e.RawEvent)] == recording.received
    assert heard.of(e.ErrorEvent) == []
    assert [shown(item) for item in heard.session.history] == spoken(recording)
    metadata = [frame["usageMetadata"] for frame in recording.received if "usageMetadata" in frame]
    assert heard.session.usage.total_tokens == sum(one["totalTokenCount"] for one in metadata)
    assert heard.session.usage.input_tokens == sum(one["promptTokenCount"] for one in metadata)
    assert heard.session.usage.requests == len(metadata)


@pytest.mark.parametrize("recording", STREAMS, indirect=True, ids=STREAMS)
async def test_the_service_hears_what_the_recorded_client_said_and_nothing_else(recording):
    heard = await Replayed(recording).run()

    sent, recorded = heard.service.heard, recording.sent
    assert [next(iter(frame)) for frame in sent] == [next(iter(frame)) for frame in recorded]
    for mine, theirs in zip(sent[1:], recorded[1:], strict=True):
        assert audio_of(mine) == audio_of(theirs)
        if not audio_of(mine):
            assert mine == theirs
    setup = dict(sent[0]["setup"])
    assert setup.pop("sessionResumption") == {}
    expected = {**recording.setup, "model": setup["model"]}
    assert declared(setup) == declared(expected)
    assert {**setup, "tools": None} == {**expected, "tools": None}


@pytest.mark.parametrize("recording", STREAMS, indirect=True, ids=STREAMS)
async def test_audio_and_words_come_as_they_were_said_and_reasoning_never(recording):
    heard = await Replayed(recording).run()

    assert [event.data for event in heard.of(e.AudioEvent)] == [
        piece for frame in recording.received for piece in audio_of(frame)
    ]
    assert {event.format.rate_hz for event in heard.of(e.AudioEvent)} <= {24_000}
    said = [event.text for event in heard.of(TranscriptEvent) if event.final and event.role == "assistant"]
    assert said == [text for text in replies(recording) if text]
    assert heard.of(e.OutputTextDelta) == []  # every written part of the recordings is a thought
    turns = [event.turn_id for event in heard.of(e.TurnStarted)]
    assert [event.turn_id for event in heard.of(e.TurnDone)] == turns
    assert len(turns) == sum("turnComplete" in content for content in recording.contents)
    assert [event.text for event in heard.of(AgentEnd)] == replies(recording)


@pytest.mark.parametrize("recording", ["test_google_ws__test_audio_in_server_vad_turn"], indirect=True, ids=["spoken"])
async def test_what_the_user_said_is_whole_and_stands_before_its_answer(recording):
    heard = await Replayed(recording).run()

    finals = [event.text for event in heard.of(TranscriptEvent) if event.final and event.role == "user"]
    assert finals == ["Hello, my name is Marcelo."]
    assert [item.role for item in heard.session.history if isinstance(item, MessageItem)] == ["user", "assistant"]


@pytest.mark.parametrize("recording", CALLING, indirect=True, ids=CALLING)
async def test_a_tool_runs_once_and_its_output_is_answered_without_being_asked_for(recording):
    heard = await Replayed(recording).run()

    (call,) = heard.of(e.FunctionCall)
    (end,) = heard.of(ToolEnd)
    assert end.call == call
    assert call.blocking
    (answer,) = [frame["toolResponse"] for frame in heard.service.heard if "toolResponse" in frame]
    assert answer == next(frame["toolResponse"] for frame in recording.sent if "toolResponse" in frame)
    (item,) = [item for item in heard.session.history if isinstance(item, FunctionCallItem)]
    assert (item.item_id, item.status) == (call.item_id, "completed")


@pytest.mark.parametrize("by", ["user", "client"])
@pytest.mark.parametrize("recording", AUDIBLE, indirect=True, ids=AUDIBLE)
async def test_an_interruption_reaches_the_session_and_nothing_late_is_heard(recording, by):
    """No recording has one: it is put between two recorded pieces of audio, in the documented frames."""
    heard = await Replayed(recording.interrupted(by)).run()

    (cut,) = heard.of(e.AudioInterrupted)
    assert (cut.epoch, cut.reason, cut.heard_ms) == (1, "user_speech" if by == "user" else "client", None)
    pieces = [piece for frame in recording.received for piece in audio_of(frame)]
    after = heard.events.index(cut)
    before = [event for event in heard.events[:after] if isinstance(event, e.AudioEvent)]
    later = [event for event in heard.events[after:] if isinstance(event, e.AudioEvent)]
    assert [(event.data, event.epoch) for event in before] == [(piece, 1) for piece in pieces[:1]]
    assert [(event.data, event.epoch) for event in later] == [(piece, 2) for piece in pieces[2:]]
    assert [event.status for event in heard.of(e.TurnDone)].count("cancelled") == 1
    cut_items = [item for item in heard.session.history if item.item_id == cut.item_id]
    assert [item.status for item in cut_items] == ["incomplete"]
    stops = [frame for frame in heard.service.heard if frame == {"clientContent": {"turnComplete": False}}]
    assert len(stops) == (by == "client")
    assert heard.of(e.ErrorEvent) == []


@pytest.mark.parametrize("recording", CALLING, indirect=True, ids=CALLING)
async def test_a_call_that_the_service_withdraws_is_stopped_and_never_answered(recording):
    """No recording has one: the documented frame is put after the recorded call."""
    heard = await Replayed(recording.withdrawn()).run()

    (call,) = heard.of(e.FunctionCall)
    assert [event.call_ids for event in heard.of(e.FunctionCallCancelled)] == [(call.call_id,)]
    assert heard.of(ToolEnd) == heard.of(e.ErrorEvent) == []
    assert [frame for frame in heard.service.heard if "toolResponse" in frame] == []


# What the history should hold, read from the recording.


def replies(recording: Recording) -> list[str]:
    """What the model said in each turn."""
    said: list[str] = [""]
    for content in recording.contents:
        said[-1] += content.get("outputTranscription", {}).get("text", "")
        if "turnComplete" in content:
            said.append("")
    return said[:-1]


def spoken(recording: Recording) -> list[tuple[Any, ...]]:
    """Everything said, written and called, in order."""
    found: list[tuple[Any, ...]] = []
    open_turn, heard = "", ""
    outputs = {
        one["id"]: one["response"]["output"]
        for frame in recording.sent
        if "toolResponse" in frame
        for one in frame["toolResponse"]["functionResponses"]
    }
    for _, frame in recording.steps:
        turns = frame.get("clientContent", {}).get("turns", ())
        found += [("assistant" if turn["role"] == "model" else "user", turn["parts"][0]["text"]) for turn in turns]
        calls = frame.get("toolCall", {}).get("functionCalls", ())
        found += [(call["name"], call["args"], outputs[call["id"]]) for call in calls]
        content = frame.get("serverContent", {})
        heard += content.get("inputTranscription", {}).get("text", "")
        open_turn += content.get("outputTranscription", {}).get("text", "")
        if "turnComplete" in content:
            found += [("user", heard.strip())] if heard else []
            found += [("assistant", open_turn)] if open_turn else []
            open_turn = heard = ""
    return found


def shown(item: object) -> tuple[Any, ...]:
    match item:
        case FunctionCallItem():
            return (item.name, json.loads(item.arguments), item.output)
        case MessageItem():
            return (item.role, item.text)
        case _:
            raise AssertionError(item)


def declared(setup: Frame) -> list[tuple[str, str, Any]]:
    """The functions of a setup, whichever way their parameters are written."""
    functions = [one for group in setup.get("tools", ()) for one in group["functionDeclarations"]]
    return [
        (one["name"], one["description"], one.get("parametersJsonSchema") or lowered(with_properties(one)))
        for one in functions
    ]


def with_properties(function: Frame) -> Any:
    parameters = function.get("parameters")
    return parameters if parameters and parameters["properties"] else None
