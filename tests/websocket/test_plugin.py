"""offhook_websocket.plugin: the door that core knows it by."""

from __future__ import annotations

from importlib.metadata import entry_points

from offhook.hookspecs import SPEC_VERSION
from offhook.plugins import check_transports, make_transport
from offhook.settings import Settings
from offhook_websocket import OpenAIRealtimeWebSocket, WebSocketOptions, plugin


def test_it_is_found_by_name():
    [entry] = entry_points(group="offhook.transports", name="websocket")
    assert entry.load() is plugin


def test_it_speaks_the_contract_s_version_and_names_its_options():
    assert plugin.SPEC_VERSION[0] == SPEC_VERSION[0]
    assert plugin.transport_options() is WebSocketOptions


def test_it_makes_a_transport_that_is_disconnected():
    transport = make_transport("websocket", settings=Settings())
    assert isinstance(transport, OpenAIRealtimeWebSocket)
    assert (transport.name, transport.status, transport.muted) == ("websocket", "disconnected", None)


def test_it_passes_the_check_of_every_plugin():
    [row] = [row for row in check_transports(Settings()) if row.name == "websocket"]
    assert (row.state, row.distribution) == ("loaded", "offhook-websocket")
