"""What offers are answered with."""

from __future__ import annotations

import pytest
from aiosipua import parse_sdp

from offhook_emulator.line.sip.sdp import NotAcceptable, answer


def _offer(media: str = "m=audio 7000 RTP/AVP 0 8", *attributes: str, connection: str = "192.0.2.7"):
    lines = ["v=0", "o=- 1 1 IN IP4 192.0.2.7", "s=-", f"c=IN IP4 {connection}", "t=0 0", media, *attributes]
    return parse_sdp("".join(f"{line}\r\n" for line in lines))


@pytest.mark.parametrize(("types", "chosen"), [("0 8", 0), ("8 0", 8), ("18 8", 8), ("0", 0)])
def test_the_first_codec_of_the_caller_that_is_g711_is_taken(types, chosen):
    assert answer(_offer(f"m=audio 7000 RTP/AVP {types}"), "192.0.2.1", 4000).audio_type == chosen


@pytest.mark.parametrize(
    "media",
    [
        "m=audio 7000 RTP/AVP 18",
        "m=audio 7000 RTP/SAVP 0",
        "m=audio 7000 UDP/TLS/RTP/SAVPF 0",
        "m=video 7000 RTP/AVP 0",
    ],
)
def test_what_cannot_be_carried_is_not_acceptable(media):
    with pytest.raises(NotAcceptable):
        answer(_offer(media), "192.0.2.1", 4000)


def test_no_offer_is_not_acceptable():
    with pytest.raises(NotAcceptable):
        answer(None, "192.0.2.1", 4000)


def test_a_codec_that_is_not_in_use_is_not_acceptable():
    with pytest.raises(NotAcceptable):
        answer(_offer("m=audio 7000 RTP/AVP 8"), "192.0.2.1", 4000, supported=(0,))


def test_keys_have_the_type_that_the_caller_gave_them():
    answered = answer(_offer("m=audio 7000 RTP/AVP 0 110", "a=rtpmap:110 telephone-event/8000"), "192.0.2.1", 4000)
    assert answered.keys_type == 110
    assert answered.sdp.audio.formats == ["0", "110"]


def test_without_keys_no_type_of_audio_is_taken_for_them():
    answered = answer(_offer(), "192.0.2.1", 4000)
    assert answered.keys_type not in (0, 8)
    assert answered.sdp.audio.formats == ["0"]


def test_frames_are_of_20_ms_whatever_the_caller_wishes():
    answered = answer(_offer("m=audio 7000 RTP/AVP 0", "a=ptime:40"), "192.0.2.1", 4000)
    assert answered.sdp.audio.attributes["ptime"] == ["20"]


@pytest.mark.parametrize(
    ("direction", "answered", "sends"),
    [
        ("sendrecv", "sendrecv", True),
        ("recvonly", "sendonly", True),
        ("sendonly", "recvonly", False),
        ("inactive", "inactive", False),
    ],
)
def test_a_caller_who_does_not_listen_is_sent_nothing(direction, answered, sends):
    given = answer(_offer("m=audio 7000 RTP/AVP 0", f"a={direction}"), "192.0.2.1", 4000)
    assert (given.sdp.audio.direction, given.sends) == (answered, sends)


def test_the_old_way_of_holding_is_understood():
    nowhere = "0.0.0.0"  # noqa: S104 - nobody binds to it
    assert not answer(_offer(connection=nowhere), "192.0.2.1", 4000).sends
