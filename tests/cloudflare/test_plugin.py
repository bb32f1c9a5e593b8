"""The entry point ``cloudflare``."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

from offhook.hookspecs import SPEC_VERSION
from offhook_cloudflare import CloudflareOptions, CloudflareRealtimeTransportLayer, plugin


def test_entry_point_leads_to_the_plugin():
    (entry,) = entry_points(group="offhook.transports", name="cloudflare")
    assert entry.load() is plugin


def test_plugin_is_of_the_contract_of_this_core():
    assert plugin.SPEC_VERSION[0] == SPEC_VERSION[0]


def test_plugin_makes_a_disconnected_transport_of_its_options():
    assert plugin.transport_options() is CloudflareOptions
    transport = plugin.make_transport(CloudflareOptions(model="m"))
    assert isinstance(transport, CloudflareRealtimeTransportLayer)
    assert (transport.name, transport.status) == ("cloudflare", "disconnected")


def test_import_needs_nothing_of_a_worker_and_no_network_library():
    code = "import sys, offhook_cloudflare.plugin; print(*{'js', 'pyodide', 'websockets'} & sys.modules.keys())"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip() == ""
