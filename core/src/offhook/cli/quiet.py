"""This machine's devices, as commands want them: without what ALSA has to say about those that are not there."""

from __future__ import annotations

import contextlib
import ctypes
from typing import Final

from offhook.audio.devices import AudioDevices, audio_devices


def quiet_devices() -> AudioDevices:
    """Give this machine's devices. Raises ``AudioError`` where no library can be used."""
    # ALSA prints a page where there is no sound card, above our one paragraph. Programs may want it; a command does not.
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libasound.so.2").snd_lib_error_set_handler(_IGNORE)
    return audio_devices()


#: Kept for as long as the program runs: ALSA calls it.
_IGNORE: Final = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p)(
    lambda *_: None
)
