"""offhook.realtime.protocol: the dialect, frame by frame: events in, effects out."""

from __future__ import annotations

import base64
import copy
import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook import events as e
from offhook.audio.formats import PCM16_24K, PCMA, PCMU
from offhook.config import UNSET, AudioConfig, AudioInput, AudioOutput, SessionConfig, TurnDetection
from offhook.errors import ImmutableConfig
from offhook.items import FunctionCallItem, InputAudio, InputImage, InputText, McpCallItem, MessageItem, OutputText
from offhook.realtime.protocol import RealtimeProtocol, Send
from offhook.realtime.responses import ACTIVE_RESPONSE

QUIET = logging.CRITICAL


class Talk:
    """A protocol, and the hands of a test on both sides of it. Time stands still unless ``now`` is set."""

    def __init__(self, **options):
        self.protocol = RealtimeProtocol(**options)
        self.now = 0.0

    def hear(self, kind, *, raw=False, **members):
        """Give the effects of a server event: events as they are, frames as objects without their ids."""
        return self.effects(self.protocol.receive(json.dumps({"type": kind, **members}), self.now, raw=raw))

    @staticmethod
    def effects(effects):
        return [_frame(effect) if isinstance(effect, Send) else effect for effect in effects]

    def interrupt(self, **options):
        return self.effects(self.protocol.interrupt(self.now, **options))

    def begin(self, response="r", **members):
        return self.hear("response.created", response={"id": response, "status": "in_progress", **members})

    def end(self, response="r", **members):
        return self.hear("response.done", response={"id": response, "status": "completed", **members})

    def say(self, ms, response="r", item="i", part=0, audio_format=PCM16_24K):
        """Let the assistant speak for ``ms``."""
        delta = base64.b64encode(bytes(audio_format.size(ms))).decode()
        where = {"response_id": response, "item_id": item, "output_index": 0, "content_index": part}
        return self.hear("response.output_audio.delta", delta=delta, **where)

    def session(self, interrupt_response=None, output=None, **members):
        detection = {
            "type": "server_vad",
            **({} if interrupt_response is None else {"interrupt_response": interrupt_response}),
        }
        audio = {
            "input": {"turn_detection": detection},
            "output": {"format": output or {"type": "audio/pcm", "rate": 24000}},
        }
        return self.hear("session.updated", session={"id": "s", "audio": audio, **members})


def _frame(effect):
    frame = json.loads(effect.text)
    frame.pop("event_id", None)
    return frame


def raw_frames(effects):
    return [json.loads(effect.text) for effect in effects if isinstance(effect, Send)]


def of(effects, kind):
    return [effect for effect in effects if isinstance(effect, kind)]


def truncated(item, ms, part=0):
    return {"type": "conversation.item.truncate", "item_id": item, "content_index": part, "audio_end_ms": ms}


CREATE = {"type": "response.create"}
CANCEL = {"type": "response.cancel"}


@pytest.fixture
def talk():
    return Talk()


# Frames.


@pytest.mark.parametrize("frame", ["", "no json", "{", b"\xff\xfe", "[]", "5", "null", '"text"', "[" * 100_000])
def test_b01_a05_p04_what_is_no_json_object_gives_no_event_but_a_warning(talk, caplog, frame):
    """B1, A5, P4: the conversation goes on."""
    assert list(talk.protocol.receive(frame, 0.0)) == []
    assert "malformed_frame" in caplog.text
    assert talk.begin() == [e.TurnStarted(turn_id="r", response_id="r")]


@pytest.mark.parametrize("kind", ["response.output_audio.paused", "ping", None, 5, ["a"]])
def test_b02_a06_p03_an_unknown_type_gives_its_raw_event_alone(talk, caplog, kind):
    """B2, A6, P3: as received, and never an error."""
    payload = {"type": kind, "anything": [1, None, {"a": 2.5}]}
    assert talk.hear(kind, raw=True, anything=[1, None, {"a": 2.5}]) == [e.RawEvent(payload=payload)]
    assert caplog.records == []


def test_p03_a_frame_without_a_type_gives_its_raw_event(talk):
    """P3: some services have none."""
    assert talk.protocol.receive("{}", 0.0) == [e.RawEvent(payload={})]


def test_p03_raw_event_comes_first_for_every_type_with_the_payload_as_received(server_frames):
    """P3: for all 46 types, unknown members included."""
    for frame in server_frames.values():
        sent = {**frame, "unknown": 1}
        first, *others = RealtimeProtocol().receive(json.dumps(sent), 0.0)
        assert isinstance(first, e.RawEvent)
        assert first.payload == sent
        assert not of(others, e.RawEvent)


def test_raw_events_are_not_made_for_nobody(talk):
    assert talk.hear("ping") == []


def test_p10_a_raw_frame_says_how_much_audio_it_carries(talk):
    """P10: raw frames that carry audio count as audio in every queue."""
    talk.begin()
    delta = base64.b64encode(bytes(4800)).decode()
    raw, audio = talk.hear("response.output_audio.delta", raw=True, response_id="r", item_id="i", delta=delta)
    assert (raw.audio_ms, audio.audio_ms) == (100.0, 100.0)


@pytest.mark.parametrize(
    ("kind", "members"),
    [
        ("response.created", {"response": {"status": "in_progress"}}),
        ("response.output_audio.delta", {"delta": "no base64"}),
        ("response.output_audio.delta", {"delta": None}),
        ("response.output_audio.delta", {"delta": "AAAA", "response_id": ["r"]}),
        ("response.output_audio.delta", {}),
    ],
)
def test_p04_a_malformed_frame_of_a_known_type_gives_its_raw_event_and_a_warning(talk, caplog, kind, members):
    """P4, P3: a warning, never an error, never the end."""
    assert talk.hear(kind, raw=True, **members) == [e.RawEvent(payload={"type": kind, **members})]
    assert "malformed_frame" in caplog.text
    assert kind in caplog.text


