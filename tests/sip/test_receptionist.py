"""A call from ringing to hang-up, between a scripted socket and a scripted HTTP side."""

from __future__ import annotations

import asyncio
import logging

import httpx2
import pytest

from offhook import AudioConfig, AudioInput, RealtimeAgent, SessionConfig, ToolContext, TurnDetection, function_tool
from offhook.errors import AuthenticationError, ConnectError
from offhook.settings import Settings
from offhook_sip import IncomingCall, PhoneCall, Receptionist, SIPOptions
from offhook_sip.errors import CallError, TurnDetectionRefused

AGENT = RealtimeAgent(name="Ann", instructions="Be brief.")
GONE = httpx2.Response(404, json={"error": {"message": "gone", "code": "call_id_not_found"}})


@pytest.fixture
def call(call_id):
    return IncomingCall(call_id=call_id)


@pytest.fixture
def receptionist(calls, options, settings):
    return Receptionist(AGENT, calls, options=options, settings=settings)


@pytest.fixture(autouse=True)
def _see_what_is_logged(caplog):
    caplog.set_level(logging.INFO, logger="offhook")


async def connected(socket):
    await socket.hears("session.update")


async def test_call_is_accepted_with_the_agents_config_then_attached_to(receptionist, socket, api, call, call_id):
    answering = asyncio.create_task(receptionist(call))
    await connected(socket)
    assert api.actions == ["accept"]
    accepted = api.body("accept")
    assert (accepted["type"], accepted["instructions"]) == ("realtime", "Be brief.")
    assert socket.dialled[0].call_id == call_id
    socket.hangs_up()
    await asyncio.wait_for(answering, 5)


async def test_caller_who_hangs_up_ends_it_and_is_not_hung_up_on(receptionist, socket, api, call, caplog):
    answering = asyncio.create_task(receptionist(call))
    await connected(socket)
    socket.hangs_up()
    await asyncio.wait_for(answering, 5)
    assert api.actions == ["accept"]
    assert "call_accepted" in caplog.text
    assert "call_ended" in caplog.text


async def test_greeting_is_asked_for_first(calls, options, settings, socket, call):
    receptionist = Receptionist(AGENT, calls, greeting="Good morning!", options=options, settings=settings)
    answering = asyncio.create_task(receptionist(call))
    create = await socket.hears("response.create")
    assert create["response"]["instructions"] == "Say exactly: Good morning!"
    socket.hangs_up()
    await asyncio.wait_for(answering, 5)


async def test_without_a_greeting_the_caller_speaks_first(receptionist, socket, call):
    answering = asyncio.create_task(receptionist(call))
    await connected(socket)
    socket.hangs_up()
    await asyncio.wait_for(answering, 5)
    assert socket.types == ["session.update"]


async def test_caller_gone_before_accept_is_no_error(receptionist, socket, api, call, caplog):
    api.answers["accept"] = GONE
    await receptionist(call)
    assert (api.actions, socket.dialled) == (["accept"], [])
    assert "caller_gone" in caplog.text


async def test_caller_gone_before_attaching_is_no_error(receptionist, socket, api, call, caplog):
    socket.refuse = ConnectError("HTTP 404", status=404)
    api.answers["hangup"] = GONE
    await receptionist(call)
    assert "caller_gone" in caplog.text


async def test_second_webhook_of_a_call_that_lasts_is_ignored(receptionist, socket, api, call, caplog):
    answering = asyncio.create_task(receptionist(call))
    await connected(socket)
    await asyncio.wait_for(receptionist(call), 5)
    assert api.actions == ["accept"]
    assert "call_already_answered" in caplog.text
    socket.hangs_up()
    await asyncio.wait_for(answering, 5)


async def test_accept_that_is_refused_is_raised_and_the_caller_does_not_ring_on(receptionist, socket, api, call):
    api.answers["accept"] = httpx2.Response(400, json={"error": {"message": "Unknown parameter"}})
    with pytest.raises(CallError, match="Unknown parameter"):
        await receptionist(call)
    assert api.actions == ["accept", "reject"]
    assert api.body("reject") == {"status_code": 480}
    assert socket.dialled == []


