"""The script ``offhook``, and ``python -m offhook``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from offhook.cli.errors import WRONG_USAGE, complain, guarded


def main() -> int:
    """Run the command line, and give its exit code."""
    return guarded(lambda: _run(sys.argv[1:]))


def _run(arguments: Sequence[str]) -> int:
    if arguments[:1] == ["transports"] and {*arguments[1:]} <= {"--json", "--check"}:
        from offhook.cli.transports import show  # noqa: PLC0415  # this one need not wait for typer

        return show(as_json="--json" in arguments, check="--check" in arguments)
    if arguments[:1] == ["doctor"] and {*arguments[1:]} <= {"--json", "--no-network"}:
        from offhook.cli import doctor  # noqa: PLC0415  # this one works without typer, and may say that it is missing

        return doctor.show(as_json="--json" in arguments, with_network="--no-network" not in arguments)
    try:
        from offhook.cli.app import app  # noqa: PLC0415  # typer comes with an extra
    except ModuleNotFoundError as error:
        if error.name != "typer":
            raise
        complain(
            'the command line needs more than the library does. Run: pip install "offhook[cli]". '
            "These work without: offhook transports, offhook doctor."
        )
        return WRONG_USAGE
    app(prog_name="offhook")
    return 0


if __name__ == "__main__":
    sys.exit(main())
