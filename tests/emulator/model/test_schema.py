"""Everything that the model tells is valid by the published schema."""

from __future__ import annotations

TOOL = {"type": "function", "name": "get_weather", "description": "The weather", "parameters": {"type": "object"}}


def _talk(line) -> None:
    """One conversation with an event of every type that this server sends."""
    line.update(tools=[TOOL], audio={"input": {"transcription": {"model": "whisper-1"}}})
    line.turn()
    line.take(line.model.transcribed("item_1", 0, "What is the weather?"))
    response = line.responses()[-1]
    line.take(line.model.call_function(response, "get_weather", '{"city": "Paris"}'))
    output = {"type": "function_call_output", "call_id": "call_1", "output": "sunny"}
    line.send("conversation.item.create", item=output)
    line.complete(response)
    item = line.reply("It is sunny.", audio_ms=1000, metadata={"mine": "1"}).output[0]
    line.send("conversation.item.truncate", item_id=item.id, content_index=0, audio_end_ms=10)
    line.send("conversation.item.retrieve", item_id=item.id)
    line.reply("It is sunny.", audio_ms=0, output_modalities=["text"], conversation="none")
    line.take(line.model.fail(line.create_response(), "reply_failed", "No."))
    line.create_response(max_output_tokens=1)
    line.say(line.responses()[-1], "Far too long.")
    line.create_response()
    line.turn()
    line.send("response.cancel")
    line.take(line.model.transcription_failed("item_1", 0))
    line.send("conversation.item.delete", item_id="item_1")
    line.send("input_audio_buffer.clear")
    line.update(audio={"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 5000}}})
    line.reply()
    line.now = line.model.deadline
    line.take(line.model.tick())
    line.send("nope")
    line.now = line.model.deadline
    line.take(line.model.tick())


def test_every_event_is_valid_by_the_published_schema(line, schema_errors):
    _talk(line)
    assert [error for event in line.events for error in schema_errors(event)] == []


def test_every_event_that_a_websocket_session_can_have_was_seen(line):
    _talk(line)
    assert {event["type"] for event in line.events} == {
        "error",
        "session.created",
        "session.updated",
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.retrieved",
        "conversation.item.deleted",
        "conversation.item.truncated",
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed",
        "conversation.item.input_audio_transcription.failed",
        "input_audio_buffer.committed",
        "input_audio_buffer.cleared",
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.timeout_triggered",
        "rate_limits.updated",
        "response.created",
        "response.done",
        "response.output_item.added",
        "response.output_item.done",
        "response.content_part.added",
        "response.content_part.done",
        "response.output_text.delta",
        "response.output_text.done",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.delta",
        "response.output_audio_transcript.done",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
    }


def test_the_shape_of_events_is_that_of_the_recordings(line, corpus):
    """Member names, and which of them are there, as the real service sends them."""
    import json

    recorded: dict[str, set[frozenset[str]]] = {}
    for path in (corpus / "streams").glob("test_openai_ws__*.jsonl"):
        for row in path.read_text().splitlines():
            frame = json.loads(row)
            if frame["direction"] == "received":
                recorded.setdefault(frame["event"]["type"], set()).add(frozenset(frame["event"]))
    _talk(line)
    told = {event["type"]: frozenset(event) for event in line.events}
    different = {kind for kind, names in told.items() if kind in recorded and names not in recorded[kind]}
    assert different == set()


def test_the_openai_sdk_reads_every_event_as_its_own_type(line):
    import pytest

    openai = pytest.importorskip("openai.types.realtime", reason="needs the peers group")
    pydantic = pytest.importorskip("pydantic")
    adapter = pydantic.TypeAdapter(openai.RealtimeServerEvent)
    _talk(line)
    for event in line.events:
        assert adapter.validate_python(event).type == event["type"]
