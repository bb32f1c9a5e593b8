"""One caller over SIP, message by message."""

from __future__ import annotations

import asyncio

import pytest


async def test_an_invite_rings(telephone):
    async with telephone() as phone:
        phone.dial()
        assert phone.wire.statuses == [100, 180]
        assert len(phone.ringing) == 1


async def test_an_invite_that_is_repeated_rings_once(telephone):
    async with telephone() as phone:
        phone.dial()
        phone.say("INVITE", branch="z9hG4bK1")
        assert len(phone.ringing) == 1
        assert phone.wire.statuses == [100, 180]


async def test_an_invite_that_comes_by_two_ways_rings_once(telephone):
    async with telephone() as phone:
        phone.dial()
        phone.dial()
        assert len(phone.ringing) == 1
        assert phone.wire.statuses == [100, 180, 482]


async def test_many_calls_leave_nothing_behind(telephone):
    async with telephone() as phone:
        before = asyncio.all_tasks()
        for number in range(30):
            phone.begin(f"call-{number}")
            match number % 3:
                case 0:
                    phone.dial()
                    phone.say("CANCEL")
                case 1:
                    phone.dial()
                    phone.exchange.reject(phone.ringing[0], 486)
                case _:
                    call_id = await phone.answered()
                    phone.switchboard.calls.get(call_id).hang_up()
                    await phone.ended(call_id)
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == before
        assert phone.server.active_calls == phone.endpoint._callers == {}
        assert phone.ringing == []
        assert all(audio.closed for audio in phone.audio)


@pytest.mark.parametrize(
    "offer",
    [
        (),
        ("v=0", "o=- 1 1 IN IP4 192.0.2.7", "s=-", "c=IN IP4 192.0.2.7", "t=0 0", "m=audio 7000 RTP/AVP 18"),
        ("v=0", "o=- 1 1 IN IP4 192.0.2.7", "s=-", "c=IN IP4 192.0.2.7", "t=0 0", "m=audio 7000 RTP/SAVP 0"),
    ],
    ids=["none", "other codecs", "encrypted"],
)
async def test_an_offer_that_cannot_be_carried_is_not_acceptable(telephone, offer):
    async with telephone() as phone:
        phone.dial(offer)
        assert phone.wire.statuses == [100, 488]
        assert phone.ringing == []
        assert phone.server.active_calls == {}


async def test_headers_are_passed_on_as_they_came_but_for_credentials(telephone):
    async with telephone() as phone:
        phone.dial(extra=["X-Tenant: a", "X-Tenant: b", "Authorization: Digest x", "Proxy-Authorization: Digest y"])
        caller, _ = phone.endpoint._callers["the-call"]
        headers = [(name.lower(), value) for name, value in caller.headers]
        assert [value for name, value in headers if name == "x-tenant"] == ["a", "b"]
        assert ("from", "<sip:caller@192.0.2.7>;tag=theirs") in headers
        assert not any("authorization" in name for name, _ in headers)
        assert caller.media_security == "rtp"


async def test_a_call_that_is_rejected_is_declined_and_forgotten(telephone):
    async with telephone() as phone:
        phone.dial()
        phone.exchange.reject(phone.ringing[0], 486)
        assert phone.wire.statuses == [100, 180, 486]
        assert phone.server.active_calls == phone.endpoint._callers == {}


async def test_a_caller_who_cancels_does_not_ring_any_more(telephone):
    async with telephone() as phone:
        phone.dial()
        phone.say("CANCEL")
        assert phone.wire.statuses == [100, 180, 200, 487]
        assert phone.ringing == []
        assert phone.server.active_calls == phone.endpoint._callers == {}


async def test_accepting_answers_with_the_callers_codec_and_keys(telephone):
    async with telephone() as phone:
        phone.dial()
        await phone.exchange.accept(phone.ringing[0], {"type": "realtime"})
        answer = (await phone.wire.until(200)).text
        assert "m=audio 20000 RTP/AVP 8 96\r\n" in answer
        assert "a=ptime:20\r\n" in answer
        assert phone.audio[0].remote == ("192.0.2.7", 7000)


async def test_the_callers_bye_ends_the_call(telephone):
    async with telephone() as phone:
        call_id = await phone.answered()
        phone.say("BYE")
        await phone.ended(call_id)
        assert phone.wire.statuses == [200]
        assert all(getattr(message, "method", "") != "BYE" for message in phone.wire.sent)
        assert phone.audio[0].closed
        assert phone.server.active_calls == phone.endpoint._callers == {}


