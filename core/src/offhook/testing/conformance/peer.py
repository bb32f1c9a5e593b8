"""The far end of a transport under test, as the suite drives it: what a service does, in words that every API knows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias

from attrs import field, frozen

from offhook.testing.conformance.waiting import News

Handshake: TypeAlias = Literal["accept", "hold", "refuse"]
Kind: TypeAlias = Literal["config", "message", "audio", "output", "reply", "cancel", "heard", "other"]


@frozen(kw_only=True)
class Received:
    """Something that the transport sent.

    ``config``: a session config, or a part of one. ``message``: ``text``. ``audio``: ``data``. ``output``: of the function
    call ``call_id``, in ``text``. ``reply``: one was asked for. ``cancel``: the assistant is to be silent. ``heard``: the
    playback position, in ``ms``. ``other``: anything else.
    """

    kind: Kind
    text: str = ""
    data: bytes = field(default=b"", repr=lambda data: f"<{len(data)} bytes>")
    call_id: str = ""
    ms: float | None = None


class Peer(ABC):
    """A service for one transport. Subclass it, translate each step into frames, and ``note`` what comes in.

    Your server calls ``admitted`` for every connection, before it answers the handshake. A peer is started before the
    transport is made, and serves any number of connections, one after the other. It must log nothing that it receives:
    what the suite finds in the logs is the transport's.
    """

    def __init__(self, *, clogged: bool = False) -> None:
        #: It takes the session, and then reads no more.
        self.clogged = clogged
        #: What came in, in order, of all connections.
        self.received: list[Received] = []
        self._handshake: Handshake = "accept"
        self._arrived = 0
        self._news = News()

    # What a subclass may extend, and what its server calls.

    async def start(self) -> None:
        """Begin to listen. Extend it where there is something to open."""
        self.received.clear()

    async def stop(self) -> None:
        """Close everything: no task and no thread of the peer's may be left. Extend it likewise."""
        self.handshake = "accept"

    def reset(self) -> None:
        """Forget the last connection: a new one begins. Extend it where the dialect has a state."""
        self._arrived += 1
        self._news.tell()

    async def admitted(self) -> bool:
        """Wait as long as the handshake is held, then tell whether the key is to be accepted."""
        self.reset()
        await self._news.wait_for(lambda: self._handshake != "hold")
        return self._handshake == "accept"

    def note(self, received: Received) -> None:
        """Take down what the transport sent."""
        self.received.append(received)
        self._news.tell()

    # What the suite does with it.

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def handshake(self) -> Handshake:
        """What happens to the connections that come: accepted, held until this changes, or refused for their key."""
        return self._handshake

    @handshake.setter
    def handshake(self, value: Handshake) -> None:
        self._handshake = value
        self._news.tell()

    async def arrived(self, patience_s: float) -> None:
        """Wait for the next connection to come, in whatever state its handshake is."""
        before = self._arrived
        await self._news.until(lambda: self._arrived > before, "a connection to come", patience_s)

    def of(self, kind: Kind) -> list[Received]:
        """Give what came of one kind."""
        return [received for received in self.received if received.kind == kind]

    async def until(self, condition: Callable[[], bool], what: str, patience_s: float) -> None:
        """Wait until ``condition`` holds of what came in. Raises ``AssertionError`` that says ``what`` did not."""
        await self._news.until(condition, f"{what} to reach the far end", patience_s)

    # The steps: what the service does.

    @abstractmethod
    async def say(self, audio: bytes) -> None:
        """Speak: ``audio`` is in the session's output format. Begins the assistant's turn where none is open.

        Where the media travels outside the contract, only begin to speak.
        """

    @abstractmethod
    async def call(self, call_id: str, name: str, arguments: str) -> None:
        """Call a function with ``arguments`` (JSON text), in the turn that is open, or in a new one."""

    @abstractmethod
    async def end_turn(self) -> None:
        """End the assistant's turn: as cut short if it was interrupted. Nothing, where none is open."""

    @abstractmethod
    async def interrupt(self) -> None:
        """Let the user speak over the assistant, and tell it as the service does.

        The turn stays open: after this the suite lets it ``say`` a little more, as a network in a hurry does. The same
        holds for a ``cancel`` of the transport: answer it as the service does, and leave the turn open.
        """

    @abstractmethod
    async def unknown(self) -> Mapping[str, Any]:
        """Send a frame of a kind that no version of the API has, and give it as it is once decoded; each time another."""

    @abstractmethod
    async def malformed(self) -> None:
        """Send what is no frame at all, and frames of known kinds that hold nonsense."""

    @abstractmethod
    async def drop(self) -> None:
        """Break the connection without a goodbye: also one whose handshake is held."""

    @abstractmethod
    async def hang_up(self) -> None:
        """End the connection in the service's polite way."""

    # Steps that only some flags need.

    async def race(self) -> None:
        """Begin a turn of your own just before the next wish for a reply comes, which is then refused.

        Needed for ``turn_model="response"`` with ``request_response``.
        """
        raise self._missing("race()", "turn_model='response'")

    async def withdraw(self, call_id: str) -> None:
        """Take a function call back. Needed for ``cancels_calls``."""
        raise self._missing(f"withdraw({call_id!r})", "cancels_calls=True")

    async def hear(self, text: str) -> None:
        """Tell what the user said, in words, to the end. Needed for ``input_transcripts``."""
        raise self._missing(f"hear({text!r})", "input_transcripts")

    async def caption(self, text: str) -> None:
        """Tell what the assistant says, in words. Needed for ``output_transcripts``."""
        raise self._missing(f"caption({text!r})", "output_transcripts")

    def _missing(self, step: str, flag: str) -> NotImplementedError:
        return NotImplementedError(
            f"{type(self).__qualname__} needs the step {step}, because the transport's capabilities promise {flag}. "
            "Write it, or correct the flag."
        )
