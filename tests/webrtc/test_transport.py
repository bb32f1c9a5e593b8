"""The life of a call: made, refused, lost, closed. Against a service in this process, over real UDP."""

from __future__ import annotations

import asyncio
import logging
import random

import pytest
from aiortc import RTCPeerConnection
from aiortc.mediastreams import AudioStreamTrack

from offhook.config import SessionConfig
from offhook.errors import (
    AlreadyConnected,
    AuthenticationError,
    ConfigRejected,
    ConnectCancelled,
    ConnectError,
    NotConnected,
    Unsupported,
)
from offhook.hookspecs import ConnectOptions
from offhook_webrtc import IceServer

PATIENCE_S = 20.0


async def bounded(work):
    async with asyncio.timeout(PATIENCE_S):
        return await work


def record(transport):
    """Everything the transport tells about its connection, in order."""
    told = []
    transport.on("error", lambda _: told.append("error"))
    transport.on("connection_change", lambda event: told.append(event.status))
    return told


async def changed_to(transport, status):
    """A future of the change to ``status``."""
    change = asyncio.get_running_loop().create_future()

    def take(event):
        if event.status == status and not change.done():
            change.set_result(event)

    transport.on("connection_change", take)
    return change


class Fickle(RTCPeerConnection):
    """A peer that says what it is told to say of its state. aiortc itself never says ``disconnected``."""

    said = None

    @property
    def connectionState(self):  # noqa: N802  # the W3C's name
        return self.said or super().connectionState

    def say(self, state):
        self.said = state
        self.emit("connectionstatechange")


# Connecting.


async def test_b17_connect_resolves_when_the_config_is_accepted(kit):
    async with kit.service() as service:
        transport = kit.transport(service)
        await bounded(transport.connect())
        call = await service.call()
        assert [event["type"] for event in call.received] == ["session.update"]
        await transport.close()


async def test_b17_connect_resolves_with_a_warning_when_the_config_is_not_acknowledged_in_time(kit, caplog):
    async with kit.service() as service:
        service.accepts_config = False
        transport = kit.transport(service, ack_timeout_s=0.05)
        with caplog.at_level(logging.WARNING, logger="offhook"):
            await bounded(transport.connect())
        assert "config_not_acknowledged" in caplog.text
        assert transport.status == "connected"
        await transport.close()


async def test_b18_the_status_is_connected_when_a_listener_hears_of_the_accepted_config(kit):
    async with kit.service() as service:
        transport = kit.transport(service)
        heard = []
        transport.on("session_updated", lambda _: heard.append(transport.status))
        await bounded(transport.connect())
        assert heard == ["connected"]
        await transport.close()


async def test_b19_an_overlapping_connect_is_refused_and_leaves_the_first_alone(kit):
    async with kit.service() as service:
        service.may_answer.clear()
        transport = kit.transport(service)
        first = asyncio.create_task(transport.connect())
        await bounded(service.offered.wait())
        with pytest.raises(AlreadyConnected):
            await transport.connect()
        service.may_answer.set()
        await bounded(first)
        with pytest.raises(AlreadyConnected):
            await transport.connect()
        assert transport.status == "connected"
        assert len(service.requests) == 1
        await transport.close()


async def test_a_refused_config_ends_the_connection_and_leaves_nothing_behind(kit):
    async with kit.service() as service:
        await _warm(kit, service)
        service.accepts_config = False
        async with kit.nothing_left_behind():
            transport = kit.transport(service)
            connecting = asyncio.create_task(transport.connect())
            call = await service.call(1)
            update = await call.until_received("session.update")
            call.send("error", error={"message": "no such voice", "event_id": update["event_id"], "code": "invalid"})
            with pytest.raises(ConfigRejected, match="no such voice"):
                await bounded(connecting)
            await call.aclose()


async def test_a_closed_transport_can_be_connected_again(kit):
    async with kit.service() as service:
        transport = kit.transport(service)
        for number in range(2):
            await bounded(transport.connect())
            assert transport.call_id == "rtc_local123"
            await transport.send_message("hello")
            await (await service.call(number)).until_received("conversation.item.create")
            await transport.close()
            assert transport.call_id is None


# The offer.


async def test_the_offer_is_sent_raw_with_the_key_and_the_model(kit):
    async with kit.service() as service:
        transport = kit.transport(service, model="some-model")
        await bounded(transport.connect())
        await transport.close()
    request = service.requests[0]
    assert request.line == "POST /v1/realtime/calls?model=some-model HTTP/1.1"
    assert request.headers["content-type"] == "application/sdp"
    assert request.headers["authorization"] == "Bearer sk-test"
    assert request.headers["user-agent"].startswith("offhook/")
    assert request.body.startswith("v=0")
    assert "m=audio" in request.body


