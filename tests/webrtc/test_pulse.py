"""Real devices without a sound card: PulseAudio with a virtual microphone and a virtual loudspeaker."""

from __future__ import annotations

import asyncio
from collections import deque

import pytest
from soundcard import loudspeaker, spoken

from offhook.audio.devices import audio_devices
from offhook.errors import AudioError
from offhook_webrtc.options import WebRTCOptions
from offhook_webrtc.transport import OpenAIRealtimeWebRTC

PATIENCE_S = 30.0


async def until_pitch(kit, hz, pieces):
    """Wait until what comes out of ``pieces`` has this pitch."""
    recent = deque(maxlen=10)
    async with asyncio.timeout(PATIENCE_S):
        async for piece in pieces:
            recent.append(piece)
            if abs(kit.pitch(b"".join(recent)) - hz) < hz / 20:
                return


@pytest.fixture(params=["miniaudio", "sounddevice"])
def devices(request, pulse):
    try:
        return audio_devices(request.param)
    except AudioError as error:
        if request.param == "miniaudio":
            raise
        pytest.skip(f"the second backend is not installed: {error}")


def test_devices_are_listed_by_the_names_that_people_see(pulse):
    found = audio_devices("miniaudio")
    assert {device.name for device in found.list("input")} >= {"Mic"}
    assert {device.name for device in found.list("output")} >= {"Speaker", "MicFeed"}


def test_the_system_s_choice_is_told(devices):
    for direction in ("input", "output"):
        assert len([device for device in devices.list(direction) if device.default]) == 1


async def test_a_microphone_records_what_is_said(kit, devices):
    microphone = await devices.open_microphone(rate_hz=24_000, frame_ms=20)
    async with spoken(kit.tone(440, 1_000)):
        await until_pitch(kit, 440, microphone)
    await microphone.aclose()


async def test_a_speaker_plays_what_is_written_to_it_and_reports_it(kit, devices):
    told = asyncio.Event()
    speaker = await devices.open_speaker(rate_hz=24_000, on_played=lambda _: told.set())
    speaker.write(kit.tone(700, 20_000))
    heard = loudspeaker()
    await until_pitch(kit, 700, heard)
    await asyncio.wait_for(told.wait(), 10)
    assert speaker.played_ms > 0
    assert speaker.flush() > 0
    async with asyncio.timeout(PATIENCE_S):
        # What the device had already is over at once, long before the twenty seconds are.
        recent = deque([b"\x7f" * 960], maxlen=10)
        while kit.pitch(b"".join(recent)):
            recent.append(await anext(heard))
    await heard.aclose()
    await speaker.aclose()


async def test_a_device_can_be_chosen_by_a_part_of_its_name(kit, pulse):
    found = audio_devices("miniaudio")
    speaker = await found.open_speaker(device="micf")
    microphone = await found.open_microphone(device="Mic")
    speaker.write(kit.tone(520, 10_000))
    await until_pitch(kit, 520, microphone)
    await speaker.aclose()
    await microphone.aclose()
    with pytest.raises(AudioError, match=r"no microphone called 'Hi-Fi'\. There are: .*Mic"):
        await found.open_microphone(device="Hi-Fi")


async def test_opening_and_closing_devices_leaves_nothing_behind(kit, pulse):
    found = audio_devices("miniaudio")

    async def once():
        microphone, speaker = await asyncio.gather(found.open_microphone(), found.open_speaker())
        await anext(microphone)
        await microphone.aclose()
        await speaker.aclose()

    await once()
    async with kit.nothing_left_behind():
        for _ in range(5):
            await asyncio.wait_for(once(), PATIENCE_S)


async def test_a_call_hears_through_the_microphone_and_is_heard_through_the_loudspeaker(kit, pulse):
    async with kit.service() as service:
        transport = OpenAIRealtimeWebRTC(WebRTCOptions(url=service.url, api_key="sk-test", proxy="none"))
        await asyncio.wait_for(transport.connect(), PATIENCE_S)
        call = await service.call()
        async with spoken(kit.tone(440, 1_000)):
            await call.until_heard(440)
        call.mouth.say(kit.tone(880, 20_000))
        heard = loudspeaker()
        await until_pitch(kit, 880, heard)
        await heard.aclose()
        await transport.close()


async def test_without_a_sound_server_the_error_says_what_to_check(pulse, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("PULSE_SERVER", f"unix:{tmp_path}/none")
    monkeypatch.setenv("ALSA_CONFIG_PATH", "/dev/null")
    found = audio_devices("miniaudio")
    with pytest.raises(AudioError, match=r"a microphone could not be opened .* Check that one is connected"):
        await found.open_microphone()
    with pytest.raises(AudioError, match="a loudspeaker could not be opened"):
        await found.open_speaker()
    assert found.list("input") == []