def test_p11_a_warning_does_not_repeat_what_was_said(talk, caplog):
    """P11: no audio content is ever logged."""
    talk.hear("response.output_audio.delta", delta="U0VDUkVU*")
    talk.protocol.receive('{"audio": "U0VDUkVU', 0.0)
    assert "U0VDUkVU" not in caplog.text


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text(max_size=3)),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=3), inner, max_size=2)),
    max_leaves=4,
)


@given(data=st.data())
def test_p04_no_frame_whatever_ends_the_conversation(server_frames, data):
    """P4, P3: any members of any type, one after the other; the raw event comes each time, and nothing is raised."""
    logging.getLogger("offhook").setLevel(QUIET)
    try:
        talk = Talk()
        for _ in range(data.draw(st.integers(1, 4))):
            frame = copy.deepcopy(data.draw(st.sampled_from(list(server_frames.values()))))
            holder = frame
            for _ in range(data.draw(st.integers(0, 3))):
                keys = sorted(key for key in holder if key != "type" or holder is not frame)
                key = data.draw(st.sampled_from(keys)) if keys else "x"
                if isinstance(holder.get(key), dict) and data.draw(st.booleans()):
                    holder = holder[key]
                else:
                    holder[key] = data.draw(JSON)
            [raw, *_] = talk.protocol.receive(json.dumps(frame), 0.0)
            assert raw.payload == frame
        assert talk.begin("last")
    finally:
        logging.getLogger("offhook").setLevel(logging.NOTSET)


@given(st.dictionaries(st.sampled_from(["status_details", "output", "usage", "audio", "metadata"]), JSON))
def test_p08_whatever_a_response_ends_with_the_next_reply_goes_out(members):
    """P8, P4: a response that never ended would block all others."""
    logging.getLogger("offhook").setLevel(QUIET)
    try:
        talk = Talk()
        talk.begin()
        assert talk.effects(talk.protocol.request_response(None)[1]) == []
        assert talk.end(**members)[-1] == CREATE
    finally:
        logging.getLogger("offhook").setLevel(logging.NOTSET)


def test_b03_a_listener_that_changes_the_raw_frame_changes_nothing_else(talk):
    """B3: typed values are decoded before the raw event is seen."""
    session = {"id": "s", "audio": {"output": {"format": {"type": "audio/pcmu"}}}}
    raw, updated, ready = talk.hear("session.updated", raw=True, session=session)
    raw.payload["session"]["audio"]["output"]["format"]["type"] = "audio/pcma"
    assert updated.config == session
    assert ready.output_format == PCMU
    assert talk.say(20, audio_format=PCMU)[0].format == PCMU


# Opening.


def test_the_initial_config_and_the_history_are_the_first_things_said(talk):
    history = [
        MessageItem(item_id="1", role="user", content=(InputAudio(transcript="Hi"),)),
        FunctionCallItem(item_id="2", call_id="c", name="n", arguments="{}", output="o"),
    ]
    update, message, call, output = raw_frames(talk.protocol.open(SessionConfig(instructions="Be brief."), history))
    assert update == {
        "type": "session.update",
        "event_id": talk.protocol.config_id,
        "session": {"type": "realtime", "instructions": "Be brief."},
    }
    assert [frame["item"]["type"] for frame in (message, call, output)] == [
        "message",
        "function_call",
        "function_call_output",
    ]


def test_b17_the_session_is_ready_once_with_what_the_service_accepted(talk):
    """B17: ``session.created`` is no acceptance, the first ``session.updated`` is, and later ones are updates."""
    talk.protocol.open(SessionConfig(audio=AudioConfig(input=AudioInput(format=PCMU))))
    assert talk.hear("session.created", session={"id": "s"}) == []
    assert not talk.protocol.ready
    session = {"id": "s", "expires_at": 99, "audio": {"input": {"format": {"type": "audio/pcma"}}}}
    updated, ready = talk.hear("session.updated", session=session)
    assert updated == e.SessionUpdated(config=session, command_id=talk.protocol.config_id)
    assert ready == e.SessionReady(
        session_id="s",
        expires_at=99,
        input_format=PCMA,
        output_format=PCM16_24K,
        config=session,
        immutable=frozenset({"model"}),
    )
    assert talk.hear("session.updated", session=session) == [e.SessionUpdated(config=session)]


def test_b17_without_an_acceptance_what_was_asked_for_is_the_best_knowledge(talk):
    """B17: and nothing waits for ever."""
    talk.protocol.open(SessionConfig(audio=AudioConfig(output=AudioOutput(format=PCMU))))
    [ready] = talk.protocol.stop_waiting()
    assert (ready.session_id, ready.output_format, ready.config["type"]) == (None, PCMU, "realtime")
    assert talk.say(20, audio_format=PCMU)[0].audio_ms == 20
    assert talk.protocol.stop_waiting() == []


# The config.


def config(**fields):
    return SessionConfig(**fields)


def updates(talk, new):
    return talk.effects(talk.protocol.update_config(new))


def test_b29_an_update_is_what_differs(talk):
    """B29, as offhook has it: nothing is reset by omission, nothing is said twice."""
    vad = TurnDetection(type="server_vad")
    talk.protocol.open(config(instructions="a", audio=AudioConfig(input=AudioInput(turn_detection=vad))))
    assert updates(talk, config(instructions="a")) == []
    assert updates(talk, config(instructions="b", audio=AudioConfig(input=AudioInput(turn_detection=vad)))) == [
        {"type": "session.update", "session": {"type": "realtime", "instructions": "b"}}
    ]
    assert updates(talk, config(audio=AudioConfig(input=AudioInput(turn_detection=None)))) == [
        {"type": "session.update", "session": {"type": "realtime", "audio": {"input": {"turn_detection": None}}}}
    ]
    assert updates(talk, config(instructions="b", tools=())) == [
        {"type": "session.update", "session": {"type": "realtime", "tools": []}}
    ]


def test_what_cannot_change_is_refused_and_nothing_of_the_update_is_sent(talk):
    voice = AudioConfig(output=AudioOutput(voice="sage"))
    talk.protocol.open(config(model="m", audio=AudioConfig(output=AudioOutput(voice="ash"))))
    with pytest.raises(ImmutableConfig, match="model cannot be changed now") as caught:
        talk.protocol.update_config(config(model="n", instructions="b"))
    assert caught.value.fields == ("model",)
    assert len(updates(talk, config(model="m", instructions="b", audio=voice))) == 1
    talk.say(20)
    assert updates(talk, config(audio=voice)) == []
    with pytest.raises(ImmutableConfig, match=r"audio\.output\.voice"):
        talk.protocol.update_config(config(audio=AudioConfig(output=AudioOutput(voice="ash"))))


