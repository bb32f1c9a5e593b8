"""offhook.realtime.address: where the realtime socket is."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import ConnectError
from offhook.realtime.address import endpoint

OPENAI = "wss://api.openai.com/v1/realtime"


@pytest.mark.parametrize(
    ("url", "model", "call_id", "address"),
    [
        (OPENAI, "gpt-realtime", None, f"{OPENAI}?model=gpt-realtime"),
        (OPENAI, None, None, OPENAI),
        (f"{OPENAI}/", "m", None, f"{OPENAI}?model=m"),
        ("https://api.openai.com/v1", "m", None, f"{OPENAI}?model=m"),
        ("http://127.0.0.1:8080/v1", "m", None, "ws://127.0.0.1:8080/v1/realtime?model=m"),
        ("http://127.0.0.1:8080", None, None, "ws://127.0.0.1:8080/realtime"),
        ("ws://[::1]:8080/v1", None, None, "ws://[::1]:8080/v1/realtime"),
        (f"{OPENAI}?model=theirs", "ours", None, f"{OPENAI}?model=theirs"),
        (f"{OPENAI}?intent=transcription", "m", None, f"{OPENAI}?intent=transcription"),
        (f"{OPENAI}?call_id=rtc_1", "m", None, f"{OPENAI}?call_id=rtc_1"),
        (f"{OPENAI}?model=m", None, "rtc_2", f"{OPENAI}?call_id=rtc_2"),
        (OPENAI, "m", "rtc_2", f"{OPENAI}?call_id=rtc_2"),
        (OPENAI, "a model & more", None, f"{OPENAI}?model=a+model+%26+more"),
        (f"{OPENAI}?flag=&b=1#part", "m", None, f"{OPENAI}?flag=&b=1&model=m"),
        (
            "wss://me.openai.azure.com/openai/realtime?api-version=2025-04-01&deployment=d",
            "m",
            None,
            "wss://me.openai.azure.com/openai/realtime?api-version=2025-04-01&deployment=d",
        ),
    ],
)
def test_the_address_of_the_socket(url, model, call_id, address):
    assert endpoint(url, model=model, call_id=call_id) == address


@given(st.text(min_size=1), st.text(min_size=1))
def test_model_and_call_id_arrive_as_they_are(model, call_id):
    def query(**where):
        return parse_qs(urlsplit(endpoint(OPENAI, **where)).query)

    assert query(model=model, call_id=None) == {"model": [model]}
    assert query(model=model, call_id=call_id) == {"call_id": [call_id]}


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.openai.com",
        "ftp://x/v1",
        "wss://",
        "wss:///v1",
        "wss://[::1/v1",
        "ws://h:port/v1",
        "ws://h:99999/v1",
        "file:///x",
    ],
)
def test_what_is_no_address_is_refused_with_what_one_looks_like(url):
    with pytest.raises(ConnectError, match=r"is not an address.*wss://api\.openai\.com/v1/realtime"):
        endpoint(url, model=None, call_id=None)


def test_p11_an_address_that_is_refused_is_shown_without_its_secrets():
    with pytest.raises(ConnectError) as caught:
        endpoint("ftp://user:pa:ss@host:1/p?api-key=sk-secret#frag", model=None, call_id=None)
    assert not any(secret in str(caught.value) for secret in ("user", "pa:ss", "sk-secret"))
