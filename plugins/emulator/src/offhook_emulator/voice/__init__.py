"""What the emulator hears and speaks with: ``real`` (models) or ``scripted`` (no dependencies)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from offhook.errors import ConfigError
from offhook_emulator.voice.models import missing
from offhook_emulator.voice.scripted import ScriptedVoice

if TYPE_CHECKING:
    from offhook_emulator.voice.real import RealVoice

VOICES: Final = ("real", "scripted")


def voice_from(name: str) -> RealVoice | ScriptedVoice:
    """Make the voice ``--voice`` names. The real one is not loaded yet: await its ``warm_up()``.

    Raises ConfigError for another name, OffhookError where the real voice is not installed.
    """
    if name == "scripted":
        return ScriptedVoice()
    if name != "real":
        raise ConfigError(f"There is no voice {name!r}. Choose one of: {', '.join(VOICES)}.")
    try:
        # Not imported above, because numpy comes with the extra.
        real = import_module("offhook_emulator.voice.real")
    except ModuleNotFoundError as error:
        raise missing(error.name or "numpy") from error
    return real.RealVoice()
