"""The entry point: what core asks when config names ``emulator``."""

from __future__ import annotations

from typing import Final

from offhook.hookspecs import RealtimeTransportLayer, hookimpl
from offhook_emulator.options import EmulatorOptions
from offhook_emulator.transport import EmulatorTransport

#: (major, minor) of the contract this was written for.
SPEC_VERSION: Final = (1, 0)


@hookimpl
def transport_options() -> type[EmulatorOptions]:
    """Give the class that validates ``[transports.emulator]``."""
    return EmulatorOptions


@hookimpl
def make_transport(options: EmulatorOptions) -> RealtimeTransportLayer:
    """Make a transport, disconnected."""
    return EmulatorTransport(options)
