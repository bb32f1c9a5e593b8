"""offhook.cli.doctor.reach: where a connection goes first, and whether somebody is there."""

from __future__ import annotations

import socket
import threading

import pytest

from offhook.cli.doctor import reach as module
from offhook.cli.doctor.reach import Place, first_place, reach

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch):
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("wss://api.example/v1/realtime?key=x", Place("api.example", 443)),
        ("https://api.example", Place("api.example", 443)),
        ("ws://127.0.0.1:8080/v1", Place("127.0.0.1", 8080)),
        ("http://[::1]", Place("::1", 80)),
        ("", None),
        ("nonsense", None),
        ("ws://", None),
        ("ws://host:none", None),
        ("ws://[half", None),
    ],
)
def test_without_a_proxy_it_goes_to_the_host(url, place):
    assert first_place(url) == place


def test_a_proxy_of_the_environment_comes_first(monkeypatch):
    monkeypatch.setenv("https_proxy", "http://user:password@proxy.example:3128")
    place = first_place("wss://api.example")
    assert place == Place("proxy.example", 3128, "api.example")
    assert str(place) == "proxy.example:3128, the proxy for api.example,"
    assert first_place("ws://api.example") == Place("api.example", 80)
    assert first_place("wss://api.example", "none") == Place("api.example", 443)
    monkeypatch.setenv("no_proxy", "api.example")
    assert first_place("wss://api.example") == Place("api.example", 443)


def test_a_proxy_without_a_scheme_is_one(monkeypatch):
    monkeypatch.setenv("all_proxy", "proxy.example:1080")
    assert first_place("wss://api.example") == Place("proxy.example", 1080, "api.example")


def test_a_proxy_that_is_an_option_beats_the_environment(monkeypatch):
    monkeypatch.setenv("https_proxy", "http://environment.example:1")
    assert first_place("wss://api.example", "http://option.example:2") == Place("option.example", 2, "api.example")
    assert first_place("wss://api.example", "auto") == Place("environment.example", 1, "api.example")


def test_an_address_of_version_6_is_in_brackets():
    assert str(Place("::1", 80)) == "[::1]:80"


def test_where_the_connection_is_made_nothing_is_wrong(monkeypatch):
    asked = []

    class Connection:
        def close(self):
            asked.append("closed")

    def connect(address, timeout):
        asked.append(address)
        return Connection()

    monkeypatch.setattr(socket, "create_connection", connect)
    assert reach(Place("there", 80)) is None
    assert asked == [("there", 80), "closed"]


def test_what_goes_wrong_is_given(monkeypatch):
    def refuse(address, timeout):
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", refuse)
    assert isinstance(reach(Place("there", 80)), ConnectionRefusedError)


def test_a_resolver_that_hangs_is_left_behind(monkeypatch):
    over = threading.Event()
    monkeypatch.setattr(socket, "create_connection", lambda *_args, **_options: over.wait())
    assert isinstance(reach(Place("there", 80), timeout_s=0.01), TimeoutError)
    over.set()
    assert module.TIMEOUT_S <= 3
