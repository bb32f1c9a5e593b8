"""Calls that cannot be: each is told in one paragraph that says what to do next, and a command fails with it."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from refusals import KEY, Offhook, paragraph
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

pytest.importorskip("aiortc", reason="the extra [webrtc] is not installed")
from aiortc import RTCPeerConnection, RTCSessionDescription
from telephones import SECRET, placed_call, served

from offhook import ConnectOptions, RealtimeAgent, RealtimeSession, make_transport
from offhook.errors import AuthenticationError, ConnectError
from offhook.settings import Settings
from offhook_emulator.demo import QUESTION
from offhook_sip.errors import CallNotFound, MissingCallId
from offhook_webrtc.teardown import close_peer

E2E: Final = Path(__file__).parent
WEBRTC: Final = ("talk", "--transport", "webrtc", "--question", QUESTION)
SERVE: Final = ("calls", "serve", "--port", "0", "--agent")
AGENT: Final = "reception:agent"


# By WebRTC


def test_without_a_sound_card_webrtc_says_what_to_check(offhook: Offhook, tmp_path: Path) -> None:
    none = {"XDG_RUNTIME_DIR": str(tmp_path), "PULSE_SERVER": f"unix:{tmp_path}/none", "ALSA_CONFIG_PATH": "/dev/null"}
    told = offhook("talk", "--transport", "webrtc", **none).said
    assert "a loudspeaker could not be opened" in told
    assert "Check that one is connected" in told


def test_a_wrong_key_over_webrtc_says_to_check_it(offhook: Offhook, emulator_url: str) -> None:
    told = offhook(*WEBRTC, "--url", emulator_url).said
    assert "HTTP 401: Incorrect API key" in told
    assert "Check the API key" in told


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (JSONResponse({"error": {"message": "No audio in the offer", "code": "x"}}, 400), "400: No audio in the offer"),
        (Response("upstream is ill", 502), "502: upstream is ill"),
        (Response("<html>Welcome</html>", 201), "no SDP that fits the offer"),
    ],
)
async def test_an_offer_that_is_refused_is_told_in_the_words_of_the_service(
    offhook: Offhook, answer: Response, told: str
) -> None:
    async with calls_endpoint(lambda _offer: answer) as url:
        refusal = await asyncio.to_thread(offhook, *WEBRTC, "--url", url)
    assert told in refusal.said
    assert "Check " in refusal.said


def test_a_session_that_the_emulator_refuses_with_the_offer_is_told(
    offhook: Offhook, emulator_url: str, tmp_path: Path
) -> None:
    (tmp_path / "offhook.toml").write_text(
        "[session.audio.output]\nspeed = 9.0\n[transports.webrtc]\nsession_in_offer = true\n"
    )
    told = offhook(*WEBRTC, "--url", emulator_url, OPENAI_API_KEY="right").said
    assert "refused the offer with HTTP 400" in told
    assert "session.audio.output.speed" in told


async def test_blocked_udp_is_told_with_the_firewall_and_the_transport_that_needs_none(offhook: Offhook) -> None:
    """The service's candidates lead to a socket where nobody listens."""
    with socket.socket(type=socket.SOCK_DGRAM) as hole:
        hole.bind(("", 0))
        port: int = hole.getsockname()[1]

        async def answer(offer: str) -> Response:
            sdp = re.sub(r"(a=candidate:(?:\S+ ){5})\d+", rf"\g<1>{port}", await answer_to(offer))
            return Response(sdp, 201, media_type="application/sdp")

        async with calls_endpoint(answer) as url:
            refusal = await asyncio.to_thread(offhook, *WEBRTC, "--url", url, OFFHOOK_WEBRTC_ICE_TIMEOUT_S="0.5")
    assert "after 0.5 s there is no connection: no UDP path" in refusal.said
    assert "Check that the firewall lets UDP out" in refusal.said
    assert "websocket" in refusal.said


async def answer_to(offer: str) -> str:
    """Answer as aiortc does."""
    peer = RTCPeerConnection()
    try:
        await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await peer.setLocalDescription(await peer.createAnswer())
        return peer.localDescription.sdp
    finally:
        await close_peer(peer)


@asynccontextmanager
async def calls_endpoint(answer: Any) -> AsyncGenerator[str]:
    """A service that gives this answer to every offer; gives its URL."""

    async def create(request: Request) -> Response:
        given = answer((await request.body()).decode())
        return given if isinstance(given, Response) else await given

    async with served(Starlette(routes=[Route("/v1/realtime/calls", create, methods=["POST"])])) as url:
        yield f"{url}/v1"


# By telephone: control, and the socket beside the call


@pytest.mark.parametrize(
    "command",
    [
        ("accept", "rtc_none", "--agent", AGENT),
        ("reject", "rtc_none"),
        ("refer", "rtc_none", "tel:+1"),
        ("hangup", "rtc_none"),
    ],
    ids=lambda command: command[0],
)
def test_an_unknown_call_cannot_be_controlled_and_that_is_told(
    offhook: Offhook, emulator_url: str, command: tuple[str, ...]
) -> None:
    told = offhook("calls", *command, "--url", emulator_url, OPENAI_API_KEY="right", PYTHONPATH=str(E2E)).said
    assert "there is no call 'rtc_none'" in told
    assert "The caller has hung up" in told
    assert "accept it first" in told


async def test_accepting_by_hand_a_caller_who_is_gone_says_so(offhook: Offhook, emulator_url: str) -> None:
    async with placed_call(emulator_url, key="right") as (call_id, http):
        await http.delete(f"/emulator/calls/{call_id}")
    accept = ("calls", "accept", call_id, "--agent", AGENT, "--url", emulator_url)
    told = offhook(*accept, OPENAI_API_KEY="right", PYTHONPATH=str(E2E)).said
    assert f"there is no call '{call_id}'" in told
    assert "The caller has hung up, which needs no answer" in told


