"""The library's logger. structlog is imported on first use: importing it eagerly more than doubles ``import offhook``."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger


@cache
def logger() -> FilteringBoundLogger:
    """The application's structlog where it configured one, else the stdlib logger ``offhook`` (quiet by default)."""
    import structlog  # noqa: PLC0415  # see the module docstring

    if structlog.is_configured():
        return structlog.get_logger("offhook")
    return _over_stdlib(structlog)


def _over_stdlib(structlog: Any) -> FilteringBoundLogger:
    import logging  # noqa: PLC0415  # only where something is logged

    return structlog.wrap_logger(
        logging.getLogger("offhook"),
        wrapper_class=structlog.stdlib.BoundLogger,
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
    ).bind()
