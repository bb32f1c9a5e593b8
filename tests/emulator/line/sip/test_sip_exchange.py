"""What becomes of a call that rings."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from offhook_emulator.line.sip.exchange import Exchange, NotRinging
from offhook_emulator.line.switchboard import Switchboard
from offhook_emulator.model.errors import Refused
from offhook_emulator.replies.rules import Rules
from offhook_emulator.voice.scripted import ScriptedVoice
from offhook_emulator.webhooks import WebhookTarget

TARGET = WebhookTarget("http://192.0.2.1/", "whsec_c2VjcmV0")
CONFIG = {"type": "realtime", "instructions": "Be brief."}


class Phone:
    headers = (("From", "<sip:a@b>"), ("X-A", "1"), ("X-A", "2"))
    media_security = "rtp"

    def __init__(self) -> None:
        self.declined: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.call: Any = None

    def decline(self, status: int) -> None:
        self.declined.set_result(status)

    async def run(self, call: Any) -> None:
        self.call = call
        await asyncio.Event().wait()


class Sender:
    """Takes webhooks, and goes on trying until they are not wanted."""

    def __init__(self) -> None:
        self.sent: list[tuple[WebhookTarget, Mapping[str, Any]]] = []
        self.wanted: Any = None

    async def send(self, target: WebhookTarget, event: Mapping[str, Any], *, wanted: Any) -> bool:
        self.sent.append((target, event))
        self.wanted = wanted
        return True

    async def close(self) -> None:
        pass


def _exchange(**options: Any) -> tuple[Exchange, Switchboard, Sender]:
    switchboard = Switchboard(voice=ScriptedVoice(), replies=Rules())
    exchange = Exchange(switchboard, **options)
    exchange._sender = sender = Sender()
    return exchange, switchboard, sender


async def test_accepting_makes_it_a_call_with_that_session():
    exchange, switchboard, _ = _exchange()
    phone = Phone()
    call_id = exchange.ring(phone)
    assert switchboard.calls.get(call_id) is None
    await exchange.accept(call_id, CONFIG)
    call = switchboard.calls.get(call_id)
    assert call.line is phone
    assert call._model.session.wire["instructions"] == "Be brief."
    await switchboard.calls.close()


async def test_a_call_is_accepted_once():
    exchange, switchboard, _ = _exchange()
    call_id = exchange.ring(Phone())
    await exchange.accept(call_id, CONFIG)
    with pytest.raises(NotRinging):
        await exchange.accept(call_id, CONFIG)
    with pytest.raises(NotRinging):
        exchange.reject(call_id, 486)
    await switchboard.calls.close()


async def test_a_config_that_is_refused_lets_it_ring_on():
    exchange, _, _ = _exchange()
    phone = Phone()
    call_id = exchange.ring(phone)
    with pytest.raises(Refused):
        await exchange.accept(call_id, {"instructions": "Be brief."})
    exchange.reject(call_id, 486)
    assert phone.declined.result() == 486


async def test_nobody_answers_for_ever():
    exchange, _, _ = _exchange(ring_s=0.01)
    phone = Phone()
    call_id = exchange.ring(phone)
    assert await asyncio.wait_for(phone.declined, 10) == 480
    with pytest.raises(NotRinging):
        await exchange.accept(call_id, CONFIG)


async def test_a_caller_who_gives_up_cannot_be_accepted_or_declined():
    exchange, _, _ = _exchange()
    phone = Phone()
    call_id = exchange.ring(phone)
    exchange.give_up(call_id)
    exchange.give_up(call_id)
    with pytest.raises(NotRinging):
        await exchange.accept(call_id, CONFIG)
    assert not phone.declined.done()


async def test_what_rings_when_the_exchange_closes_is_declined():
    exchange, _, _ = _exchange()
    phones = [Phone(), Phone()]
    for phone in phones:
        exchange.ring(phone)
    await exchange.close()
    assert [phone.declined.result() for phone in phones] == [503, 503]


async def test_a_webhook_tells_of_the_call_as_the_service_does():
    exchange, _, sender = _exchange(target=TARGET)
    call_id = exchange.ring(Phone())
    await asyncio.gather(*exchange._announcements)
    ((target, event),) = sender.sent
    assert target is TARGET
    assert event.keys() == {"object", "id", "type", "created_at", "data"}
    assert (event["object"], event["type"]) == ("event", "realtime.call.incoming")
    assert event["data"] == {
        "call_id": call_id,
        "sip_media_security": "rtp",
        "sip_headers": [
            {"name": "From", "value": "<sip:a@b>"},
            {"name": "X-A", "value": "1"},
            {"name": "X-A", "value": "2"},
        ],
    }


async def test_a_call_may_have_a_webhook_of_its_own():
    exchange, _, sender = _exchange(target=TARGET)
    own = WebhookTarget("http://192.0.2.2/", "whsec_c2VjcmV0")
    exchange.ring(Phone(), own)
    await asyncio.gather(*exchange._announcements)
    assert sender.sent[0][0] is own


async def test_a_webhook_is_wanted_while_it_rings():
    exchange, _, sender = _exchange(target=TARGET)
    call_id = exchange.ring(Phone())
    await asyncio.gather(*exchange._announcements)
    assert sender.wanted()
    exchange.reject(call_id, 486)
    assert not sender.wanted()


async def test_without_a_webhook_it_rings_all_the_same():
    exchange, switchboard, sender = _exchange()
    await exchange.accept(exchange.ring(Phone()), CONFIG)
    assert sender.sent == []
    await switchboard.calls.close()
