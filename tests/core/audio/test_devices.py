"""Choosing and opening devices, with a backend that is none."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

from offhook.audio import devices
from offhook.audio.devices import AudioDevices, DeviceInfo, audio_devices, choose, unusable
from offhook.errors import AudioError

MICROPHONES = [
    DeviceInfo(name, "input", handle=name) for name in ("Built-in Audio", "USB Headset", "USB Webcam", "usb")
]


class Stream:
    def __init__(self):
        self.closed = threading.Event()

    def close(self):
        self.closed.set()


class Backend:
    """Opens nothing, and remembers what it was asked for."""

    name = "fake"

    def __init__(self):
        self.asked = []
        self.stream = Stream()
        self.may_open = threading.Event()
        self.may_open.set()

    def devices(self, direction):
        return MICROPHONES if direction == "input" else []

    def record(self, device, rate_hz, deliver):
        return self._open(device, rate_hz, deliver)

    def play(self, device, rate_hz, fill):
        return self._open(device, rate_hz, fill)

    def _open(self, device, rate_hz, callback):
        assert self.may_open.wait(10)
        self.asked.append((device.handle if device else None, rate_hz, threading.current_thread()))
        self.callback = callback
        return self.stream


@pytest.mark.parametrize(
    ("name", "chosen"),
    [("usb headset", "USB Headset"), ("cam", "USB Webcam"), ("usb", "usb"), ("BUILT", "Built-in Audio")],
)
def test_a_device_is_chosen_by_its_name_or_a_part_of_it_in_any_case(name, chosen):
    assert choose(MICROPHONES, "input", name).name == chosen


def test_a_part_that_fits_several_names_them():
    with pytest.raises(AudioError, match=r"'USB ' fits more than one microphone: USB Headset, USB Webcam\. Give more"):
        choose(MICROPHONES, "input", "USB ")


def test_an_unknown_name_lists_what_there_is():
    with pytest.raises(AudioError, match=r"no microphone called 'Hi-Fi'\. There are: Built-in Audio, USB Headset"):
        choose(MICROPHONES, "input", "Hi-Fi")
    with pytest.raises(AudioError, match=r"no loudspeaker called 'Hi-Fi'\. There are: none"):
        choose([], "output", "Hi-Fi")


async def test_a_microphone_is_opened_beside_the_event_loop_and_its_frames_arrive():
    backend = Backend()
    microphone = await AudioDevices(backend).open_microphone(rate_hz=16_000, frame_ms=10, device="webcam")
    (handle, rate_hz, thread), *_ = backend.asked
    assert (handle, rate_hz) == ("USB Webcam", 16_000)
    assert thread is not threading.main_thread()
    backend.callback(bytes(320))
    assert await asyncio.wait_for(anext(microphone), 5) == bytes(320)
    await microphone.aclose()
    assert backend.stream.closed.is_set()


async def test_what_goes_through_tapped_devices_goes_past_the_listeners_too():
    backend, recorded, played = Backend(), [], []
    tapped = AudioDevices(backend).tapped(recorded=recorded.append, played=played.append)
    assert (tapped.backend, tapped.list("input")) == ("fake", MICROPHONES)
    microphone = await tapped.open_microphone(rate_hz=16_000, frame_ms=10, device="webcam")
    backend.callback(bytes(320))
    assert await asyncio.wait_for(anext(microphone), 5) == bytes(320)
    speaker = await tapped.open_speaker(rate_hz=16_000)
    speaker.write(b"ab")
    assert backend.callback(4) == b"ab" + bytes(2)
    assert (recorded, played) == ([bytes(320)], [b"ab" + bytes(2)])
    assert [asked[:2] for asked in backend.asked] == [("USB Webcam", 16_000), (None, 16_000)]
    await speaker.aclose()
    await microphone.aclose()


async def test_a_speaker_is_opened_on_the_system_s_choice_unless_one_is_named():
    backend = Backend()
    speaker = await AudioDevices(backend).open_speaker(rate_hz=48_000)
    assert backend.asked[0][:2] == (None, 48_000)
    speaker.write(b"ab")
    assert backend.callback(2) == b"ab"
    await speaker.aclose()
    assert backend.stream.closed.is_set()


async def test_a_device_that_opens_after_it_was_given_up_is_closed_again():
    backend = Backend()
    backend.may_open.clear()
    opening = asyncio.create_task(AudioDevices(backend).open_microphone())
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    backend.may_open.set()
    while not backend.stream.closed.is_set():  # noqa: ASYNC110  # it is closed in the loop, by nobody who could tell
        await asyncio.sleep(0.01)


def test_a_device_that_cannot_be_opened_says_what_to_do():
    error = str(unusable("input", MICROPHONES[1], "busy"))
    assert error.startswith("the microphone 'USB Headset' could not be opened (busy). Check that one is connected")
    assert "or choose a WAV file as input." in error
    assert str(unusable("output", None, "gone")).startswith("a loudspeaker could not be opened (gone). ")


def test_without_a_library_the_error_says_how_to_install_one(monkeypatch):
    def missing(name):
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(devices, "import_module", missing)
    with pytest.raises(AudioError, match=r'Run: pip install "offhook\[devices\]"'):
        audio_devices()


def test_the_second_library_serves_where_the_first_is_missing(monkeypatch):
    def only_the_second(name):
        if "miniaudio" in name:
            raise ImportError("No module named 'miniaudio'")
        return SimpleNamespace(make_backend=Backend)

    monkeypatch.setattr(devices, "import_module", only_the_second)
    assert audio_devices().backend == "fake"
    with pytest.raises(AudioError, match="miniaudio: No module named"):
        audio_devices("miniaudio")


def test_a_library_without_its_system_part_is_as_good_as_missing(monkeypatch):
    def broken(name):
        raise OSError("PortAudio library not found")

    monkeypatch.setattr(devices, "import_module", broken)
    with pytest.raises(AudioError, match="PortAudio library not found"):
        audio_devices("sounddevice")


def test_an_unknown_backend_names_the_known_ones():
    with pytest.raises(AudioError, match=r"no audio backend 'alsa'\. Use one of: miniaudio, sounddevice"):
        audio_devices("alsa")


def test_importing_devices_imports_no_audio_library():
    code = "import sys, offhook.audio.devices; print(*({'miniaudio', 'sounddevice', 'numpy'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""
