"""What core sees of the plugin."""

from __future__ import annotations

import subprocess
import sys

import pytest

import offhook_webrtc
from offhook.errors import ConfigError
from offhook.plugins import make_transport
from offhook.settings import Settings, load_settings, options_for
from offhook_webrtc.options import IceServer, WebRTCOptions


def test_the_plugin_is_found_by_its_name():
    settings = Settings(transports={"webrtc": {"url": "http://127.0.0.1:1/v1", "input": "none", "audio_events": True}})
    transport = make_transport("webrtc", settings=settings)
    assert isinstance(transport, offhook_webrtc.OpenAIRealtimeWebRTC)
    assert (transport.name, transport.status, transport.muted) == ("webrtc", "disconnected", False)
    assert transport.capabilities.input_formats


@pytest.mark.parametrize("module", ["offhook_webrtc", "offhook_webrtc.plugin", "offhook_webrtc.options"])
def test_importing_the_plugin_imports_no_media_library(module):
    loaded = f"import sys, {module}; print(*({{'aiortc', 'av', 'numpy', 'httpx2', 'miniaudio'}} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""


@pytest.mark.parametrize("name", offhook_webrtc.__all__)
def test_every_public_name_is_there(name):
    assert getattr(offhook_webrtc, name).__name__ == name


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        _ = offhook_webrtc.Nonsense


def test_options_can_stand_in_a_file(tmp_path):
    (tmp_path / "offhook.toml").write_text(
        """
        transport = "webrtc"
        [transports.webrtc]
        input = "question.wav"
        output = "none"
        [[transports.webrtc.ice_servers]]
        urls = "stun:stun.example:3478"
        [[transports.webrtc.ice_servers]]
        urls = ["turn:turn.example:3478"]
        username = "me"
        credential = "secret"
        """
    )
    settings = load_settings(cwd=tmp_path, environ={})
    options = options_for(settings, "webrtc", WebRTCOptions, environ={})
    assert options.input == tmp_path / "question.wav"
    assert options.output is None
    assert options.ice_servers == (
        IceServer(urls="stun:stun.example:3478"),
        IceServer(urls=("turn:turn.example:3478",), username="me", credential="secret"),
    )
    assert "secret" not in repr(options)


def test_the_words_for_devices_are_words_and_no_paths(tmp_path):
    (tmp_path / "offhook.toml").write_text('[transports.webrtc]\ninput = "microphone"\noutput = "speaker"\n')
    options = options_for(load_settings(cwd=tmp_path, environ={}), "webrtc", WebRTCOptions, environ={})
    assert (options.input, options.output) == ("microphone", "speaker")


def test_a_number_is_no_input():
    with pytest.raises(ConfigError, match="input"):
        options_for(Settings(transports={"webrtc": {"input": 1}}), "webrtc", WebRTCOptions, environ={})
