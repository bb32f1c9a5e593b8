"""The conformance suite on the transport that comes with core."""

from __future__ import annotations

from offhook.loopback import Loopback, LoopbackOptions
from offhook.testing.conformance import MemoryPeer, TransportConformance


class TestLoopback(TransportConformance):
    def peer(self):
        return MemoryPeer()

    def clogged_peer(self):
        return MemoryPeer(clogged=True)

    def transport(self, peer):
        return Loopback(LoopbackOptions(dialer=peer.dial))
