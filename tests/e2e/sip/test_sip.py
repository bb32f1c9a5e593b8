"""Phone calls: telephones that nobody here wrote call an emulator, and agents answer them."""

from __future__ import annotations

import asyncio
import sys
from array import array
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from reception import agent
from wire import PATIENCE_S, Wire

pytest.importorskip("jsonschema", reason="the group 'peers' is not installed")
pytest.importorskip("openai", reason="the group 'peers' is not installed")
pytest.importorskip("aiosipua", reason="the extra [sip] is not installed")
pytest.importorskip("baresip", reason="the group 'peers' is not installed")
from judges import Judge
from telephones import KEY, SECRET, Office, debian_phone, free_port, office, program, said, softphone

from offhook.audio.resample import resample
from offhook.audio.wav import WavAudio, read_wav, write_wav
from offhook.settings import Settings
from offhook_emulator.replies.rules import Rules
from offhook_emulator.server import Emulator
from offhook_emulator.voice.protocols import EAR_RATE_HZ, Voice
from offhook_emulator.voice.scripted import ScriptedVoice, decode
from offhook_sip import Receptionist
from offhook_sip.errors import CallNotFound

E2E = Path(__file__).parents[1]
OFFHOOK = Path(sys.executable).with_name("offhook")
QUESTION = "What is the weather in Paris?"
ANSWER = "It is foggy in Paris."
REALTIME = {"type": "realtime"}


@pytest.fixture(scope="module")
def real_voice() -> Iterator[Voice]:
    pytest.importorskip("onnxruntime", reason="the extra [speech] is not installed")
    from offhook_emulator.voice.real import RealVoice

    voice = RealVoice()
    asyncio.run(asyncio.wait_for(voice.warm_up(), 60))
    yield voice
    voice.close()


@pytest.fixture
def question(corpus: Path) -> Path:
    return corpus / "livekit" / "weather_question.wav"


async def tones(text: str, path: Path) -> Path:
    """Say something as the scripted voice does."""
    pcm = b"".join([piece async for piece in ScriptedVoice().text_to_speech.speak(text)])
    write_wav(path, pcm, 24_000)
    return path


def read_tones(heard: WavAudio) -> str:
    """Read what the scripted voice said; it pauses between sentences."""
    return " ".join(decode(array("h", resample(heard.pcm, heard.rate_hz, EAR_RATE_HZ))))


async def words(voice: Voice, heard: WavAudio) -> str:
    """Write down what was heard on the telephone."""
    return await voice.speech_to_text.transcribe(resample(heard.pcm, heard.rate_hz, EAR_RATE_HZ))


async def played(wire: Wire, count: int = 1) -> None:
    """Wait until the caller has heard the last of an answer."""
    await wire.until_told("output_audio_buffer.stopped", count)


@asynccontextmanager
async def answered(at: Office, folder: Path, *options: str) -> AsyncGenerator[tuple[Any, str]]:
    """Dial, and be accepted; gives the telephone and the call's id."""
    async with softphone(at.uri, folder, *options) as phone:
        call = await at.rings()
        await at.calls.accept(call.call_id, REALTIME)
        await phone.until("established")
        yield phone, call.call_id


async def gone(at: Office, call_id: str) -> None:
    """Wait until there is no such call."""
    async with asyncio.timeout(PATIENCE_S):
        while call := at.emulator._switchboard.calls.get(call_id):
            await call._channels.ended.wait()


