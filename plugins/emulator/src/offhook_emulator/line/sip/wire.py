"""What aiosipua 0.7.1 does not do by itself: SIP over UDP and TCP on one port, and answers that find their way back.

It gives every Contact as if it were UDP's, and says UDP in the Via of its requests: over TCP the caller's ACK and BYE
would then go astray. It also takes an INVITE that is repeated for another call.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Final

from aiosipua import (
    IncomingCall,
    SipRequest,
    SipResponse,
    SipTransport,
    SipUAS,
    TcpSipTransport,
    parse_via,
    stringify_via,
)

from offhook._log import logger

_FIRST_REFUSAL: Final = 300
_LOOP_DETECTED: Final = 482


class UdpWire(SipTransport, asyncio.DatagramProtocol):
    """SIP over a UDP socket, which it closes in the end."""

    def __init__(self, listener: socket.socket) -> None:
        super().__init__(local_addr=listener.getsockname()[:2])
        self._listener = listener
        self._transport: asyncio.DatagramTransport | None = None

    async def start(self) -> None:
        """Begin to listen."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=self._listener)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """Take a message."""
        self._dispatch(data, (str(addr[0]), int(addr[1])))

    def send(self, message: SipRequest | SipResponse, addr: tuple[str, int]) -> None:
        """Send a message."""
        if self._transport:
            self._transport.sendto(bytes(message), addr)

    async def stop(self) -> None:
        """Close the socket."""
        if self._transport:
            self._transport.close()
        self._listener.close()


class TcpWire(TcpSipTransport):
    """SIP over a listening TCP socket, which it closes in the end."""

    def __init__(self, listener: socket.socket) -> None:
        super().__init__(local_addr=listener.getsockname()[:2])
        self._listener = listener

    async def start(self) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._handle_connection, sock=self._listener)

    async def stop(self) -> None:
        """Close the socket and all connections."""
        await super().stop()
        self._listener.close()

    def send(self, message: SipRequest | SipResponse, addr: tuple[str, int]) -> None:
        """Send a message over the connection that ``addr`` is the other end of."""
        if addr not in self._connections:
            return  # a caller who is gone can be told nothing
        contact = message.headers.get_first("contact")
        if contact and "transport=" not in contact:
            message.headers.set_single("Contact", contact.replace(">", ";transport=tcp>"))
        if isinstance(message, SipRequest):
            via = message.headers.get_first("via") or ""
            message.headers.set_single("Via", via.replace("/UDP ", "/TCP ", 1))
        super().send(message, addr)


class Uas(SipUAS):
    """The server side of SIP on one wire."""

    def _on_message(self, msg: SipRequest | SipResponse, addr: tuple[str, int]) -> None:
        if isinstance(msg, SipResponse):
            _note_refusal(msg)
            return
        if self.transport.reliable:
            _answer_to(msg, addr)
        if not self._is_repeated(msg):
            super()._on_message(msg, addr)

    def _is_repeated(self, request: SipRequest) -> bool:
        """Tell whether a call is there already that an INVITE would begin; it may have come by two ways."""
        if request.method != "INVITE" or (request.to_addr and request.to_addr.tag):
            return False
        if self.transactions.match_request(request):
            return True  # it is being answered
        if request.call_id in self._calls:
            self._send_error(request, _LOOP_DETECTED, "Loop Detected")
            return True
        return False

    def forget(self, call: IncomingCall) -> None:
        """Drop a call that is over: aiosipua waits for an ACK or a BYE, which need not come."""
        self._calls.pop(call.call_id, None)


def _answer_to(request: SipRequest, addr: tuple[str, int]) -> None:
    """Have the answer sent over the connection that the request came by, also where its Via speaks of another port."""
    top, *others = request.headers.get("via")
    via = parse_via(top)
    via.params |= {"received": addr[0], "rport": str(addr[1])}
    request.headers.remove("Via")
    for value in (stringify_via(via), *others):
        request.headers.append("Via", value)


def _note_refusal(response: SipResponse) -> None:
    """Log it where a caller refuses what we asked of them, a transfer for instance: nobody else would ever know."""
    if response.status_code >= _FIRST_REFUSAL:
        method = response.cseq.method if response.cseq else None
        logger().warning("sip_refused", method=method, status=response.status_code, reason=response.reason_phrase)
