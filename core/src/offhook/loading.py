"""Importing what an entry point names; and whatever is wrong with it is told as its own."""

from __future__ import annotations

from offhook.discovery import Claim, Group
from offhook.errors import PluginBroken


def load(group: Group, claim: Claim) -> object:
    """Import it. Raises ``PluginBroken``."""
    try:
        return claim.entry_point.load()
    # A module that calls sys.exit() when it is imported must not end the program of someone who has it installed.
    except (Exception, SystemExit) as error:
        raise broken(group, claim, f"cannot be imported from {claim.value}", error) from error


def broken(group: Group, claim: Claim, what: str, error: BaseException | None = None) -> PluginBroken:
    """Give the error for a plugin that cannot be used: ``what`` is wrong with it, and the exception that tells so."""
    why = f": {type(error).__name__}: {' '.join(str(error).split())}".rstrip(": .") if error is not None else ""
    return PluginBroken(
        f"{subject(group, claim)} {what}{why}. {_others_work(group)} "
        f"Install a working version: pip install --upgrade {claim.distribution}.",
        name=claim.name,
    )


def subject(group: Group, claim: Claim) -> str:
    """Name a plugin, at the start of an error's message."""
    return f"the {group.noun} {claim.name!r} ({claim})"


def reason(group: Group, claim: Claim, error: Exception) -> str:
    """Give what an error says beyond what a list shows by itself: whose it is, and what else works."""
    return str(error).removeprefix(subject(group, claim)).partition(_others_work(group))[0].strip(" .")


def _others_work(group: Group) -> str:
    return f"Other {group.noun}s still work."
