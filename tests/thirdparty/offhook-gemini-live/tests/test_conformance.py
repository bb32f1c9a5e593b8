"""The contract, rule by rule: offhook's own suite on ``gemini-live``, once for each way in which calls are declared."""

from __future__ import annotations

from gemini_peer import GeminiPeer
from offhook_gemini_live import GeminiLive, GeminiLiveOptions

from offhook.testing.conformance import TransportConformance


class TestGeminiLive(TransportConformance):
    def peer(self):
        return GeminiPeer()

    def clogged_peer(self):
        return GeminiPeer(clogged=True)

    def transport(self, peer):
        return GeminiLive(GeminiLiveOptions(url=peer.url))


class TestGeminiLiveWithCallsThatDoNotBlock(TestGeminiLive):
    def transport(self, peer):
        return GeminiLive(GeminiLiveOptions(url=peer.url, non_blocking_calls=True))
