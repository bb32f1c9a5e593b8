"""One caller over SIP: who rings with an INVITE, and the line once they are answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from aiortp import PortAllocator
from aiosipua import DialogState, IncomingCall
from aiosipua.utils import format_addr

from offhook_emulator.line.calls import Call
from offhook_emulator.line.rtp import RtpAudio
from offhook_emulator.line.sip.sdp import Answer, NotAcceptable, answer
from offhook_emulator.line.sip.wire import Uas

#: What the caller's own server checks is nobody else's business.
_PRIVATE: Final = frozenset({"authorization", "proxy-authorization"})
_NOT_ACCEPTABLE_HERE: Final = 488
_SERVICE_UNAVAILABLE: Final = 503


class SipCaller:
    """The caller of ``invite``, which came to ``server``. ``host`` is where they reach us.

    ``on_over`` is called when it is over for whatever reason, perhaps more than once. Raises ``NotAcceptable`` where the
    offer has no audio that this line can carry.
    """

    def __init__(
        self, server: Uas, invite: IncomingCall, *, host: str, ports: PortAllocator, on_over: Callable[[], object]
    ) -> None:
        self._server = server
        self._sip = invite
        self._host = host
        self._ports = ports
        self._on_over = on_over
        self._gone = asyncio.Event()
        self._audio: RtpAudio | None = None
        self._answer = answer(invite.sdp_offer, host, 0)

    @property
    def headers(self) -> Sequence[tuple[str, str]]:
        """The INVITE's headers, as they came."""
        headers = self._sip.invite.headers.items()
        return [(name, value) for name, values in headers if name.lower() not in _PRIVATE for value in values]

    @property
    def media_security(self) -> str:
        """``rtp``: this line carries no other."""
        return "rtp"

    def ring(self) -> None:
        """Let the caller hear that it rings."""
        self._sip.ringing()

    def decline(self, status: int) -> None:
        """Tell the caller that nobody will talk to them."""
        self._sip.reject(status)
        self._over()

    def hung_up(self) -> None:
        """Note that the caller is gone, or going: whatever remains to be said is said by ``run``."""
        self._gone.set()
        if self._audio is None:
            self._over()

    async def run(self, call: Call) -> None:
        """Pick up, and carry the call until the caller hangs up; hangs up on them where it is cancelled."""
        try:
            port, _ = await self._ports.allocate()
            try:
                await self._talk(call, port)
            finally:
                await self._ports.release(port)
        finally:
            self._part()

    async def _talk(self, call: Call, port: int) -> None:
        self._answer = answer(self._sip.sdp_offer, self._host, port)
        audio = await RtpAudio.open(
            (self._host, port),
            self._answer.remote,
            audio_type=self._answer.audio_type,
            keys_type=self._answer.keys_type,
        )
        try:
            if self._gone.is_set():
                return
            self._pick_up(audio)
            async with asyncio.TaskGroup() as tasks:
                carrying = tasks.create_task(audio.carry(call))
                await self._gone.wait()
                carrying.cancel()
        finally:
            await audio.close()

    def _pick_up(self, audio: RtpAudio) -> None:
        self._audio = audio
        audio.sending = self._answer.sends
        self._sip.accept(self._answer.sdp)

    def _part(self) -> None:
        """Say goodbye, if that was not done yet."""
        match self._sip.dialog.state:
            case DialogState.EARLY:
                self._sip.reject(_SERVICE_UNAVAILABLE)
            case DialogState.CONFIRMED:
                self._sip.hangup()
            case DialogState.TERMINATED:
                pass
        self._over()

    def _over(self) -> None:
        self._server.forget(self._sip)
        self._on_over()

    def reinvited(self) -> None:
        """Answer another INVITE of the same call: the caller holds it, takes it up again, or moves."""
        port = self._answer.sdp.audio.port if self._answer.sdp.audio else 0
        if not self._sip.invite.body:
            self._sip.accept(self._answer.sdp)  # a call that is kept alive: all is as before
            return
        try:
            changed = answer(self._sip.sdp_offer, self._host, port, supported=(self._answer.audio_type,))
        except NotAcceptable:
            refusal = self._sip.dialog.create_response(self._sip.invite, _NOT_ACCEPTABLE_HERE)
            self._server.transport.send_reply(refusal)
            return
        self._sip.accept(changed.sdp)
        self._change(changed)

    def _change(self, changed: Answer) -> None:
        self._answer = changed
        if self._audio:
            self._audio.sending = changed.sends
            if changed.sends:
                self._audio.redirect(changed.remote)

    def refer(self, target_uri: str) -> None:
        """Ask the caller to call somebody else (RFC 3515). They hang up when it has worked."""
        host, port = self._sip.advertised_addr or self._server.transport.local_addr
        request = self._sip.dialog.create_request("REFER", via_host=host, via_port=port)
        request.headers.set_single("Contact", f"<sip:{format_addr(host, port)}>")
        request.headers.set_single("Refer-To", f"<{target_uri}>")
        self._server.transport.send(request, self._sip.source_addr)