async def test_hanging_up_says_bye(telephone):
    async with telephone() as phone:
        call_id = await phone.answered()
        phone.switchboard.calls.get(call_id).hang_up()
        await phone.wire.until("BYE")
        await phone.ended(call_id)
        assert phone.audio[0].closed
        assert phone.server.active_calls == phone.endpoint._callers == {}


async def test_a_caller_who_never_acknowledges_ends_the_call(telephone):
    async with telephone() as phone:
        phone.dial()
        (call_id,) = phone.ringing
        await phone.exchange.accept(call_id, {"type": "realtime"})
        await phone.wire.until(200)
        invite = phone.server.get_call("the-call")
        invite._stop_retransmissions()
        invite._on_ack_timeout()  # half a minute later
        await phone.ended(call_id)
        assert phone.audio[0].closed


async def test_a_caller_who_cancels_too_late_is_hung_up_on(telephone):
    async with telephone() as phone:
        phone.dial()
        (call_id,) = phone.ringing
        await phone.exchange.accept(call_id, {"type": "realtime"})
        await phone.wire.until(200)
        phone.say("CANCEL")
        await phone.wire.until("BYE")
        await phone.ended(call_id)


async def test_no_free_port_is_told_to_the_caller_and_ends_the_call(telephone, monkeypatch):
    async with telephone() as phone:

        async def allocate() -> tuple[int, int]:
            raise RuntimeError("no available port pair in range")

        monkeypatch.setattr(phone.endpoint._ports, "allocate", allocate)
        phone.dial()
        (call_id,) = phone.ringing
        await phone.exchange.accept(call_id, {"type": "realtime"})
        await phone.ended(call_id)
        assert phone.wire.statuses == [100, 180, 503]


async def test_a_transfer_asks_the_caller_and_hangs_up_when_it_has_worked(telephone):
    async with telephone() as phone:
        call_id = await phone.answered()
        phone.switchboard.calls.get(call_id).line.refer("tel:+14155550123")
        request = await phone.wire.until("REFER")
        assert request.get_header("refer-to") == "<tel:+14155550123>"
        assert request.get_header("contact") == "<sip:192.0.2.1:5060>"
        for status in (100, 200):
            event = ["Event: refer", "Content-Type: message/sipfrag"]
            phone.say("NOTIFY", lines=[f"SIP/2.0 {status} Whatever"], extra=event)
        await phone.wire.until("BYE")
        await phone.ended(call_id)


async def test_a_transfer_that_fails_changes_nothing(telephone):
    async with telephone() as phone:
        call_id = await phone.answered()
        phone.switchboard.calls.get(call_id).line.refer("tel:+14155550123")
        await phone.wire.until("REFER")
        phone.say("NOTIFY", lines=["SIP/2.0 486 Busy Here"], extra=["Event: refer", "Content-Type: message/sipfrag"])
        assert phone.switchboard.calls.get(call_id)


async def test_a_caller_on_hold_is_sent_nothing_until_they_are_back(telephone):
    async with telephone() as phone:
        await phone.answered()
        phone.say("INVITE", lines=_offer("a=sendonly"))
        held = await phone.wire.until(200)
        assert "a=recvonly" in held.text
        assert not phone.audio[0].sending
        phone.say("ACK")
        phone.wire.sent.clear()
        phone.say("INVITE", lines=_offer("a=sendrecv", port=7002))
        back = await phone.wire.until(200)
        assert "a=sendrecv" in back.text
        assert phone.audio[0].sending
        assert phone.audio[0].remote == ("192.0.2.7", 7002)


async def test_an_invite_without_an_offer_keeps_the_call_as_it_is(telephone):
    async with telephone() as phone:
        call_id = await phone.answered()
        phone.say("INVITE")
        assert "m=audio 20000 RTP/AVP 8 96\r\n" in (await phone.wire.until(200)).text
        assert phone.switchboard.calls.get(call_id)


async def test_a_change_that_cannot_be_made_is_refused_and_the_call_goes_on(telephone):
    async with telephone() as phone:
        call_id = await phone.answered()
        phone.say("INVITE", lines=[*_offer("a=sendrecv")[:5], "m=audio 7000 RTP/AVP 0"])  # it was PCMA
        assert phone.wire.statuses == [488]
        assert phone.switchboard.calls.get(call_id)


def _offer(direction: str, port: int = 7000) -> list[str]:
    head = ["v=0", "o=- 1 2 IN IP4 192.0.2.7", "s=-", "c=IN IP4 192.0.2.7", "t=0 0"]
    return [*head, f"m=audio {port} RTP/AVP 8 0 96", "a=rtpmap:96 telephone-event/8000", direction]