async def test_an_ephemeral_secret_names_no_model_because_it_was_made_for_one(kit):
    async with kit.service() as service:
        transport = kit.transport(service, model="some-model", api_key=lambda: "ek_secret")
        await bounded(transport.connect())
        await transport.close()
    assert service.requests[0].line == "POST /v1/realtime/calls HTTP/1.1"
    assert service.requests[0].headers["authorization"] == "Bearer ek_secret"


async def test_the_session_travels_with_the_offer_on_request(kit):
    async with kit.service() as service:
        transport = kit.transport(service, model="some-model", session_in_offer=True)
        await bounded(transport.connect(ConnectOptions(config=SessionConfig(instructions="Be brief."))))
        await transport.close()
    request = service.requests[0]
    assert request.line == "POST /v1/realtime/calls HTTP/1.1"
    assert request.headers["content-type"].startswith("multipart/form-data")
    assert 'name="sdp"\r\nContent-Type: application/sdp\r\n\r\nv=0' in request.body
    assert '"type":"realtime","model":"some-model","instructions":"Be brief."' in request.body.replace(
        ": ", ":"
    ).replace(", ", ",")


async def test_the_call_id_is_the_last_segment_of_the_location(kit):
    async with kit.service() as service:
        service.location = "https://elsewhere/v1/realtime/calls/rtc_x/?region=eu"
        transport = kit.transport(service)
        await bounded(transport.connect())
        assert transport.call_id == "rtc_x"
        await transport.close()
        service.location = None
        await bounded(transport.connect())
        assert transport.call_id is None
        await transport.close()


async def test_a_call_id_to_join_is_refused_because_this_transport_makes_calls(kit):
    async with kit.service() as service:
        with pytest.raises(ConnectError, match="cannot join the call 'rtc_x'"):
            await kit.transport(service).connect(ConnectOptions(call_id="rtc_x"))
        assert not service.requests


# Refusals.


@pytest.mark.parametrize(
    ("refusal", "kind", "message"),
    [
        ((400, "Bad Request", '{"error": {"message": "bad sdp.", "code": "oops"}}'), ConnectError, r"400: bad sdp\. "),
        ((401, "Unauthorized", '{"error": {"message": "wrong key"}}'), AuthenticationError, "HTTP 401: wrong key"),
        ((403, "Forbidden", '{"error": {"message": ""}}'), AuthenticationError, 'HTTP 403: {"error"'),
        ((502, "Bad Gateway", "upstream is ill"), ConnectError, "HTTP 502: upstream is ill"),
        ((503, "Service Unavailable", ""), ConnectError, "HTTP 503: Service Unavailable"),
        ((302, "Found", ""), ConnectError, "HTTP 302: Found"),
    ],
)
async def test_b25_a_refused_offer_carries_status_and_the_provider_s_message(kit, refusal, kind, message):
    status, reason, body = refusal
    async with kit.service() as service:
        service.refusal = kit.refusal(status, reason, body)
        transport = kit.transport(service)
        with pytest.raises(kind, match=message) as raised:
            await bounded(transport.connect())
        assert type(raised.value) is kind
        assert raised.value.status == status
        assert raised.value.code == ("oops" if "oops" in body else None)
        assert transport.status == "disconnected"
        service.refusal = None
        await bounded(transport.connect())
        await transport.close()


async def test_b21_the_error_comes_before_the_disconnect(kit):
    async with kit.service() as service:
        service.refusal = kit.refusal(500)
        transport = kit.transport(service)
        told = record(transport)
        with pytest.raises(ConnectError):
            await bounded(transport.connect())
        assert told == ["connecting", "error", "disconnected"]