def test_the_voice_is_fixed_too_where_the_service_plays(talk):
    talk.hear("output_audio_buffer.started", response_id="r")
    with pytest.raises(ImmutableConfig):
        talk.protocol.update_config(config(audio=AudioConfig(output=AudioOutput(voice="ash"))))


def test_an_update_that_was_refused_can_be_sent_again(talk):
    talk.protocol.open(config())
    [frame] = raw_frames(talk.protocol.update_config(config(instructions="b")))
    [error] = talk.hear("error", error={"type": "x", "message": "no", "event_id": frame["event_id"]})
    assert error.command_id == frame["event_id"]
    assert updates(talk, config(instructions="b")) == [
        {"type": "session.update", "session": {"type": "realtime", "instructions": "b"}}
    ]


def test_an_accepted_update_names_its_command(talk):
    talk.protocol.open(config())
    talk.session()
    [frame] = raw_frames(talk.protocol.update_config(config(instructions="b")))
    assert talk.session()[0].command_id == frame["event_id"]


def test_a_raw_update_is_an_update(talk):
    talk.protocol.open(config(instructions="a"))
    talk.protocol.send_event({"type": "session.update", "session": {"instructions": "raw"}})
    assert updates(talk, config(instructions="a"))[0]["session"]["instructions"] == "a"
    assert updates(talk, config(instructions="a")) == []


# Commands.


def test_b11_a_message_and_the_wish_for_a_reply_go_out_at_once(talk):
    """B11: nothing is under way, so nothing waits."""
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
    create = {"type": "conversation.item.create", "item": item}
    assert talk.effects(talk.protocol.send_message("Hi", respond=True)) == [create, CREATE]
    assert talk.effects(talk.protocol.send_message("Hi", respond=False)) == [create]


def test_audio_never_wants_a_reply(talk):
    append = {"type": "input_audio_buffer.append", "audio": base64.b64encode(b"abc").decode()}
    commit = {"type": "input_audio_buffer.commit"}
    assert talk.effects(talk.protocol.send_audio(b"abc", commit=False)) == [append]
    assert talk.effects(talk.protocol.send_audio(b"abc", commit=True)) == [append, commit]
    assert talk.effects(talk.protocol.send_audio(b"", commit=True)) == [commit]
    assert talk.effects(talk.protocol.send_audio(b"", commit=False)) == []


def test_an_image_is_a_message(talk):
    message = MessageItem(item_id="", role="user", content=(InputImage(image_url="data:x"), InputText("What is it?")))
    [frame] = talk.effects(talk.protocol.send_message(message, respond=False))
    assert [part["type"] for part in frame["item"]["content"]] == ["input_image", "input_text"]
    assert "id" not in frame["item"]


@pytest.mark.parametrize("reason", [None, "", "because"])
def test_a_hosted_call_is_decided_with_a_reason_only_where_there_is_one(talk, reason):
    [frame] = talk.effects(talk.protocol.send_mcp_response("a", approved=False, reason=reason))
    item = {"type": "mcp_approval_response", "approval_request_id": "a", "approve": False}
    wanted = item if reason is None else {**item, "reason": reason}
    assert frame == {"type": "conversation.item.create", "previous_item_id": "a", "item": wanted}


def test_a_raw_event_goes_out_as_it_is_and_has_an_id(talk):
    event = {"type": "anything.new", "nested": {"a": [1]}}
    event_id, effects = talk.protocol.send_event(event)
    assert raw_frames(effects) == [{**event, "event_id": event_id}]
    assert talk.protocol.send_event({**event, "event_id": "mine"})[0] == "mine"


def test_b08_a_raw_create_waits_its_turn_and_is_not_changed_by_waiting(talk):
    """B8: it goes through the scheduler like everyone's; what the caller does to it later is too late."""
    talk.begin()
    body = {"instructions": "a"}
    _, effects = talk.protocol.send_event({"type": "response.create", "response": body})
    assert effects == []
    body["instructions"] = "changed"
    assert talk.end()[-1] == {"type": "response.create", "response": {"instructions": "a"}}


def test_b12_a_raw_cancel_counts_as_one_unless_it_is_for_another_response(talk):
    """B12: cancelled once; and the raw one is always forwarded."""
    talk.begin()
    assert len(talk.protocol.send_event({"type": "response.cancel", "response_id": "another"})[1]) == 1
    assert talk.interrupt() == [CANCEL]
    talk.end()
    talk.begin("r2")
    assert len(talk.protocol.send_event({"type": "response.cancel"})[1]) == 1
    assert talk.interrupt() == []


@pytest.mark.parametrize(
    "wish",
    [
        lambda p: p.request_response({"instructions": object()}),
        lambda p: p.send_event({"type": "response.create", "response": object()}),
        lambda p: p.update_config(SessionConfig(instructions=object())),
    ],
)
def test_p08_a_wish_that_is_no_json_blocks_nothing(talk, wish):
    """P8: a mistake of the caller is the caller's, and the next reply goes out."""
    with pytest.raises(TypeError):
        wish(talk.protocol)
    assert talk.effects(talk.protocol.request_response(None)[1]) == [CREATE]
    assert len(updates(talk, config(instructions="a"))) == 1


# Turns.


def test_b05_the_end_of_a_response_is_told_in_order_and_then_the_next_one_goes_out(talk):
    """B5: usage_update, turn_done, then queued creates."""
    talk.begin()
    talk.protocol.request_response(None)
    usage, done, create = talk.end(usage={"input_tokens": 1, "output_tokens": 2})
    assert (usage.usage.total_tokens, usage.kind, usage.response_id) == (3, "delta", "r")
    assert (done.turn_id, done.status, done.usage) == ("r", "completed", usage.usage)
    assert create == CREATE


