"""What the model hears and what is heard of it: tones go in, tones come out. Over real UDP."""

from __future__ import annotations

import asyncio
import logging
from array import array

import pytest
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError

from offhook.audio.devices import AudioDevices
from offhook.audio.wav import read_wav, write_wav
from offhook.errors import AudioError, ConnectError
from offhook.realtime.capabilities import REALTIME_CAPABILITIES
from offhook_webrtc.options import WebRTCOptions
from offhook_webrtc.tracks import InputGate, PacedTrack
from offhook_webrtc.transport import OpenAIRealtimeWebRTC

PATIENCE_S = 20.0


async def bounded(work):
    async with asyncio.timeout(PATIENCE_S):
        return await work


class Endless:
    """A tone that never ends, as a source of PCM."""

    def __init__(self, pcm):
        self._pcm = pcm

    def take(self, size):
        part, self._pcm = self._pcm[:size], self._pcm[size:] + self._pcm[:size]
        return part


class FakeStream:
    def __init__(self):
        self.closed = False

    def close(self):
        self.closed = True


class FakeBackend:
    """A microphone and a loudspeaker that a test holds in its hands."""

    name = "fake"

    def __init__(self):
        self.streams = []
        self.deliver = None
        self.fill = None

    def devices(self, direction):
        return []

    def record(self, device, rate_hz, deliver):
        assert rate_hz == 24_000
        self.deliver = deliver
        return self._opened()

    def play(self, device, rate_hz, fill):
        assert rate_hz == 24_000
        self.fill = fill
        return self._opened()

    def _opened(self):
        self.streams.append(FakeStream())
        return self.streams[-1]


class Heard:
    """A callback that keeps what it is given."""

    def __init__(self, kit):
        self.pcm = bytearray()
        self._kit = kit
        self._wanted = None

    def __call__(self, pcm, rate_hz=24_000):
        assert rate_hz == 24_000
        self.pcm += pcm
        if self._wanted is not None and not self._wanted[1].done() and self._is(self._wanted[0]):
            self._wanted[1].set_result(None)

    def _is(self, hz):
        return abs(self._kit.pitch(bytes(self.pcm[-9_600:])) - hz) < hz / 20

    async def until(self, hz):
        self._wanted = (hz, asyncio.get_running_loop().create_future())
        await bounded(self._wanted[1])


async def chunks(pcm, size):
    for start in range(0, len(pcm), size):
        yield pcm[start : start + size]


# Input.


async def test_a_wav_file_is_heard_by_the_service(kit, tmp_path):
    write_wav(tmp_path / "question.wav", kit.tone(440, 1_000, 16_000), 16_000)
    async with kit.service() as service:
        transport = kit.transport(service, input=tmp_path / "question.wav")
        await bounded(transport.connect())
        await (await service.call()).until_heard(440)
        await transport.close()


@pytest.mark.parametrize("size", [480, 960, 5_001, 100_000])
async def test_an_iterator_of_pcm_is_heard_whatever_its_pieces(kit, size):
    async with kit.service() as service:
        transport = kit.transport(service, input=chunks(kit.tone(700, 800), size))
        await bounded(transport.connect())
        call = await service.call()
        await call.until_heard(700)
        await transport.close()


async def test_an_iterator_has_its_own_rate(kit):
    async with kit.service() as service:
        transport = kit.transport(service, input=chunks(kit.tone(500, 800, 16_000), 640), input_rate_hz=16_000)
        await bounded(transport.connect())
        await (await service.call()).until_heard(500)
        await transport.close()


async def test_an_iterator_that_breaks_is_told_and_the_call_goes_on(kit):
    async def broken():
        yield kit.tone(440, 100)
        raise LookupError("the well ran dry")

    async with kit.service() as service:
        transport = kit.transport(service, input=broken())
        told = asyncio.get_running_loop().create_future()
        transport.on("error", told.set_result)
        await bounded(transport.connect())
        event = await bounded(told)
        assert "the well ran dry" in event.message
        assert not event.fatal
        assert transport.status == "connected"
        await transport.close()


