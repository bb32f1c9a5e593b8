"""``offhook devices``: the microphones and loudspeakers of this machine."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, Any, Final

import typer

from offhook.audio.devices import DeviceInfo, Direction
from offhook.cli.quiet import quiet_devices
from offhook.cli.tables import aligned
from offhook.errors import AudioError

_WORDS: Final[dict[Direction, str]] = {"input": "microphone", "output": "loudspeaker"}
_TITLES: Final = ("KIND", "NAME", "DEFAULT", "BACKEND")


def devices(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the microphones and loudspeakers of this machine, by the names that offhook talk takes."""
    found = quiet_devices()
    rows = [device for direction in _WORDS for device in found.list(direction)]
    if as_json:
        typer.echo(json.dumps([_row(device, found.backend) for device in rows], indent=2, ensure_ascii=False))
    elif rows:
        typer.echo(aligned([_TITLES, *(_cells(device, found.backend) for device in rows)]))
    _require_both(rows, found.backend)


def _row(device: DeviceInfo, backend: str) -> dict[str, Any]:
    return {"kind": _WORDS[device.direction], "name": device.name, "default": device.default, "backend": backend}


def _cells(device: DeviceInfo, backend: str) -> tuple[str, ...]:
    return _WORDS[device.direction], device.name, "yes" if device.default else "", backend


def _require_both(rows: Iterable[DeviceInfo], backend: str) -> None:
    missing = [word for direction, word in _WORDS.items() if all(row.direction != direction for row in rows)]
    if missing:
        raise AudioError(
            f"{backend} finds no {' and no '.join(missing)}. Connect one and list again; on Linux, check that PulseAudio or "
            "PipeWire is running (pactl info). Without any, offhook talk --question FILE.wav asks from a file."
        )