def test_b06_wishes_during_a_response_become_one_create(talk):
    """B6: messages and tool outputs coalesce."""
    talk.begin()
    for text in "abc":
        assert len(talk.effects(talk.protocol.send_message(text, respond=True))) == 1
    assert talk.end() == [e.TurnDone(turn_id="r", response_id="r"), CREATE]


def test_b10_the_end_of_the_audio_is_not_the_end_of_the_response(talk):
    """B10: a queued create still waits."""
    talk.begin()
    talk.say(20)
    talk.protocol.request_response(None)
    assert talk.hear("response.output_audio.done", response_id="r", item_id="i") == [
        e.AudioDone(epoch=1, item_id="i", response_id="r", turn_id="r")
    ]
    assert talk.end()[-1] == CREATE


def lost_race(event_id):
    return {"type": "invalid_request_error", "code": ACTIVE_RESPONSE, "message": "busy", "event_id": event_id}


@pytest.mark.parametrize("order", ["created, error", "error, created"])
@pytest.mark.parametrize("linked", [True, False])
def test_b09_a02_p08_a_reply_that_loses_the_race_is_asked_for_again(talk, order, linked):
    """B9, A2, P8: in whichever order the two events come, whether or not the error says what it is about."""
    [create] = raw_frames(talk.protocol.request_response({"instructions": "a"})[1])
    steps = {
        "created": lambda: talk.begin("vad"),
        "error": lambda: talk.hear("error", error=lost_race(create["event_id"] if linked else None)),
    }
    for step in order.split(", "):
        assert not [effect for effect in steps[step]() if isinstance(effect, dict)]
    assert talk.end("vad")[-1] == {"type": "response.create", "response": create["response"]}


def test_p08_a_turn_says_which_wish_it_answers_however_often_that_had_to_be_sent(talk):
    """P8: the wish's id goes out in the response's metadata, beside the caller's own, and comes back."""
    request_id, effects = talk.protocol.request_response({"instructions": "a", "metadata": {"mine": "x"}})
    [create] = raw_frames(effects)
    assert create["response"] == {"instructions": "a", "metadata": {"mine": "x", "offhook_request": request_id}}
    [foreign] = talk.hear("response.created", response={"id": "vad", "metadata": None})
    assert foreign.request_id is None
    talk.hear("error", error=lost_race(create["event_id"]))
    again = talk.end("vad")[-1]
    [ours] = talk.hear("response.created", response={"id": "r2", "metadata": again["response"]["metadata"]})
    assert ours == e.TurnStarted(turn_id="r2", response_id="r2", request_id=request_id)


def test_a_service_that_gives_no_metadata_back_is_taken_to_answer_the_wish_that_is_under_way(talk):
    request_id, _ = talk.protocol.request_response({})
    assert talk.begin()[0].request_id == request_id
    talk.end()
    assert talk.begin("r2")[0].request_id is None


@pytest.mark.parametrize("metadata", [[], {"offhook_request": 7}, {"other": "x"}])
def test_metadata_that_is_not_ours_names_no_wish(talk, metadata):
    talk.protocol.request_response({})
    assert talk.hear("response.created", response={"id": "r", "metadata": metadata})[0].request_id is None


def test_automatic_wishes_have_ids_of_their_own_and_go_out_bare(talk):
    (one, effects), (other, _) = talk.protocol.request_response(None), talk.protocol.request_response(None)
    assert one != other
    assert talk.effects(effects) == [CREATE]


def test_an_error_says_which_wish_it_ends(talk):
    """One that was refused for what it is; one that lost a race is not at its end."""
    request_id, effects = talk.protocol.request_response({"tools": 7})
    [create] = raw_frames(effects)
    refusal = {"type": "invalid_request_error", "code": "invalid_type", "message": "no", "event_id": create["event_id"]}
    assert talk.hear("error", error={**refusal, "event_id": "another"})[0].request_id is None
    assert talk.hear("error", error=refusal)[0].request_id == request_id
    _, effects = talk.protocol.request_response({})
    assert talk.hear("error", error=lost_race(raw_frames(effects)[0]["event_id"]))[0].request_id is None


def test_an_error_that_comes_after_a_foreign_response_still_says_which_wish_it_ends(talk):
    """The create was on its way when that began and ended."""
    request_id, effects = talk.protocol.request_response({"tools": 7})
    talk.begin("vad")
    talk.end("vad")
    refusal = {"type": "invalid_request_error", "message": "no", "event_id": raw_frames(effects)[0]["event_id"]}
    assert talk.hear("error", error=refusal)[0].request_id == request_id


def test_audio_that_was_not_committed_is_taken_back(talk):
    assert talk.effects(talk.protocol.clear_audio()) == [{"type": "input_audio_buffer.clear"}]


# Tracing (reference: realtime-behaviours 1.5).


def traced(**members):
    return {"type": "session.update", "session": {"type": "realtime", **members}}


def opened(talk, tracing):
    [first, *_] = talk.effects(talk.protocol.open(SessionConfig(instructions="a", tracing=tracing)))
    return first


@pytest.mark.parametrize("tracing", ["auto", None, {"workflow_name": "w", "group_id": "g"}])
@pytest.mark.parametrize("current", [{}, {"tracing": None}, {"tracing": "auto"}])
def test_tracing_is_asked_for_by_an_update_of_its_own_once_the_session_was_described(talk, tracing, current):
    """So that a service that refuses it has taken the config all the same."""
    assert opened(talk, tracing) == traced(instructions="a")
    assert talk.hear("session.created", session={"id": "s", **current}) == [traced(tracing=tracing)]
    assert not of(talk.hear("session.updated", session={"id": "s"}), dict), "once"


def test_tracing_is_left_as_it_is_unless_it_was_asked_for(talk):
    assert opened(talk, UNSET) == traced(instructions="a")
    assert talk.hear("session.created", session={"id": "s"}) == []


