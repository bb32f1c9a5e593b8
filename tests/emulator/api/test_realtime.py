"""``/v1/realtime``: who gets in, and how those who do not are told."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("headers", "subprotocols", "chosen"),
    [
        ({"authorization": "Bearer the-key"}, [], None),
        ({"authorization": "bearer  the-key "}, [], None),
        ({"api-key": "the-key"}, [], None),
        ({}, ["realtime", "openai-insecure-api-key.the-key", "openai-agents-sdk.1"], "realtime"),
    ],
)
@pytest.mark.parametrize("accepted", [[], ["the-key"]])
async def test_a_key_may_come_in_three_ways(new_server, accepted, headers, subprotocols, chosen):
    async with new_server(accepted).connect(headers=headers, subprotocols=subprotocols) as socket:
        created = await socket.until("session.created")
        assert created["session"]["model"] == "gpt-realtime"
        assert socket.subprotocol == chosen


@pytest.mark.parametrize(
    ("accepted", "headers", "code", "says"),
    [
        ([], {}, None, "You didn't provide an API key"),
        ([], {"authorization": "Bearer "}, None, "You didn't provide an API key"),
        ([], {"authorization": "Basic eDp5"}, None, "You didn't provide an API key"),
        (["the-key"], {"authorization": "Bearer other"}, "invalid_api_key", "Incorrect API key provided"),
    ],
)
async def test_without_an_accepted_key_the_handshake_is_refused_in_the_services_shape(
    new_server, accepted, headers, code, says
):
    async with new_server(accepted).connect(headers=headers) as socket:
        assert socket.status == 401
        assert socket.body["error"]["message"].startswith(says)
        assert socket.body["error"]["type"] == "invalid_request_error"
        assert socket.body["error"]["code"] == code
        assert "other" not in str(socket.body)


@pytest.mark.parametrize("path", ["/v1/realtime", "//v1/realtime", "/v1//realtime"])
async def test_a_slash_too_many_changes_nothing(new_server, path):
    async with new_server().connect(path) as socket:
        await socket.until("session.created")


async def test_another_path_is_refused_with_the_right_one(new_server):
    async with new_server().connect("/v2/realtime") as socket:
        assert socket.status == 404
        assert "/v1/realtime" in socket.body["error"]["message"]


@pytest.mark.parametrize(
    ("query", "status", "param"),
    [("call_id=rtc_1", 404, "call_id"), ("intent=transcription", 400, "intent")],
)
async def test_what_is_not_served_is_said_before_the_session(new_server, query, status, param):
    async with new_server().connect(query=query) as socket:
        assert socket.status == status
        assert socket.body["error"]["param"] == param


async def test_a_turn_over_the_socket(new_server):
    async with new_server().connect() as socket:
        content = [{"type": "input_text", "text": "Hello"}]
        socket.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        socket.send("response.create")
        done = await socket.until("response.done")
        assert done["response"]["status"] == "completed"


async def test_a_binary_frame_causes_an_error_and_the_session_goes_on(new_server):
    async with new_server().connect() as socket:
        socket.send_bytes(b"{}")
        assert (await socket.until("error"))["error"]["code"] == "invalid_event"
        socket.send("session.update", session={"type": "realtime"})
        await socket.until("session.updated")


async def test_a_session_that_expires_is_closed(new_server):
    async with new_server(session_s=0.01).connect() as socket:
        assert (await socket.until("error"))["error"]["code"] == "session_expired"
    assert socket.closed == (1001, "Your session hit the maximum duration of 0.01 seconds.")
