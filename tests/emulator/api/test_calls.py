"""``/v1/realtime/calls``: offers, hanging up, sidebands, and how each is refused. The caller is a fake: no socket opens."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import httpx2
import pytest

from offhook.errors import OffhookError
from offhook_emulator.api import calls as api
from offhook_emulator.line.calls import Call

URL = "/v1/realtime/calls"
KEY = {"authorization": "Bearer key"}
SDP = {**KEY, "content-type": "application/sdp"}
SESSION = {"type": "realtime", "model": "gpt-realtime-2.1", "instructions": "Be brief."}


class FakeLine:
    """Answers with what it was offered, and stays on the line."""

    async def answer(self, offer: str) -> str:
        return f"answer to {offer}"

    async def run(self, call: Call) -> None:
        await asyncio.Event().wait()


@pytest.fixture
def caller(monkeypatch):
    """Every offer comes from a fake caller."""

    async def new_line() -> FakeLine:
        return FakeLine()

    monkeypatch.setattr(api, "_new_line", new_line)


@asynccontextmanager
async def _client(server):
    async with httpx2.AsyncClient(transport=server.transport, base_url="http://emulator") as client:
        yield client
    await server.switchboard.calls.close()


def _error(response):
    error = response.json()["error"]
    assert error["type"] == "invalid_request_error"
    return response.status_code, error["code"]


def _call(server, response):
    return server.switchboard.calls.get(response.headers["location"].removeprefix(f"{URL}/"))


async def test_a_raw_offer_is_answered_with_the_calls_address(new_server, caller):
    server = new_server(["key"])
    async with _client(server) as client:
        response = await client.post(f"{URL}?model=gpt-realtime-2.1", content="v=0", headers=SDP)
        assert (response.status_code, response.text) == (201, "answer to v=0")
        assert response.headers["content-type"].startswith("application/sdp")
        assert response.headers["location"].startswith("/v1/realtime/calls/rtc_")
        assert _call(server, response)._model.session.wire["model"] == "gpt-realtime-2.1"


async def test_the_session_of_a_secret_applies(new_server, caller):
    server = new_server(["key"])
    _, secret = await server.request("POST", "/v1/realtime/client_secrets", json={"session": SESSION})
    async with _client(server) as client:
        headers = {**SDP, "authorization": f"Bearer {secret['value']}"}
        response = await client.post(URL, content="v=0", headers=headers)
        assert SESSION.items() <= _call(server, response)._model.session.wire.items()


async def test_an_expired_secret_is_refused(new_server, caller):
    server = new_server()
    _, secret = await server.request("POST", "/v1/realtime/client_secrets")
    server.now += 601
    async with _client(server) as client:
        headers = {**SDP, "authorization": f"Bearer {secret['value']}"}
        response = await client.post(URL, content="v=0", headers=headers)
        assert _error(response) == (401, "invalid_api_key")
        assert "expired" in response.text


@pytest.mark.parametrize("named", [None, "offer.sdp"])
async def test_an_offer_may_come_as_a_form_with_the_session(new_server, caller, named):
    server = new_server()
    files = {
        "sdp": (named, "v=0\r\n", "application/sdp"),
        "session": (named and "session.json", '{"type":"realtime","instructions":"Be brief."}', "application/json"),
    }
    async with _client(server) as client:
        response = await client.post(URL, files=files, headers=KEY)
        assert (response.status_code, response.text) == (201, "answer to v=0\r\n")
        assert _call(server, response)._model.session.wire["instructions"] == "Be brief."


async def test_a_form_may_leave_the_session_out(new_server, caller):
    async with _client(new_server()) as client:
        response = await client.post(URL, files={"sdp": (None, "v=0", "application/sdp")}, headers=KEY)
        assert response.status_code == 201


async def test_the_form_goes_over_what_the_secret_says(new_server, caller):
    server = new_server()
    _, secret = await server.request("POST", "/v1/realtime/client_secrets", json={"session": SESSION})
    files = {"sdp": (None, "v=0"), "session": (None, '{"type":"realtime","instructions":"Be verbose."}')}
    async with _client(server) as client:
        response = await client.post(URL, files=files, headers={"authorization": f"Bearer {secret['value']}"})
        session = _call(server, response)._model.session.wire
        assert (session["model"], session["instructions"]) == ("gpt-realtime-2.1", "Be verbose.")


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        ({"content": "v=0", "headers": {"content-type": "application/sdp"}}, 401, None),
        ({"content": "v=0", "headers": {**SDP, "authorization": "Bearer x"}}, 401, "invalid_api_key"),
        ({"content": "v=0", "headers": {**KEY, "content-type": "text/plain"}}, 400, "unsupported_content_type"),
        ({"content": "v=0", "headers": KEY}, 400, "unsupported_content_type"),
        ({"files": {"session": (None, "{}")}, "headers": KEY}, 400, "missing_required_parameter"),
        ({"files": {"sdp": (None, "v=0"), "session": (None, "{")}, "headers": KEY}, 400, "invalid_json"),
        ({"files": {"sdp": (None, "v=0"), "session": (None, "{}")}, "headers": KEY}, 400, "missing_required_parameter"),
    ],
)
async def test_what_is_refused_is_refused_in_the_services_shape(new_server, caller, options, status, code):
    server = new_server(["key"])
    async with _client(server) as client:
        assert _error(await client.post(URL, **options)) == (status, code)
        assert not server.switchboard.calls._calls


@pytest.mark.parametrize(
    "offer", ["", "hello", "v=0", "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio x\r\n"]
)
async def test_an_offer_that_cannot_be_read_is_refused(new_server, offer):
    pytest.importorskip("aiortc", reason="the extra [webrtc] is not installed")
    async with _client(new_server()) as client:
        assert _error(await client.post(URL, content=offer, headers=SDP)) == (400, "invalid_offer")


async def test_without_aiortc_the_way_to_get_it_is_said(new_server, monkeypatch):
    def no_module(_name: str):
        raise ModuleNotFoundError("No module named 'aiortc'", name="aiortc")

    monkeypatch.setattr(api, "import_module", no_module)
    async with _client(new_server()) as client:
        response = await client.post(URL, content="v=0", headers=SDP)
        assert _error(response) == (501, "webrtc_not_installed")
        assert 'pip install "offhook-emulator[webrtc]"' in response.json()["error"]["message"]


async def test_a_machine_without_a_network_is_named(new_server, caller, monkeypatch):
    async def answer(_line, _offer):
        raise OffhookError("This machine has no network interface but loopback.")

    monkeypatch.setattr(FakeLine, "answer", answer)
    async with _client(new_server()) as client:
        assert _error(await client.post(URL, content="v=0", headers=SDP)) == (503, "no_network_interface")


async def test_a_page_of_another_origin_may_make_calls_and_read_their_address(new_server, caller):
    page = {"origin": "https://page.example"}
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}
    async with _client(new_server()) as client:
        preflight = await client.options(URL, headers={**page, **asked})
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == "*"
        assert "POST" in preflight.headers["access-control-allow-methods"]
        assert "authorization" in preflight.headers["access-control-allow-headers"].lower()
        made = await client.post(URL, content="v=0", headers={**SDP, **page})
        assert made.headers["access-control-allow-origin"] == "*"
        assert made.headers["access-control-expose-headers"] == "Location"
        refused = await client.post(URL, content="v=0", headers=page)
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, "*")


async def test_a_call_is_hung_up_once(new_server, caller):
    server = new_server()
    async with _client(server) as client:
        address = (await client.post(URL, content="v=0", headers=SDP)).headers["location"]
        assert (await client.post(f"{address}/hangup")).status_code == 401
        response = await client.post(f"{address}/hangup", headers=KEY)
        assert (response.status_code, response.content) == (200, b"")
        assert _error(await client.post(f"{address}/hangup", headers=KEY)) == (404, "call_id_not_found")


async def test_a_sideband_joins_the_session_of_the_call(new_server, caller):
    server = new_server()
    async with _client(server) as client:
        response = await client.post(URL, content="v=0", headers=SDP)
        query = f"call_id={_call(server, response).id}"
        async with server.connect(query=query) as one, server.connect(query=query) as two:
            one.send("session.update", session={"type": "realtime", "instructions": "Be brief."})
            for socket in (one, two):
                assert (await socket.until("session.updated"))["session"]["instructions"] == "Be brief."
            two.send("response.create")
            done = [await socket.until("response.done") for socket in (one, two)]
            assert done[0] == done[1]
            await client.post(f"{response.headers['location']}/hangup", headers=KEY)
            for socket in (one, two):
                await socket.ended.wait()
                assert socket.closed == (1000, "The call has ended.")


async def test_a_sideband_that_leaves_does_not_end_the_call(new_server, caller):
    server = new_server()
    async with _client(server) as client:
        call = _call(server, await client.post(URL, content="v=0", headers=SDP))
        async with server.connect(query=f"call_id={call.id}") as socket:
            socket.hang_up()
        assert not call.over


async def test_a_sideband_of_an_unknown_call_is_refused(new_server):
    async with new_server().connect(query="call_id=rtc_none") as socket:
        assert (socket.status, socket.body["error"]["code"]) == (404, "call_id_not_found")


async def test_a_sideband_needs_a_key(new_server):
    async with new_server().connect(query="call_id=rtc_none", headers={}) as socket:
        assert socket.status == 401
