"""offhook.cli.record: a conversation as with ``offhook talk``, and a file of it."""

from __future__ import annotations

import asyncio

import pytest
from typer.testing import CliRunner

from offhook.audio.wav import write_wav
from offhook.cli import talk
from offhook.cli.app import app
from offhook.errors import ConnectError
from offhook.recording import read_recording


@pytest.fixture
def command(site, devices, monkeypatch, tmp_path):
    """``command(…)`` runs ``offhook record``, with a conversation that only connects and hangs up."""
    commands = {"record": "offhook.cli.record:record"}
    site.install("core", commands=commands, transports={"loopback": "offhook.loopback"})
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(talk, "quiet_devices", lambda: devices)
    monkeypatch.setattr(talk, "converse", converse)
    monkeypatch.setattr(talk, "hold", hold)

    def run(*arguments):
        return CliRunner().invoke(app, ["record", *arguments], env={"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"})

    return run


async def converse(session, devices, show):
    async with session:
        await session.send_audio(bytes(960))
    raise KeyboardInterrupt


async def hold(conversation, session, output, screen):
    async with session:
        await session.send_audio(bytes(960))
    await asyncio.sleep(0)


@pytest.fixture(params=["by microphone", "from a file"])
def way(request, kit, tmp_path):
    """The arguments that choose one way to talk."""
    write_wav(tmp_path / "q.wav", kit.tone(20), 24_000)
    return ["--transport", "loopback", *(["--question", "q.wav"] if request.param == "from a file" else [])]


def test_the_conversation_is_in_the_file_and_the_way_to_see_it_is_told(command, way, tmp_path):
    found = command(*way, "--output", "call.jsonl")
    assert (found.exit_code, found.stderr) == (0, "")
    assert "the recording is in call.jsonl. To see it again: offhook replay call.jsonl" in found.output
    recording = read_recording(tmp_path / "call.jsonl")
    assert recording.header.transport == "loopback"
    assert recording.connections[0].end.reason == "requested"
    assert isinstance(recording.sent[-1]["audio"], dict)


def test_audio_is_kept_where_it_is_asked_for(command, way, tmp_path):
    assert command(*way, "--audio").exit_code == 0
    assert isinstance(read_recording(tmp_path / "recording.jsonl").sent[-1]["audio"], str)


def test_a_conversation_that_fails_is_recorded_as_far_as_it_went(command, way, tmp_path, monkeypatch):
    async def refused(*_arguments):
        raise ConnectError("no")

    monkeypatch.setattr(talk, "converse", refused)
    monkeypatch.setattr(talk, "hold", refused)
    found = command(*way)
    assert isinstance(found.exception, ConnectError)
    assert "the recording is in recording.jsonl" in found.output


def test_a_recording_that_stops_early_is_told(command, way):
    found = command(*way, "--output", "/dev/full")
    assert "the recording stops early. the recording /dev/full cannot be written: No space left" in found.stderr
    assert "the recording is in" not in found.output


def test_options_that_do_not_go_together_are_wrong_usage(command, tmp_path):
    found = command("--question", "q.wav", "--microphone", "mic")
    assert found.exit_code == 2
    assert not (tmp_path / "recording.jsonl").exists()
