"""What is around the program: devices, and the way to the service."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

from offhook.cli.doctor.finding import Finding, from_error
from offhook.cli.doctor.reach import first_place, reach
from offhook.cli.quiet import quiet_devices
from offhook.errors import AudioError


def devices() -> Finding:
    """Look for a microphone and a loudspeaker, which not everybody needs."""
    try:
        found = quiet_devices()
        microphones, speakers = found.list("input"), found.list("output")
    except AudioError as error:
        return from_error("devices", error, state="attention")
    what = f"{len(microphones)} to record with, {len(speakers)} to play on ({found.backend})"
    if microphones and speakers:
        return Finding(about="devices", what=what)
    return Finding(
        about="devices",
        state="attention",
        what=what,
        remedy="To talk at this machine, connect what is missing; offhook devices says more. A server needs none.",
    )


def network(options: Any) -> Iterator[Finding]:
    """Look whether the host of the service answers, where the transport has an option ``url``."""
    place = first_place(str(getattr(options, "url", "")), getattr(options, "proxy", None))
    if place is None:
        return
    error = reach(place)
    if error is None:
        yield Finding(about="network", what=f"{place} answers")
        return
    what, remedy = _unreachable(str(place), error)
    yield Finding(about="network", state="broken", what=what, remedy=f"{remedy} Without this look: --no-network.")


def _unreachable(place: str, error: OSError) -> tuple[str, str]:
    match error:
        case TimeoutError():
            return f"{place} does not answer", "Check the network, the firewall and the proxy."
        case socket.gaierror():
            return f"the name of {place} cannot be resolved", "Check the network and its DNS, and the url."
        case ConnectionRefusedError():
            return f"nothing listens at {place}", "Check the url; on this machine, start offhook emulator."
        case _:
            return f"{place} cannot be reached ({error.strerror or error})", "Check the network, and the url."
