"""offhook.wire.endings: what it means that the other side is gone, where a dialect says no other."""

from __future__ import annotations

import pytest

from offhook.events import ErrorEvent
from offhook.wire import End, usual_ending


@pytest.mark.parametrize(
    ("code", "reason", "recoverable", "told"),
    [
        (1000, "remote_hangup", False, None),
        (1001, "remote_hangup", True, None),
        (1006, "lost", True, "the connection was lost (close code 1006: why). Connect again to go on."),
        (
            1009,
            "lost",
            True,
            "the connection was lost (close code 1009: why). A message was longer than one side takes",
        ),
        (4000, "lost", True, "the connection was lost (close code 4000: why). Connect again to go on."),
    ],
)
def test_p12_a_goodbye_is_no_error_and_everything_else_is_a_loss(code, reason, recoverable, told):
    ending = usual_ending(End(code=code, said="why"))
    assert (ending.reason, ending.recoverable) == (reason, recoverable)
    assert str(ending.error).startswith(told) if told else ending.error is None


def test_p12_a_channel_that_broke_is_a_loss_with_its_cause():
    cause = RuntimeError("the cable")
    ending = usual_ending(End(cause=cause))
    assert (ending.reason, ending.recoverable) == ("lost", True)
    assert str(ending.error) == "the connection broke (RuntimeError: the cable). Connect again to go on."
    assert ending.error.__cause__ is cause


@pytest.mark.parametrize("code", [1000, 1006, 1011])
def test_an_end_that_was_announced_is_an_expiry_and_no_error(code):
    ending = usual_ending(End(code=code, expiring=True))
    assert (ending.reason, ending.recoverable, ending.error) == ("expired", True, None)


@pytest.mark.parametrize("code", [1000, 1006])
def test_p01_an_end_before_the_beginning_is_an_error_however_polite(code):
    error = usual_ending(End(code=code, connecting=True)).error
    assert str(error).startswith("the service ended the connection before the session began: ")
    assert f"close code {code}" in str(error)


def test_p01_what_the_service_said_last_is_why_it_never_began():
    last = ErrorEvent(message="Too much.", code="overloaded")
    error = usual_ending(End(code=1011, last_error=last, connecting=True)).error
    assert (str(error), error.code) == (
        "the service refused the session: Too much. Check the model and the config.",
        "overloaded",
    )
