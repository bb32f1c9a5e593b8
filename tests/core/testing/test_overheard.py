"""offhook.testing.conformance.overheard: nothing escapes it, and nothing is changed by it."""

from __future__ import annotations

import contextlib
import io
import logging
import sys

import structlog

from offhook.testing.conformance.overheard import Overheard


def test_it_hears_every_logger_down_to_debug_with_tracebacks_and_extras():
    with Overheard() as overheard:
        logging.getLogger("somebody").debug("a %s", "plum", extra={"beside": "pear"})
        try:
            int("quince")
        except ValueError:
            logging.getLogger("offhook").exception("it failed")
    assert all(word in overheard.text for word in ("a plum", "pear", "quince"))
    assert overheard.warnings == 1


def test_it_hears_structlog_whatever_that_is_configured_to_do():
    with Overheard() as overheard:
        structlog.get_logger().info("fruit", kind="plum")
        structlog.get_logger().warning("fruit", kind="pear")
    assert all(word in overheard.text for word in ("fruit", "plum", "pear"))
    assert overheard.warnings == 1


def test_it_hears_what_is_printed():
    with Overheard() as overheard:
        print("plum")
        print("pear", file=sys.stderr)
    assert all(word in overheard.text for word in ("plum", "pear"))


def test_everything_is_as_it_was_afterwards():
    def state():
        root, ours = logging.getLogger(), logging.getLogger("offhook")
        processors = list(structlog.get_config()["processors"])
        return root.level, list(root.handlers), ours.level, processors, sys.stdout, structlog.is_configured()

    before = state()
    with contextlib.redirect_stdout(io.StringIO()):
        inside = state()
        with Overheard():
            pass
        assert state() == inside
    assert state() == before
