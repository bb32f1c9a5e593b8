"""A lazy value is made once, and a failure is not remembered."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from offhook_emulator.voice.lazy import Lazy


def test_threads_that_ask_at_once_get_the_same_value() -> None:
    barrier, lazy = Barrier(4), Lazy(object)

    def ask() -> object:
        barrier.wait(timeout=5)
        return lazy.get()

    with ThreadPoolExecutor(4) as pool:
        values = {future.result(timeout=5) for future in [pool.submit(ask) for _ in range(4)]}

    assert len(values) == 1


def test_a_failure_is_raised_and_the_next_caller_tries_again() -> None:
    outcomes = iter([OSError("busy disk"), "model"])

    def make() -> str:
        outcome = next(outcomes)
        if isinstance(outcome, OSError):
            raise outcome
        return str(outcome)

    lazy = Lazy(make)

    with pytest.raises(OSError, match="busy disk"):
        lazy.get()
    assert lazy.get() == "model"
