"""What is installed: distributions with what they need, and what they bring."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import Final

from attrs import evolve

from offhook.cli.doctor.finding import Finding, from_error
from offhook.discovery import COMMANDS, OBSERVERS, TRANSPORTS, Claim, Listed, claims
from offhook.observers import list_observers
from offhook.plugins import check_transports
from offhook.requirements import lack, needs, pip_install, version_of
from offhook.settings import Settings

_CONFLICT: Final = "Uninstall one, or name its distribution in block (offhook.toml, or OFFHOOK_BLOCK)."


def installed(settings: Settings) -> Iterator[Finding]:
    """Look at Python, at our distributions and those of plugins, and at each transport and observer by importing it."""
    what = f"{platform.python_version()} ({platform.python_implementation()}), {platform.platform()}"
    yield Finding(about="Python", what=what)
    for name in sorted({"offhook", *(claim.distribution for claim in plugins())}):
        yield _distribution(name)
    yield from (_plugin("transport", row) for row in check_transports(settings))
    yield from (_plugin("observer", row) for row in list_observers(settings))


def plugins() -> Iterator[Claim]:
    """Give whatever any distribution brings for us, from metadata alone."""
    for group in (TRANSPORTS, COMMANDS, OBSERVERS):
        for row in claims(group).values():
            yield from row


def _distribution(name: str) -> Finding:
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return Finding(about=name, state="broken", what="its metadata is broken", remedy="Install it again.")
    version = version_of(found)
    parts = list(needs(found))
    lacking = {str(part): what for part in parts if (what := lack(part))}
    if lacking:
        what = "; ".join(f"needs {part}, but {what}" for part, what in lacking.items())
        return Finding(about=name, state="broken", what=f"{version} {what}", remedy=f"Run: {pip_install(*lacking)}")
    versions = ", ".join(f"{part.name} {version_of(distribution(part.name))}" for part in parts)
    there, missing = _extras(found)
    what = [version, f"with {versions}" * bool(versions), f"extras: {there}" * bool(there)]
    return Finding(
        about=name,
        what="; ".join([*filter(None, what), *([f"extras not installed: {missing}"] if missing else [])]),
        remedy=f"To have them, run: {pip_install(f'{name}[{missing}]')}" if missing else None,
    )


def _extras(found: Distribution) -> tuple[str, str]:
    """Name the extras of which everything is there, and the others."""
    extras = sorted(found.metadata.get_all("Provides-Extra") or ())
    there = [extra for extra in extras if not any(map(lack, needs(found, extra)))]
    return ",".join(there), ",".join(extra for extra in extras if extra not in there)


def _plugin(noun: str, row: Listed) -> Finding:
    about, what = f"{noun} {row.name}", f"{row.distribution} {row.version}"
    found = Finding(about=about, what=f"{what}: {row.state}{f', {row.reason}' if row.reason else ''}")
    match row.state:
        case "broken":
            return evolve(found, state="broken", remedy=f"Run: pip install --upgrade {row.distribution}")
        case "conflict":
            return evolve(found, state="broken", remedy=_CONFLICT)
        case "incompatible":
            return from_error(about, f"{what} {row.reason}")
        case _:
            return found
