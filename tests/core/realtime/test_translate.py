"""offhook.realtime.translate: server events to events of the contract, where no state is needed."""

from __future__ import annotations

import pytest

from offhook import events as e
from offhook.config import UNSET
from offhook.items import McpApprovalRequestItem, McpCallItem, MessageItem, OutputText
from offhook.realtime import server_events as s
from offhook.realtime import translate
from offhook.realtime.playback import Truncation

MESSAGE = {"id": "i", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]}
CALL = {"id": "i", "type": "mcp_call", "server_label": "s", "name": "n", "arguments": "{}"}
REQUEST = {**CALL, "type": "mcp_approval_request"}


def test_a_truncation_names_item_part_and_whole_ms():
    assert translate.truncate(Truncation("i", 1, 250, 900)) == {
        "type": "conversation.item.truncate",
        "item_id": "i",
        "content_index": 1,
        "audio_end_ms": 250,
    }


@pytest.mark.parametrize(
    ("wire", "done", "expected"),
    [
        (MESSAGE, False, [e.ItemUpdate(item=MessageItem(item_id="i", role="assistant", content=(OutputText("Hi"),), status="in_progress"), previous_item_id="p")]),
        (MESSAGE, True, [e.ItemUpdate(item=MessageItem(item_id="i", role="assistant", content=(OutputText("Hi"),)), previous_item_id="p")]),
        (CALL, False, [e.ItemUpdate(item=McpCallItem(item_id="i", server_label="s", name="n", arguments="{}"), previous_item_id="p")]),
        (
            CALL,
            True,
            [
                e.ItemUpdate(item=McpCallItem(item_id="i", server_label="s", name="n", arguments="{}", status="completed"), previous_item_id="p"),
                e.McpToolCallCompleted(item=McpCallItem(item_id="i", server_label="s", name="n", arguments="{}", status="completed")),
            ],
        ),
        (REQUEST, False, [e.ItemUpdate(item=McpApprovalRequestItem(item_id="i", server_label="s", name="n", arguments="{}"), previous_item_id="p")]),
        (
            REQUEST,
            True,
            [
                e.ItemUpdate(item=McpApprovalRequestItem(item_id="i", server_label="s", name="n", arguments="{}"), previous_item_id="p"),
                e.McpApprovalRequest(item=McpApprovalRequestItem(item_id="i", server_label="s", name="n", arguments="{}")),
            ],
        ),
        ({"type": "mcp_list_tools", "server_label": "s", "tools": [{"name": "t"}]}, False, []),
        ({"type": "mcp_list_tools", "server_label": "s", "tools": [{"name": "t"}]}, True, [e.McpToolsListed(server_label="s", tools=({"name": "t"},))]),
        ({"type": "mcp_list_tools"}, True, [e.McpToolsListed(server_label="")]),
        ({"id": "i", "type": "something_new"}, True, []),
    ],
)  # fmt: skip
def test_an_item_is_shown_with_what_follows_from_its_end(wire, done, expected):
    assert translate.item(wire, "p", done=done) == expected


def test_a_place_that_nobody_said_stays_unsaid():
    assert translate.item(MESSAGE, UNSET, done=True)[0].previous_item_id is UNSET
    assert translate.item(MESSAGE, None, done=True)[0].previous_item_id is None


def test_b03_tools_are_not_in_the_hands_of_a_listener():
    """B3: the raw frame may be changed by whoever listens."""
    wire = {"type": "mcp_list_tools", "tools": [{"name": "t", "input_schema": {"type": "object"}}]}
    [listed] = translate.item(wire, UNSET, done=True)
    wire["tools"][0]["input_schema"]["type"] = "changed"
    assert listed.tools[0]["input_schema"] == {"type": "object"}


def response(**members):
    return s.Response(id="r", **members)


