"""What the doctor says of one thing."""

from __future__ import annotations

from typing import Literal, TypeAlias

from attrs import frozen

from offhook.errors import OffhookError

#: ``attention``: perhaps meant, perhaps not. ``broken``: something cannot work.
State: TypeAlias = Literal["ok", "attention", "broken"]


@frozen(kw_only=True)
class Finding:
    """One thing that was looked at. ``remedy`` is what to do about it; where all is well there may be none."""

    about: str
    state: State = "ok"
    what: str
    remedy: str | None = None


def from_error(about: str, error: OffhookError | str, state: State = "broken") -> Finding:
    """Give an error of ours as a finding: its first sentence says what is wrong, and the rest what to do."""
    what, _, remedy = str(error).partition(". ")
    return Finding(about=about, state=state, what=what.rstrip("."), remedy=remedy or None)
