"""offhook.wire.connection: a dialect of four words, over what every transport over a channel has in common.

The Realtime dialect has the rest of the life cycle in ``tests/core/realtime/test_transport.py``; here is what it does not
use: a service that takes nothing before it has accepted the session, and what a dialect may say otherwise.
"""

from __future__ import annotations

import asyncio

import pytest
from attrs import evolve

from offhook import events as e
from offhook.capabilities import Capabilities
from offhook.config import SessionConfig
from offhook.errors import ConfigRejected, ConnectCancelled, ConnectError, NotConnected
from offhook.hookspecs import ConnectOptions
from offhook.testing import run_virtual
from offhook.wire import ChannelTransport, Ending, Send

PATIENCE_S = 5.0


class Words:
    """``ready``, ``no``, ``going`` and whatever else: one word is a frame."""

    def __init__(self, *, impatient):
        self.impatient = impatient

    def receive(self, frame, now, *, raw=True):
        told = {
            "ready": [e.SessionReady(session_id="s", restored="history"), Send("thanks")],
            "no": [e.ErrorEvent(message="It said no.", code="no", fatal=True)],
            "hm": [e.ErrorEvent(message="It said hm.", code="hm")],
            "going": [e.SessionExpiring(time_left_ms=1)],
        }
        return [*([e.RawEvent(payload={"word": frame, "at": now})] if raw else []), *told.get(frame, [])]

    def stop_waiting(self):
        return [e.SessionReady(), Send("anyway")] if self.impatient else []


class Talker(ChannelTransport[Words]):
    """A transport in as many lines as one needs."""

    def __init__(self, dialer, *, impatient=False, **options):
        super().__init__("talker", Capabilities(), dialer, url="word://here", **options)
        self.impatient = impatient

    def begin(self, options):
        if options.call_id == "impossible":
            raise ConnectError("there are no calls here. Leave call_id out.")
        self.config = options.config
        return Words(impatient=self.impatient), [Send(f"hello {options.model}")]

    async def say(self, word):
        self._require_connected("say()")
        await self._perform([Send(word)])


class Channel:
    """Both ends of a channel, and how often it was closed."""

    def __init__(self, *words):
        self.close_code = None
        self.close_reason = ""
        self.closed = 0
        self.sent = []
        self.greeted = asyncio.Event()
        self.requests = []
        self._frames = asyncio.Queue()
        for word in words:
            self._frames.put_nowait(word)

    async def __call__(self, request):
        self.requests.append(request)
        return self

    async def __aiter__(self):
        while (word := await self._frames.get()) is not None:
            if isinstance(word, Exception):
                raise word
            yield word

    async def send(self, text):
        self.sent.append(text)
        self.greeted.set()

    async def close(self, code=1000, reason=""):
        self.closed += 1
        self.hang_up(code, reason)

    def say(self, word):
        self._frames.put_nowait(word)

    def hang_up(self, code, reason=""):
        if self.close_code is None:
            self.close_code, self.close_reason = code, reason
            self._frames.put_nowait(None)


def heard_from(transport):
    """Everything but raw events, in order."""
    heard = []
    for name in ("connection_change", "session_ready", "session_expiring", "error"):
        transport.on(name, heard.append)
    return heard


async def ended(transport, heard):
    """Wait until the transport says that it is over."""
    async with asyncio.timeout(PATIENCE_S):
        async for _ in transport.events("connection_change"):
            pass
    return heard[-1]


async def test_p02_it_is_connected_when_the_service_accepts_and_says_what_it_restored():
    channel = Channel("ready")
    transport = Talker(channel)
    heard = heard_from(transport)
    await transport.connect()
    assert [(event.hook, getattr(event, "status", None)) for event in heard] == [
        ("connection_change", "connecting"), ("connection_change", "connected"), ("session_ready", None),
    ]  # fmt: skip
    assert heard[1].restored == "history"
    await transport.say("so")
    assert channel.sent == ["hello None", "thanks", "so"]
    await transport.close()


async def test_b16_before_the_service_accepted_no_command_goes_out():
    channel = Channel()
    transport = Talker(channel)
    connecting = asyncio.create_task(transport.connect())
    await asyncio.wait_for(channel.greeted.wait(), PATIENCE_S)
    assert channel.sent == ["hello None"]
    with pytest.raises(NotConnected, match="connecting"):
        await transport.say("so")
    channel.say("ready")
    await connecting
    await transport.close()


async def test_where_the_dialect_allows_it_commands_follow_what_is_said_first():
    channel = Channel()
    transport = Talker(channel, connected_when="dialled")
    connecting = asyncio.create_task(transport.connect())
    await asyncio.wait_for(channel.greeted.wait(), PATIENCE_S)
    await transport.say("so")
    assert channel.sent == ["hello None", "so"]
    channel.say("ready")
    await connecting
    await transport.close()


def test_p01_a_service_that_never_accepts_is_given_up_unless_the_dialect_goes_on(caplog):
    async def main():
        with pytest.raises(ConnectError, match=r"did not accept the session within 3 s\. Check"):
            await Talker(Channel(), ack_timeout_s=3).connect()
        assert "config_not_acknowledged" not in caplog.text
        channel = Channel()
        transport = Talker(channel, ack_timeout_s=3, impatient=True)
        await transport.connect()
        await transport.say("so")
        assert (transport.status, channel.sent) == ("connected", ["hello None", "anyway", "so"])
        assert "config_not_acknowledged" in caplog.text
        await transport.close()

    run_virtual(main())


