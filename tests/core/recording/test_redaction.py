"""offhook.recording.redaction: no key gets into a recording, audio only where it is asked for, and all else stays."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.audio.g711 import decode
from offhook.recording.redaction import Redactor, restore
from offhook.wire.codec import b64decode, b64encode

KEY = "sk-proj-abcdefgh12345678"
PCM = b64encode(b"\x01\x02" * 240)  # 10 ms
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


def redacted(event, **options):
    return Redactor(**options).redact(event)


# Secrets


@pytest.mark.parametrize("audio", [False, True])
@pytest.mark.parametrize(
    "event",
    [
        {"type": "session.update", "session": {"tools": [{"type": "mcp", "authorization": "SECRET"}]}},
        {"session": {"tools": [{"type": "mcp", "server_label": "crm", "headers": {"X-Anything": "SECRET"}}]}},
        {
            "session": {
                "tools": [{"server_label": "crm", "server_url": "https://user:SECRET@crm.example/mcp?key=SECRET"}]
            }
        },
        {"session": {"client_secret": {"value": "SECRET", "expires_at": 1}}},
        {"session": {"client_secret": ["SECRET"]}},
        {"apiKey": "SECRET", "x-api-key": "SECRET", "API_KEY": "SECRET", "Authorization": "SECRET"},
        {"setup": {"sessionResumption": {"handle": "SECRET"}}},
        {"sessionResumptionUpdate": {"newHandle": "SECRET", "resumable": True}},
        {"toolCall": {"functionCalls": [{"args": {"password": "SECRET", "token": "SECRET"}}]}},
    ],
    ids=str,
)
def test_p11_a_secret_is_known_by_the_name_of_its_member(event, audio):
    assert "SECRET" not in json.dumps(redacted(event, audio=audio))


@pytest.mark.parametrize(
    "secret",
    [
        KEY,
        "sk_live_abcdefgh1234",
        "ek_abcdefgh12345678",
        "rk-abcdefgh1234",
        "whsec_c2VjcmV0c2VjcmV0",
        JWT,
        f"Bearer {'x' * 24}",
    ],
)
def test_p11_a_secret_is_known_by_its_looks_wherever_it_stands(secret):
    event = {"item": {"content": [{"text": f"take {secret}, please"}]}, "arguments": json.dumps({"anything": secret})}
    found = redacted(event)
    assert secret not in json.dumps(found)
    assert found["item"]["content"][0]["text"] == "take [redacted], please"


@pytest.mark.parametrize(
    "event",
    [
        {"usage": {"input_tokens": 12, "output_tokens": 3, "input_token_details": {"cached_tokens": 0}}},
        {"logprobs": [{"token": "hello", "logprob": -0.1, "bytes": [104]}]},
        {"max_output_tokens": "inf", "reset_seconds": 1.5, "done": True, "nothing": None},
        {"parameters": {"properties": {"password": {"type": "string"}, "headers": {"type": "object"}}}},
        {"text": "A risk-averse desk-bound bearer of news asked: sk-8? ek_1? eyJ."},
        {"item": {"call_id": "call_abcdefgh12345678", "id": "item_abcdefgh12345678"}, "event_id": "event_12345678"},
        {"image_url": f"data:image/png;base64,{'A' * 40}"},
        {"authorization": None, "headers": None, "server_label": "crm"},
        {"session": {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 24000}}}}, "modalities": ["audio"]},
    ],
    ids=str,
)
def test_what_is_no_secret_stays_as_it_is(event):
    assert redacted(event) == event


def test_the_event_itself_is_left_alone():
    event = {"delta": PCM, "type": "response.output_audio.delta", "apiKey": KEY, "more": [{"token": KEY}]}
    before = copy.deepcopy(event)
    redacted(event)
    assert event == before


# Audio


@pytest.mark.parametrize(
    ("event", "path"),
    [
        ({"type": "response.output_audio.delta", "delta": PCM}, ["delta"]),
        ({"type": "response.audio.delta", "delta": PCM}, ["delta"]),
        ({"type": "input_audio_buffer.append", "audio": PCM}, ["audio"]),
        ({"item": {"content": [{"type": "input_audio", "audio": PCM}]}}, ["item", "content", 0, "audio"]),
        (
            {"response": {"output": [{"content": [{"type": "output_audio", "audio": PCM}]}]}},
            ["response", "output", 0, "content", 0, "audio"],
        ),
        (
            {"realtimeInput": {"audio": {"mimeType": "audio/pcm;rate=16000", "data": PCM}}},
            ["realtimeInput", "audio", "data"],
        ),
    ],
    ids=str,
)
def test_audio_gives_way_to_its_length_unless_it_is_asked_for(event, path):
    found, kept = redacted(event), redacted(event, audio=True)
    for step in path:
        found = found[step]
    assert found == {"redacted": "audio", "bytes": 480, "ms": 10.0, "format": "audio/pcm"}
    assert kept == event


def test_the_words_of_a_transcript_are_no_audio():
    event = {"type": "response.output_audio_transcript.delta", "delta": "AAAA"}
    assert redacted(event) == event


def test_the_length_goes_by_the_format_that_the_session_has_by_then():
    redactor = Redactor()
    append = {"type": "input_audio_buffer.append", "audio": b64encode(b"x" * 81)}
    delta = {"type": "response.output_audio.delta", "delta": append["audio"]}
    assert redactor.redact(append)["audio"]["ms"] == 1.7
    redactor.redact({"session": {"audio": {"input": {"format": {"type": "audio/pcma"}}}}})
    redactor.redact({"session": {"audio": {"output": {"format": {"type": "audio/pcmu"}}}}})
    assert redactor.redact(append)["audio"] == {"redacted": "audio", "bytes": 81, "ms": 10.1, "format": "audio/pcma"}
    assert redactor.redact(delta)["delta"]["format"] == "audio/pcmu"


@pytest.mark.parametrize("encoding", ["audio/pcm", "audio/pcmu", "audio/pcma"])
@pytest.mark.parametrize("size", [0, 1, 2, 3, 480])
def test_a_replay_has_silence_of_the_same_length(encoding, size):
    redactor = Redactor()
    redactor.redact({"session": {"audio": {"output": {"format": {"type": encoding}}}}})
    event = redactor.redact({"type": "response.output_audio.delta", "delta": b64encode(b"x" * size), "item_id": "i"})
    back = restore(event)
    data = b64decode(back["delta"])
    assert len(data) == size
    assert max(memoryview(decode(data[: size // 2 * 2], encoding)).cast("h"), default=0) <= 8
    assert {**back, "delta": ""} == {"type": "response.output_audio.delta", "delta": "", "item_id": "i"}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["item", "text", "redacted"]), inner)
        ),
        max_leaves=10,
    )
)
def test_a_frame_without_secrets_and_audio_comes_back_as_it_was(value):
    assert restore(redacted({"value": value})) == {"value": value}
