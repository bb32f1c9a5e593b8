"""Whether what is asked for is installed: ``requires`` in the config, and what distributions ask for in their metadata."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import TYPE_CHECKING

from offhook.errors import ConfigError, PluginNotFound

if TYPE_CHECKING:
    from packaging.requirements import Requirement

    from offhook.settings import Settings


def check_required(settings: Settings) -> None:
    """Check that every distribution in ``requires`` is installed, in the version and with the extras it asks for.

    Raises ``PluginNotFound``, with one pip command for all that is missing, and ``ConfigError`` for what is no requirement.
    """
    lacking = {str(wanted): (wanted, what) for wanted in required(settings) if (what := lack(wanted))}
    if not lacking:
        return
    told = "; ".join(f"{text} (but {what})" for text, (_, what) in lacking.items())
    raise PluginNotFound(
        f"{settings.where('requires')} asks for {told}. Run: {pip_install(*lacking)}.",
        name=next(wanted.name for wanted, _ in lacking.values()),
    )


def required(settings: Settings) -> list[Requirement]:
    """Give what ``requires`` names. Raises ``ConfigError`` for what is no requirement."""
    if not settings.requires:
        return []
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415  # 30 ms that most never need

    def read(text: str) -> Requirement:
        try:
            return Requirement(text)
        except InvalidRequirement as error:
            why = str(error).partition("\n")[0].rstrip(".")
            raise ConfigError(
                f"{settings.where('requires')} holds {text!r}, which is no requirement: {why}. "
                'Write it as pip takes it: "offhook-webrtc>=1".'
            ) from error

    return [read(text) for text in settings.requires]


def lack(wanted: Requirement) -> str | None:
    """Say what is missing for ``wanted``, its extras included; ``None`` where it is met, or not meant for this machine."""
    if wanted.marker is not None and not wanted.marker.evaluate():
        return None
    try:
        found = distribution(wanted.name)
    except PackageNotFoundError:
        return f"{wanted.name} is not installed"
    if not _admits(wanted, version_of(found)):
        return f"{wanted.name} {version_of(found)} is installed"
    parts = (lack(part) for extra in sorted(wanted.extras) for part in needs(found, extra))
    return next(filter(None, parts), None)


def needs(found: Distribution, extra: str | None = None) -> Iterator[Requirement]:
    """Give what a distribution needs on this machine: always, or beyond that for one of its extras."""
    from packaging.requirements import Requirement  # noqa: PLC0415  # see above

    for text in found.requires or ():
        part = Requirement(text)
        marker, part.marker = part.marker, None
        always = marker is None or marker.evaluate({"extra": ""})
        if always == (extra is None) and (marker is None or marker.evaluate({"extra": extra or ""})):
            yield part


def version_of(found: Distribution) -> str:
    """Give the version in a distribution's metadata, which may be broken."""
    return str(found.metadata.json.get("version", "(no version)"))


def pip_install(*requirements: str) -> str:
    """Give the command that installs ``requirements``."""
    # Brackets and angles mean something to shells.
    return " ".join(["pip install", *(f'"{text}"' if re.search(r"[^\w.-]", text) else text for text in requirements)])


def _admits(wanted: Requirement, version: str) -> bool:
    from packaging.version import InvalidVersion  # noqa: PLC0415  # see above

    try:
        # What is installed was chosen, a release candidate as well.
        return wanted.specifier.contains(version, prereleases=True)
    except InvalidVersion:
        return not wanted.specifier
