"""Addresses, and what a refusal says. Without sockets."""

from __future__ import annotations

import ssl

import pytest

from offhook.errors import AuthenticationError, ConnectError
from offhook.wire.channel import DialRequest
from offhook_webrtc import WebRTCDialer, signalling
from offhook_webrtc.options import WebRTCOptions
from offhook_webrtc.signalling import calls_url, exchange


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ("https://api.openai.com/v1/realtime/calls", "https://api.openai.com/v1/realtime/calls"),
        ("https://api.openai.com/v1/realtime/calls/", "https://api.openai.com/v1/realtime/calls"),
        ("https://api.openai.com/v1", "https://api.openai.com/v1/realtime/calls"),
        ("http://127.0.0.1:8080/v1/", "http://127.0.0.1:8080/v1/realtime/calls"),
        ("ws://127.0.0.1:8080/v1/realtime", "http://127.0.0.1:8080/v1/realtime/calls"),
        ("wss://host/v1/realtime?api-version=1", "https://host/v1/realtime/calls?api-version=1"),
    ],
)
def test_calls_are_made_below_whatever_the_api_s_address_is(given, where):
    assert calls_url(given) == where


@pytest.mark.parametrize(
    "url", ["", "api.openai.com/v1", "ftp://host/v1", "https://", "http://[::1/v1", "http://h:x/v1"]
)
def test_what_is_no_address_is_refused_with_one_that_is(url):
    with pytest.raises(ConnectError, match="not an address where calls can be made"):
        calls_url(url)


def test_an_address_with_a_secret_in_it_is_not_shown():
    with pytest.raises(ConnectError) as raised:
        calls_url("ftp://user:secret@host/v1?key=secret")
    assert "secret" not in str(raised.value)


async def test_a_file_of_certificates_that_cannot_be_read_is_named(tmp_path):
    options = WebRTCOptions(ca_file=str(tmp_path / "none.pem"))
    request = DialRequest(url="https://127.0.0.1:1/v1/realtime/calls", api_key="sk-test")
    with pytest.raises(ConnectError, match=r"ca_file .*none\.pem"):
        await exchange("v=0", request, options)


async def test_without_a_key_nothing_is_opened(tmp_path):
    dial = WebRTCDialer(WebRTCOptions(input=tmp_path / "no_such.wav"))
    with pytest.raises(AuthenticationError):
        await dial(DialRequest(url="https://127.0.0.1:1/v1/realtime/calls", api_key=None))


def test_a_certificate_that_is_not_trusted_is_found_below_what_hides_it():
    hidden = ssl.SSLCertVerificationError("self-signed certificate")
    hidden.verify_message = "self-signed certificate"
    shown = RuntimeError("all connection attempts failed")
    shown.__cause__ = hidden
    assert "not trusted (self-signed certificate). Set ca_file" in signalling._unreachable(shown, "https://host/calls")
