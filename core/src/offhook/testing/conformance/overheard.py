"""What a transport lets others hear: its logs, by whichever library, and what it prints."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any, Self

import structlog


class Overheard:
    """Captures everything that is logged or printed inside ``with``, down to DEBUG."""

    def __init__(self) -> None:
        self._records: list[logging.LogRecord] = []
        self._entries: list[str] = []
        self._printed = io.StringIO()
        self._stack = contextlib.ExitStack()
        #: How many warnings (or worse) were logged.
        self.warnings = 0

    def __enter__(self) -> Self:
        self._stack.enter_context(contextlib.redirect_stdout(self._printed))
        self._stack.enter_context(contextlib.redirect_stderr(self._printed))
        self._listen_to_logging()
        self._listen_to_structlog()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def text(self) -> str:
        """Everything that was said, one entry a line, with tracebacks."""
        formatter = logging.Formatter("%(name)s %(message)s")
        records = [f"{formatter.format(record)} {vars(record)}" for record in self._records]
        return "\n".join([*records, *self._entries, self._printed.getvalue()])

    def _listen_to_logging(self) -> None:
        handler = logging.Handler()
        handler.emit = self._take_record  # type: ignore[method-assign]  # a class would say no more
        for logger in (logging.getLogger(), logging.getLogger("offhook")):
            self._stack.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.DEBUG)
        root = logging.getLogger()
        root.addHandler(handler)
        self._stack.callback(root.removeHandler, handler)

    def _take_record(self, record: logging.LogRecord) -> None:
        self._records.append(record)
        self.warnings += record.levelno >= logging.WARNING

    def _listen_to_structlog(self) -> None:
        # In place, as structlog.testing does it: loggers that were bound before hold this very list.
        processors = structlog.get_config()["processors"]
        processors.insert(0, self._take_entry)
        self._stack.callback(processors.remove, self._take_entry)

    def _take_entry(self, _: Any, method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        self._entries.append(f"{method} {dict(entry)}")
        self.warnings += method in {"warning", "warn", "error", "critical", "exception"}
        return entry