async def test_a_missing_key_is_told_before_anything_is_opened_or_sent(kit, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    async with kit.service() as service:
        with pytest.raises(AuthenticationError, match="Set OPENAI_API_KEY"):
            await kit.transport(service, api_key=None, input="microphone").connect()
        assert not service.requests


async def test_the_key_comes_from_the_environment_unless_one_is_given(kit, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-environment")
    async with kit.service() as service:
        transport = kit.transport(service, api_key=None)
        await bounded(transport.connect())
        await transport.close()
    assert service.requests[0].headers["authorization"] == "Bearer sk-environment"


async def test_an_own_authorization_takes_the_place_of_the_key(kit):
    async with kit.service() as service:
        transport = kit.transport(service, api_key=None, headers={"api-key": "azure"})
        await bounded(transport.connect())
        await transport.close()
    assert service.requests[0].headers["api-key"] == "azure"
    assert "authorization" not in service.requests[0].headers


async def test_a_service_that_does_not_answer_the_offer_is_told_in_time(kit):
    async with kit.service() as service:
        service.may_answer.clear()
        with pytest.raises(ConnectError, match="did not answer the offer in time"):
            await bounded(kit.transport(service, sdp_timeout_s=0.1).connect())


async def test_an_address_where_nothing_listens_points_to_the_emulator(kit):
    async with kit.service() as service:
        base = service.base
    service.base = base
    with pytest.raises(ConnectError, match=r"nothing listens at http://127.0.0.1:\d+/.* start `offhook emulator`"):
        await bounded(kit.transport(service).connect())


async def test_an_answer_that_is_no_sdp_says_so(kit):
    async with kit.service() as service:
        service.edit = lambda _: "<html>hello</html>"
        with pytest.raises(ConnectError, match="no SDP that fits the offer"):
            await bounded(kit.transport(service).connect())


async def test_blocked_udp_is_told_with_firewall_and_ice_servers(kit):
    async with kit.service() as service:
        await _warm(kit, service)
        service.edit = _unreachable
        async with kit.nothing_left_behind():
            with pytest.raises(ConnectError, match=r"no UDP path .* firewall .* ice_servers"):
                await bounded(kit.transport(service, ice_timeout_s=0.5).connect())
            await service.calls[1].aclose()


async def test_a_machine_with_nothing_but_loopback_is_told_which_interface_is_missing(kit, monkeypatch):
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda **_: [])
    async with kit.service() as service:
        with pytest.raises(ConnectError, match=r"no network interface .* loopback \(lo\)"):
            await bounded(kit.transport(service).connect())
        assert not service.requests


async def test_a_malformed_ice_server_is_named(kit):
    async with kit.service() as service:
        with pytest.raises(ConnectError, match="malformed uri"):
            await bounded(kit.transport(service, ice_servers=(IceServer(urls="http://nonsense"),)).connect())


# Closing.


async def test_b22_closing_while_the_key_is_fetched_cancels_and_no_offer_is_made(kit):
    async with kit.service() as service:
        asked = asyncio.Event()

        async def slow_key():
            asked.set()
            await asyncio.Event().wait()

        transport = kit.transport(service, api_key=slow_key)
        connecting = asyncio.create_task(transport.connect())
        await bounded(asked.wait())
        await transport.close()
        with pytest.raises(ConnectCancelled):
            await bounded(connecting)
        assert not service.requests
        assert transport.status == "disconnected"


async def _at_key(kit, service, stage):
    async def key():
        stage.set()
        await asyncio.Event().wait()

    return kit.transport(service, api_key=key)


async def _at_hook(kit, service, stage):
    async def hook(peer):
        stage.set()
        await asyncio.Event().wait()

    return kit.transport(service, on_peer_connection=hook)


async def _at_offer(kit, service, stage):
    service.may_answer.clear()
    service.offered = stage
    return kit.transport(service)


async def _at_ice(kit, service, stage):
    def unreachable(sdp):
        stage.set()
        return _unreachable(sdp)

    service.edit = unreachable
    return kit.transport(service)


async def _at_dtls(kit, service, stage):
    def watch(peer):
        peer.on("iceconnectionstatechange", lambda: peer.iceConnectionState == "completed" and stage.set())

    return kit.transport(service, on_peer_connection=watch)


async def _at_config(kit, service, stage):
    service.accepts_config = False
    transport = kit.transport(service)
    transport.on("connection_change", lambda event: event.status == "connected" and stage.set())
    return transport


STAGES = [_at_key, _at_hook, _at_offer, _at_ice, _at_dtls, _at_config]


@pytest.mark.parametrize("stop", ["close", "close twice", "cancel"])
@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.__name__)
async def test_stopping_at_any_stage_leaves_nothing_behind(kit, stage, stop):
    async with kit.service() as service:
        await _warm(kit, service)
        async with kit.nothing_left_behind():
            reached = asyncio.Event()
            transport = await stage(kit, service, reached)
            connecting = asyncio.create_task(transport.connect())
            await bounded(reached.wait())
            if stop == "cancel":
                connecting.cancel()
            else:
                await bounded(asyncio.gather(*(transport.close() for _ in range(2 if stop == "close twice" else 1))))
            with pytest.raises(asyncio.CancelledError if stop == "cancel" else ConnectCancelled):
                await bounded(connecting)
            assert transport.status == "disconnected"
            await service.aclose()