async def test_a_caller_is_answered_by_calls_serve(real_voice, question, tmp_path, corpus):
    wire, port = Wire(), free_port()
    command = (
        OFFHOOK,
        "calls",
        "serve",
        "--agent",
        "reception:agent",
        "--port",
        0,
        "--url",
        f"http://127.0.0.1:{port}/v1",
    )
    env = {"OPENAI_API_KEY": KEY, "OPENAI_WEBHOOK_SECRET": SECRET}
    async with program(*command, cwd=E2E, env=env) as log:
        url = (await said(log, "webhooks go to")).split()[-1]
        line = {"sip_port": 0, "webhook_url": url, "webhook_secret": SECRET}
        async with (
            Emulator(voice=real_voice, replies=Rules(), port=port, observer=wire.note, **line) as emulator,
            softphone(emulator.sip_uri, tmp_path, "--header", "X-Tenant=7") as phone,
        ):
            await phone.until("established")
            phone.do("speak", question)
            await played(wire)
            await phone.until_quiet()
            phone.do("press", "42#")
            await wire.until_told("input_audio_buffer.dtmf_event_received", 3)
            phone.do("hangup")
            heard = await phone.heard()
            await said(log, "call_ended")
    assert ANSWER.rstrip(".") in await words(real_voice, heard)
    assert [frame["event"] for frame in wire.told("input_audio_buffer.dtmf_event_received")] == ["4", "2", "#"]
    assert wire.told("error") == []
    judge = Judge.of(corpus / "openai-openapi" / "openapi.json")
    assert [what for who, frame in wire.frames if who == "server" for what in judge.complaints(frame)] == []


async def test_debians_telephone_is_answered_over_tcp_and_hung_up_on(real_voice, question, tmp_path):
    async with office(real_voice) as at:
        answering = Receptionist(agent, at.calls, options=at.options, settings=Settings())
        async with debian_phone(f"{at.uri};transport=tcp", tmp_path, read_wav(question)) as phone:
            call = await at.rings()
            conversation = asyncio.create_task(answering(call))
            await phone.until("established")
            await played(at.wire)
            await at.calls.hangup(call.call_id)
            await phone.until("closed")
            await asyncio.wait_for(conversation, PATIENCE_S)
            heard = await phone.heard()
    assert ANSWER.rstrip(".") in await words(real_voice, heard)


@pytest.mark.parametrize("options", [("--codec", "pcmu"), ("--codec", "pcma", "--transport", "tcp")], ids=" ".join)
async def test_what_is_said_to_a_caller_is_heard_whole(tmp_path, options):
    async with office() as at, answered(at, tmp_path, *options) as (phone, _):
        phone.do("speak", await tones("Hello there", tmp_path / "hello.wav"))
        await played(at.wire)
        await phone.until_quiet()
        phone.do("hangup")
        assert read_tones(await phone.heard()) == "Hello! How can I help you?"


async def test_a_caller_who_hangs_up_ends_the_session(tmp_path):
    async with office() as at, answered(at, tmp_path) as (phone, call_id):
        phone.do("hangup")
        await gone(at, call_id)
        with pytest.raises(CallNotFound):
            await at.calls.hangup(call_id)


async def test_hanging_up_on_a_caller_ends_their_call(tmp_path):
    async with office() as at, answered(at, tmp_path) as (phone, call_id):
        await at.calls.hangup(call_id)
        await phone.until("closed")
        await phone.heard()


async def test_a_caller_who_speaks_up_interrupts(tmp_path):
    async with office() as at, answered(at, tmp_path) as (phone, _):
        phone.do("speak", await tones("Tell me a very long story", tmp_path / "story.wav"))
        await at.wire.until_told("output_audio_buffer.started")
        phone.do("speak", await tones("Hello there", tmp_path / "hello.wav"))
        await at.wire.until_told("output_audio_buffer.cleared")
        await played(at.wire)
        await phone.until_quiet()
        phone.do("hangup")
        assert read_tones(await phone.heard()).endswith("Hello! How can I help you?")
        assert at.wire.told("conversation.item.truncated")


async def test_a_caller_on_hold_misses_nothing(tmp_path):
    async with office() as at, answered(at, tmp_path) as (phone, _):
        phone.do("hold")
        await phone.until("held")
        phone.do("resume")
        await phone.until("resumed")
        phone.do("speak", await tones("Hello there", tmp_path / "hello.wav"))
        await played(at.wire)
        await phone.until_quiet()
        phone.do("hangup")
        assert read_tones(await phone.heard()) == "Hello! How can I help you?"