@pytest.mark.parametrize("tracing", [None, {"workflow_name": "another"}])
def test_a_session_that_is_traced_under_a_name_stays_so_with_a_warning(talk, tracing, caplog):
    """The service refuses to change it."""
    opened(talk, tracing)
    assert talk.hear("session.created", session={"id": "s", "tracing": {"workflow_name": "w"}}) == []
    assert "tracing_not_changed" in caplog.text
    assert talk.effects(talk.protocol.update_config(SessionConfig(instructions="b", tracing=tracing))) == [
        traced(instructions="b")
    ]
    with pytest.raises(ImmutableConfig, match="tracing"):
        talk.protocol.update_config(SessionConfig(tracing="auto"))


def test_a_session_that_is_traced_as_wanted_is_told_nothing(talk, caplog):
    """As one whose call was accepted with it."""
    opened(talk, {"workflow_name": "w"})
    assert talk.hear("session.created", session={"id": "s", "tracing": {"workflow_name": "w"}}) == []
    assert "tracing" not in caplog.text


def test_without_a_first_description_tracing_follows_the_acceptance(talk):
    opened(talk, "auto")
    assert talk.hear("session.updated", session={"id": "s"})[-1] == traced(tracing="auto")


def test_b04_an_error_is_flat_and_names_the_command(talk):
    """B4, as offhook has it: message, code, param and command id at the top; the connection goes on."""
    body = {"type": "invalid_request_error", "code": "c", "message": "m", "param": "p", "event_id": "mine"}
    assert talk.hear("error", error=body) == [
        e.ErrorEvent(message="m", code="c", param="p", command_id="mine", fatal=False)
    ]
    assert talk.hear("error", error={"type": "server_error", "code": None}) == [
        e.ErrorEvent(message="the service reported an error without a message", code="server_error")
    ]


def test_a_late_error_about_something_else_changes_nothing(talk):
    talk.begin()
    talk.protocol.request_response(None)
    talk.hear("error", error={"type": "x", "message": "late", "event_id": "long_gone"})
    assert talk.end()[-1] == CREATE
    talk.begin("r2")
    talk.hear("error", error={"type": "x", "message": "cancel came too late", "code": "response_cancel_not_active"})
    assert talk.end("r2") == [e.TurnDone(turn_id="r2", response_id="r2")]


# Audio.


def test_audio_comes_as_bytes_with_all_that_says_where_it_belongs(talk):
    talk.begin()
    where = {"response_id": "r", "item_id": "i", "output_index": 2, "content_index": 1}
    [sloppy] = talk.hear("response.output_audio.delta", delta="AAEC", output_index=None, content_index=None)
    assert (sloppy.item_id, sloppy.output_index, sloppy.content_index) == (None, 0, 0)
    assert talk.hear("response.output_audio.delta", delta="AAEC", **where) == [
        e.AudioEvent(
            data=b"\0\1\2", epoch=1, item_id="i", content_index=1, output_index=2, response_id="r", turn_id="r"
        )
    ]


@pytest.mark.parametrize(
    ("wire", "audio_format", "size", "ms"),
    [
        ({"type": "audio/pcmu"}, PCMU, 160, 20),
        ({"type": "audio/pcma"}, PCMA, 160, 20),
        ({"type": "audio/pcm", "rate": 24000}, PCM16_24K, 48, 1),
    ],
)
def test_b15_lengths_are_told_by_the_format_of_the_session(talk, wire, audio_format, size, ms):
    """B15: 160 bytes of pcmu are 20 ms, 48 bytes of pcm at 24 kHz are 1 ms."""
    talk.session(output=wire)
    talk.begin()
    delta = base64.b64encode(bytes(size)).decode()
    [audio] = talk.hear("response.output_audio.delta", response_id="r", item_id="i", delta=delta)
    assert (audio.format, audio.audio_ms) == (audio_format, ms)
    talk.now = 60.0
    assert talk.interrupt()[-1] == truncated("i", ms)


def test_b15_a_response_may_have_a_format_of_its_own_and_keeps_it(talk):
    """B15: as it was at ``response.created``, whatever the session changes meanwhile."""
    talk.session(output={"type": "audio/pcmu"})
    talk.begin("plain")
    talk.begin("own", audio={"output": {"format": {"type": "audio/pcma"}, "voice": "ash"}})
    talk.begin("voice only", audio={"output": {"voice": "ash"}})
    talk.session(output={"type": "audio/pcm", "rate": 24000})
    formats = [talk.say(20, response=name)[0].format for name in ("plain", "own", "voice only", "unheard of")]
    assert formats == [PCMU, PCMA, PCMU, PCM16_24K]
    talk.end("plain")
    assert talk.say(20, response="plain")[0].format == PCM16_24K


# Interruption.


def test_b13_p06_n03_an_interruption_cancels_flushes_and_truncates_in_this_order(talk):
    """B13, P6, N3: with what was heard, in whole ms."""
    talk.begin()
    talk.say(1000)
    talk.now = 0.25
    cancel, interrupted, truncate = talk.interrupt()
    assert cancel == CANCEL
    assert interrupted == e.AudioInterrupted(
        epoch=1, reason="client", heard_ms=250, received_ms=1000, item_id="i", response_id="r", turn_id="r"
    )
    assert truncate == truncated("i", 250)


def test_b13_p06_a_sink_that_reports_is_believed(talk):
    """B13, P6: the playback position, not the clock."""
    talk.begin()
    talk.say(1000)
    talk.protocol.playback.played(120)
    talk.now = 5.0
    assert talk.interrupt()[1:] == [
        e.AudioInterrupted(epoch=1, heard_ms=120, received_ms=1000, item_id="i", response_id="r", turn_id="r"),
        truncated("i", 120),
    ]


def test_p06_what_the_caller_says_was_heard_beats_both(talk):
    """P6: clamped to what was received."""
    talk.begin()
    talk.say(1000)
    assert talk.interrupt(heard_ms=7_000)[-1] == truncated("i", 1000)


