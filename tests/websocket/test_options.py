"""offhook_websocket.options: what the ``[transports.websocket]`` table may hold."""

from __future__ import annotations

import attrs
import pytest

from offhook.errors import ConfigError
from offhook.plugins import make_transport
from offhook.settings import Settings
from offhook_websocket import OpenAIRealtimeWebSocket, WebSocketOptions


def test_without_a_table_it_is_openai_s_service():
    options = WebSocketOptions()
    assert (options.url, options.model) == ("wss://api.openai.com/v1/realtime", "gpt-realtime-2.1")
    assert options.max_size >= 20 * 1024 * 1024
    assert (options.ping_interval_s, options.ping_timeout_s, options.proxy) == (20.0, 20.0, "auto")


def test_p11_neither_key_nor_header_nor_password_is_shown():
    """P11: options end up in logs and error messages."""
    options = WebSocketOptions(
        url="wss://me:hush@host/v1?api-key=hush",
        api_key="hush",
        headers={"api-key": "hush"},
        proxy="http://me:hush@proxy:3128",
    )
    assert "hush" not in repr(options)
    assert "wss://host/v1" in repr(options)


def test_options_are_values():
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        WebSocketOptions().model = "other"


def test_a_table_becomes_options_and_is_told_of_a_typo():
    tables = {"websocket": {"url": "http://127.0.0.1:8080/v1", "ping_interval_s": 5, "headers": {"X-Mine": "1"}}}
    transport = make_transport("websocket", settings=Settings(transports=tables))
    assert isinstance(transport, OpenAIRealtimeWebSocket)
    with pytest.raises(ConfigError, match=r"Did you mean transports\.websocket\.model\?"):
        make_transport("websocket", settings=Settings(transports={"websocket": {"modle": "m"}}))
