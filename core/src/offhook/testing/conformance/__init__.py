"""The conformance suite for transport authors: subclass one class, give three factories, inherit the tests.

::

    from offhook.testing.conformance import MemoryPeer, TransportConformance


    class TestMyTransport(TransportConformance):
        def peer(self):
            return MyPeer()  # the far end, driven by the suite

        def clogged_peer(self):
            return MyPeer(clogged=True)  # a far end that takes the session, and then reads no more

        def transport(self, peer):
            return MyTransport(MyOptions(url=peer.url))  # disconnected, and pointed at that far end

Each promise P1–P12 of the contract is at least one test whose name carries its id. What a transport's ``capabilities`` do
not promise is skipped, and the message names the flag; overriding a test is refused when the class is defined.

The far end is a ``Peer``: eight steps that say what the service does, in words that every speech API knows. A transport
that speaks the OpenAI Realtime dialect needs only its wire: ``RealtimeDialectPeer`` knows the rest, and ``MemoryPeer`` has
a wire too, for transports that can be given a dialer; ``MemoryServer`` is that wire alone, for any dialect.

Neither pytest nor anything else beyond core is imported here: pytest collects the tests like any others, and where there is
no pytest (inside a Worker), ``await outcomes(TestMyTransport)`` runs them.
"""

from __future__ import annotations

from offhook.testing.conformance.bounds import BoundRules
from offhook.testing.conformance.calls import CallRules
from offhook.testing.conformance.contract import ContractRules
from offhook.testing.conformance.dialect import RealtimeDialectPeer
from offhook.testing.conformance.flags import FlagRules
from offhook.testing.conformance.frames import FrameRules
from offhook.testing.conformance.life import LifeRules
from offhook.testing.conformance.listeners import ListenerRules
from offhook.testing.conformance.loss import LossRules
from offhook.testing.conformance.memory import MemoryPeer, MemoryServer
from offhook.testing.conformance.peer import Peer, Received
from offhook.testing.conformance.rules import KEY, Outcome, SkippedByFlag, outcomes
from offhook.testing.conformance.secrecy import SecrecyRules
from offhook.testing.conformance.speech import SpeechRules

__all__ = [
    "KEY",
    "MemoryPeer",
    "MemoryServer",
    "Outcome",
    "Peer",
    "RealtimeDialectPeer",
    "Received",
    "SkippedByFlag",
    "TransportConformance",
    "outcomes",
]


class TransportConformance(
    ContractRules,
    FlagRules,
    LifeRules,
    FrameRules,
    SpeechRules,
    CallRules,
    ListenerRules,
    BoundRules,
    SecrecyRules,
    LossRules,
):
    """Every test of the contract. Subclass it, and give ``transport``, ``peer`` and ``clogged_peer``.

    ``connect_options`` may be replaced where ``connect()`` needs more than a key (a ``call_id``); ``patience_s`` is how
    long the suite waits for what must happen.
    """