@pytest.mark.parametrize("seed", range(3))
async def test_stopping_at_any_moment_leaves_nothing_behind(kit, seed):
    moment = random.Random(seed)  # no secret
    async with kit.service() as service:
        await _warm(kit, service)
        async with kit.nothing_left_behind():
            for number in range(8):
                transport = kit.transport(service, input=AudioStreamTrack())
                connecting = asyncio.create_task(transport.connect())
                await asyncio.sleep(moment.uniform(0, 0.09))  # a whole connect takes about as long
                if number % 2:
                    connecting.cancel()
                await transport.close()
                await asyncio.gather(connecting, return_exceptions=True)
                await transport.close()
            await service.aclose()


async def test_closing_a_connection_says_goodbye_and_leaves_nothing_behind(kit):
    async with kit.service() as service:
        await _warm(kit, service)
        async with kit.nothing_left_behind():
            transport = kit.transport(service, input=AudioStreamTrack())
            change = await changed_to(transport, "disconnected")
            await bounded(transport.connect())
            call = await service.call(1)
            await bounded(asyncio.gather(transport.close(), transport.close()))
            assert change.result().finalised
            assert change.result().reason == "requested"
            assert call.channel.readyState == "closed"
            with pytest.raises(NotConnected):
                await transport.send_message("too late")
            await call.aclose()


async def test_twenty_calls_a_third_of_them_closed_while_connecting_leave_nothing_behind(kit):
    async with kit.service() as service:
        await _warm(kit, service)
        async with kit.nothing_left_behind():
            transport = kit.transport(service, input=AudioStreamTrack())
            for number in range(20):
                connecting = asyncio.create_task(transport.connect())
                if number % 3 == 0:
                    await bounded(service.offered.wait())
                    await transport.close()
                    with pytest.raises(ConnectCancelled):
                        await bounded(connecting)
                else:
                    await bounded(connecting)
                    await transport.close()
                service.offered.clear()
            await service.aclose()


# Losing it.


async def test_a_data_channel_that_the_service_closes_ends_the_connection_as_lost(kit):
    async with kit.service() as service:
        await _warm(kit, service)
        async with kit.nothing_left_behind():
            transport = kit.transport(service)
            told = record(transport)
            change = await changed_to(transport, "disconnected")
            await bounded(transport.connect())
            call = await service.call(1)
            call.channel.close()
            event = await bounded(change)
            assert (event.reason, event.code, event.recoverable) == ("lost", 1006, True)
            assert told == ["connecting", "connected", "error", "disconnected"]
            await call.aclose()


async def test_a_service_that_closes_its_peer_connection_ends_the_connection_as_lost(kit):
    async with kit.service() as service:
        await _warm(kit, service)
        async with kit.nothing_left_behind():
            transport = kit.transport(service, input=AudioStreamTrack())
            change = await changed_to(transport, "disconnected")
            await bounded(transport.connect())
            call = await service.call(1)
            await call.aclose()
            assert (await bounded(change)).reason == "lost"


async def test_b23_a_peer_that_is_disconnected_and_comes_back_in_time_keeps_the_connection(kit):
    async with kit.service() as service:
        peer = Fickle()
        transport = kit.transport(service, on_peer_connection=lambda _: peer, grace_s=0.05)
        await bounded(transport.connect())
        peer.say("disconnected")
        peer.say("connected")
        await asyncio.sleep(0.1)  # longer than the grace: nothing may happen, and nothing can be waited for
        await transport.send_message("still there")
        await (await service.call()).until_received("conversation.item.create")
        await transport.close()


@pytest.mark.parametrize("state", ["disconnected", "failed", "closed"])
async def test_a_peer_that_stays_disconnected_or_fails_ends_the_connection_as_lost(kit, state):
    async with kit.service() as service:
        peer = Fickle()
        transport = kit.transport(service, on_peer_connection=lambda _: peer, grace_s=0.01)
        change = await changed_to(transport, "disconnected")
        await bounded(transport.connect())
        peer.say(state)
        assert (await bounded(change)).reason == "lost"
        assert transport.status == "disconnected"


# The peer connection.


async def test_the_peer_connection_can_be_inspected_before_the_offer(kit):
    async with kit.service() as service:
        seen = []

        def look(peer):
            seen.append((peer.signalingState, [transceiver.kind for transceiver in peer.getTransceivers()]))

        transport = kit.transport(service, on_peer_connection=look)
        await bounded(transport.connect())
        assert seen == [("stable", ["audio"])]
        await transport.close()