def test_a_wrong_key_for_call_control_says_to_check_it(offhook: Offhook, emulator_url: str) -> None:
    told = offhook("calls", "hangup", "rtc_1", "--url", emulator_url).said
    assert "HTTP 401: Incorrect API key" in told
    assert "Check the API key" in told


@pytest.mark.parametrize(
    ("arguments", "next_step"),
    [
        (("refer", "rtc_1", "nowhere"), "Give a URI like tel:"),
        (("reject", "rtc_1", "--status", "200"), "refusals are 400 to 699"),
        (("hangup", ""), "The webhook has it"),
        (("hangup", "rtc_1", "--url", "ftp://example.com"), "Give one like wss://"),
    ],
)
def test_what_no_service_would_take_is_not_even_sent(
    offhook: Offhook, arguments: tuple[str, ...], next_step: str
) -> None:
    assert next_step in offhook("calls", *arguments).said


def test_talking_by_sip_from_this_machine_says_to_choose_another_transport(offhook: Offhook) -> None:
    assert "Choose another transport" in offhook("talk", "--transport", "sip").said


async def test_sip_without_a_call_id_says_where_one_is_had() -> None:
    session = RealtimeSession(
        RealtimeAgent(name="Ann"), transport="sip", url="http://127.0.0.1:1/v1", api_key=KEY, settings=Settings()
    )
    with pytest.raises(MissingCallId) as caught:
        await session.connect()
    assert "Take it from the webhook" in paragraph(str(caught.value))


@pytest.mark.parametrize(
    ("transport", "kind", "next_step"),
    [("sip", CallNotFound, "accept it first"), ("websocket", ConnectError, "Check the id")],
)
async def test_a_sideband_to_an_unknown_call_says_so(
    emulator_url: str, transport: str, kind: type[ConnectError], next_step: str
) -> None:
    error = await refused_connect(emulator_url, transport, key="right")
    assert type(error) is kind
    assert (error.status, error.code) == (404, "call_id_not_found")
    assert "'rtc_none'" in str(error)
    assert next_step in paragraph(str(error))


async def test_a_wrong_key_for_the_sideband_of_a_phone_call_says_to_check_it(emulator_url: str) -> None:
    error = await refused_connect(emulator_url, "sip", key=KEY)
    assert type(error) is AuthenticationError
    assert "HTTP 401: Incorrect API key" in str(error)
    assert "Check the API key" in paragraph(str(error))


async def refused_connect(url: str, name: str, *, key: str) -> ConnectError:
    transport = make_transport(name, settings=Settings(), url=url, api_key=key)
    with pytest.raises(ConnectError) as caught:
        await transport.connect(ConnectOptions(call_id="rtc_none"))
    assert transport.status == "disconnected"
    return caught.value


# By telephone: answering


@pytest.mark.parametrize(
    ("agent", "told", "next_step"),
    [
        ("reception", "module:agent", "such as receptionist:agent"),
        ("nowhere:agent", "there is no module 'nowhere'", "Check its spelling"),
        ("reception:nobody", "has no such name", "Put one there"),
        ("reception:get_weather", "has a FunctionTool there", "Put one there"),
    ],
)
def test_serve_with_an_agent_that_is_not_there_says_how_to_name_one(
    offhook: Offhook, agent: str, told: str, next_step: str
) -> None:
    refusal = offhook(*SERVE, agent, OPENAI_WEBHOOK_SECRET=SECRET, PYTHONPATH=str(E2E))
    assert told in refusal.said
    assert next_step in refusal.said


@pytest.mark.parametrize(
    ("environ", "told", "next_step"),
    [
        ({}, "no webhook secret", "Set OPENAI_WEBHOOK_SECRET"),
        ({"OPENAI_WEBHOOK_SECRET": "sk-123"}, "must be whsec_", "Copy the one that was shown"),
        ({"OPENAI_WEBHOOK_SECRET": SECRET, "OPENAI_API_KEY": ""}, "no API key", "Set OPENAI_API_KEY"),
    ],
)
def test_serve_without_what_it_needs_says_so_before_anybody_calls(
    offhook: Offhook, environ: Mapping[str, str], told: str, next_step: str
) -> None:
    refusal = offhook(*SERVE, AGENT, PYTHONPATH=str(E2E), **environ)
    assert told in refusal.said
    assert next_step in refusal.said
    assert SECRET not in refusal.said


def test_serve_on_a_port_in_use_offers_another(offhook: Offhook, taken_port: int) -> None:
    serve = ("calls", "serve", "--agent", AGENT, "--port", taken_port)
    told = offhook(*serve, OPENAI_WEBHOOK_SECRET=SECRET, PYTHONPATH=str(E2E)).said
    assert f"Port {taken_port} on 127.0.0.1 is in use" in told
    assert "Choose another port" in told


def test_b26_serve_with_a_turn_detection_that_no_call_can_have_names_all_of_it(
    offhook: Offhook, tmp_path: Path
) -> None:
    (tmp_path / "offhook.toml").write_text(
        '[session.audio.input]\nturn_detection = {type = "server_vad", threshold = 0.5, silence_duration_ms = 200}\n'
    )
    told = offhook(*SERVE, AGENT, OPENAI_WEBHOOK_SECRET=SECRET, PYTHONPATH=str(E2E)).said
    assert "threshold and silence_duration_ms" in told
    assert "Leave them out" in told
