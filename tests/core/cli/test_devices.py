"""offhook.cli.devices: what ``offhook devices`` prints."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from offhook.audio.devices import AudioDevices
from offhook.cli import quiet as module
from offhook.cli.app import app
from offhook.errors import AudioError


@pytest.fixture
def listed(kit, monkeypatch):
    """``listed(names, …)`` runs the command where there are devices of these names."""

    def run(names, *arguments):
        monkeypatch.setattr(module, "audio_devices", lambda: AudioDevices(kit.Backend(names)))
        return CliRunner().invoke(app, ["devices", *arguments])

    return run


def test_microphones_and_loudspeakers_are_listed_with_the_system_s_choice_and_the_backend(listed):
    found = listed({"input": ["Headset", "Webcam"], "output": ["Headset"]})
    assert found.exit_code == 0
    assert [line.split() for line in found.output.splitlines()] == [
        ["KIND", "NAME", "DEFAULT", "BACKEND"],
        ["microphone", "Headset", "yes", "fake"],
        ["microphone", "Webcam", "fake"],
        ["loudspeaker", "Headset", "yes", "fake"],
    ]


def test_json_has_the_same(listed):
    found = listed({"input": ["Mikrofon größer"], "output": ["Headset"]}, "--json")
    assert found.exit_code == 0
    assert json.loads(found.output) == [
        {"kind": "microphone", "name": "Mikrofon größer", "default": True, "backend": "fake"},
        {"kind": "loudspeaker", "name": "Headset", "default": True, "backend": "fake"},
    ]


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        ({"input": [], "output": []}, "fake finds no microphone and no loudspeaker."),
        ({"input": [], "output": ["Headset"]}, "fake finds no microphone."),
        ({"input": ["Headset"], "output": []}, "fake finds no loudspeaker."),
    ],
)
@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_where_there_is_none_the_error_says_what_to_do_below_what_there_is(listed, names, missing, arguments):
    found = listed(names, *arguments)
    assert isinstance(found.exception, AudioError)
    assert str(found.exception).startswith(f"{missing} Connect one")
    assert "Headset" in found.output or not any(names.values())


def test_without_a_library_the_error_says_how_to_install_one(monkeypatch):
    def missing():
        raise AudioError('no library. Run: pip install "offhook[devices]"')

    monkeypatch.setattr(module, "audio_devices", missing)
    assert 'pip install "offhook[devices]"' in str(CliRunner().invoke(app, ["devices"]).exception)


def test_a_machine_without_alsa_has_devices_all_the_same(listed, monkeypatch):
    def missing(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(module.ctypes, "CDLL", missing)
    assert listed({"input": ["Headset"], "output": ["Headset"]}).exit_code == 0
