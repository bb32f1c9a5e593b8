"""offhook.wire.channel: as whom to connect, and what of it may be shown."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import ConnectError
from offhook.wire.channel import DialRequest, resolve_key, without_secrets

URL = "wss://example.com/v1/realtime"
SECRETIVE = "ftp://user:pa:ss@host:1/p?api-key=sk-secret#frag"


def test_p11_an_address_is_shown_without_its_secrets():
    """P11: services take keys in the query, proxies passwords before the host."""
    assert without_secrets(SECRETIVE) == "ftp://host:1/p"
    assert without_secrets("wss://u:p/q@ss@host/v1?x=1") == "wss://host/v1"
    assert without_secrets("user:secret@host?k") == "host"
    assert without_secrets("auto") == "auto"


@given(st.text(alphabet="abc/?#@:. ", max_size=20))
def test_p11_whatever_an_address_is_its_query_is_never_shown(text):
    """P11: for any text, however little of an address it is."""
    assert "SECRET" not in without_secrets(f"wss://u:SECRET@{text}?key=SECRET")


def test_p11_a_dial_request_shows_no_key_no_header_and_no_query():
    """P11: it may end up in a log."""
    request = DialRequest(url=f"{URL}?api-key=sk-1", api_key="sk-2", headers={"api-key": "sk-3"})
    assert "sk-" not in repr(request)
    assert URL in repr(request)


# The key.


async def _later():
    await asyncio.sleep(0)
    return "  sk-1\n"


@pytest.mark.parametrize("key", ["sk-1", "sk-1\n", lambda: "sk-1", lambda: " sk-1\r\n", _later])
async def test_a_key_is_text_or_a_function_and_loses_the_newline_of_its_file(key):
    assert await resolve_key(key) == "sk-1"


async def test_no_key_is_no_key():
    assert await resolve_key(None) is None
    assert await resolve_key(lambda: "") == ""


async def test_p11_a_function_that_fails_is_named_and_what_it_said_is_not_repeated():
    """P11: the text of the exception may hold the key; the cause is chained for who debugs."""

    def failing():
        raise LookupError("sk-secret is expired")

    with pytest.raises(ConnectError, match=r"api_key raised LookupError\. Mend it") as caught:
        await resolve_key(failing)
    assert "sk-secret" not in str(caught.value)
    assert isinstance(caught.value.__cause__, LookupError)


@pytest.mark.parametrize("answer", [None, 5, b"sk-1"])
async def test_p11_a_function_that_gives_no_text_is_told_what_to_give(answer):
    """P11: every error says what to do next."""
    with pytest.raises(ConnectError, match=rf"gave {type(answer).__name__}\. Let it return the key as a str"):
        await resolve_key(lambda: answer)
