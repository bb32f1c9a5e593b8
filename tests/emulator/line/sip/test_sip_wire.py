"""Where answers and requests go over TCP, and what they say of it."""

from __future__ import annotations

from typing import Any

from aiosipua import SipMessage, SipRequest, SipResponse

from offhook_emulator.line.sip.wire import TcpWire, Uas

PEER = ("192.0.2.7", 40_000)


class Listener:
    def getsockname(self) -> tuple[str, int]:
        return "192.0.2.1", 5060


class Writer:
    """The caller's end of a connection."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    def write(self, data: bytes) -> None:
        self.messages.append(SipMessage.parse(data))

    async def drain(self) -> None:
        pass


def _wire() -> tuple[TcpWire, Writer]:
    wire, writer = TcpWire(Listener()), Writer()
    wire._connections[PEER] = (None, writer)
    return wire, writer


def _options(via: str) -> SipRequest:
    request = SipRequest(method="OPTIONS", uri="sip:proj_x@192.0.2.1")
    for name, value in (("Via", via), ("Via", "SIP/2.0/TCP 192.0.2.9;branch=z9hG4bK2"), ("From", "<sip:a@b>;tag=1")):
        request.headers.append(name, value)
    for name, value in (
        ("To", "<sip:proj_x@192.0.2.1>"),
        ("Call-ID", "1"),
        ("CSeq", "1 OPTIONS"),
        ("Max-Forwards", "7"),
    ):
        request.headers.append(name, value)
    return request


async def test_a_contact_says_that_it_is_reached_over_tcp():
    wire, writer = _wire()
    response = SipResponse(status_code=180, reason_phrase="Ringing")
    response.headers.append("Contact", "<sip:192.0.2.1:5060>")
    wire.send(response, PEER)
    assert writer.messages[0].get_header("contact") == "<sip:192.0.2.1:5060;transport=tcp>"


async def test_a_request_says_that_it_came_over_tcp():
    wire, writer = _wire()
    wire.send(_options("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport"), PEER)
    assert writer.messages[0].headers.get_first("via").startswith("SIP/2.0/TCP 192.0.2.1:5060")


async def test_a_caller_who_is_gone_is_told_nothing():
    wire, writer = _wire()
    wire.send(_options("SIP/2.0/TCP 192.0.2.1"), ("192.0.2.7", 40_001))
    assert writer.messages == []


async def test_an_answer_goes_back_over_the_connection_also_where_the_via_names_another_port():
    wire, writer = _wire()
    server = Uas(wire)
    server._on_message(_options("SIP/2.0/TCP 10.0.0.1:5060;branch=z9hG4bK1"), PEER)
    (answer,) = writer.messages
    assert answer.status_code == 200
    assert "branch=z9hG4bK1" in answer.headers.get("via")[0]
    assert "192.0.2.9" in answer.headers.get("via")[1]
