"""offhook.session.config: who has the last word on what the model is told."""

from __future__ import annotations

import pytest

from offhook.agent import RealtimeAgent
from offhook.config import (
    UNSET,
    AudioConfig,
    AudioInput,
    AudioOutput,
    SessionConfig,
    Transcription,
    TurnDetection,
)
from offhook.session import DEFAULT_CONFIG
from offhook.session.config import initial_config
from offhook.settings import Settings
from offhook.tool import function_tool


@function_tool
def look() -> str:
    """Look."""
    raise NotImplementedError


def detection(kind):
    return SessionConfig(audio=AudioConfig(input=AudioInput(turn_detection=TurnDetection(type=kind))))


def voice(name):
    return SessionConfig(audio=AudioConfig(output=AudioOutput(voice=name)))


AGENT = RealtimeAgent(name="A")


async def test_the_default_finds_turns_by_meaning_and_writes_down_what_the_user_says():
    config = await initial_config(AGENT)
    assert config.audio.input.turn_detection == TurnDetection(type="semantic_vad")
    assert config.audio.input.transcription == Transcription()
    assert config.audio == DEFAULT_CONFIG.audio
    assert config.instructions is UNSET


@pytest.mark.parametrize(
    ("settings", "config", "expected"),
    [
        (None, None, "semantic_vad"),
        (Settings(session=detection("from the file")), None, "from the file"),
        (None, detection("from the program"), "from the program"),
        (Settings(session=detection("from the file")), detection("from the program"), "from the program"),
    ],
)
async def test_the_program_beats_the_file_which_beats_the_default(settings, config, expected):
    assert (await initial_config(AGENT, config, settings)).audio.input.turn_detection.type == expected


async def test_what_is_switched_off_stays_off():
    off = SessionConfig(audio=AudioConfig(input=AudioInput(turn_detection=None)))
    assert (await initial_config(AGENT, None, Settings(session=off))).audio.input.turn_detection is None
    assert (
        await initial_config(AGENT, off, Settings(session=detection("server_vad")))
    ).audio.input.turn_detection is None


async def test_each_place_says_only_what_it_sets():
    settings = Settings(session=SessionConfig(tool_choice="required", instructions="from the file"))
    config = await initial_config(AGENT, SessionConfig(tool_choice="none"), settings)
    assert config.tool_choice == "none"
    assert config.instructions == "from the file"
    assert config.audio.input.transcription == Transcription()


async def test_the_agents_instructions_and_tools_are_the_agents():
    agent = RealtimeAgent(name="A", instructions="from the agent", tools=[look])
    config = await initial_config(agent, SessionConfig(instructions="from the program"))
    assert config.instructions == "from the agent"
    assert config.tools == (look.to_wire(),)


@pytest.mark.parametrize(
    ("agents", "chosen", "expected"),
    [(None, UNSET, UNSET), ("marin", UNSET, "marin"), ("marin", "cedar", "cedar"), (None, "cedar", "cedar")],
)
async def test_a_voice_that_was_chosen_beats_the_agents(agents, chosen, expected):
    assert (await initial_config(RealtimeAgent(name="A", voice=agents), voice(chosen))).audio.output.voice == expected
    assert (await initial_config(RealtimeAgent(name="A", voice=agents), None, Settings(session=voice(chosen)))).audio.output.voice == expected  # fmt: skip


async def test_the_initial_config_is_what_the_service_is_told(line):
    agent = RealtimeAgent(name="A", instructions="Be kind.", voice="marin", tools=[look])
    async with line(agent=agent, config=SessionConfig(tool_choice="auto")) as it:
        session = it.far.sent[0]["session"]
    assert session == {
        "type": "realtime",
        "instructions": "Be kind.",
        "tools": [look.to_wire()],
        "tool_choice": "auto",
        "audio": {
            "input": {
                "transcription": {"model": "gpt-4o-mini-transcribe"},
                "turn_detection": {"type": "semantic_vad"},
            },
            "output": {"voice": "marin"},
        },
    }


async def test_an_agent_without_tools_says_so(line):
    """Else a service that remembers tools would keep them."""
    async with line() as it:
        assert it.far.sent[0]["session"]["tools"] == []


async def test_the_config_files_session_is_used_with_a_transport_given_by_name(tmp_path, monkeypatch):
    from offhook.session import RealtimeSession

    (tmp_path / "offhook.toml").write_text('transport = "loopback"\n[session]\ninstructions = "from the file"\n')
    monkeypatch.setenv("OFFHOOK_CONFIG", str(tmp_path / "offhook.toml"))
    async with RealtimeSession(AGENT) as session:
        async for event in session:
            if event.hook == "session_ready":
                assert event.config["instructions"] == "from the file"
                break
        assert session.transport.name == "loopback"


async def test_a_transport_by_name_beats_the_file(tmp_path, monkeypatch):
    from offhook.session import RealtimeSession

    (tmp_path / "offhook.toml").write_text('transport = "does-not-exist"\n')
    monkeypatch.setenv("OFFHOOK_CONFIG", str(tmp_path / "offhook.toml"))
    assert RealtimeSession(AGENT, transport="loopback").transport.name == "loopback"
    assert RealtimeSession(AGENT, settings=Settings(transport="loopback")).transport.name == "loopback"
