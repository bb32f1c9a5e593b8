"""offhook.session.work: what a model hands off and goes on talking meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from offhook.agent import RealtimeAgent
from offhook.capabilities import Capabilities
from offhook.errors import NotConnected, Unsupported
from offhook.events import ErrorEvent, WorkDone, WorkStarted
from offhook.session import RealtimeSession
from offhook.testing import ScriptedTransport, expect, fail, run_virtual

FLAGS = Capabilities(delegation=True, context_modes=frozenset({"silent", "speakable"}))
STARTED = WorkStarted(work_id="w1", kind="delegation", target="booking")


async def after(work_handler, *steps, started=STARTED, context=None):
    """Give all that a session told of one piece of work, and its transport."""
    transport = ScriptedTransport(steps, capabilities=FLAGS)
    session = RealtimeSession(RealtimeAgent(name="A"), transport=transport, work_handler=work_handler, context=context)
    heard = []
    async with session:
        for name in ("error", "work_started", "work_done"):
            session.on(name, heard.append)
        transport.emit(started)
        await transport.completed()
    transport.assert_complete()
    return heard


def test_a_handler_is_told_the_context_and_the_work_and_its_result_may_be_spoken():
    told = []

    async def book(run, event):
        told.append((run.context, run.agent.name, event))
        return {"table": 4}

    steps = [
        expect("send_context", text='{"table": 4}', mode="speakable", work_id="w1"),
        expect("finish_work", work_id="w1", status="completed"),
    ]
    heard = run_virtual(after(book, *steps, context="Ada"))
    assert told == [("Ada", "A", STARTED)]
    assert heard == [STARTED, WorkDone(work_id="w1")]


def test_a_result_of_nothing_is_not_told_to_the_model():
    async def note(_run, _event):
        return None

    run_virtual(after(note, expect("finish_work", work_id="w1", status="completed")))


def test_a_handler_that_raises_is_told_of_and_the_model_is_told_without_the_details():
    async def book(_run, _event):
        raise RuntimeError("the secret details")

    steps = [
        expect("send_context", text=lambda text: "secret" not in text, mode="speakable"),
        expect("finish_work", status="failed"),
    ]
    _, error, done = run_virtual(after(book, *steps))
    assert (error.code, done.status) == ("work_failed", "failed")
    assert "raised RuntimeError at test_work.py" in error.message
    assert str(error.cause) == "the secret details"
    assert "secret" not in error.message, "it is logged"


@pytest.mark.parametrize(
    ("refusal", "told"),
    [(Unsupported("send_context()", "context_modes", "Do else."), ["work_failed"]), (NotConnected("x", "gone"), [])],
)
def test_a_result_that_cannot_be_sent_is_told_unless_the_connection_tells_it(refusal, told):
    async def book(_run, _event):
        return "booked"

    heard = run_virtual(after(book, fail("send_context", refusal)))
    assert [event.code for event in heard if isinstance(event, ErrorEvent)] == told


@pytest.mark.parametrize("started", [WorkStarted(work_id="w1", kind="hosted"), WorkStarted(work_id="w1", kind="call")])
def test_work_of_the_service_itself_and_calls_of_tools_are_not_the_handlers(started):
    async def book(_run, _event):
        raise AssertionError

    assert run_virtual(after(book, started=started)) == [started]


def test_without_a_handler_it_is_only_told():
    assert run_virtual(after(None)) == [STARTED]


async def never(_run, _event):
    await asyncio.Event().wait()


def test_work_that_ended_elsewhere_is_stopped_here_and_not_finished_again():
    stopped = []

    async def book(_run, _event):
        try:
            await never(_run, _event)
        finally:
            stopped.append("book")

    async def talk():
        transport = ScriptedTransport(capabilities=FLAGS, strict=False)
        async with RealtimeSession(RealtimeAgent(name="A"), transport=transport, work_handler=book):
            transport.emit(STARTED)
            await asyncio.sleep(1)
            transport.emit(WorkDone(work_id="w1", status="cancelled"))
            await asyncio.sleep(1)
            assert stopped == ["book"]
        assert [command.name for command in transport.commands if "work" in command.name] == []

    run_virtual(talk())


def test_work_that_is_told_twice_is_done_once():
    begun = []

    async def book(_run, event):
        begun.append(event.work_id)
        await never(_run, event)

    async def talk():
        transport = ScriptedTransport(capabilities=FLAGS, strict=False)
        async with RealtimeSession(RealtimeAgent(name="A"), transport=transport, work_handler=book):
            transport.emit(STARTED)
            transport.emit(STARTED)
            await asyncio.sleep(1)
        assert begun == ["w1"]

    run_virtual(talk())


@pytest.mark.parametrize("result", [b"bytes", SystemExit(2), asyncio.CancelledError()], ids=repr)
def test_work_without_a_result_that_can_be_told_is_finished_as_failed(result):
    async def book(_run, _event):
        if isinstance(result, BaseException):
            raise result
        return result

    steps = [expect("send_context", mode="speakable"), expect("finish_work", status="failed")]
    assert run_virtual(after(book, *steps))[-1].status == "failed"