async def test_the_peer_connection_can_be_replaced_and_the_new_one_gets_all_that_the_old_one_had(kit):
    async with kit.service() as service:
        await _warm(kit, service)
        async with kit.nothing_left_behind():
            made = []

            async def replace(peer):
                made.extend([peer, RTCPeerConnection()])
                return made[1]

            heard = asyncio.Event()
            transport = kit.transport(
                service,
                on_peer_connection=replace,
                input=AudioStreamTrack(),
                output=lambda pcm, _: heard.set() if any(pcm) else None,
            )
            await bounded(transport.connect())
            assert made[0].connectionState == "closed"
            assert made[1].connectionState == "connected"
            call = await service.call(1)
            call.mouth.say(kit.tone(440, 500))
            await bounded(heard.wait())
            await call.until(lambda: len(call.heard) > 0)
            await transport.close()
            await call.aclose()


async def test_a_hook_that_raises_fails_the_connect_and_leaves_nothing_behind(kit):
    def broken(peer):
        raise LookupError("no such codec")

    async with kit.service() as service:
        await _warm(kit, service)
        async with kit.nothing_left_behind():
            with pytest.raises(ConnectError, match="no such codec"):
                await bounded(kit.transport(service, on_peer_connection=broken).connect())


# Messages.


async def test_a_message_longer_than_the_other_side_takes_is_refused_and_the_connection_stays(kit):
    async with kit.service() as service:
        transport = kit.transport(service)
        await bounded(transport.connect())
        with pytest.raises(Unsupported, match=r"a message of 3\d{5} bytes .* takes 262144 bytes"):
            await transport.send_message("ä" * 150_000)
        await transport.send_message("ä" * 100_000)
        call = await service.call()
        await call.until_received("response.create")
        assert [event["type"] for event in call.received[1:]] == ["conversation.item.create", "response.create"]
        assert len(call.received[1]["item"]["content"][0]["text"]) == 100_000
        await transport.close()


async def test_a_service_that_does_not_say_how_much_it_takes_gets_no_more_than_64_kib(kit):
    async with kit.service() as service:
        service.edit = lambda sdp: "".join(line for line in sdp.splitlines(keepends=True) if "max-message" not in line)
        transport = kit.transport(service)
        await bounded(transport.connect())
        with pytest.raises(Unsupported, match="takes 65536 bytes"):
            await transport.send_message("x" * 70_000)
        await transport.close()


async def test_long_audio_is_sent_in_pieces_and_committed_once(kit):
    async with kit.service() as service:
        transport = kit.transport(service)
        await bounded(transport.connect())
        await transport.send_audio(bytes(200_000), commit=True)
        call = await service.call()
        await call.until_received("input_audio_buffer.commit")
        kinds = [event["type"] for event in call.received[1:]]
        assert kinds == ["input_audio_buffer.append"] * 5 + ["input_audio_buffer.commit"]
        await transport.close()


async def test_many_messages_to_a_slow_reader_wait_instead_of_piling_up(kit):
    async with kit.service() as service:
        transport = kit.transport(service)
        await bounded(transport.connect())
        for _ in range(30):
            await bounded(transport.send_audio(bytes(48_000)))
            assert transport._channel._data.bufferedAmount <= 1 << 20
        await transport.send_message("done")
        await (await service.call()).until_received("conversation.item.create")
        await transport.close()


async def test_an_interruption_cancels_and_clears_what_the_service_plays(kit):
    async with kit.service() as service:
        transport = kit.transport(service)
        interrupted = asyncio.get_running_loop().create_future()
        transport.on("audio_interrupted", interrupted.set_result)
        await bounded(transport.connect())
        call = await service.call()
        call.send("response.created", response={"id": "resp_1"})
        started = asyncio.get_running_loop().create_future()
        transport.on("turn_started", started.set_result)
        await bounded(started)
        await transport.interrupt()
        event = await bounded(interrupted)
        assert (event.epoch, event.reason, event.heard_ms) == (1, "server", None)
        kinds = [event["type"] for event in call.received[1:]]
        assert kinds == ["response.cancel", "output_audio_buffer.clear"]
        await transport.close()


def _unreachable(sdp):
    """The answer with candidates where nobody is."""
    lines = [line for line in sdp.split("\r\n") if not line.startswith("a=candidate:")]
    where = lines.index("a=end-of-candidates") if "a=end-of-candidates" in lines else -1
    lines.insert(where, "a=candidate:1 1 udp 2130706431 192.0.2.254 9 typ host")
    return "\r\n".join(lines)


async def _warm(kit, service):
    """One whole call, so that what is imported and cached once is there before anything is counted."""
    transport = kit.transport(service, input=AudioStreamTrack())
    await bounded(transport.connect())
    call = await service.call()
    await call.until(lambda: len(call.heard) > 0)
    await transport.close()
    await call.aclose()
    service.offered.clear()
