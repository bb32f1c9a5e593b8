"""Where telephones call: SIP over UDP and TCP on one port, any user part, no password.

Importing this imports aiosipua and aiortp, which the extra ``[sip]`` brings.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from functools import partial
from typing import Final

from aiosipua import IncomingCall, SipTransport

from offhook._log import logger
from offhook.errors import OffhookError
from offhook_emulator.line.rtp import new_ports
from offhook_emulator.line.sip.caller import SipCaller
from offhook_emulator.line.sip.exchange import Exchange
from offhook_emulator.line.sip.sdp import NotAcceptable
from offhook_emulator.line.sip.wire import TcpWire, Uas, UdpWire

_NOT_ACCEPTABLE_HERE: Final = 488
_SUCCESS: Final = range(200, 300)
#: Free ports that are tried: the one that TCP was given need not be free for UDP.
_TRIES: Final = 20


class SipEndpoint:
    """Takes calls and lets them ring at ``exchange``. ``port`` 0 picks one that is free for UDP and TCP."""

    def __init__(self, exchange: Exchange, *, host: str, port: int) -> None:
        self._exchange = exchange
        self._host = host
        self._port = port
        self._ports = new_ports()
        #: By the Call-ID of the INVITE; with each, the call's id.
        self._callers: dict[str, tuple[SipCaller, str]] = {}
        self._servers: list[Uas] = []

    @property
    def uri(self) -> str:
        """What to dial, such as ``sip:proj_offhook@127.0.0.1:5060``. There is none before ``open``."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"sip:proj_offhook@{host}:{self._port}"

    async def open(self) -> None:
        """Begin to take calls. Raises ``OffhookError`` where the port cannot be had."""
        udp, tcp = _listen(self._host, self._port)
        self._port = tcp.getsockname()[1]
        for wire in (UdpWire(udp), TcpWire(tcp)):
            server = self._server_on(wire)
            await server.start()
            self._servers.append(server)

    async def close(self) -> None:
        """Take no more calls. Those that there are should have ended before."""
        for server in self._servers:
            await server.stop()

    def _server_on(self, wire: SipTransport) -> Uas:
        server = Uas(wire, user_agent="offhook-emulator")
        server.on_invite = partial(self._on_invite, server)
        server.on_reinvite = self._on_reinvite
        server.on_bye = lambda invite, _request: self._hung_up(invite.call_id)
        server.on_ack_timeout = lambda invite: self._hung_up(invite.call_id)
        server.on_cancel = lambda request, _addr: self._hung_up(request.call_id)
        server.on_transfer_progress = self._on_transfer
        return server

    def _on_invite(self, server: Uas, invite: IncomingCall) -> None:
        host = _address_towards(invite.source_addr) or self._host
        invite.advertised_addr = host, self._port
        over = partial(self._callers.pop, invite.call_id, None)
        try:
            caller = SipCaller(server, invite, host=host, ports=self._ports, on_over=over)
        except NotAcceptable:
            invite.reject(_NOT_ACCEPTABLE_HERE)
            server.forget(invite)
            return
        caller.ring()
        self._callers[invite.call_id] = caller, self._exchange.ring(caller)

    def _on_reinvite(self, invite: IncomingCall) -> None:
        if invite.call_id in self._callers:
            caller, _ = self._callers[invite.call_id]
            caller.reinvited()

    def _hung_up(self, sip_call_id: str | None) -> None:
        if sip_call_id in self._callers:
            caller, call_id = self._callers[sip_call_id]
            self._exchange.give_up(call_id)
            caller.hung_up()

    def _on_transfer(self, sip_call_id: str, status: int, reason: str) -> None:
        logger().info("call_transfer", status=status, reason=reason)
        if status in _SUCCESS:
            self._hung_up(sip_call_id)  # they talk to somebody else now


def _address_towards(peer: tuple[str, int]) -> str | None:
    """Give this machine's address on the way to ``peer``: what is listened on may be all of them at once."""
    family = socket.AF_INET6 if ":" in peer[0] else socket.AF_INET
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect(peer)
        return probe.getsockname()[0]
    return None


def _listen(host: str, port: int) -> tuple[socket.socket, socket.socket]:
    """Take a port for UDP and TCP."""
    tries = _TRIES if port == 0 else 1
    while True:
        tcp: socket.socket | None = None
        try:
            tcp = _bind(host, port, socket.SOCK_STREAM)
            return _bind(host, tcp.getsockname()[1], socket.SOCK_DGRAM), tcp
        except OSError as error:
            if tcp:
                tcp.close()
            tries -= 1
            if not tries:
                raise _cannot_listen(host, port, error) from error


def _bind(host: str, port: int, kind: socket.SocketKind) -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind)
    try:
        if kind is socket.SOCK_STREAM and os.name == "posix":  # elsewhere it would take a port that is in use
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.setblocking(False)
    except OSError:
        bound.close()
        raise
    return bound


def _cannot_listen(host: str, port: int, error: OSError) -> OffhookError:
    if error.errno == errno.EADDRINUSE:
        return OffhookError(
            f"The SIP port {port} on {host} is in use, perhaps by another emulator or a telephone on this machine. "
            "Choose another with --sip-port, or port 0 to have a free one picked."
        )
    return OffhookError(
        f"The emulator cannot take calls on {host}, port {port}: {error.strerror or error}. "
        "Use an address of this machine, such as 127.0.0.1, and a port above 1023."
    )
