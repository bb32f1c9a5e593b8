"""The receive buffer: order, loss, and that it really takes the place of aiortc's."""

from __future__ import annotations

import asyncio

import aiortc
import pytest
from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtp import RtpPacket, is_rtcp
from hypothesis import given
from hypothesis import strategies as st

from offhook_webrtc import jitter
from offhook_webrtc.jitter import ShallowBuffer, shorten


def packet(number):
    made = RtpPacket(sequence_number=number % 65_536, timestamp=number * 960 % (1 << 32))
    made._data = str(number).encode()
    return made


def given_by(buffer, numbers):
    """What comes out as these packets go in."""
    frames = (buffer.add(packet(number))[1] for number in numbers)
    return [int(frame.data) for frame in frames if frame is not None]


@pytest.mark.parametrize(
    ("arriving", "given"),
    [
        pytest.param([0, 1, 2, 3], [0, 1, 2], id="in order: one behind"),
        pytest.param([0, 2, 1, 3, 4], [0, 1, 2, 3], id="overtaken: put in order"),
        pytest.param([0, 1, 3, 4, 5, 6], [0, 1, 3, 4, 5], id="lost: given up when the next one but one is there"),
        pytest.param([0, 1, 9, 10, 11], [0, 1, 9, 10], id="many lost at once: no longer a wait than for one"),
        pytest.param([0, 1, 2, 4, 5, 3, 6, 7], [0, 1, 2, 4, 5, 6], id="too late: dropped"),
        pytest.param([0, 1, 1, 2, 2, 3], [0, 1, 2], id="twice: once"),
        pytest.param(
            [65_534, 65_535, 65_536, 65_538, 65_537, 65_539], list(range(65_534, 65_539)), id="numbers start over"
        ),
        pytest.param([5_000, 5_001, 5_002, 10, 11, 12], [5_000, 5_001, 10, 11], id="stream began anew"),
    ],
)
def test_packets_come_out_in_order_one_behind(arriving, given):
    assert given_by(ShallowBuffer(), arriving) == given


@given(
    lost=st.sets(st.integers(0, 299), max_size=150),
    swapped=st.sets(st.integers(0, 298), max_size=40),
    start=st.sampled_from([0, 65_400]),
)
def test_whatever_is_lost_or_overtaken_the_delay_never_grows_and_the_order_holds(lost, swapped, start):
    numbers = list(range(start, start + 300))
    for at in sorted(swapped):
        numbers[at], numbers[at + 1] = numbers[at + 1], numbers[at]
    arriving = [number for number in numbers if number - start not in lost]
    buffer = ShallowBuffer()
    out = given_by(buffer, arriving)
    assert out == sorted(out)
    assert len(buffer._waiting) <= 1
    assert len(out) >= len(arriving) - 1 - 2 * len(swapped)


def test_this_aiortc_is_the_one_whose_insides_were_read():
    # It fails when aiortc moves on: read rtcrtpreceiver.py and jitterbuffer.py again, then raise what is verified.
    assert aiortc.__version__.startswith(jitter._VERIFIED)


async def test_the_buffer_of_a_receiver_is_replaced():
    peer = aiortc.RTCPeerConnection()
    receiver = peer.addTransceiver("audio").receiver
    assert isinstance(getattr(receiver, jitter._ATTRIBUTE), JitterBuffer)
    assert shorten(receiver)
    assert isinstance(getattr(receiver, jitter._ATTRIBUTE), ShallowBuffer)
    await peer.close()


async def test_an_aiortc_that_was_not_read_is_left_as_it_is_with_a_warning(monkeypatch, caplog):
    monkeypatch.setattr(aiortc, "__version__", "1.17.0")
    peer = aiortc.RTCPeerConnection()
    receiver = peer.addTransceiver("audio").receiver
    with caplog.at_level("WARNING", logger="offhook"):
        assert not shorten(receiver)
    assert "receive_buffer_not_replaced" in caplog.text
    assert isinstance(getattr(receiver, jitter._ATTRIBUTE), JitterBuffer)
    await peer.close()


async def test_a_lost_packet_costs_one_frame_and_no_delay(kit):
    sent = asyncio.Queue()
    heard = []

    async with kit.service() as service:
        transport = kit.transport(service, output=lambda pcm, _: heard.append(pcm))
        await asyncio.wait_for(transport.connect(), 20)
        dtls = (await service.call()).peer.getTransceivers()[0].sender.transport
        send, count = dtls._send_rtp, 0

        async def lossy(data):
            nonlocal count
            if is_rtcp(data):
                await send(data)
                return
            count += 1
            if count != 5:
                await send(data)
            sent.put_nowait(count)

        dtls._send_rtp = lossy
        before = len(heard)
        async with asyncio.timeout(20):
            while await sent.get() < 17:
                pass
        # aiortc's own buffer would have given the four before the loss, and be silent until the twentieth.
        assert len(heard) - before >= 12
        await transport.close()