async def test_a_call_that_is_rejected_is_told_why(tmp_path):
    async with office() as at, softphone(at.uri, tmp_path) as phone:
        await at.calls.reject((await at.rings()).call_id, 486)
        assert (await phone.until("closed"))["reason"] == "486 Busy Here"


async def test_a_call_that_nobody_answers_ends(tmp_path):
    async with office(ring_s=0.2) as at, softphone(at.uri, tmp_path) as phone:
        assert (await phone.until("closed"))["reason"] == "480 Temporarily Unavailable"
        with pytest.raises(CallNotFound):
            await at.calls.accept((await at.rings()).call_id, REALTIME)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_caller_who_gives_up_while_it_rings_cannot_be_accepted(tmp_path, transport):
    async with office() as at, softphone(at.uri, tmp_path, "--transport", transport) as phone:
        call = await at.rings()
        await phone.until("ringing")
        phone.do("hangup")
        await phone.until("closed")
        with pytest.raises(CallNotFound):
            await at.calls.accept(call.call_id, REALTIME)


async def test_a_caller_who_is_transferred_talks_to_somebody_else(tmp_path):
    async with office() as at, answered(at, tmp_path) as (phone, call_id):
        await at.calls.refer(call_id, at.uri.replace("proj_offhook", "somebody_else"))
        assert "somebody_else" in (await phone.until("transfer"))["target"]
        phone.do("transfer")
        other = await at.rings()
        assert "somebody_else" in other.to
        await at.calls.accept(other.call_id, REALTIME)
        await phone.until("established", call=2)
        await phone.until("closed", call=1)
        await gone(at, call_id)
        phone.do("hangup")
        await phone.until("closed", call=2)


async def test_the_headers_of_a_call_are_told(tmp_path):
    async with office() as at, softphone(at.uri, tmp_path, "--header", "X-Tenant=7") as phone:
        call = await at.rings()
        assert call.header("X-Tenant") == "7"
        assert call.from_.startswith("<sip:caller@127.0.0.1")
        assert "proj_offhook" in call.to
        assert call.media_security == "rtp"
        await at.calls.reject(call.call_id)
        await phone.until("closed")


async def test_an_office_that_closes_hangs_up_on_everyone(tmp_path):
    async with office() as at, answered(at, tmp_path) as (talking, _):
        await at.emulator.__aexit__(None, None, None)
        await talking.until("closed")


async def test_a_call_without_a_telephone(real_voice, question):
    headers = {"Authorization": f"Bearer {KEY}"}
    async with (
        office(real_voice) as at,
        httpx2.AsyncClient(base_url=at.emulator.url.removesuffix("/v1"), headers=headers) as http,
    ):
        placed = await http.post("/emulator/calls", json={"audio": str(question), "from": "sip:+1@example.com"})
        call = await at.rings()
        assert call.from_ == "sip:+1@example.com"
        assert placed.json()["id"] == call.call_id
        answering = Receptionist(agent, at.calls, options=at.options, settings=Settings())
        conversation = asyncio.create_task(answering(call))
        await played(at.wire)
        await at.calls.hangup(call.call_id)
        await asyncio.wait_for(conversation, PATIENCE_S)
        state = (await http.get(f"/emulator/calls/{call.call_id}?wait_s=4")).json()
        assert (state["state"], state["hung_up_by"]) == ("ended", "service")
        assert ANSWER.rstrip(".") in await words(real_voice, read_wav(state["recording"]))


async def test_the_command_says_what_to_dial(tmp_path):
    command = (OFFHOOK, "emulator", "--port", 0, "--sip-port", 0, "--voice", "scripted")
    async with program(*command, cwd=tmp_path, env={}) as output:
        await said(output, "listening on http://")
        line = await said(output, "answers sip:")
    uri = next(word for word in line.split() if word.startswith("sip:"))
    assert uri.startswith("sip:proj_offhook@127.0.0.1:")
