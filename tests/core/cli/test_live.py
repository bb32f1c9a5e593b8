"""offhook.cli.live: a conversation by microphone and loudspeaker."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from offhook.agent import RealtimeAgent
from offhook.audio import g711
from offhook.audio.devices import unusable
from offhook.audio.formats import PCM16_24K, PCMU
from offhook.cli.live import Devices, converse
from offhook.errors import AudioError, Unsupported
from offhook.events import AudioEvent, AudioInterrupted, SessionReady
from offhook.session import RealtimeSession


@pytest.fixture
def talking(kit, devices, backend):
    """``async with talking(flags) as it``: a conversation is under way; ``it.phone`` is its other end."""

    @asynccontextmanager
    async def talk(**flags):
        phone, shown = kit.Phone(**flags), kit.Shown()
        session = RealtimeSession(RealtimeAgent(name="A"), transport=phone)
        held = asyncio.create_task(converse(session, Devices(audio=devices), shown.add))
        await shown.until(SessionReady)
        yield SimpleNamespace(phone=phone, shown=shown, held=held)
        held.cancel()
        await asyncio.wait_for(asyncio.gather(held, return_exceptions=True), kit.PATIENCE_S)
        assert phone.status == "disconnected"
        assert all(stream.closed for stream in backend.streams)

    return talk


async def test_what_the_microphone_hears_is_sent_in_the_session_s_format(kit, backend, talking):
    async with talking(input_format=PCMU) as it:
        backend.deliver(kit.tone(20, 8_000))
        await it.phone.until(lambda: it.phone.sent)
    assert it.phone.sent == [g711.encode(kit.tone(20, 8_000), "audio/pcmu")]
    assert backend.rates == {"input": 8_000, "output": 24_000}


async def test_the_loudspeaker_plays_the_answer_and_what_it_has_played_is_reported(kit, backend, talking):
    async with talking(output_format=PCMU) as it:
        it.phone.say(AudioEvent(data=g711.encode(kit.tone(100, 8_000), "audio/pcmu"), format=PCMU))
        assert backend.fill(480) == g711.decode(g711.encode(kit.tone(30, 8_000), "audio/pcmu"), "audio/pcmu")
        await it.phone.until(lambda: it.phone.heard_ms == 30)
    assert backend.rates == {"input": 24_000, "output": 8_000}


async def test_an_interruption_silences_the_loudspeaker_and_the_next_answer_is_played(kit, backend, talking):
    async with talking() as it:
        it.phone.say(AudioEvent(data=kit.tone(500)))
        assert backend.fill(960) == kit.tone(20)
        it.phone.say(AudioInterrupted(epoch=1))
        assert backend.fill(960) == bytes(960)
        it.phone.say(AudioEvent(data=kit.tone(40), epoch=2))
        assert backend.fill(1920) == kit.tone(40)
        await it.phone.until(lambda: it.phone.heard_ms == 60)


async def test_a_transport_that_handles_the_audio_uses_devices_of_its_own(kit, backend, talking):
    async with talking(**kit.HANDLED):
        pass
    assert backend.streams == []


@pytest.mark.parametrize("reason", ["remote_hangup", "lost"])
async def test_the_end_is_told_with_its_reason_even_while_somebody_speaks(kit, backend, talking, reason):
    async with talking() as it:
        backend.deliver(kit.tone(20))
        await it.phone.until(lambda: it.phone.sent)
        it.phone.hang_up(reason)
        backend.deliver(kit.tone(20))
        end = await asyncio.wait_for(it.held, kit.PATIENCE_S)
    assert (end.status, end.reason) == ("disconnected", reason)
    assert it.shown.events[-1] == end
    assert len(it.phone.sent) == 1


async def test_hanging_up_lets_go_of_the_devices_and_of_the_connection(kit, talking):
    async with talking() as it:
        it.held.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(it.held, kit.PATIENCE_S)


@pytest.mark.parametrize("missing", ["play", "record"])
async def test_a_device_that_cannot_be_opened_is_told_and_the_other_one_closed(
    kit, devices, backend, monkeypatch, missing
):
    def refuse(*_):
        raise unusable("input", None, "busy")

    monkeypatch.setattr(backend, missing, refuse)
    phone = kit.Phone()
    session = RealtimeSession(RealtimeAgent(name="A"), transport=phone)
    with pytest.raises(AudioError, match="could not be opened"):
        await converse(session, Devices(audio=devices), lambda _: None)
    assert phone.status == "disconnected"
    assert all(stream.closed for stream in backend.streams)


async def test_devices_are_chosen_by_name(kit, devices):
    session = RealtimeSession(RealtimeAgent(name="A"), transport=kit.Phone())
    with pytest.raises(AudioError, match="no microphone called 'Hi-Fi'"):
        await converse(session, Devices(audio=devices, speaker="speak", microphone="Hi-Fi"), lambda _: None)
    session = RealtimeSession(RealtimeAgent(name="A"), transport=kit.Phone(input_format=PCM16_24K))
    with pytest.raises(AudioError, match="no loudspeaker called 'Hi-Fi'"):
        await converse(session, Devices(audio=devices, speaker="Hi-Fi"), lambda _: None)


async def test_where_nobody_hears_the_end_of_a_turn_it_is_refused_before_anything_is_opened(kit, backend, devices):
    session = RealtimeSession(RealtimeAgent(name="A"), transport=kit.Phone(turn_control="client"))
    with pytest.raises(Unsupported, match=r"--question FILE\.wav"):
        await converse(session, Devices(audio=devices), print)
    assert session.transport.status == "disconnected"
    assert backend.streams == []
