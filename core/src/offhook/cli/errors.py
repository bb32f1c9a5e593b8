"""What a command shows of an error: a paragraph and an exit code. Needs no typer, so that its absence can be told too."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Final

from offhook.errors import OffhookError

FAILED: Final = 1
WRONG_USAGE: Final = 2
#: 128 + SIGINT, as shells have it.
INTERRUPTED: Final = 130


def guarded(command: Callable[[], int]) -> int:
    """Run ``command`` and give its exit code; errors that offhook raises on purpose become one paragraph on stderr.

    With ``OFFHOOK_DEBUG=1`` their traceback stands above it. Anything else is a defect and keeps its traceback.
    """
    try:
        return command()
    except OffhookError as error:
        if os.environ.get("OFFHOOK_DEBUG", "0") not in {"", "0"}:
            import traceback  # noqa: PLC0415  # only where it is asked for

            traceback.print_exception(error)
        complain(str(error))
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def complain(text: str) -> None:
    """Print a paragraph on stderr."""
    sys.stderr.write(f"offhook: {text}\n")