async def test_an_iterator_is_not_read_before_the_service_accepted_the_config(kit):
    begun = asyncio.Event()

    async def source():
        begun.set()
        yield kit.tone(440, 500)

    async with kit.service() as service:
        service.accepts_config = False
        transport = kit.transport(service, input=source())
        connecting = asyncio.create_task(transport.connect())
        call = await service.call()
        await call.until_received("session.update")
        await call.until(lambda: len(call.heard) > 9_600)
        assert kit.pitch(bytes(call.heard)) == 0
        assert not begun.is_set()
        call.send("session.updated", session={"id": "sess_1"})
        await bounded(connecting)
        await call.until_heard(440)
        await transport.close()


async def test_b24_a_caller_s_track_is_heard_and_neither_stopped_nor_touched(kit):
    async with kit.service() as service:
        track = PacedTrack(Endless(kit.tone(600, 1_000)), 24_000, InputGate())
        track.enabled = False  # what a browser's track has; it is the caller's word, not ours
        transport = kit.transport(service, input=track)
        for number in range(2):
            await bounded(transport.connect())
            await (await service.call(number)).until_heard(600)
            await transport.mute(True)
            await transport.close()
            assert track.readyState == "live"
            assert track.enabled is False
            await transport.mute(False)
        frame = await bounded(track.recv())
        assert any(bytes(frame.planes[0]))


async def test_a_caller_s_track_that_ends_is_followed_by_silence_and_the_call_goes_on(kit):
    class Ending(PacedTrack):
        left = 25

        async def recv(self):
            self.left -= 1
            if self.left < 0:
                raise MediaStreamError
            return await super().recv()

    async with kit.service() as service:
        transport = kit.transport(service, input=Ending(Endless(kit.tone(600, 1_000)), 24_000, InputGate()))
        await bounded(transport.connect())
        call = await service.call()
        await call.until(lambda: kit.pitch(bytes(call.heard)) > 0)
        await call.until(lambda: not kit.pitch(bytes(call.heard[-9_600:])))
        size = len(call.heard)
        await call.until(lambda: len(call.heard) > size + 9_600)
        assert transport.status == "connected"
        await transport.close()


async def test_a_video_track_is_refused_with_what_would_do(kit):
    class Video:
        kind = "video"

        async def recv(self):
            raise AssertionError

    async with kit.service() as service:
        with pytest.raises(ConnectError, match=r"kind 'video', which the model cannot hear. Give an audio track"):
            await bounded(kit.transport(service, input=Video()).connect())
        assert not service.requests


async def test_a_missing_wav_file_fails_the_connect_before_anything_is_sent(kit, tmp_path):
    async with kit.service() as service:
        with pytest.raises(ConnectError, match="There is no file") as raised:
            await bounded(kit.transport(service, input=tmp_path / "none.wav").connect())
        assert isinstance(raised.value.__cause__, AudioError)
        assert not service.requests


# Muting.


async def test_muting_before_connect_is_honoured_and_outlives_connections(kit):
    async with kit.service() as service:
        track = PacedTrack(Endless(kit.tone(600, 1_000)), 24_000, InputGate())
        transport = kit.transport(service, input=track)
        assert transport.muted is False
        await transport.mute(True)
        for number in range(2):
            await bounded(transport.connect())
            call = await service.call(number)
            size = len(call.heard)
            await call.until(lambda call=call, size=size: len(call.heard) > size + 19_200)
            assert kit.pitch(bytes(call.heard)) == 0
            assert transport.muted is True
            if number == 1:
                await transport.mute(False)
                await call.until_heard(600)
                await transport.mute(True)
                await call.until(lambda call=call: not kit.pitch(bytes(call.heard[-9_600:])))
            await transport.close()
        assert transport.muted is True


