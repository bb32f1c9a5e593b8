"""The library's logger, and the ids that its lines carry: those of the connection on which something happened.

structlog is imported on first use: importing it eagerly more than doubles ``import offhook``. The ids are therefore in a
context variable of our own, and reach structlog where a line is written.
"""

from __future__ import annotations

from contextvars import Context, ContextVar, copy_context
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

#: One dict for each scope, shared by all tasks in it, so that an id that is learnt late is known to all of them.
_IDS: ContextVar[dict[str, Any]] = ContextVar("offhook_log_ids")


def logger() -> FilteringBoundLogger:
    """The application's structlog where it configured one, else the stdlib logger ``offhook`` (quiet by default).

    Bound to the ids of the scope it is called in.
    """
    ids = _IDS.get(None)
    return _base().bind(**ids) if ids else _base()


def log_scope(**ids: Any) -> Context:
    """Give a context, a copy of the current one, in which lines carry ``ids`` too: to run something in, or a task.

    Ids and kinds of things only, never content. One that is ``None`` is left out.
    """
    scope = copy_context()
    scope.run(_IDS.set, {**_IDS.get({}), **_known(ids)})
    return scope


def log_also(**ids: Any) -> None:
    """Add ids that became known to the scope this is called in, for all that runs there."""
    if (bound := _IDS.get(None)) is not None:
        bound.update(_known(ids))


def _known(ids: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in ids.items() if value is not None}


@cache
def _base() -> FilteringBoundLogger:
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
