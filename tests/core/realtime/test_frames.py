"""offhook.realtime.frames: frames of ours, as JSON would have it."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.realtime.frames import audio_append, copied


@given(st.binary(max_size=300))
def test_an_append_is_what_json_would_have_written(audio):
    event = json.loads(audio_append(audio))
    assert event == {"type": "input_audio_buffer.append", "audio": base64.b64encode(audio).decode()}


def test_what_the_caller_changes_later_is_not_what_was_said():
    inner = {"a": 1}
    frame = copied({"type": "x", "inner": inner})
    inner["a"] = 2
    assert frame == {"type": "x", "inner": {"a": 1}}


def test_what_is_no_json_is_refused_before_anything_counts_on_it():
    with pytest.raises(TypeError):
        copied({"type": object()})
