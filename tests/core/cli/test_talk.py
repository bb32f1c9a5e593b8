"""offhook.cli.talk: what ``offhook talk`` takes, and how it ends."""

from __future__ import annotations

import asyncio
import io

import pytest
from rich.console import Console
from typer.testing import CliRunner

from offhook.agent import RealtimeAgent
from offhook.audio.wav import WavAudio, read_wav, write_wav
from offhook.cli import talk as module
from offhook.cli.app import app
from offhook.cli.conversation import Conversation
from offhook.cli.live import Devices
from offhook.cli.media import Question
from offhook.cli.screen import Screen
from offhook.errors import AudioError, Unsupported
from offhook.events import AudioEvent
from offhook.loopback import Loopback
from offhook.session import RealtimeSession

OPTIONS = 'input: Any = "microphone"; output: Any = "speaker"; output_device: str | None = None; devices: Any = None'


@pytest.fixture
def command(site, devices, monkeypatch, tmp_path):
    """``command(…)`` runs ``offhook talk`` until the conversation would begin: ``command.began`` has what it began with."""
    site.install("core", commands={"talk": "offhook.cli.talk:talk"}, transports={"loopback": "offhook.loopback"})
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "quiet_devices", lambda: devices)

    async def converse(session, devices, show):
        run.began = session, devices
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "converse", converse)

    def run(*arguments):
        return CliRunner().invoke(app, ["talk", *arguments], env={"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"})

    run.began = None
    return run


def screen():
    return Screen(Console(file=io.StringIO(), width=100))


def printed(shown):
    return shown.console.file.getvalue()


# What it takes


def test_the_session_is_the_configured_one(command, tmp_path):
    (tmp_path / "offhook.toml").write_text('[session.audio.output]\nvoice = "cedar"\n')
    assert command("--transport", "loopback").exit_code == 0
    session, _ = command.began
    assert session._config.audio.output.voice == "cedar"


def test_ctrl_c_is_how_a_conversation_ends_well(command):
    found = command("--transport", "loopback", "--url", "ws://there", "--microphone", "mic", "--speaker", "spe")
    assert (found.exit_code, found.output) == (0, "")
    session, chosen = command.began
    assert isinstance(session.transport, Loopback)
    assert session._options.url == "ws://there"
    assert (chosen.microphone, chosen.speaker) == ("mic", "spe")


def test_a_transport_that_handles_the_audio_is_given_the_devices_and_their_names(kit, command, site):
    site.transport("acme", kit.handles(OPTIONS))
    assert command("--transport", "acme", "--speaker", "spe").exit_code == 0
    session, _ = command.began
    options = session.transport.options
    assert (options.input, options.output, options.output_device) == ("microphone", "speaker", "spe")
    assert options.devices.backend == "fake"


def test_a_device_that_a_transport_has_no_option_for_is_refused(kit, command, site):
    site.transport("acme", kit.handles(OPTIONS))
    found = command("--transport", "acme", "--microphone", "mic")
    assert isinstance(found.exception, Unsupported)
    assert "no input_device" in str(found.exception)


def test_without_a_library_for_devices_the_error_is_theirs(command, monkeypatch):
    def missing():
        raise AudioError('Run: pip install "offhook[devices]"')

    monkeypatch.setattr(module, "quiet_devices", missing)
    assert isinstance(command("--transport", "loopback").exception, AudioError)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--output", "a.wav"], "--question FILE.wav, which is not given"),
        (["--question", "q.wav", "--microphone", "mic"], "leave out --microphone and --speaker"),
        (["--question", "q.wav", "--speaker", "spe"], "leave out --microphone and --speaker"),
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(command, arguments, complaint):
    found = command(*arguments)
    assert found.exit_code == 2
    assert complaint in " ".join(found.output.split())


def test_a_question_that_is_no_wav_file_is_told(command, tmp_path):
    found = command("--question", str(tmp_path / "absent.wav"))
    assert isinstance(found.exception, AudioError)
    assert "There is no file" in str(found.exception)


# How it goes


async def test_an_answer_is_shown_and_kept(kit, tmp_path):
    phone, shown, output = kit.Phone(), screen(), tmp_path / "answer.wav"
    conversation = Conversation(Question(WavAudio(kit.tone(20), 24_000)))
    session = RealtimeSession(RealtimeAgent(name="A"), transport=phone)
    holding = asyncio.create_task(module.hold(conversation, session, output, shown))
    await asyncio.wait_for(phone.connected.wait(), kit.PATIENCE_S)
    await phone.until(lambda: phone.sent)
    phone.say(AudioEvent(data=kit.tone(40)), kit.turn_done())
    report = await asyncio.wait_for(holding, kit.PATIENCE_S)
    assert report.audio_out_ms == 40
    assert read_wav(output) == WavAudio(kit.tone(40), 24_000)
    assert "first audio" in printed(shown)
    assert f"the answer is in {output}" in printed(shown).replace("\n", "")


async def test_where_the_answer_cannot_be_kept_nothing_is_asked(kit, tmp_path):
    phone = kit.Phone()
    conversation = Conversation(Question(WavAudio(kit.tone(20), 24_000)))
    session = RealtimeSession(RealtimeAgent(name="A"), transport=phone)
    with pytest.raises(AudioError, match="cannot be written"):
        await module.hold(conversation, session, tmp_path / "nowhere" / "answer.wav", screen())
    assert not phone.connected.is_set()


async def test_a_live_conversation_says_when_to_speak_and_when_the_service_hangs_up(kit, devices):
    phone, shown = kit.Phone(**kit.HANDLED), screen()
    session = RealtimeSession(RealtimeAgent(name="A"), transport=phone)
    talking = asyncio.create_task(module._live(session, Devices(audio=devices), shown))
    await asyncio.wait_for(phone.connected.wait(), kit.PATIENCE_S)
    phone.hang_up("remote_hangup")
    await asyncio.wait_for(talking, kit.PATIENCE_S)
    first, last = printed(shown).splitlines()
    assert first.startswith("Speak; Ctrl-C hangs up. Use headphones")
    assert last == "the service hung up."


async def test_a_conversation_that_is_lost_is_an_error(kit, devices):
    phone = kit.Phone(**kit.HANDLED)
    session = RealtimeSession(RealtimeAgent(name="A"), transport=phone)
    talking = asyncio.create_task(module._live(session, Devices(audio=devices), screen()))
    await asyncio.wait_for(phone.connected.wait(), kit.PATIENCE_S)
    phone.hang_up("expired")
    with pytest.raises(module.ConversationLost, match=r"is over \(expired\)\. Run the command again"):
        await asyncio.wait_for(talking, kit.PATIENCE_S)


def test_a_question_from_a_file_goes_over_a_transport_that_handles_the_audio(command, site, monkeypatch, kit, tmp_path):
    site.transport("acme", kit.handles(OPTIONS))
    asked = []

    async def hold(conversation, session, output, _screen):
        asked.append((conversation, session, output))

    monkeypatch.setattr(module, "hold", hold)
    write_wav(tmp_path / "q.wav", kit.tone(20), 24_000)
    found = command("--transport", "acme", "--question", "q.wav", "--output", "a.wav")
    assert (found.exit_code, found.output) == (0, "")
    conversation, session, output = asked[0]
    assert session.transport.options.input is conversation.question
    assert session.transport.options.output == conversation.ends["output"]
    assert output.name == "a.wav"
