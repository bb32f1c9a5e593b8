"""Two tins and a string: a transport and its service in a dialect of their own, to prove the conformance suite with.

It shows that the suite knows no vendor's protocol, and it is small enough to be broken in every way, one at a time.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging

import pytest
from attrs import evolve

from offhook.audio.formats import PCM16_24K
from offhook.capabilities import Capabilities
from offhook.errors import AlreadyConnected, ConnectCancelled, ConnectError, ImmutableConfig, NotConnected
from offhook.events import (
    AudioEvent,
    AudioInterrupted,
    AudioTranscriptDelta,
    ConnectionChange,
    ErrorEvent,
    FunctionCall,
    FunctionCallCancelled,
    InputTranscriptDelta,
    OutputSpeechStarted,
    OutputSpeechStopped,
    RawEvent,
    SessionReady,
    SpeechStarted,
    TurnDone,
    TurnStarted,
)
from offhook.hookspecs import ConnectOptions
from offhook.testing.conformance import MemoryServer, Peer, Received, TransportConformance, outcomes
from offhook.transport import TransportBase
from offhook.wire.channel import DialRequest
from offhook.wire.config import names, to_wire

FLAGS = Capabilities(
    turn_model="response",
    cancel="server",
    truncate="client",
    turn_control="client",
    request_response=True,
    request_ids=True,
    cancels_calls=True,
    mutable_config=frozenset({"instructions"}),
    input_formats=(PCM16_24K,),
    output_formats=(PCM16_24K,),
    input_transcripts="final",
    output_transcripts="append",
    speech_events=frozenset({"input", "output"}),
)
LOGGER = logging.getLogger("tincan")


class TinCan(TransportBase):
    """The tin on this side. Its name is one that is installed."""

    flags = FLAGS

    def __init__(self, dial):
        super().__init__("loopback", self.flags)
        self._dial = dial
        self._channel = self._receiver = self._attempt = self._ready = None
        self._given_up = False
        self._closed = asyncio.Event()
        self._numbers = itertools.count(1)

    # Its life.

    async def connect(self, options=None):
        if self._status != "disconnected":
            raise AlreadyConnected(f"the transport is {self._status}. Call close() first.")
        self._closed.clear()
        self._given_up = False
        self._epoch, self._turn, self._silenced = 1, None, set()
        self._asked = self._wanted = False
        self._wish = None
        self._received_ms = self._played_ms = 0.0
        self._change(ConnectionChange(status="connecting"))
        self._attempt = asyncio.create_task(self._establish(options or ConnectOptions()))
        try:
            await self._attempt
        except asyncio.CancelledError:
            self._over(ConnectionChange(status="disconnected", reason="requested"))
            if not self._given_up:
                raise
            raise ConnectCancelled("close() was called while connecting. Call connect() to try again.") from None
        except ConnectError as error:
            self._emit(ErrorEvent(message=str(error), fatal=True))
            self._over(ConnectionChange(status="disconnected", reason="error"))
            raise

    async def _establish(self, options):
        self._channel = await self._dial(DialRequest(url="tin://can", api_key=options.api_key))
        self._ready = asyncio.get_running_loop().create_future()
        self._change(ConnectionChange(status="connected"))
        self._receiver = asyncio.create_task(self._receive(self._channel))
        await self._channel.send(json.dumps({"t": "hello"}))
        await self._accepted()

    async def _accepted(self):
        await self._ready

    async def close(self, *, timeout_s=5.0):
        if self._attempt is not None and not self._attempt.done():
            self._given_up = True
            self._attempt.cancel()
        elif self._status == "connected":
            self._change(ConnectionChange(status="disconnecting", reason="requested"))
            self._over(ConnectionChange(status="disconnected", reason="requested"))
        if self._status != "disconnected":
            await self._closed.wait()

    async def _receive(self, channel):
        async for text in channel:
            self._take(text)
        self._ended(channel.close_code)

    def _ended(self, code):
        if not self._attempt.done():
            self._ready.set_exception(ConnectError("the service hung up before it was ready. Try again."))
        elif code == 1000:
            self._over(ConnectionChange(status="disconnected", reason="remote_hangup", finalised=True))
        else:
            self._emit(ErrorEvent(message="the string broke. Connect again.", fatal=True))
            self._over(ConnectionChange(status="disconnected", reason="lost", recoverable=True))

    def _over(self, change):
        if self._receiver is not None and self._receiver is not asyncio.current_task():
            self._receiver.cancel()
        if self._channel is not None:
            self._channel.end(1000)
        self._channel = self._receiver = None
        if self._status != "disconnected":
            self._change(change)
        self._closed.set()

    # What comes in.

    def _take(self, text):
        try:
            frame = json.loads(text)
            handler = getattr(self, f"_on_{frame['t']}", None)
            self._raw(frame)
            if handler is not None:
                handler(frame)
        except (ValueError, KeyError, TypeError) as error:
            self._malformed(type(error).__name__)

    def _raw(self, frame):
        self._emit(RawEvent(payload=frame))

    def _malformed(self, why):
        LOGGER.warning("a malformed frame: %s", why)

    def _on_ready(self, frame):
        self._emit(SessionReady(output_format=PCM16_24K))
        if not self._ready.done():
            self._ready.set_result(None)

    def _on_turn(self, frame):
        self._turn = frame["turn"]
        self._emit(TurnStarted(turn_id=self._turn, request_id=frame.get("wish")))

    def _on_say(self, frame):
        if frame["turn"] not in self._silenced:
            data = bytes.fromhex(frame["audio"])
            if not self._received_ms:
                self._emit(OutputSpeechStarted(epoch=self._epoch))
            self._received_ms += PCM16_24K.duration_ms(len(data))
            self._emit(AudioEvent(data=data, epoch=self._epoch))

    def _on_end(self, frame):
        self._silenced.discard(frame["turn"])
        self._turn, self._asked = None, False
        if self._received_ms:
            self._emit(OutputSpeechStopped(epoch=self._epoch))
        self._received_ms = self._played_ms = 0.0
        self._emit(TurnDone(turn_id=frame["turn"]))
        self._post_reply()

    def _on_speech(self, frame):
        self._emit(SpeechStarted())
        self._cut("user_speech")

    def _on_call(self, frame):
        self._emit(FunctionCall(call_id=frame["id"], name=frame["name"], arguments=frame["arguments"]))

    def _on_withdraw(self, frame):
        self._emit(FunctionCallCancelled(call_ids=(frame["id"],)))

    def _on_words(self, frame):
        self._emit(InputTranscriptDelta(segment_id="user", text=frame["text"], final=True))

    def _on_caption(self, frame):
        self._emit(AudioTranscriptDelta(segment_id="assistant", text=frame["text"]))

    def _on_busy(self, frame):
        self._asked, self._wanted = False, True

    # What goes out.

    async def _send(self, kind, **members):
        self._require_connected(kind)
        try:
            await self._channel.send(json.dumps({"t": kind, **members}))
        except OSError as error:
            raise NotConnected(kind, "losing its connection") from error

    def _post(self, kind, **members):
        """Send from where nobody can wait: the string always has room for the little that is said here."""
        task = asyncio.ensure_future(self._channel.send(json.dumps({"t": kind, **members})))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def send_event(self, event):
        await self._send("other")
        return "event_1"

    async def send_message(self, message, *, respond=True):
        await self._send("text", text=str(message))
        if respond:
            await self.request_response()

    async def send_audio(self, audio, *, commit=False):
        await self._send("audio", audio=audio.hex())

    async def request_response(self, response=None):
        self._require_connected("request_response()")
        self._wanted = True
        self._wish = f"wish_{next(self._numbers)}"
        if self._may_ask():
            await self._send("reply", wish=self._wish)
        return self._wish

    def _may_ask(self):
        if not self._wanted or self._asked or self._turn:
            return False
        self._wanted, self._asked = False, True
        return True

    def _post_reply(self):
        if self._may_ask():
            self._post("reply", wish=self._wish)

    async def update_session_config(self, config):
        self._require_connected("update_session_config()")
        if fixed := names(to_wire(config)) - self.capabilities.mutable_config:
            raise ImmutableConfig(fixed, "Connect again with the new value.")
        await self._send("config", text=json.dumps(to_wire(config)))

    async def send_function_call_output(self, call, output, start_response=True, *, delivery=None, final=True):
        if delivery is not None:
            self._refuse("delivery", "deliveries", "Leave it out.")
        await self._send("output", id=call.call_id, text=output)

    def played(self, ms):
        self._played_ms += ms

    async def interrupt(self, *, heard_ms=None):
        await self._send("hush")
        self._cut("client")

    def _cut(self, reason):
        if self._turn is None or self._turn in self._silenced:
            return
        self._silenced.add(self._turn)
        heard_ms = self._heard_ms()
        self._post("heard", ms=heard_ms)
        self._emit(AudioInterrupted(epoch=self._epoch, reason=reason, heard_ms=heard_ms))
        self._epoch += 1

    def _heard_ms(self):
        return int(min(self._played_ms, self._received_ms))


KINDS = {"hello": "config", "text": "message", "hush": "cancel"}


class TinCanPeer(Peer):
    """The tin on the other side."""

    def __init__(self, *, clogged=False):
        super().__init__(clogged=clogged)
        self.server = MemoryServer(self.admitted, self.take)
        self.unclogged = asyncio.Event()
        self.numbers = itertools.count(1)
        self.turn, self.racing = None, False

    def reset(self):
        super().reset()
        self.turn, self.racing = None, False

    async def stop(self):
        self.unclogged.set()
        await super().stop()
        await self.server.stop()

    async def take(self, text):
        frame = json.loads(text)
        kind = KINDS.get(frame["t"], frame["t"])
        data = bytes.fromhex(frame.get("audio", ""))
        if kind == "reply" and self.racing:
            self.racing = False
            await self.open()
            await self.send("busy")
        self.note(
            Received(kind=kind, text=frame.get("text", ""), data=data, call_id=frame.get("id", ""), ms=frame.get("ms"))
        )
        if kind == "reply" and self.turn is None:
            await self.open(frame["wish"])
        if frame["t"] == "hello":
            await self.send("ready")
            if self.clogged:
                await self.unclogged.wait()

    async def send(self, kind, **members):
        await self.server.transmit(json.dumps({"t": kind, **members}))

    async def open(self, wish=None):
        if self.turn is None:
            self.turn = f"turn_{next(self.numbers)}"
            await self.send("turn", turn=self.turn, wish=wish)

    async def say(self, audio):
        await self.open()
        await self.send("say", turn=self.turn, audio=audio.hex())

    async def call(self, call_id, name, arguments):
        await self.open()
        await self.send("call", id=call_id, name=name, arguments=arguments)

    async def end_turn(self):
        if self.turn is not None:
            await self.send("end", turn=self.turn)
            self.turn = None

    async def interrupt(self):
        await self.send("speech")

    async def unknown(self):
        frame = {"t": "novelty", "number": next(self.numbers)}
        await self.server.transmit(json.dumps(frame))
        return frame

    async def malformed(self):
        for text in ("", "[]", '{"t":"call"}', '{"t":"say","turn":"turn_1","audio":"xyz"}'):
            await self.server.transmit(text)

    async def drop(self):
        self.server.end(1006)

    async def hang_up(self):
        self.server.end(1000)

    async def race(self):
        self.racing = True

    async def withdraw(self, call_id):
        await self.send("withdraw", id=call_id)

    async def hear(self, text):
        await self.send("words", text=text)

    async def caption(self, text):
        await self.send("caption", text=text)


class Conformance(TransportConformance):
    """The suite, in a hurry: nothing here takes long, except what never comes."""

    patience_s = 0.8
    made = TinCan

    def peer(self):
        return TinCanPeer()

    def clogged_peer(self):
        return TinCanPeer(clogged=True)

    def transport(self, peer):
        return self.made(peer.server.dial)


def pytest_generate_tests(metafunc):
    """Give a test that takes a ``mutant`` every class of its module that says which tests catch it."""
    if "mutant" in metafunc.fixturenames:
        found = [thing for thing in vars(metafunc.module).values() if hasattr(thing, "caught_by")]
        metafunc.parametrize("mutant", found, ids=lambda mutant: mutant.__name__)


@pytest.fixture
def failures():
    """``failures(mutant)``: what fails where that is laid over the transport, and why."""

    def check(mutant=object):
        flags = evolve(FLAGS, **getattr(mutant, "changes", {}))
        bases = (TinCan,) if mutant is object else (mutant, TinCan)
        suite = type("Conformance", (Conformance,), {"made": type(mutant.__name__, bases, {"flags": flags})})
        found = asyncio.run(outcomes(suite))
        return {name: outcome.why for name, outcome in found.items() if outcome.status == "failed"}

    return check
