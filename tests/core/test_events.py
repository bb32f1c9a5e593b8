"""offhook.events: frozen values, one per hook, that weigh what they carry and show no secrets."""

from __future__ import annotations

import attrs
import pytest

from offhook import events as e
from offhook.audio.formats import PCM16_24K, PCMU
from offhook.config import UNSET
from offhook.hookspecs import RealtimeTransportEventTypes
from offhook.items import McpApprovalRequestItem, McpCallItem, MessageItem

CLASSES = [value for value in vars(e).values() if isinstance(value, type) and issubclass(value, e.Event)]
CONCRETE = [cls for cls in CLASSES if getattr(cls, "hook", None)]
#: What an event cannot be without; every other field has a default (rule (a) of the contract).
REQUIRED = {
    "raw_event": {"payload": {}},
    "error": {"message": "no"},
    "connection_change": {"status": "connected"},
    "session_updated": {"config": {}},
    "session_expiring": {"time_left_ms": 1000},
    "audio": {"data": b""},
    "audio_interrupted": {"epoch": 1},
    "audio_transcript_delta": {"segment_id": "s", "text": "t"},
    "input_transcript_delta": {"segment_id": "s", "text": "t"},
    "output_text_delta": {"text": "t"},
    "turn_started": {"turn_id": "t"},
    "turn_done": {"turn_id": "t"},
    "function_call": {"call_id": "c", "name": "n", "arguments": "{}"},
    "function_call_cancelled": {"call_ids": ("c",)},
    "work_started": {"work_id": "w"},
    "work_done": {"work_id": "w"},
    "item_update": {"item": MessageItem(item_id="i", role="user")},
    "item_deleted": {"item_id": "i"},
    "mcp_tool_call_completed": {"item": McpCallItem(item_id="i", server_label="s", name="n", arguments="{}")},
    "mcp_approval_request": {"item": McpApprovalRequestItem(item_id="i", server_label="s", name="n", arguments="{}")},
    "mcp_tools_listed": {"server_label": "s"},
    "dtmf": {"key": "5"},
}


def test_there_is_one_class_for_each_hook_and_one_hook_for_each_class():
    hooks = {name for name in vars(RealtimeTransportEventTypes) if not name.startswith("_")}
    assert sorted(cls.hook for cls in CONCRETE) == sorted(hooks)


@pytest.mark.parametrize("cls", CONCRETE, ids=lambda cls: cls.hook)
def test_an_event_is_frozen_and_named_and_needs_no_more_than_the_contract_says(cls):
    required = {a.alias for a in attrs.fields(cls) if a.default is attrs.NOTHING}
    assert required == REQUIRED.get(cls.hook, {}).keys()
    assert all(a.kw_only for a in attrs.fields(cls))
    event = cls(**REQUIRED.get(cls.hook, {}))
    name = attrs.fields(cls)[0].name
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(event, name, None)


@pytest.mark.parametrize(
    ("event", "ms"),
    [
        (e.AudioEvent(data=bytes(480)), 10.0),
        (e.AudioEvent(data=bytes(160), format=PCMU), 20.0),
        (e.RawEvent(payload={}, audio_ms=12.5), 12.5),
        (e.RawEvent(payload={}), 0.0),
        (e.TurnStarted(turn_id="t"), 0.0),
    ],
)
def test_b15_an_event_knows_how_much_audio_it_carries(event, ms):
    """B15: 160 bytes of pcmu are 20 ms, 48 bytes of pcm at 24 kHz are 1 ms."""
    assert event.audio_ms == ms


def test_p11_audio_and_resume_handles_stay_out_of_repr():
    """P11: neither is ever logged."""
    assert "<3 bytes>" in repr(e.AudioEvent(data=b"abc"))
    assert "abc" not in repr(e.AudioEvent(data=b"abc"))
    handle = e.ResumeHandle(transport="t", value="secret-handle")
    assert "secret-handle" not in repr(e.ResumptionUpdate(handle=handle))


def test_the_cause_of_an_error_is_no_part_of_its_identity():
    assert e.ErrorEvent(message="m", cause=ValueError()) == e.ErrorEvent(message="m", cause=ValueError())


def test_an_item_update_without_a_place_is_not_one_at_the_front():
    """Absent and null are two things: the end, and the front."""
    item = MessageItem(item_id="i", role="user")
    assert e.ItemUpdate(item=item).previous_item_id is UNSET
    assert e.ItemUpdate(item=item, previous_item_id=None).previous_item_id is None


def test_audio_is_pcm16_at_24_khz_unless_said_otherwise():
    assert e.AudioEvent(data=b"").format == PCM16_24K
