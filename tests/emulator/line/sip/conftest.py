"""SIP without a network: a wire that remembers what was sent over it, and callers who write what telephones write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiosipua import SipMessage, SipRequest, SipResponse, SipTransport

from offhook_emulator.line.sip import caller, endpoint
from offhook_emulator.line.sip.endpoint import SipEndpoint
from offhook_emulator.line.sip.exchange import Exchange
from offhook_emulator.line.switchboard import Switchboard
from offhook_emulator.replies.rules import Rules
from offhook_emulator.voice.scripted import ScriptedVoice

PEER = ("192.0.2.7", 5062)
OFFER = (
    "v=0",
    "o=- 1 1 IN IP4 192.0.2.7",
    "s=-",
    "c=IN IP4 192.0.2.7",
    "t=0 0",
    "m=audio 7000 RTP/AVP 8 0 96",
    "a=rtpmap:96 telephone-event/8000",
    "a=ptime:30",
    "a=sendrecv",
)


def body_of(lines: Sequence[str]) -> str:
    return "".join(f"{line}\r\n" for line in lines)


class Wire(SipTransport):
    """Takes what is sent, instead of sending it."""

    def __init__(self) -> None:
        super().__init__(local_addr=("192.0.2.1", 5060))
        self.sent: list[SipRequest | SipResponse] = []
        self._news = asyncio.Event()

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    def send(self, message: SipRequest | SipResponse, addr: tuple[str, int]) -> None:
        assert addr == PEER
        self.sent.append(SipMessage.parse(bytes(message)))
        self._news.set()

    @property
    def statuses(self) -> list[int]:
        """Of the answers."""
        return [message.status_code for message in self.sent if isinstance(message, SipResponse)]

    async def until(self, wanted: int | str) -> Any:
        """Wait for an answer of that status, or a request of that method."""
        async with asyncio.timeout(10):
            while True:
                for message in self.sent:
                    if wanted in (getattr(message, "status_code", None), getattr(message, "method", None)):
                        return message
                self._news.clear()
                await self._news.wait()


class Audio:
    """What stands in for RTP."""

    def __init__(self, remote: tuple[str, int]) -> None:
        self.remote, self.sending, self.closed = remote, True, False

    def redirect(self, remote: tuple[str, int]) -> None:
        self.remote = remote

    async def carry(self, call: Any) -> None:
        await asyncio.Event().wait()

    async def close(self) -> None:
        self.closed = True


class Telephone:
    """Somebody who calls, and the emulator they call."""

    def __init__(self) -> None:
        self.wire = Wire()
        self.switchboard = Switchboard(voice=ScriptedVoice(), replies=Rules())
        self.exchange = Exchange(self.switchboard)
        self.endpoint = SipEndpoint(self.exchange, host="192.0.2.1", port=5060)
        self.server = self.endpoint._server_on(self.wire)
        self.audio: list[Audio] = []
        self._sip_call_id = "the-call"
        self._number = 0
        self._tag = ""

    @property
    def ringing(self) -> list[str]:
        return list(self.exchange._ringing)

    def say(
        self, method: str, *, lines: Sequence[str] = (), extra: Sequence[str] = (), branch: str | None = None
    ) -> None:
        """Send a request."""
        if method not in ("ACK", "CANCEL"):
            self._number += 1
        body = body_of(lines)
        self.wire._dispatch(
            body_of(
                [
                    f"{method} sip:proj_x@192.0.2.1 SIP/2.0",
                    f"Via: SIP/2.0/UDP {PEER[0]}:{PEER[1]};branch={branch or f'z9hG4bK{self._number}'}",
                    "From: <sip:caller@192.0.2.7>;tag=theirs",
                    f"To: <sip:proj_x@192.0.2.1>{self._tag}",
                    f"Call-ID: {self._sip_call_id}",
                    f"CSeq: {self._number} {method}",
                    f"Contact: <sip:caller@{PEER[0]}:{PEER[1]}>",
                    *extra,
                    *(["Content-Type: application/sdp"] if lines else []),
                    f"Content-Length: {len(body)}",
                    "",
                ]
            ).encode()
            + body.encode(),
            PEER,
        )

    def begin(self, sip_call_id: str) -> None:
        """Forget the call; another has that Call-ID."""
        self._sip_call_id, self._tag = sip_call_id, ""
        self.wire.sent.clear()

    def dial(self, lines: Sequence[str] = OFFER, extra: Sequence[str] = ()) -> None:
        self.say("INVITE", lines=lines, extra=extra)

    async def answered(self) -> str:
        """Dial, and be accepted; gives the call's id."""
        self.dial()
        (call_id,) = self.ringing
        await self.exchange.accept(call_id, {"type": "realtime"})
        answer = await self.wire.until(200)
        self._tag = f";tag={answer.to_addr.tag}"
        self.say("ACK")
        self.wire.sent.clear()
        return call_id

    async def ended(self, call_id: str) -> None:
        """Wait until nothing of the call is left."""
        async with asyncio.timeout(10):
            while tasks := [task for call, task in self.switchboard.calls._calls.values() if call.id == call_id]:
                await asyncio.wait(tasks)


@pytest.fixture
def telephone(monkeypatch: pytest.MonkeyPatch):
    """Makes one: ``async with telephone() as phone``."""

    @asynccontextmanager
    async def make() -> AsyncIterator[Telephone]:
        phone = Telephone()

        async def open_audio(_local: object, remote: tuple[str, int], **_types: int) -> Audio:
            phone.audio.append(Audio(remote))
            return phone.audio[-1]

        async def allocate() -> tuple[int, int]:
            return 20_000, 20_001

        async def release(_port: int) -> None:
            pass

        monkeypatch.setattr(caller.RtpAudio, "open", open_audio)
        monkeypatch.setattr(endpoint, "_address_towards", lambda _peer: "192.0.2.1")
        monkeypatch.setattr(phone.endpoint._ports, "allocate", allocate)
        monkeypatch.setattr(phone.endpoint._ports, "release", release)
        await phone.server.start()
        yield phone
        await phone.exchange.close()
        await phone.switchboard.calls.close()
        await phone.server.stop()

    return make
