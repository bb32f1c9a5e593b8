"""The entry point ``sip``, and what importing it brings."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

import offhook_sip
from offhook.errors import ConfigError
from offhook.hookspecs import SPEC_VERSION
from offhook.plugins import make_transport
from offhook.settings import Settings
from offhook_sip import OpenAIRealtimeSIP, SIPOptions, plugin


def test_entry_point_leads_to_the_plugin():
    (entry,) = entry_points(group="offhook.transports", name="sip")
    assert entry.load() is plugin


def test_plugin_is_of_the_contract_of_this_core():
    assert plugin.SPEC_VERSION[0] == SPEC_VERSION[0]


def test_plugin_makes_a_disconnected_transport_of_its_options():
    assert plugin.transport_options() is SIPOptions
    transport = plugin.make_transport(SIPOptions())
    assert isinstance(transport, OpenAIRealtimeSIP)
    assert (transport.name, transport.status) == ("sip", "disconnected")


def test_transport_is_had_by_name_with_its_table():
    settings = Settings(transport="sip", transports={"sip": {"url": "http://127.0.0.1:9/v1", "ack_timeout_s": 1}})
    assert isinstance(make_transport(settings=settings), OpenAIRealtimeSIP)


def test_wrong_option_is_told_by_its_place():
    settings = Settings(transports={"sip": {"control_timeout_s": "soon"}})
    with pytest.raises(ConfigError, match=r"transports\.sip\.control_timeout_s"):
        make_transport("sip", settings=settings)


def test_secrets_stay_out_of_the_representation():
    options = SIPOptions(api_key="sk-1", webhook_secret="whsec_x", headers={"Authorization": "y"})
    assert not {"sk-1", "whsec_x", "y"} & {*repr(options).replace("'", " ").split()}


def test_transport_needs_neither_the_http_client_nor_the_webhook_library_nor_the_command_line():
    heavy = "{'httpx2', 'standardwebhooks', 'uvicorn', 'typer'}"
    code = f"import sys, offhook_sip.plugin; print(*{heavy} & sys.modules.keys())"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip() == ""


def test_every_public_name_is_where_it_is_said_to_be():
    for name in offhook_sip.__all__:
        assert getattr(offhook_sip, name).__name__.rsplit(".", 1)[-1] == name
    assert {*offhook_sip._MODULE_OF, "errors"} == {*offhook_sip.__all__}
    with pytest.raises(AttributeError, match="nothing"):
        _ = offhook_sip.nothing
