"""offhook.guardrail: what an application author writes."""

from __future__ import annotations

import threading

import pytest

from offhook.agent import RealtimeAgent
from offhook.context import RunContext
from offhook.errors import ConfigError
from offhook.guardrail import (
    GuardrailResult,
    GuardrailSettings,
    InputGuardrail,
    OutputGuardrail,
    default_feedback,
    input_guardrail,
    output_guardrail,
)
from offhook.session.events import GuardrailTripped

AGENT = RealtimeAgent(name="A")
CONTEXT = RunContext(context="mine", agent=AGENT, history=tuple)


@pytest.mark.parametrize(
    ("decorator", "kind"), [(output_guardrail, OutputGuardrail), (input_guardrail, InputGuardrail)]
)
def test_a_decorated_function_becomes_a_guardrail_of_its_name(decorator, kind):
    def no_prices(context, text):
        return "€" in text

    plain, named = decorator(no_prices), decorator(name="prices", policy="Name no prices.")(no_prices)
    assert type(plain) is type(named) is kind
    assert (plain.name, plain.policy, plain.check) == ("no_prices", None, no_prices)
    assert (named.name, named.policy, named.check) == ("prices", "Name no prices.", no_prices)


async def test_a_check_gives_yes_or_no_or_says_more():
    result = GuardrailResult(True, {"found": "5 €"})
    assert await OutputGuardrail("a", lambda *_: True).run(CONTEXT, "") == GuardrailResult(True)
    assert await OutputGuardrail("a", lambda *_: False).run(CONTEXT, "") == GuardrailResult(False)
    assert await OutputGuardrail("a", lambda *_: result).run(CONTEXT, "") == result


async def test_a_check_is_told_where_it_runs_and_the_text():
    async def check(context, text):
        return GuardrailResult(False, (context.context, context.agent.name, text))

    assert (await OutputGuardrail("a", check).run(CONTEXT, "Hi")).info == ("mine", "A", "Hi")


async def test_a_plain_check_runs_in_a_thread_and_a_coroutine_function_on_the_loop():
    def plain(_, __):
        return GuardrailResult(False, threading.current_thread().name)

    async def coroutine(_, __):
        return GuardrailResult(False, threading.current_thread().name)

    assert (await OutputGuardrail("a", plain).run(CONTEXT, "")).info == "offhook guardrail a"
    assert (await OutputGuardrail("a", coroutine).run(CONTEXT, "")).info == threading.main_thread().name


async def test_a_check_that_forgets_to_return_does_not_pass_for_a_yes():
    with pytest.raises(TypeError, match="'a' gave NoneType"):
        await OutputGuardrail("a", lambda *_: None).run(CONTEXT, "")


@pytest.mark.parametrize("name", ["hold_back_ms", "timeout_s", "transcript_wait_ms"])
def test_times_below_nought_are_refused(name):
    with pytest.raises(ConfigError, match=name):
        GuardrailSettings(**{name: -1})


# What the model is told.


def tripped(kind="output", **more):
    guardrail = OutputGuardrail("no_prices", lambda *_: True, policy=more.pop("policy", None))
    return GuardrailTripped(agent=AGENT, guardrail=guardrail, kind=kind, text="It is 5 €", **more)


def test_the_model_is_told_the_name_or_the_policy():
    assert "no_prices" in default_feedback(tripped())
    told = default_feedback(tripped(policy="Name no prices"))
    assert "Name no prices" in told
    assert "no_prices" not in told


def test_the_model_is_told_what_was_found_as_json():
    assert 'Details: {"found": "5 €"}' in default_feedback(tripped(info={"found": "5 €"}))
    assert "Details" not in default_feedback(tripped())


def test_a_finding_that_is_no_data_leaves_the_rule_to_be_told():
    circle = {}
    circle["circle"] = circle
    assert default_feedback(tripped(info=circle)) == default_feedback(tripped())


def test_about_the_users_words_the_model_is_told_something_else():
    assert "user's last words" in default_feedback(tripped(kind="input"))


def test_p11_an_event_shows_nothing_of_what_was_said():
    shown = repr(tripped(info={"found": "5 €"}))
    assert "5 €" not in shown
    assert "no_prices" in shown