def test_p05_a01_n04_audio_of_an_interrupted_response_that_comes_late_is_not_emitted(talk):
    """P5, A1, N4: no ghost syllables; nor its words; the end of the response comes all the same."""
    talk.begin()
    talk.say(100)
    talk.interrupt()
    assert talk.say(100) == []
    assert talk.hear("response.output_audio_transcript.delta", response_id="r", item_id="i", delta="ghost") == []
    assert talk.hear("response.output_text.delta", response_id="r", item_id="i", delta="ghost") == []
    assert talk.hear("response.output_audio.done", response_id="r", item_id="i") == []
    assert talk.interrupt() == []
    assert talk.end(status="cancelled") == [e.TurnDone(turn_id="r", response_id="r", status="cancelled")]


def test_p05_audio_of_the_next_response_is_not_lost(talk):
    """P5: a new response opens the gate, with a new epoch, even before the old one is done."""
    talk.begin("old")
    talk.say(100, response="old")
    [_, interrupted, _] = talk.interrupt()
    talk.begin("new")
    [audio] = talk.say(100, response="new", item="j")
    assert audio.epoch == interrupted.epoch + 1
    assert talk.say(100, response="old") == []


def test_p05_a_raw_frame_is_seen_whatever_was_interrupted(talk):
    """P3 above P5: the payload as received, for every frame."""
    talk.begin()
    talk.say(100)
    talk.interrupt()
    frame = {"response_id": "r", "item_id": "i", "delta": "AAAA"}
    assert talk.hear("response.output_audio.delta", raw=True, **frame) == [
        e.RawEvent(payload={"type": "response.output_audio.delta", **frame}, audio_ms=pytest.approx(3 / 48))
    ]


def test_a_response_without_audio_yet_is_cancelled_and_silenced_without_a_flush(talk):
    talk.begin()
    assert talk.interrupt() == [CANCEL]
    assert talk.say(100) == []


def test_b13_audio_that_still_plays_after_its_response_is_flushed_without_a_cancel(talk):
    """B13: generation is faster than speech; there is nothing left to cancel."""
    talk.begin()
    talk.say(3000)
    talk.hear("response.output_audio.done", response_id="r", item_id="i")
    talk.end()
    talk.now = 1.0
    flushed = e.AudioInterrupted(epoch=1, heard_ms=1000, received_ms=3000, item_id="i")
    assert talk.interrupt() == [flushed, truncated("i", 1000)]


def test_b12_interrupting_twice_cancels_once(talk):
    """B12: and flushes once."""
    talk.begin()
    talk.say(100)
    assert len(talk.interrupt()) == 3
    assert talk.interrupt() == []


def test_nothing_to_interrupt_is_nothing(talk):
    assert talk.interrupt() == []


def test_p06_each_part_and_each_item_of_a_response_is_truncated_on_its_own(talk):
    """P6: two content parts, several items; the one that plays is the one that was heard."""
    talk.begin()
    talk.say(100, item="a", part=0)
    talk.say(100, item="a", part=1)
    talk.say(100, item="b")
    talk.say(100, item="c")
    talk.protocol.playback.played(150)
    assert talk.interrupt() == [
        CANCEL,
        e.AudioInterrupted(
            epoch=1,
            heard_ms=50,
            received_ms=100,
            item_id="a",
            content_index=1,
            unheard=("b", "c"),
            response_id="r",
            turn_id="r",
        ),
        truncated("a", 50, part=1),
        truncated("b", 0),
        truncated("c", 0),
    ]


def test_p06_audio_without_an_item_is_flushed_and_no_position_is_claimed(talk):
    """P6: there is nothing to truncate where there is no id."""
    talk.begin()
    talk.hear("response.output_audio.delta", response_id="r", delta="AAAA" * 1000)
    assert talk.interrupt() == [CANCEL, e.AudioInterrupted(epoch=1, response_id="r", turn_id="r")]


SPEECH = {"item_id": "u", "audio_start_ms": 300}


@pytest.mark.parametrize(
    ("policy", "cancels", "flushes"),
    [(None, True, True), (True, False, True), (False, False, False)],
)
def test_b14_speech_interrupts_as_the_session_says(talk, policy, cancels, flushes):
    """B14: true: the server cancels; unset: we do; false, set explicitly: nothing is flushed or cancelled."""
    talk.session(interrupt_response=policy)
    talk.begin()
    talk.say(1000)
    talk.now = 0.125
    started, *others = talk.hear("input_audio_buffer.speech_started", **SPEECH)
    assert started == e.SpeechStarted(at_ms=300, item_id="u")
    flush = [
        e.AudioInterrupted(
            epoch=1,
            reason="user_speech",
            heard_ms=125,
            received_ms=1000,
            item_id="i",
            response_id="r",
            turn_id="r",
        ),
        truncated("i", 125),
    ]
    assert others == ([CANCEL] if cancels else []) + (flush if flushes else [])
    assert bool(talk.say(20)) is not flushes


def test_b14_speech_before_the_session_was_described_cancels(talk):
    """B14: nobody said that the server does it."""
    talk.begin()
    talk.say(100)
    assert talk.hear("input_audio_buffer.speech_started", **SPEECH)[1] == CANCEL


def test_b14_what_session_created_says_counts(talk):
    """B14: it describes the session as much as ``session.updated`` does."""
    audio = {"input": {"turn_detection": {"interrupt_response": False}}}
    talk.hear("session.created", session={"id": "s", "audio": audio})
    talk.begin()
    talk.say(100)
    assert talk.hear("input_audio_buffer.speech_started", **SPEECH) == [e.SpeechStarted(at_ms=300, item_id="u")]


def test_a03_a_stop_button_cancels_where_speech_would_not(talk):
    """A3: under ``interrupt_response: true`` the server cancels on speech, and only on speech."""
    talk.session(interrupt_response=True)
    talk.begin()
    talk.say(100)
    assert talk.interrupt()[0] == CANCEL


def test_speech_while_nothing_plays_is_just_speech(talk):
    talk.session(interrupt_response=True)
    assert talk.hear("input_audio_buffer.speech_started", **SPEECH) == [e.SpeechStarted(at_ms=300, item_id="u")]
    assert talk.hear("input_audio_buffer.speech_stopped", item_id="u", audio_end_ms=900) == [
        e.SpeechStopped(at_ms=900, item_id="u")
    ]


