"""What is installed: transports, commands and observers by name, read from metadata without importing any of them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Final, Literal, TypeAlias

from attrs import field, frozen

from offhook.capabilities import Capabilities
from offhook.errors import PluginBlocked, PluginConflict, PluginNotFound
from offhook.requirements import pip_install
from offhook.settings import Settings

State: TypeAlias = Literal["available", "blocked", "conflict", "loaded", "broken", "incompatible"]


@frozen(kw_only=True)
class Group:
    """An entry-point group. The name of an entry point is the name in config."""

    name: str
    noun: str
    #: What to install for the names we know. The only place in core where first-party distributions are named.
    installs: Mapping[str, str]


TRANSPORTS: Final = Group(
    name="offhook.transports",
    noun="transport",
    installs={
        "cloudflare": "offhook-cloudflare",
        "emulator": "offhook-emulator[speech]",
        "sip": "offhook-sip",
        "webrtc": "offhook-webrtc",
        "websocket": "offhook-websocket",
    },
)
COMMANDS: Final = Group(
    name="offhook.commands",
    noun="command",
    installs={
        "calls": "offhook-sip[serve]",
        "demo": "offhook-emulator[speech]",
        "emulator": "offhook-emulator[speech]",
    },
)
OBSERVERS: Final = Group(name="offhook.observers", noun="observer", installs={})


@frozen(kw_only=True)
class Claim:
    """A distribution's claim to a name."""

    name: str
    distribution: str
    version: str
    #: ``module`` or ``module:object``.
    value: str
    entry_point: EntryPoint = field(repr=False, eq=False)

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}"


@frozen(kw_only=True)
class Listed:
    """A row of the list of what is installed.

    ``available`` means that metadata promises it; only a check, which imports it, tells ``loaded``, ``broken`` and
    ``incompatible``, and knows the capabilities.
    """

    name: str
    distribution: str
    version: str
    value: str
    state: State
    reason: str | None = None
    capabilities: Capabilities | None = None


def claims(group: Group) -> dict[str, tuple[Claim, ...]]:
    """Give who claims which name, both sorted. A distribution that lies twice on the path counts once, as for imports."""
    found: dict[str, dict[str, Claim]] = {}
    for entry in entry_points(group=group.name):
        claim = _claim(entry)
        found.setdefault(entry.name, {}).setdefault(_canonical(claim.distribution), claim)
    return {name: tuple(row for _, row in sorted(by_name.items())) for name, by_name in sorted(found.items())}


def find(group: Group, name: str, settings: Settings, *, asked_by: str = "", others: Iterable[str] = ()) -> Claim:
    """Find the one distribution that gives ``name``. Raises ``PluginNotFound``, ``PluginConflict``, ``PluginBlocked``.

    ``asked_by`` says where the name was chosen; ``others`` are names that exist without any distribution.
    """
    installed = claims(group)
    claimed = installed.get(name, ())
    allowed = [claim for claim in claimed if blocked_as(claim, settings) is None]
    if len(allowed) == 1:
        return allowed[0]
    if allowed:
        raise PluginConflict(_conflict(group, allowed), name=name)
    if claimed:
        raise PluginBlocked(_blocked(group, claimed[0], settings), name=name)
    raise PluginNotFound(_not_found(group, name, {*installed, *others}, asked_by), name=name)


def listing(group: Group, settings: Settings) -> list[tuple[Claim, Listed]]:
    """List every claim of ``group`` from metadata alone."""
    return [(claim, _listed(claim, row, settings)) for row in claims(group).values() for claim in row]


def blocked_as(claim: Claim, settings: Settings) -> str | None:
    """Give the blocked name, be it of the entry point or of the distribution; ``None`` where nothing blocks it."""
    for word in settings.block:
        if word == claim.name or _canonical(word) == _canonical(claim.distribution):
            return word
    return None


def pip_line(group: Group, name: str) -> str:
    """Give the command that installs ``name``, one of ``group.installs``."""
    return pip_install(group.installs[name])


def _claim(entry: EntryPoint) -> Claim:
    return Claim(
        name=entry.name,
        distribution=_metadata(entry, "Name"),
        version=_metadata(entry, "Version"),
        value=entry.value,
        entry_point=entry,
    )


def _metadata(entry: EntryPoint, key: str) -> str:
    if entry.dist is not None and key in entry.dist.metadata:
        return entry.dist.metadata[key]
    # Broken metadata is listed all the same, and told as such.
    return f"(no {key.lower()})"


def _canonical(distribution: str) -> str:
    """The name by which installers compare distributions (the packaging specifications' normalisation)."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _listed(claim: Claim, row: Collection[Claim], settings: Settings) -> Listed:
    rivals = [other for other in row if other is not claim and blocked_as(other, settings) is None]
    state, reason = "available", None
    if (word := blocked_as(claim, settings)) is not None:
        state, reason = "blocked", f"{word!r}, {settings.where('block')}"
    elif rivals:
        state, reason = "conflict", f"claimed by {_and(rivals)} too"
    return Listed(
        name=claim.name,
        distribution=claim.distribution,
        version=claim.version,
        value=claim.value,
        state=state,
        reason=reason,
    )


def _conflict(group: Group, rivals: Collection[Claim]) -> str:
    name = next(iter(rivals)).name
    return (
        f"the {group.noun} {name!r} is claimed by {_and(rivals)}, and nothing says which one is meant. Uninstall one, "
        f"or name its distribution in block (offhook.toml, or OFFHOOK_BLOCK)."
    )


def _blocked(group: Group, claim: Claim, settings: Settings) -> str:
    return (
        f"the {group.noun} {claim.name!r} ({claim}) is blocked: {settings.where('block')} names "
        f"{blocked_as(claim, settings)!r}. Take it out there, or choose another {group.noun}."
    )


def _not_found(group: Group, name: str, installed: Collection[str], asked_by: str) -> str:
    told = f"Installed: {', '.join(sorted(installed)) or 'none'}."
    asked = f" (asked for by {asked_by})" if asked_by else ""
    if name in group.installs:
        return f"the {group.noun} {name!r}{asked} is not installed. Run: {pip_line(group, name)}. {told}"
    near = difflib.get_close_matches(name.lower(), {*installed, *group.installs}, n=1)
    if not near:
        known = ", ".join(sorted(set(group.installs) - set(installed)))
        ours = f" Of ours these are not installed: {known}." if known else ""
        step = f"Choose an installed {group.noun}, or install the distribution that gives this one."
        return f"no {group.noun} named {name!r}{asked} is installed. {step} {told}{ours}"
    install = "" if near[0] in installed else f" Run: {pip_line(group, near[0])}."
    return f"no {group.noun} named {name!r}{asked} is installed. Did you mean {near[0]!r}?{install} {told}"


def _and(claims_of_it: Iterable[Claim]) -> str:
    return " and ".join(str(claim) for claim in claims_of_it)
