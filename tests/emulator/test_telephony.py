"""What an emulator is told about telephones, and what it says where that cannot be."""

from __future__ import annotations

import sys

import pytest

from offhook.errors import OffhookError
from offhook_emulator.replies.rules import Rules
from offhook_emulator.server import Emulator
from offhook_emulator.voice.scripted import ScriptedVoice


def _emulator(**options: object) -> Emulator:
    return Emulator(voice=ScriptedVoice(), replies=Rules(), **options)


def test_a_webhook_needs_a_secret():
    with pytest.raises(OffhookError, match="--webhook-secret"):
        _emulator(webhook_url="http://receiver.invalid/")


def test_a_secret_that_cannot_be_right_is_told_at_once():
    with pytest.raises(OffhookError, match="whsec_ followed by base64"):
        _emulator(webhook_url="http://receiver.invalid/", webhook_secret="whsec_?")


@pytest.mark.parametrize("module", ["aiosipua", "aiortp"])
def test_a_line_that_is_not_installed_says_how_to_install_it(monkeypatch, module):
    for name in [
        name for name in sys.modules if name.startswith(("offhook_emulator.line.sip.", "offhook_emulator.line.rtp"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(OffhookError, match=rf'needs {module}.*pip install "offhook-emulator\[sip\]"'):
        _emulator(sip_port=0)


def test_without_a_sip_port_nothing_of_sip_is_needed(monkeypatch):
    monkeypatch.setitem(sys.modules, "aiosipua", None)
    assert _emulator().sip_uri is None