async def test_p01_closing_while_the_service_has_not_accepted_leaves_nothing():
    channel = Channel()
    transport = Talker(channel)
    heard = heard_from(transport)
    connecting = asyncio.create_task(transport.connect())
    await asyncio.wait_for(channel.greeted.wait(), PATIENCE_S)
    channel.say("ready")
    await transport.close()
    with pytest.raises(ConnectCancelled):
        await connecting
    assert (heard[-1].status, heard[-1].reason, channel.closed) == ("disconnected", "requested", 1)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_p01_a_fatal_error_before_the_beginning_is_a_refusal_and_another_is_not():
    transport = Talker(Channel("hm", "no"))
    heard = heard_from(transport)
    with pytest.raises(ConnectError, match=r"refused the session: It said no\.") as refused:
        await transport.connect()
    assert (refused.value.code, heard[-1].reason, transport.status) == ("no", "error", "disconnected")
    await Talker(Channel("hm", "ready")).connect()


async def test_p01_what_cannot_begin_is_refused_before_anything_is_dialled():
    channel = Channel("ready")
    transport = Talker(channel)
    with pytest.raises(ConnectError, match="no calls here"):
        await transport.connect(ConnectOptions(call_id="impossible"))
    assert channel.requests == []
    await transport.connect()
    await transport.close()


async def test_p12_an_end_that_was_announced_is_an_expiry():
    channel = Channel("ready")
    transport = Talker(channel)
    heard = heard_from(transport)
    await transport.connect()
    channel.say("going")
    channel.hang_up(1011)
    change = await ended(transport, heard)
    assert (change.reason, change.code, change.recoverable) == ("expired", 1011, True)
    assert [event for event in heard if event.hook == "error"] == []


async def test_what_an_end_means_is_the_dialects_to_say():
    class Particular(Talker):
        def ending(self, end):
            if end.code != 4001:
                return super().ending(end)
            return Ending(reason="content", error=ConfigRejected("it was not amused. Mend it.", code="4001"))

    channel = Channel("ready")
    transport = Particular(channel)
    heard = heard_from(transport)
    await transport.connect()
    channel.hang_up(4001)
    change = await ended(transport, heard)
    assert (change.reason, change.recoverable, change.finalised) == ("content", False, False)
    assert (heard[-2].message, heard[-2].code, heard[-2].fatal) == ("it was not amused. Mend it.", "4001", True)
    channel = Channel()
    transport = Particular(channel)
    connecting = asyncio.create_task(transport.connect())
    await asyncio.wait_for(channel.greeted.wait(), PATIENCE_S)
    channel.hang_up(4001)
    with pytest.raises(ConfigRejected, match="not amused"):
        await connecting


@pytest.mark.parametrize("end", ["by us", "by them", "broken"])
async def test_p02_a_channel_is_closed_once_however_it_ended(end):
    """Whoever writes one can free its socket there."""
    channel = Channel("ready")
    transport = Talker(channel)
    heard = heard_from(transport)
    await transport.connect()
    if end == "by us":
        await transport.close()
    else:
        channel.hang_up(1006) if end == "by them" else channel.say(RuntimeError("the cable"))
        assert (await ended(transport, heard)).reason == "lost"
    assert channel.closed == 1
    await transport.close()
    assert channel.closed == 1


async def test_the_address_is_dialled_as_it_is_with_key_headers_and_model():
    channel = Channel("ready")
    transport = Talker(channel, model="mine", api_key=lambda: "sk-1", headers={"X-Mine": "1"})
    assert transport.model == "mine"
    await transport.connect(ConnectOptions(url="word://there?x", config=SessionConfig(model="theirs")))
    [request] = channel.requests
    assert (request.url, request.model, request.api_key) == ("word://there?x", "theirs", "sk-1")
    assert (request.headers, transport.model) == ({"X-Mine": "1"}, "theirs")
    assert (channel.sent[0], transport.config.model) == ("hello theirs", "theirs")
    await transport.close()


async def test_a_dialect_has_its_own_addresses_and_handshakes():
    class Elsewhere(Talker):
        def address(self, url, *, model, call_id):
            return f"{url}/{model}/{call_id}"

        def dial_request(self, options):
            return evolve(super().dial_request(options), session={"voice": "ash"})

    channel = Channel("ready")
    transport = Elsewhere(channel)
    await transport.connect(ConnectOptions(model="m", call_id="c"))
    assert (channel.requests[0].url, channel.requests[0].session) == ("word://here/m/c", {"voice": "ash"})
    await transport.close()


async def test_whoever_records_hears_what_was_sent():
    transport = Talker(Channel("ready"))
    sent = []
    stop = transport.on_sent(sent.append)
    await transport.connect()
    await transport.say("so")
    stop()
    await transport.say("and")
    assert sent == ["hello None", "thanks", "so"]
    await transport.close()


def test_without_a_beginning_it_is_no_dialect():
    class Mute(ChannelTransport[Words]):
        pass

    with pytest.raises(TypeError, match="begin"):
        Mute("mute", Capabilities(), Channel(), url="word://here")
