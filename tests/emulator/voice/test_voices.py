"""A voice is had by its name."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from offhook.errors import ConfigError, OffhookError
from offhook_emulator.voice import ScriptedVoice, voice_from


def test_the_scripted_voice_is_had_by_name() -> None:
    assert isinstance(voice_from("scripted"), ScriptedVoice)


def test_an_unknown_voice_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ConfigError, match=r"'reel'.*real, scripted"):
        voice_from("reel")


def test_without_numpy_the_real_voice_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    class NoNumpy:
        def find_spec(self, name: str, *_: Any) -> None:
            if name == "numpy":
                raise ModuleNotFoundError("No module named 'numpy'", name="numpy")

    for name in [name for name in sys.modules if name.startswith(("numpy", "offhook_emulator.voice."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [NoNumpy(), *sys.meta_path])

    with pytest.raises(OffhookError, match="numpy") as refused:
        voice_from("real")
    assert 'pip install "offhook-emulator[speech]"' in str(refused.value)