async def test_session_that_cannot_begin_takes_the_call_with_it(receptionist, socket, api, call):
    socket.refuse = AuthenticationError("HTTP 401", status=401)
    with pytest.raises(AuthenticationError):
        await receptionist(call)
    assert api.actions == ["accept", "hangup"]


async def test_sideband_that_is_lost_takes_the_call_with_it(receptionist, socket, api, call, caplog):
    api.answers["hangup"] = GONE  # and if it was the caller who hung up, that is nobody's mistake
    answering = asyncio.create_task(receptionist(call))
    await connected(socket)
    socket.hangs_up(1006)
    await asyncio.wait_for(answering, 5)
    assert api.actions == ["accept", "hangup"]
    assert "call_error" in caplog.text
    assert "hangup_failed" not in caplog.text


async def test_hangup_that_fails_is_logged(receptionist, socket, api, call, caplog):
    api.answers["hangup"] = httpx2.ConnectError("no route")
    answering = asyncio.create_task(receptionist(call))
    await connected(socket)
    socket.hangs_up(1006)
    await asyncio.wait_for(answering, 5)
    assert "hangup_failed" in caplog.text


async def test_cancelled_answering_hangs_up(receptionist, socket, api, call):
    answering = asyncio.create_task(receptionist(call))
    await connected(socket)
    answering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(answering, 5)
    assert api.actions == ["accept", "hangup"]
    assert socket.close_code is not None  # which one depends on how far connect() was


async def test_cancelled_accepting_declines(receptionist, api, call):
    asked = asyncio.Event()

    async def never(_request):
        asked.set()
        await asyncio.Event().wait()

    api.answers["accept"] = never
    answering = asyncio.create_task(receptionist(call))
    await asyncio.wait_for(asked.wait(), 5)
    answering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(answering, 5)
    assert api.actions == ["accept", "reject"]


async def test_same_id_can_ring_again_after_its_end(receptionist, socket, api, call):
    api.answers["accept"] = GONE
    await receptionist(call)
    await receptionist(call)
    assert api.actions == ["accept", "accept"]


async def test_tools_can_transfer_and_end_the_call(calls, options, socket, api, call):
    @function_tool
    async def transfer(run: ToolContext[PhoneCall]) -> str:
        await run.context.refer("tel:+14155550123")
        await run.context.hangup()
        return f"transferred {run.context.incoming.call_id}"

    agent = RealtimeAgent(name="Ann", tools=[transfer])
    receptionist = Receptionist(agent, calls, options=options)
    answering = asyncio.create_task(receptionist(call))
    await connected(socket)
    item = {"id": "item_1", "type": "function_call", "call_id": "call_1", "name": "transfer", "arguments": "{}"}
    socket.says({"type": "response.output_item.done", "response_id": "resp_1", "output_index": 0, "item": item})
    answer = await socket.hears("conversation.item.create")
    assert answer["item"]["output"] == f"transferred {call.call_id}"
    assert api.actions == ["accept", "refer", "hangup"]
    assert api.body("refer") == {"target_uri": "tel:+14155550123"}
    socket.hangs_up()
    await asyncio.wait_for(answering, 5)


def test_config_that_no_call_can_be_accepted_with_is_known_before_one_rings(calls, options):
    detection = TurnDetection(type="server_vad", threshold=0.5)
    settings = Settings(session=SessionConfig(audio=AudioConfig(input=AudioInput(turn_detection=detection))))
    with pytest.raises(TurnDetectionRefused):
        Receptionist(AGENT, calls, options=options, settings=settings)


def test_options_are_those_of_the_config_file_unless_given(calls, tmp_path):
    (tmp_path / "offhook.toml").write_text('[transports.sip]\nmodel = "of-the-file"\n')
    assert Receptionist(AGENT, calls)._options.model == "of-the-file"
    assert Receptionist(AGENT, calls, options=SIPOptions(model="mine"))._options.model == "mine"