def test_p07_calls_of_an_interrupted_response_go_on(talk):
    """P7: interruption alone withdraws nothing."""
    talk.begin()
    talk.say(100)
    talk.interrupt()
    assert of(talk.hear("response.output_item.done", response_id="r", item=CALL), e.FunctionCall)


# Where the service plays (WebRTC, SIP).


def test_p06_where_the_service_plays_no_position_is_sent():
    """P6: the server truncates by itself; the client asks it to clear."""
    talk = Talk(service_plays=True)
    talk.session()
    talk.begin()
    assert talk.interrupt() == [CANCEL, {"type": "output_audio_buffer.clear"}]
    assert talk.hear("input_audio_buffer.speech_started", **SPEECH) == [e.SpeechStarted(at_ms=300, item_id="u")]


def test_where_the_service_plays_it_tells_when_it_is_heard_and_when_it_was_cut(talk):
    assert [*talk.hear("output_audio_buffer.started", response_id="r")] == [
        e.OutputSpeechStarted(utterance_id="r", epoch=1)
    ]
    assert talk.hear("output_audio_buffer.cleared", response_id="r") == [
        e.AudioInterrupted(epoch=1, reason="server", response_id="r", turn_id="r")
    ]
    assert talk.hear("output_audio_buffer.stopped", response_id="r") == [
        e.OutputSpeechStopped(utterance_id="r", epoch=2)
    ]


# Items and calls.

MESSAGE = {"id": "m", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]}
CALL = {"id": "f", "type": "function_call", "call_id": "c", "name": "n", "arguments": "{}", "status": "completed"}
RUNNING = FunctionCallItem(item_id="f", call_id="c", name="n", arguments="{}")
CALLED = e.FunctionCall(call_id="c", name="n", arguments="{}", item_id="f", response_id="r", turn_id="r", work_id="c")


@pytest.mark.parametrize("previous", [UNSET, None, "before"])
@pytest.mark.parametrize("kind", ["conversation.item.created", "conversation.item.added", "conversation.item.done"])
def test_a04_an_item_says_which_one_it_follows(talk, kind, previous):
    """A4: the GA events too; nothing said, the front, and an item are three things."""
    members = {} if previous is UNSET else {"previous_item_id": previous}
    status = "completed" if kind.endswith("done") else "in_progress"
    item = MessageItem(item_id="m", role="assistant", content=(OutputText("Hi"),), status=status)
    assert talk.hear(kind, item=MESSAGE, **members) == [e.ItemUpdate(item=item, previous_item_id=previous)]


def test_items_of_a_response_and_retrieved_ones_do_not_say_where_they_are(talk):
    done = MessageItem(item_id="m", role="assistant", content=(OutputText("Hi"),))
    assert talk.hear("conversation.item.retrieved", item=MESSAGE) == [e.ItemUpdate(item=done)]
    assert talk.hear("response.output_item.done", response_id="r", item=MESSAGE) == [e.ItemUpdate(item=done)]
    assert talk.hear("response.output_item.added", item=MESSAGE)[0].item.status == "in_progress"
    assert talk.hear("conversation.item.deleted", item_id="m") == [e.ItemDeleted(item_id="m")]


def test_a_retrieved_hosted_call_stays_completed(talk):
    """Upstream's defect 10: a late retrieve regresses it to in progress."""
    item = {"id": "h", "type": "mcp_call", "server_label": "s", "name": "n", "arguments": "{}"}
    [update] = talk.hear("conversation.item.retrieved", item=item)
    assert update.item == McpCallItem(item_id="h", server_label="s", name="n", arguments="{}", status="completed")


def test_images_are_in_the_conversation(talk):
    """Upstream's defect 2: they never appear in history."""
    item = {"id": "m", "type": "message", "role": "user", "content": [{"type": "input_image", "image_url": "data:x"}]}
    assert talk.hear("conversation.item.added", item=item)[0].item.content == (InputImage(image_url="data:x"),)


def test_a_completed_call_is_shown_and_dispatched_once(talk):
    assert talk.hear("response.output_item.added", response_id="r", item={**CALL, "status": "in_progress"}) == [
        e.ItemUpdate(item=RUNNING)
    ]
    assert talk.hear("response.function_call_arguments.done", item_id="f", call_id="c", arguments="{}") == []
    assert talk.hear("response.output_item.done", response_id="r", item=CALL) == [e.ItemUpdate(item=RUNNING), CALLED]
    assert talk.hear("conversation.item.done", item=CALL) == [e.ItemUpdate(item=RUNNING)]


@pytest.mark.parametrize("status", ["incomplete", "in_progress"])
def test_a_call_that_is_not_complete_is_not_dispatched(talk, status):
    assert not of(
        talk.hear("response.output_item.done", response_id="r", item={**CALL, "status": status}), e.FunctionCall
    )


def test_a_call_without_a_status_is_complete(talk):
    item = {**CALL, "status": None}
    assert of(talk.hear("response.output_item.done", response_id="r", item=item), e.FunctionCall) == [CALLED]


def test_p07_a_call_s_output_is_shown_at_once_and_its_echo_adds_nothing(talk):
    """P7: one output; ``function_call_output`` may go out before ``response.done``, the reply after it."""
    talk.begin()
    talk.hear("response.output_item.done", response_id="r", item=CALL)
    output = {"type": "function_call_output", "call_id": "c", "output": "o"}
    shown = FunctionCallItem(item_id="f", call_id="c", name="n", arguments="{}", output="o", status="completed")
    assert talk.effects(talk.protocol.send_function_call_output(CALLED, "o", respond=True)) == [
        {"type": "conversation.item.create", "item": output},
        e.ItemUpdate(item=shown, origin="local"),
    ]
    for stage in ("added", "done"):
        assert talk.hear(f"conversation.item.{stage}", item={"id": "o", **output}) == []
    assert talk.end()[-1] == CREATE


def test_an_output_that_someone_else_sent_is_shown_when_it_is_echoed(talk):
    """The sideband of a call, or a raw event: the service's echo is all that is known."""
    talk.hear("response.output_item.done", response_id="r", item=CALL)
    echo = {"id": "o", "type": "function_call_output", "call_id": "c", "output": "o"}
    [update] = talk.hear("conversation.item.added", item=echo)
    assert (update.item.output, update.item.status, update.origin) == ("o", "completed", "server")


