"""Call control and calls to try with, over REST, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from offhook.audio.wav import read_wav, write_wav
from offhook.errors import AudioError
from offhook_emulator.api.app import build_app
from offhook_emulator.api.keys import Keys
from offhook_emulator.line.switchboard import Switchboard
from offhook_emulator.replies.rules import Rules
from offhook_emulator.telephony import Telephony
from offhook_emulator.voice.scripted import ScriptedVoice

SECRET = "whsec_c2VjcmV0"
REALTIME = {"type": "realtime"}


class Sender:
    """Takes webhooks."""

    def __init__(self) -> None:
        self.taken: asyncio.Queue[tuple[Any, Mapping[str, Any]]] = asyncio.Queue()

    async def send(self, target: Any, event: Mapping[str, Any], **_options: Any) -> bool:
        self.taken.put_nowait((target, event))
        return True

    async def close(self) -> None:
        pass


class Client:
    """An application, and its HTTP client."""

    def __init__(self, http: httpx2.AsyncClient, sender: Sender, switchboard: Switchboard) -> None:
        self._http = http
        self.sender = sender
        self.switchboard = switchboard

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        return await self._http.request(method, path, json=body, headers=headers)

    async def place(self, **body: Any) -> str:
        """Place a call; gives its id."""
        placed = await self.ask("POST", "/emulator/calls", body)
        assert placed.status_code == 201, placed.text
        return placed.json()["id"]

    async def control(self, call_id: str, verb: str, body: Any = None) -> httpx2.Response:
        return await self.ask("POST", f"/v1/realtime/calls/{call_id}/{verb}", body)

    async def state(self, call_id: str) -> dict[str, Any]:
        return (await self.ask("GET", f"/emulator/calls/{call_id}")).json()

    async def ended(self, call_id: str) -> dict[str, Any]:
        """Wait until the call is over; gives how it went."""
        return (await self.ask("GET", f"/emulator/calls/{call_id}?wait_s=10")).json()


@asynccontextmanager
async def client(**options: Any) -> AsyncIterator[Client]:
    keys, switchboard, sender = Keys(), Switchboard(voice=ScriptedVoice(), replies=Rules()), Sender()
    telephony = Telephony(keys, switchboard, **options)
    telephony._exchange._sender = sender
    transport = httpx2.ASGITransport(app=build_app(keys, switchboard, telephony.routes))
    headers = {"authorization": "Bearer key"}
    try:
        async with httpx2.AsyncClient(transport=transport, base_url="http://emulator", headers=headers) as http:
            yield Client(http, sender, switchboard)
    finally:
        await telephony.close()


async def test_a_call_is_accepted_with_an_empty_answer_and_lives():
    async with client() as emulator:
        call_id = await emulator.place()
        accepted = await emulator.control(call_id, "accept", REALTIME)
        assert (accepted.status_code, accepted.content) == (200, b"")
        await asyncio.sleep(0)  # the line begins
        assert (await emulator.state(call_id))["state"] == "live"


@pytest.mark.parametrize(
    ("verb", "body"), [("accept", REALTIME), ("reject", None), ("refer", {"target_uri": "tel:+1"})]
)
async def test_a_call_that_does_not_exist_is_not_found(verb, body):
    async with client() as emulator:
        answer = await emulator.control("rtc_u0_nobody", verb, body)
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "call_id_not_found"


async def test_a_call_is_accepted_once():
    async with client() as emulator:
        call_id = await emulator.place()
        await emulator.control(call_id, "accept", REALTIME)
        answer = await emulator.control(call_id, "accept", REALTIME)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "call_id_not_found")


@pytest.mark.parametrize(
    ("config", "param"),
    [
        ({}, "session.type"),
        ({"type": "transcription"}, "session.type"),
        ({**REALTIME, "voice": "marin"}, "session.voice"),
        ({**REALTIME, "tools": [{"type": "function"}]}, "session.tools[0].name"),
    ],
)
async def test_a_session_that_is_wrong_is_refused_and_the_call_rings_on(config, param):
    async with client() as emulator:
        call_id = await emulator.place()
        answer = await emulator.control(call_id, "accept", config)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
        assert (await emulator.state(call_id))["state"] == "ringing"


@pytest.mark.parametrize("field", ["threshold", "prefix_padding_ms", "silence_duration_ms"])
async def test_turn_detection_is_not_tuned_on_the_phone(field):
    async with client() as emulator:
        call_id = await emulator.place()
        detection = {"type": "server_vad", field: 0.5 if field == "threshold" else 500}
        answer = await emulator.control(
            call_id, "accept", {**REALTIME, "audio": {"input": {"turn_detection": detection}}}
        )
        assert answer.status_code == 400
        assert answer.json()["error"]["param"] == f"session.audio.input.turn_detection.{field}"
        assert "SIP" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "detection", [None, {"type": "semantic_vad"}, {"type": "server_vad", "create_response": False}]
)
async def test_other_turn_detection_is_taken(detection):
    async with client() as emulator:
        config = {**REALTIME, "audio": {"input": {"turn_detection": detection}}}
        assert (await emulator.control(await emulator.place(), "accept", config)).status_code == 200


@pytest.mark.parametrize(("body", "status"), [(None, 603), ({}, 603), ({"status_code": 486}, 486)])
async def test_a_call_is_rejected_with_a_sip_status(body, status):
    async with client() as emulator:
        call_id = await emulator.place()
        answer = await emulator.control(call_id, "reject", body)
        assert (answer.status_code, answer.content) == (200, b"")
        state = await emulator.state(call_id)
        assert (state["state"], state["status_code"], state["recording"]) == ("ended", status, None)


@pytest.mark.parametrize("status", [200, 99, "486", 700])
async def test_only_a_status_that_declines_rejects(status):
    async with client() as emulator:
        call_id = await emulator.place()
        assert (await emulator.control(call_id, "reject", {"status_code": status})).status_code == 400
        assert (await emulator.state(call_id))["state"] == "ringing"


async def test_a_transfer_is_handed_to_the_caller():
    async with client() as emulator:
        call_id = await emulator.place()
        await emulator.control(call_id, "accept", REALTIME)
        answer = await emulator.control(call_id, "refer", {"target_uri": "tel:+14155550123"})
        assert (answer.status_code, answer.content) == (200, b"")
        assert (await emulator.ended(call_id))["referred_to"] == "tel:+14155550123"


@pytest.mark.parametrize("target", [None, 5, "", "+14155550123", "https://example.com", "sip:a@b>\r\nX: y", "sip:a b"])
async def test_a_target_that_is_no_telephone_is_refused(target):
    async with client() as emulator:
        call_id = await emulator.place()
        await emulator.control(call_id, "accept", REALTIME)
        answer = await emulator.control(call_id, "refer", {"target_uri": target})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "target_uri")


async def test_a_call_that_rings_cannot_be_transferred():
    async with client() as emulator:
        answer = await emulator.control(await emulator.place(), "refer", {"target_uri": "tel:+1"})
        assert answer.status_code == 404


async def test_hanging_up_ends_the_call_and_leaves_a_recording():
    async with client() as emulator:
        call_id = await emulator.place()
        await emulator.control(call_id, "accept", REALTIME)
        await emulator.control(call_id, "hangup")
        state = await emulator.ended(call_id)
        assert (state["state"], state["hung_up_by"], state["status_code"]) == ("ended", "service", 200)
        recording = state["recording"]
        assert read_wav(recording).rate_hz == 8000
    with pytest.raises(AudioError, match="There is no file"):
        read_wav(recording)


@pytest.mark.parametrize(("accepted", "status", "by"), [(True, 200, "caller"), (False, 487, None)])
async def test_the_caller_hangs_up_when_asked_to(accepted, status, by):
    async with client() as emulator:
        call_id = await emulator.place()
        if accepted:
            await emulator.control(call_id, "accept", REALTIME)
        assert (await emulator.ask("DELETE", f"/emulator/calls/{call_id}")).status_code == 204
        state = await emulator.ended(call_id)
        assert (state["state"], state["status_code"], state["hung_up_by"]) == ("ended", status, by)
        assert (await emulator.control(call_id, "accept", REALTIME)).status_code == 404


async def test_every_field_of_a_placed_call_is_optional():
    async with client(webhook_url="http://receiver.invalid/", webhook_secret=SECRET) as emulator:
        placed = await emulator.ask("POST", "/emulator/calls")
        assert placed.status_code == 201
        assert placed.headers["location"] == f"/emulator/calls/{placed.json()['id']}"
        assert placed.json()["state"] == "ringing"
        target, event = await asyncio.wait_for(emulator.sender.taken.get(), 10)
        assert target.url == "http://receiver.invalid/"
        assert event["data"]["call_id"] == placed.json()["id"]
        assert [header["name"] for header in event["data"]["sip_headers"]] == ["From", "To", "Call-ID"]


async def test_a_placed_call_has_the_headers_and_the_webhook_it_asks_for():
    async with client(webhook_url="http://receiver.invalid/", webhook_secret=SECRET) as emulator:
        await emulator.place(
            to="sip:shop@example.com",
            **{"from": "sip:+1@example.com"},
            headers={"X-Tenant": "7"},
            url="http://other.invalid/hook",
            secret="whsec_b3RoZXI=",
        )
        target, event = await asyncio.wait_for(emulator.sender.taken.get(), 10)
        assert target.url == "http://other.invalid/hook"
        headers = {header["name"]: header["value"] for header in event["data"]["sip_headers"]}
        assert (headers["From"], headers["To"], headers["X-Tenant"]) == (
            "sip:+1@example.com",
            "sip:shop@example.com",
            "7",
        )


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"audio": "/absent.wav"}, "audio"),
        ({"url": "http://receiver.invalid/"}, "secret"),
        ({"url": "nowhere", "secret": SECRET}, None),
        ({"headers": {"X Y": "1"}}, "headers"),
        ({"headers": {"X": "a\r\nb"}}, "headers.X"),
        ({"form": "sip:a@b"}, "form"),
    ],
)
async def test_a_call_that_cannot_be_placed_is_refused_with_the_reason(body, param):
    async with client() as emulator:
        answer = await emulator.ask("POST", "/emulator/calls", body)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
        assert answer.json()["error"]["message"]


async def test_a_recording_of_any_rate_can_be_spoken(tmp_path):
    write_wav(tmp_path / "speech.wav", bytes(44_100), 44_100)
    async with client() as emulator:
        await emulator.place(audio=str(tmp_path / "speech.wav"))


async def test_waiting_for_the_end_of_a_call_is_bounded():
    async with client() as emulator:
        call_id = await emulator.place()
        answer = await emulator.ask("GET", f"/emulator/calls/{call_id}?wait_s=0.01")
        assert answer.json()["state"] == "ringing"
        for wrong in ("soon", "-1", "nan", "601"):
            assert (await emulator.ask("GET", f"/emulator/calls/{call_id}?wait_s={wrong}")).status_code == 400


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_placed_call_that_does_not_exist_is_not_found(method):
    async with client() as emulator:
        assert (await emulator.ask(method, "/emulator/calls/rtc_u0_nobody")).status_code == 404


async def test_a_web_page_cannot_place_calls():
    async with client() as emulator:
        answer = await emulator.ask("POST", "/emulator/calls", {}, origin="https://elsewhere.example")
        assert answer.status_code == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/emulator/calls"),
        ("GET", "/emulator/calls/x"),
        ("DELETE", "/emulator/calls/x"),
        ("POST", "/v1/realtime/calls/x/accept"),
        ("POST", "/v1/realtime/calls/x/reject"),
        ("POST", "/v1/realtime/calls/x/refer"),
    ],
)
async def test_nothing_is_to_be_had_without_a_key(method, path):
    async with client() as emulator:
        assert (await emulator.ask(method, path, authorization="")).status_code == 401


async def test_what_is_no_json_is_refused():
    async with client() as emulator:
        for path in ("/emulator/calls", "/v1/realtime/calls/x/accept"):
            answer = await emulator._http.post(path, content=b"{")
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_json")
