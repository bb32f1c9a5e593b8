"""The ``emulator`` transport: a session with the emulator in this process, chosen by name."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from offhook import AgentEnd, RealtimeAgent, RealtimeSession, make_transport
from offhook.audio.formats import PCM16_24K, PCMU
from offhook.audio.frames import silence
from offhook.errors import ConfigError, ConnectError, NotConnected, OffhookError
from offhook.settings import Settings
from offhook.testing import run_virtual
from offhook_emulator import dialer
from offhook_emulator.options import EmulatorOptions
from offhook_emulator.plugin import SPEC_VERSION, transport_options
from offhook_emulator.replies.chat import Chat
from offhook_emulator.replies.rules import Rules
from offhook_emulator.transport import EmulatorTransport
from offhook_emulator.voice.scripted import ScriptedVoice

PATIENCE_S = 10
AGENT = RealtimeAgent(name="A")


def transport(**options: Any) -> EmulatorTransport:
    made = make_transport("emulator", settings=Settings(), **{"voice": "scripted", **options})
    assert isinstance(made, EmulatorTransport)
    return made


async def answer(chosen: EmulatorTransport, message: str = "Hello there") -> str:
    async with asyncio.timeout(PATIENCE_S), RealtimeSession(AGENT, transport=chosen) as session:
        await session.send_message(message)
        async for event in session:
            if isinstance(event, AgentEnd):
                return event.text
    raise AssertionError("the session ended without an answer")


def test_it_is_had_by_name() -> None:
    assert SPEC_VERSION == (1, 0)
    assert transport_options() is EmulatorOptions
    assert transport().name == "emulator"


async def test_a_conversation_needs_no_server() -> None:
    assert await answer(transport()) == "Hello! How can I help you?"


async def test_speech_is_heard_and_answered_in_speech() -> None:
    chosen, sound = transport(), bytearray()
    async with asyncio.timeout(PATIENCE_S), RealtimeSession(AGENT, transport=chosen) as session:
        session.on("audio", lambda event: sound.extend(event.data))
        await session.send_audio(await chosen.speech("Thank you!") + silence(PCM16_24K, 1000))
        async for event in session:
            if isinstance(event, AgentEnd):
                break
    assert event.text == "You are welcome."
    assert PCM16_24K.duration_ms(len(sound)) > 500


@pytest.mark.parametrize(
    "replies",
    [
        ["Good day."],
        [{"when": "hello", "say": "Good day."}],
        "script:{scenario}",
    ],
    ids=["texts", "entries", "a file"],
)
async def test_replies_may_be_a_scenario(replies: Any, tmp_path: Path) -> None:
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text('- when: hello\n  say: "Good day."\n')
    if isinstance(replies, str):
        replies = replies.format(scenario=scenario)
    assert await answer(transport(replies=replies)) == "Good day."


async def test_replies_may_be_an_object() -> None:
    assert await answer(transport(replies=Rules())) == "Hello! How can I help you?"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"replies": "rulez"}, "Did you mean rules"),
        (
            {"replies": ["one", {"sya": "two"}]},
            "the replies, entry 2: unknown key 'sya' in an entry; did you mean 'say'",
        ),
        ({"replies": "script:/nowhere.yaml"}, "cannot be read"),
        ({"voice": "reel"}, "Did you mean 'real'"),
    ],
)
def test_options_that_are_wrong_are_refused_before_a_connection(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        transport(**options)


async def test_each_connection_has_a_session_of_its_own() -> None:
    chosen = transport(replies=["One.", "Two."])
    assert [await answer(chosen), await answer(chosen)] == ["One.", "One."]


def test_a_session_that_expires_is_told_as_such() -> None:
    async def main() -> list[Any]:
        chosen = transport(session_s=60)
        changes: list[Any] = []
        chosen.on("connection_change", changes.append)
        await chosen.connect()
        await asyncio.sleep(61)
        return changes

    last = run_virtual(main())[-1]
    assert (last.status, last.reason, last.recoverable) == ("disconnected", "expired", True)


async def test_the_users_speech_needs_a_connection_and_comes_in_any_format() -> None:
    chosen = transport()
    with pytest.raises(NotConnected):
        await chosen.speech("Hello")
    await chosen.connect()
    linear, mu_law = await chosen.speech("Hello"), await chosen.speech("Hello", PCMU)
    await chosen.close()
    assert PCMU.duration_ms(len(mu_law)) == pytest.approx(PCM16_24K.duration_ms(len(linear)), abs=5)


async def test_what_a_connection_was_made_with_is_let_go_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []

    class Voice(ScriptedVoice):
        def close(self) -> None:
            closed.append("voice")

    async def close(_chat: Chat) -> None:
        closed.append("chat")

    monkeypatch.setattr(dialer, "voice_from", lambda _name: Voice())
    monkeypatch.setattr(Chat, "close", close)
    chosen = transport(replies="chat:http://127.0.0.1:9/v1")
    await chosen.connect()
    assert closed == []
    await chosen.close()
    assert closed == ["voice", "chat"]


@pytest.mark.parametrize("fails", ["made", "warmed up"])
async def test_a_voice_that_is_not_installed_is_told_with_what_to_do(
    fails: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []

    class Voice(ScriptedVoice):
        async def warm_up(self) -> None:
            raise OffhookError("No models. Run: pip install them.")

        def close(self) -> None:
            closed.append("voice")

    def voice(_name: str) -> Voice:
        if fails == "made":
            raise OffhookError("No models. Run: pip install them.")
        return Voice()

    monkeypatch.setattr(dialer, "voice_from", voice)
    chosen = transport()
    with pytest.raises(ConnectError, match=r'pip install them\. For tests .* voice = "scripted"'):
        await chosen.connect()
    assert closed == ([] if fails == "made" else ["voice"])
    assert chosen.status == "disconnected"


async def test_a_connection_given_up_while_the_voice_is_loaded_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    closed, loading = asyncio.Event(), asyncio.Event()

    class Voice(ScriptedVoice):
        async def warm_up(self) -> None:
            loading.set()
            await asyncio.Event().wait()

        def close(self) -> None:
            closed.set()

    monkeypatch.setattr(dialer, "voice_from", lambda _name: Voice())
    chosen = transport()
    connecting = asyncio.create_task(chosen.connect())
    await loading.wait()
    await chosen.close()
    with pytest.raises(ConnectError):
        await connecting
    assert closed.is_set()


def test_the_playback_follows_the_clock_of_the_loop() -> None:
    """An interruption two virtual seconds into the reply tells the model of two seconds."""

    async def main() -> Any:
        chosen = transport()
        async with RealtimeSession(AGENT, transport=chosen) as session:
            interruptions: list[Any] = []
            session.on("audio_interrupted", interruptions.append)
            began = asyncio.Event()
            session.on("audio", lambda _event: began.set())
            await session.send_message("Tell me a story.")
            await began.wait()
            await asyncio.sleep(2)
            await session.interrupt()
            return interruptions[0].heard_ms

    assert 1900 <= run_virtual(main()) <= 2000
