"""The conformance suite on the ``sip`` transport: the sideband of a call, whose audio travels elsewhere."""

from __future__ import annotations

from offhook.hookspecs import ConnectOptions
from offhook.testing.conformance import KEY, MemoryPeer, TransportConformance
from offhook_sip import OpenAIRealtimeSIP, SIPOptions


class TestSIP(TransportConformance):
    def peer(self):
        return MemoryPeer(service_plays=True)

    def clogged_peer(self):
        return MemoryPeer(service_plays=True, clogged=True)

    def transport(self, peer):
        return OpenAIRealtimeSIP(SIPOptions(dialer=peer.dial))

    def connect_options(self):
        return ConnectOptions(api_key=KEY, call_id="rtc_1")