def test_p07_an_output_with_half_a_surrogate_pair_is_an_output(talk):
    """P7: every call gets one, whatever the tool gives."""
    talk.hear("response.output_item.done", response_id="r", item=CALL)
    frame, *_ = talk.effects(talk.protocol.send_function_call_output(CALLED, "cut \ud83d", respond=True))
    assert frame["item"]["output"] == "cut \ud83d"


def test_an_output_without_a_reply_asks_for_none(talk):
    assert len(talk.effects(talk.protocol.send_function_call_output(CALLED, "o", respond=False))) == 1


def test_a15_a_transcription_fetches_nothing(talk):
    """A15: the words are in the event; there is no retrieve, of no item."""
    where = {"item_id": "u", "content_index": 0}
    told = {"segment_id": "u:0", "item_id": "u"}
    kind = "conversation.item.input_audio_transcription"
    assert talk.hear(f"{kind}.delta", delta="Hel", **where) == [e.InputTranscriptDelta(text="Hel", **told)]
    assert talk.hear(f"{kind}.completed", transcript="Hello", **where) == [
        e.InputTranscriptDelta(text="Hello", mode="replace", final=True, **told)
    ]
    assert talk.hear("conversation.item.truncated", item_id="m", content_index=0, audio_end_ms=5) == []


# All of it.


def weight(protocol):
    """How many things a protocol holds, in all its containers."""
    seen, total, todo = set(), 0, [protocol]
    while todo:
        thing = todo.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, dict):
            todo += thing.values()
        elif isinstance(thing, (list, tuple, set, frozenset)) or type(thing).__name__ == "deque":
            todo += thing
        elif hasattr(thing, "__dict__"):
            todo.append(vars(thing))
        elif hasattr(type(thing), "__attrs_attrs__"):
            todo += [getattr(thing, a.name) for a in type(thing).__attrs_attrs__]
        total += 1
    return total


def turn(talk, number):
    """One spoken turn with a call, an interruption and a lost race: everything that leaves something to remember."""
    response, item = f"r{number}", f"i{number}"
    talk.protocol.send_message("Hi", respond=True)
    talk.begin(response, audio={"output": {"format": {"type": "audio/pcmu"}}})
    if number % 2:
        talk.hear("error", error=lost_race(None))
    call = {**CALL, "call_id": f"c{number}", "id": f"f{number}"}
    talk.hear("response.output_item.done", response_id=response, item=call)
    if number % 2:
        [called] = of(talk.hear("response.output_item.done", response_id=response, item=call), e.FunctionCall)
        talk.protocol.send_function_call_output(called, "o", respond=True)
    talk.say(100, response=response, item=item)
    talk.hear("response.output_audio.done", response_id=response, item_id=item)
    if number % 3 == 0:
        talk.interrupt()
    talk.protocol.update_config(config(instructions=str(number)))
    talk.session()
    talk.end(response, status="cancelled")
    talk.now += 1.0


def test_a11_p10_a_thousand_responses_leave_the_state_flat(talk):
    """A11, P10: what is kept per response, item or call is freed, or bounded."""
    for number in range(600):  # half of the calls are never answered, and those are bounded, not freed
        turn(talk, number)
    before = weight(talk.protocol)
    for number in range(600, 1600):
        turn(talk, number)
    assert weight(talk.protocol) <= before * 1.02


def test_a12_items_cost_nothing_once_they_were_told(talk):
    """A12: the dialect holds no item, so the ten-thousandth is read like the first."""
    before = weight(talk.protocol)
    for number in range(2000):
        item = {**MESSAGE, "id": f"m{number}"}
        talk.hear("conversation.item.added", item=item, previous_item_id=f"m{number - 1}")
        talk.hear("conversation.item.done", item=item)
    assert weight(talk.protocol) == before


def test_every_recorded_frame_is_understood_without_a_warning_and_nothing_is_wrong(recordings, caplog):
    """The real streams of OpenAI and Azure OpenAI: raw first, as received; no error, though one transcription failed."""
    counted = 0
    for name, lines in recordings.items():
        protocol = RealtimeProtocol()
        protocol.open(SessionConfig())
        for number, record in enumerate(map(json.loads, lines)):
            if record["direction"] == "received":
                raw, *others = protocol.receive(json.dumps(record["event"]), number / 10)
                assert raw.payload == record["event"]
                assert not of(others, e.ErrorEvent), name
                counted += 1
        assert protocol._responses.active_id is None
    assert counted > 650
    warnings = [record for record in caplog.records if "transcription_failed" not in record.getMessage()]
    assert warnings == []


def test_a_recorded_stream_tells_the_words_and_the_call(recordings):
    """What was said and called in the recording comes out as events."""
    protocol = RealtimeProtocol()
    events = []
    for line in recordings["test_openai_ws__test_tool_call_round"]:
        record = json.loads(line)
        if record["direction"] == "received":
            events += protocol.receive(json.dumps(record["event"]), 0.0, raw=False)
    [call] = of(events, e.FunctionCall)
    assert call.name == "get_weather"
    assert json.loads(call.arguments)
    assert [done.status for done in of(events, e.TurnDone)] == ["completed", "completed"]
    written = "".join(delta.text for delta in of(events, e.OutputTextDelta))
    assert written == of(events, e.TurnDone)[-1].output[0].text != ""


def test_a_call_of_the_history_to_start_from_shows_its_output_too():
    """No response of this connection made it, so it is known by its item alone."""
    protocol = RealtimeProtocol()
    call = {
        "id": "item_1",
        "type": "function_call",
        "call_id": "c",
        "name": "f",
        "arguments": "{}",
        "status": "completed",
    }
    output = {"id": "item_2", "type": "function_call_output", "call_id": "c", "output": "42"}
    for item in (call, output):
        for stage in ("added", "done"):
            effects = protocol.receive(json.dumps({"type": f"conversation.item.{stage}", "item": item}), 0.0, raw=False)
            if item is output and stage == "added":
                assert [(e.item.output, e.item.status) for e in effects] == [("42", "completed")]