async def test_what_is_said_while_muted_is_not_sent_later(kit):
    async with kit.service() as service:
        transport = kit.transport(service, input=chunks(kit.tone(440, 400) + kit.tone(880, 60_000), 960))
        await transport.mute(True)
        await bounded(transport.connect())
        call = await service.call()
        size = len(call.heard)
        await call.until(lambda: len(call.heard) > size + 48_000)
        await transport.mute(False)
        await call.until_heard(880)
        assert 800 < kit.pitch(bytes(call.heard)) < 960
        await transport.close()


# Output.


async def test_a_callback_is_given_what_the_service_says(kit):
    heard = Heard(kit)
    async with kit.service() as service:
        transport = kit.transport(service, output=heard)
        await bounded(transport.connect())
        (await service.call()).mouth.say(kit.tone(440, 1_000))
        await heard.until(440)
        await transport.close()
    assert 10_000 < max(array("h", bytes(heard.pcm))) < 14_000  # as loud as it was said


async def test_a_callback_that_raises_is_logged_and_the_next_frame_is_given_to_it_all_the_same(kit, caplog):
    times = []
    twice = asyncio.Event()

    def broken(pcm, rate_hz):
        times.append(pcm)
        if len(times) > 1:
            twice.set()
        raise LookupError("ouch")

    async with kit.service() as service:
        transport = kit.transport(service, output=broken)
        with caplog.at_level(logging.ERROR, logger="offhook"):
            await bounded(transport.connect())
            await bounded(twice.wait())
        assert "audio_output_failed" in caplog.text
        await transport.close()


async def test_a_wav_file_records_what_the_service_says(kit, tmp_path):
    async with kit.service() as service:
        transport = kit.transport(service, output=tmp_path / "answer.wav", audio_events=True)
        heard = Heard(kit)
        transport.on("audio", lambda event: heard(event.data))
        await bounded(transport.connect())
        (await service.call()).mouth.say(kit.tone(440, 1_000))
        await heard.until(440)
        await transport.close()
    answer = read_wav(tmp_path / "answer.wav")
    assert answer.rate_hz == 24_000
    assert abs(kit.pitch(answer.pcm) - 440) < 22


async def test_a_wav_file_that_cannot_be_written_fails_the_connect(kit, tmp_path):
    async with kit.service() as service:
        with pytest.raises(ConnectError, match="cannot be written"):
            await bounded(kit.transport(service, output=tmp_path / "no" / "where.wav").connect())


async def test_a_consumer_of_tracks_is_given_the_remote_track_and_is_cancelled_at_the_end(kit):
    loud = asyncio.Event()
    cancelled = asyncio.Event()

    async def consume(track):
        try:
            while True:
                frame = await track.recv()
                if any(bytes(frame.planes[0])):
                    loud.set()
        except (asyncio.CancelledError, MediaStreamError):
            cancelled.set()
            raise

    async with kit.service() as service:
        transport = kit.transport(service, on_track=consume)
        await bounded(transport.connect())
        (await service.call()).mouth.say(kit.tone(440, 500))
        await bounded(loud.wait())
        await transport.close()
        assert cancelled.is_set()


# Audio events.


async def test_audio_events_come_on_request_and_the_flag_says_so(kit):
    async with kit.service() as service:
        transport = kit.transport(service, audio_events=True)
        heard = Heard(kit)
        epochs = []
        transport.on("audio", lambda event: (heard(event.data), epochs.append(event.epoch)))
        await bounded(transport.connect())
        (await service.call()).mouth.say(kit.tone(440, 1_000))
        await heard.until(440)
        assert set(epochs) == {1}
        await transport.close()


async def test_silence_is_an_audio_event_only_while_the_service_plays_something(kit):
    async with kit.service() as service:
        events = []
        played, told = asyncio.Semaphore(0), asyncio.Event()
        transport = kit.transport(service, audio_events=True, output=lambda *_: played.release())
        transport.on("audio", lambda event: (events.append(event), told.set()))
        await bounded(transport.connect())
        call = await service.call()
        for _ in range(10):
            await bounded(played.acquire())
        assert events == []
        call.send("output_audio_buffer.started", response_id="resp_1")
        await bounded(told.wait())
        assert not any(events[0].data)
        await transport.close()


