"""The options of the ``cloudflare`` transport."""

from __future__ import annotations

import attrs
import pytest

from offhook_cloudflare import CloudflareOptions


def test_defaults_reach_openai():
    options = CloudflareOptions()
    assert options.url == "wss://api.openai.com/v1/realtime"
    assert options.model == "gpt-realtime-2.1"
    assert options.api_key is None


def test_key_and_headers_do_not_show():
    shown = repr(CloudflareOptions(api_key="sk-secret", headers={"api-key": "az-secret"}))
    assert "secret" not in shown


def test_options_are_values():
    options = CloudflareOptions()
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        options.model = "other"  # type: ignore[misc]  # that is the point


def test_names_are_those_of_the_websocket_transport_so_that_a_table_can_move():
    from offhook_websocket import WebSocketOptions

    theirs = attrs.fields_dict(WebSocketOptions)
    for name, mine in attrs.fields_dict(CloudflareOptions).items():
        assert mine.default == theirs[name].default, name
        assert mine.type == theirs[name].type, name