def test_b05_usage_comes_before_the_end_of_the_turn():
    """B5: usage_update, then turn_done; the total is the sum of both sides."""
    usage = {
        "input_tokens": 10,
        "output_tokens": 4,
        "total_tokens": 99,
        "input_token_details": {"audio_tokens": 7},
        "output_token_details": {"text_tokens": 4},
    }
    told = e.Usage(
        requests=1,
        input_tokens=10,
        output_tokens=4,
        total_tokens=14,
        input_details={"audio_tokens": 7},
        output_details={"text_tokens": 4},
    )
    item = MessageItem(item_id="i", role="assistant", content=(OutputText("Hi"),))
    assert translate.turn_done(response(status="completed", output=[MESSAGE], usage=usage)) == [
        e.UsageUpdate(usage=told, response_id="r"),
        e.TurnDone(turn_id="r", response_id="r", output=(item,), usage=told),
    ]


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        ({"type": "cancelled", "reason": "turn_detected"}, "turn_detected"),
        ({"type": "failed", "error": {"type": "server_error", "code": "rate_limit_exceeded"}}, "rate_limit_exceeded"),
        ({"type": "failed", "error": None}, None),
        (None, None),
        ("unimplemented", None),
    ],
)
def test_the_end_of_a_turn_says_why(details, reason):
    [done] = translate.turn_done(response(status="failed", status_details=details))
    assert (done.status, done.reason, done.usage) == ("failed", reason, None)


@pytest.mark.parametrize("output", [[None], ["text"], [{"type": "message"}], [{"id": 5, "type": "message"}], [{}]])
def test_p04_an_item_that_makes_no_sense_does_not_keep_the_turn_from_ending(output):
    """P4: a turn that never ends would be the end of the conversation."""
    [done] = translate.turn_done(response(output=[*output, MESSAGE]))
    assert [item.item_id for item in done.output] == ["i"]


def test_p04_usage_that_makes_no_sense_counts_nothing():
    """P4: likewise."""
    used, _ = translate.turn_done(response(usage={"input_tokens": "many", "input_token_details": []}))
    assert used.usage == e.Usage(requests=1)


def test_a_function_call_keeps_its_arguments_as_text():
    item = {"id": "i", "type": "function_call", "call_id": "c", "name": "n", "arguments": "{malformed"}
    event = s.OutputItemEvent(type="response.output_item.done", item=item, response_id="r")
    assert translate.function_call(event) == e.FunctionCall(
        call_id="c", name="n", arguments="{malformed", item_id="i", response_id="r", turn_id="r", work_id="c"
    )


def test_a_function_call_without_an_id_of_its_own_is_known_by_its_item():
    event = s.OutputItemEvent(type="response.output_item.done", item={"id": "i", "call_id": ""})
    assert translate.function_call(event).call_id == "i"


PART = {"item_id": "i", "response_id": "r", "content_index": 1}


def test_the_assistant_s_words_come_in_pieces_and_whole_at_the_end():
    piece = s.OutputDelta(type="response.output_audio_transcript.delta", delta="Hel", **PART)
    whole = s.OutputTranscriptDone(type="response.output_audio_transcript.done", transcript="Hello", **PART)
    told = {"segment_id": "i:1", "item_id": "i", "response_id": "r"}
    assert translate.output_transcript(piece) == e.AudioTranscriptDelta(text="Hel", mode="append", final=False, **told)
    assert translate.output_transcript(whole) == e.AudioTranscriptDelta(
        text="Hello", mode="replace", final=True, **told
    )


def test_a_written_answer_comes_in_pieces():
    piece = s.OutputDelta(type="response.output_text.delta", delta="Hel", **PART)
    assert translate.output_text(piece) == e.OutputTextDelta(text="Hel", item_id="i", response_id="r", turn_id="r")


def test_the_user_s_words_come_in_pieces_and_whole_at_the_end():
    told = {"segment_id": "i:0", "item_id": "i"}
    piece = s.TranscriptionDelta(type="t", item_id="i", content_index=None, delta=None)
    assert translate.input_delta(piece) == [e.InputTranscriptDelta(text="", mode="append", **told)]
    whole = s.TranscriptionCompleted(type="t", item_id="i", transcript="Hello")
    assert translate.input_final(whole) == [e.InputTranscriptDelta(text="Hello", mode="replace", final=True, **told)]


def test_words_that_could_not_be_written_down_end_their_segment_with_a_warning_and_no_error(caplog):
    """The model hears all the same: one recorded Azure stream does this, and nothing is wrong with its conversation."""
    failed = s.TranscriptionFailed(type="t", item_id="i", error=s.ErrorBody(code="DeploymentNotFound", message="no"))
    assert translate.input_failed(failed) == [
        e.InputTranscriptDelta(segment_id="i:0", text="", mode="append", final=True, item_id="i")
    ]
    assert "transcription_failed" in caplog.text
    assert "DeploymentNotFound" in caplog.text


def test_a_key_of_the_telephone_is_a_key():
    assert translate.dtmf(s.DtmfReceived(type="t", event="#")) == [e.Dtmf(key="#")]