async def test_audio_after_an_interruption_has_the_next_epoch(kit):
    async with kit.service() as service:
        transport = kit.transport(service, audio_events=True)
        order = []
        transport.on("audio", lambda event: order.append(event.epoch))
        transport.on("audio_interrupted", lambda event: order.append(-event.epoch))
        heard = Heard(kit)
        transport.on("audio", lambda event: heard(event.data))
        await bounded(transport.connect())
        call = await service.call()
        call.mouth.say(kit.tone(440, 500))
        await heard.until(440)
        await transport.interrupt()
        call.mouth.say(kit.tone(880, 500))
        await heard.until(880)
        await transport.close()
    cut = order.index(-1)
    assert set(order[:cut]) == {1}
    assert set(order[cut + 1 :]) == {2}


# Devices.


async def test_microphone_and_loudspeaker_are_the_default_and_are_let_go_of(kit):
    backend = FakeBackend()
    async with kit.service() as service:
        options = WebRTCOptions(url=service.url, api_key="sk-test", proxy="none", devices=AudioDevices(backend))
        transport = OpenAIRealtimeWebRTC(options)
        await bounded(transport.connect())
        call = await service.call()
        while not kit.pitch(bytes(call.heard)):
            backend.deliver(kit.tone(440, 20))
            await call.next_sound()
        call.mouth.say(kit.tone(700, 60_000))
        while not any(backend.fill(960)):
            await call.next_sound()
        await transport.close()
        assert [stream.closed for stream in backend.streams] == [True, True]


async def test_an_interruption_flushes_the_loudspeaker(kit):
    backend = FakeBackend()
    async with kit.service() as service:
        transport = kit.transport(service, input=AudioStreamTrack(), output="speaker", devices=AudioDevices(backend))
        interrupted = asyncio.Event()
        transport.on("audio_interrupted", lambda _: interrupted.set())
        await bounded(transport.connect())
        call = await service.call()
        call.mouth.say(kit.tone(700, 5_000))
        speaker = transport._channel.output._sinks[0]._speaker
        while speaker.queued_ms < 100:
            await call.next_sound()
        call.send("output_audio_buffer.cleared", response_id="resp_1")
        await bounded(interrupted.wait())
        assert speaker.queued_ms == 0
        await transport.close()


async def test_a_loudspeaker_that_cannot_be_opened_fails_the_connect_before_anything_is_sent(kit):
    class NoSpeaker(FakeBackend):
        def play(self, device, rate_hz, fill):
            raise AudioError("a loudspeaker could not be opened")

    async with kit.service() as service:
        with pytest.raises(ConnectError, match="a loudspeaker could not be opened"):
            await bounded(kit.transport(service, output="speaker", devices=AudioDevices(NoSpeaker())).connect())
        assert not service.requests


# Flags.


def test_the_flags_say_that_the_service_plays_and_what_audio_passes_through_here():
    options = {"url": "http://127.0.0.1:1/v1", "api_key": "sk-test"}
    flags = OpenAIRealtimeWebRTC(WebRTCOptions(**options)).capabilities
    assert (flags.handles_audio, flags.mute, flags.truncate, flags.output_pacing) == (
        True,
        "local",
        "server",
        "realtime",
    )
    assert flags.speech_events == {"input", "output"}
    assert (flags.input_formats, flags.output_formats) == ((), ())
    flags = OpenAIRealtimeWebRTC(WebRTCOptions(**options, input=None, audio_events=True)).capabilities
    assert flags.input_formats == REALTIME_CAPABILITIES.input_formats
    assert [form.rate_hz for form in flags.output_formats] == [24_000]
