"""``offhook doctor``: what is installed, configured and around, and what to do about it. Needs no typer.

Whoever needs a doctor may lack just that.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator, Sequence

from attrs import asdict

from offhook.cli.doctor.configured import blocked, config, in_use, keys, misspelt, required
from offhook.cli.doctor.finding import Finding
from offhook.cli.doctor.installed import installed
from offhook.cli.doctor.machine import devices, network


def show(*, as_json: bool, with_network: bool) -> int:
    """Print what is found. Gives the exit code: 1 if something is broken. ``with_network`` takes three seconds at most."""
    # What plugins print while they are imported is not ours to say.
    with contextlib.redirect_stdout(sys.stderr):
        findings = list(examine(with_network=with_network))
    sys.stdout.write(f"{_as_json(findings) if as_json else _as_text(findings)}\n")
    return int(any(finding.state == "broken" for finding in findings))


def examine(*, with_network: bool) -> Iterator[Finding]:
    """Look at one thing after the other."""
    settings, file = config()
    yield from installed(settings)
    yield file
    yield from required(settings)
    yield from blocked(settings)
    transport, options = in_use(settings)
    yield transport
    yield from misspelt(settings, options)
    yield from keys(settings, options)
    yield devices()
    if with_network:
        yield from network(options)


def _as_json(findings: Sequence[Finding]) -> str:
    return json.dumps([asdict(finding) for finding in findings], indent=2, ensure_ascii=False)


def _as_text(findings: Sequence[Finding]) -> str:
    states, abouts = (max(map(len, words)) for words in zip(*((f.state, f.about) for f in findings), strict=True))
    lines: list[str] = []
    for finding in findings:
        head = f"{finding.state.ljust(states)}  {finding.about.ljust(abouts)}  "
        lines.append(head + finding.what)
        if finding.remedy:
            lines.append(" " * (len(head) - 2) + f"→ {finding.remedy}")
    wrong = sum(finding.state == "broken" for finding in findings)
    return "\n".join([*lines, "", f"{wrong} of {len(findings)} broken." if wrong else "Nothing is broken."])
