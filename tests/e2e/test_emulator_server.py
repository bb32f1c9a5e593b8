"""The emulator on a real port: the socket, TLS, shutting down, and the vendor's own client against it."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import subprocess
import wave
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from offhook.errors import OffhookError
from offhook_emulator import Emulator
from offhook_emulator.replies.rules import Rules
from offhook_emulator.voice.scripted import ScriptedVoice

TOOL = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def _emulator(**options: Any) -> Emulator:
    return Emulator(voice=ScriptedVoice(), replies=Rules(), **options)


def _connect(emulator: Emulator, key: str = "key", **options: Any) -> connect:
    url = emulator.url.replace("http", "ws", 1) + "/realtime?model=gpt-realtime"
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return connect(url, additional_headers=headers, compression=None, **options)


async def _until(socket: ClientConnection, event_type: str) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while True:
            frame = json.loads(await socket.recv())
            if frame["type"] == event_type:
                return frame


async def test_a_port_is_picked_and_a_session_held():
    async with _emulator() as emulator:
        assert emulator.url.startswith("http://127.0.0.1:")
        async with _connect(emulator) as socket:
            assert (await _until(socket, "session.created"))["session"]["object"] == "realtime.session"
            # Audio does not get smaller by deflating it.
            assert "Sec-WebSocket-Extensions" not in socket.response.headers


@pytest.mark.parametrize("key", ["", "wrong"])
async def test_the_handshake_without_the_key_gets_401_and_a_reason(key):
    async with _emulator(api_key="right") as emulator:
        with pytest.raises(InvalidStatus) as refused:
            await _connect(emulator, key)
    assert refused.value.response.status_code == 401
    assert json.loads(refused.value.response.body)["error"]["type"] == "invalid_request_error"


async def test_an_append_of_15_mib_fits_into_a_frame():
    async with _emulator() as emulator, _connect(emulator) as socket:
        audio = base64.b64encode(bytes(15 * 1024 * 1024)).decode()
        await socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))
        await socket.send(json.dumps({"type": "input_audio_buffer.clear"}))
        await _until(socket, "input_audio_buffer.cleared")


async def test_leaving_closes_open_sessions_and_leaves_no_task():
    before = asyncio.all_tasks()
    async with _emulator() as emulator:
        socket = await _connect(emulator)
        await _until(socket, "session.created")
    with pytest.raises(ConnectionClosed):
        await asyncio.wait_for(socket.recv(), 5)
    await socket.wait_closed()
    async with asyncio.timeout(5):
        while asyncio.all_tasks() - before:
            await asyncio.wait(asyncio.all_tasks() - before)


async def test_a_client_that_vanishes_ends_its_session():
    async with _emulator() as emulator:
        before = asyncio.all_tasks()
        socket = await _connect(emulator)
        await _until(socket, "session.created")
        socket.transport.abort()
        async with asyncio.timeout(5):
            while asyncio.all_tasks() - before:
                await asyncio.wait(asyncio.all_tasks() - before)


async def test_a_port_in_use_is_named_with_a_way_out():
    async with _emulator() as emulator:
        port = int(emulator.url.split(":")[2].split("/")[0])
        with pytest.raises(OffhookError, match=f"Port {port} .* in use.*another port"):
            await _emulator(port=port).__aenter__()


async def test_an_address_of_another_machine_is_refused():
    with pytest.raises(OffhookError, match=r"cannot listen on 192\.0\.2\.1"):
        await _emulator(host="192.0.2.1").__aenter__()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run([*command.split(), "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key


async def test_over_tls(certificate):
    cert, key = certificate
    async with _emulator(tls_cert=cert, tls_key=key) as emulator:
        assert emulator.url.startswith("https://")
        async with _connect(emulator, ssl=ssl.create_default_context(cafile=cert)) as socket:
            await _until(socket, "session.created")


async def test_a_certificate_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "cert.pem").write_text("no certificate")
    for name in ("cert.pem", "absent.pem"):
        with pytest.raises(OffhookError, match="certificate"):
            await _emulator(tls_cert=tmp_path / name, tls_key=tmp_path / name).__aenter__()


async def test_every_frame_is_observed():
    seen = []
    emulator = _emulator(observer=lambda sender, frame: seen.append((sender, frame["type"])))
    async with emulator, _connect(emulator) as socket:
        await socket.send(json.dumps({"type": "session.update", "session": {"type": "realtime"}}))
        await _until(socket, "session.updated")
    assert seen == [("server", "session.created"), ("client", "session.update"), ("server", "session.updated")]


# The vendor's own client


def _client(emulator: Emulator) -> Any:
    openai = pytest.importorskip("openai", reason="needs the peers group")
    return openai.AsyncOpenAI(base_url=emulator.url, api_key="key", http_client=httpx2.AsyncClient())


@asynccontextmanager
async def _vendor_session() -> AsyncGenerator[Any]:
    async with (
        _emulator() as emulator,
        _client(emulator) as client,
        client.realtime.connect(model="gpt-realtime") as session,
    ):
        yield session


async def _ask(session: Any, text: str) -> None:
    content = [{"type": "input_text", "text": text}]
    await session.conversation.item.create(item={"type": "message", "role": "user", "content": content})
    await session.response.create()


async def _event(session: Any, event_type: str) -> Any:
    async with asyncio.timeout(20):
        while True:
            event = await session.recv()
            assert event.type != "error", event
            if event.type == event_type:
                return event


async def _speak(session: Any, wav: Path) -> None:
    with wave.open(str(wav)) as recording:
        pcm = recording.readframes(recording.getnframes()) + bytes(48_000)
    for at in range(0, len(pcm), 9600):
        await session.input_audio_buffer.append(audio=base64.b64encode(pcm[at : at + 9600]).decode())


async def test_the_vendors_client_holds_a_text_turn():
    async with _vendor_session() as session:
        await _ask(session, "Hello")
        done = await _event(session, "response.done")
        assert done.response.status == "completed"
        assert done.response.output[0].content[0].transcript


async def test_the_vendors_client_holds_a_tool_round_trip():
    async with _vendor_session() as session:
        await session.session.update(session={"type": "realtime", "output_modalities": ["text"], "tools": [TOOL]})
        await _ask(session, "What is the weather in Paris?")
        call = await _event(session, "response.function_call_arguments.done")
        assert (call.name, json.loads(call.arguments)) == ("get_weather", {"city": "Paris"})
        item = {"type": "function_call_output", "call_id": call.call_id, "output": "It is foggy."}
        await session.conversation.item.create(item=item)
        await _event(session, "response.done")
        await session.response.create()
        done = await _event(session, "response.done")
        assert "foggy" in done.response.output[0].content[0].text


async def test_the_vendors_client_holds_a_spoken_turn(corpus):
    async with _vendor_session() as session:
        await _speak(session, corpus / "livekit" / "weather_question.wav")
        started = await _event(session, "input_audio_buffer.speech_started")
        assert started.audio_start_ms < 440
        done = await _event(session, "response.done")
        assert done.response.status == "completed"


async def test_the_vendors_client_interrupts(corpus):
    async with _vendor_session() as session:
        await _ask(session, "Tell me a very long story")
        audio = await _event(session, "response.output_audio.delta")
        await _speak(session, corpus / "livekit" / "hello_world.wav")
        done = await _event(session, "response.done")
        assert done.response.status_details.reason == "turn_detected"
        await session.conversation.item.truncate(item_id=audio.item_id, content_index=0, audio_end_ms=50)
        await _event(session, "conversation.item.truncated")


async def test_the_vendors_client_gets_a_client_secret():
    async with _emulator(api_key="key") as emulator, _client(emulator) as client:
        secret = await client.realtime.client_secrets.create(session={"type": "realtime", "model": "gpt-realtime"})
        async with client.with_options(api_key=secret.value).realtime.connect(model="gpt-realtime") as session:
            await _event(session, "session.created")


def test_a_tls_key_needs_its_certificate():
    with pytest.raises(OffhookError, match="without its certificate"):
        _emulator(tls_key="key.pem")
