"""The dialer: from a ``DialRequest`` to an open channel, or to an error with the next step; and the channel."""

from __future__ import annotations

import asyncio
import sys
from types import ModuleType, SimpleNamespace

import pytest

from offhook.errors import AuthenticationError, ConnectError
from offhook.wire.channel import DialRequest
from offhook_cloudflare import CloudflareDialer, CloudflareOptions, WorkerRuntime

URL = "wss://api.example/v1/realtime?model=m"


class JsNull:
    """What newer runtimes give for JavaScript's null: no ``None``, but false."""

    def __bool__(self):
        return False


class Buffer:
    def __init__(self, data):
        self._data = data

    def to_bytes(self):
        return self._data


class Blob:
    def __init__(self, data):
        self._data = data

    async def arrayBuffer(self):  # noqa: N802  # JavaScript's name
        await asyncio.sleep(0)
        return Buffer(self._data)


def dial(runtime, *, url=URL, key="sk-1", headers=None, **options):
    return CloudflareDialer(CloudflareOptions(**options), runtime)(
        DialRequest(url=url, api_key=key, headers=headers or {})
    )


async def received(channel):
    async with asyncio.timeout(5):
        return [message async for message in channel]


# The request.


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("wss://api.example/v1/realtime?model=m", "https://api.example/v1/realtime?model=m"),
        ("ws://127.0.0.1:8080/v1/realtime", "http://127.0.0.1:8080/v1/realtime"),
        ("WSS://api.example/v1/realtime", "https://api.example/v1/realtime"),
        ("https://api.example/v1/realtime", "https://api.example/v1/realtime"),
    ],
)
async def test_fetch_is_asked_for_http_because_it_knows_no_ws(runtime, url, asked):
    await dial(runtime, url=url)
    assert runtime.asked[0][0] == asked


async def test_handshake_is_an_upgrade_with_the_bearer_key_and_the_realtime_protocol(runtime):
    await dial(runtime)
    assert runtime.asked[0][1] == {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-protocol": "realtime",
        "authorization": "Bearer sk-1",
    }


async def test_own_headers_beat_ours_whatever_their_case(runtime):
    await dial(runtime, headers={"Sec-WebSocket-Protocol": "realtime, other", "X-Trace": "1"})
    headers = runtime.asked[0][1]
    assert headers["sec-websocket-protocol"] == "realtime, other"
    assert headers["x-trace"] == "1"
    assert len({name.lower() for name in headers}) == len(headers)


@pytest.mark.parametrize("name", ["Authorization", "api-key"])
async def test_own_authorization_takes_the_place_of_the_key(runtime, name):
    await dial(runtime, key=None, headers={name: "mine"})
    headers = runtime.asked[0][1]
    assert headers[name.lower()] == "mine"
    assert "Bearer" not in str(headers)


async def test_without_a_key_nothing_is_dialled_and_the_error_says_where_a_worker_keeps_its_secrets(runtime):
    with pytest.raises(AuthenticationError, match=r"api_key=env\.OPENAI_API_KEY"):
        await dial(runtime, key="")
    assert runtime.asked == []


# The answer.


@pytest.mark.parametrize("null", [None, JsNull()])
async def test_refusal_carries_status_and_the_words_of_the_service(runtime, null):
    runtime.refuse(401, {"error": {"message": "Incorrect API key.", "code": "invalid_api_key"}}, null)
    with pytest.raises(AuthenticationError) as caught:
        await dial(runtime)
    assert (caught.value.status, caught.value.code) == (401, "invalid_api_key")
    assert str(caught.value) == (
        "wss://api.example/v1/realtime refused the connection with HTTP 401: Incorrect API key. "
        "Check the API key and what it may do."
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [("", "HTTP 404. Check"), ("<h1>no</h1>", "HTTP 404: <h1>no</h1>. Check"), ("[1]", "[1]"), ("x" * 999, "x" * 200)],
)
async def test_refusal_without_json_is_shown_as_it_is_cut_short(runtime, body, said):
    runtime.refuse(404, body)
    with pytest.raises(ConnectError) as caught:
        await dial(runtime)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 400
    assert not isinstance(caught.value, AuthenticationError)


async def test_network_error_names_the_address_and_the_permission_a_worker_needs(runtime):
    runtime.answer = runtime.js_error("Error: Network connection lost.")
    with pytest.raises(ConnectError) as caught:
        await dial(runtime, url="wss://user:pw@api.example/v1/realtime?token=t")
    message = str(caught.value)
    assert message.startswith(
        "wss://api.example/v1/realtime cannot be reached from this Worker: Network connection lost"
    )
    assert "network permission" in message
    assert "pw" not in message
    assert "token" not in message


async def test_silence_ends_at_the_timeout_and_aborts_the_request(runtime):
    runtime.answer = None
    with pytest.raises(ConnectError, match="did not answer in time"):
        await dial(runtime, open_timeout_s=0.001)
    assert runtime.aborted


async def test_cancelling_aborts_the_request(runtime):
    runtime.answer = None
    attempt = asyncio.create_task(dial(runtime))
    await asyncio.wait_for(runtime.dialling.wait(), 5)
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt
    assert runtime.aborted


async def test_outside_of_a_worker_the_error_says_so_and_names_the_websocket_transport():
    with pytest.raises(ConnectError, match=r"Cloudflare Worker.*websocket.*pip install offhook-websocket"):
        await dial(None)


# The channel.


async def test_listeners_are_on_before_accept_because_events_in_between_are_lost(runtime, socket):
    await dial(runtime)
    assert socket.log == [("listen", "message"), ("listen", "close"), ("listen", "error"), ("accept",)]


async def test_binary_is_asked_for_as_array_buffers_where_the_runtime_knows_the_word(runtime, socket):
    await dial(runtime)
    assert socket.binaryType == "arraybuffer"


async def test_older_runtimes_without_binary_type_are_left_alone(runtime, socket):
    socket.binaryType = None
    await dial(runtime)
    assert socket.binaryType is None


async def test_messages_come_in_order_text_array_buffer_and_blob(runtime, socket):
    channel = await dial(runtime)
    for data in ("one", Blob(b"two"), Buffer(b"three"), "four"):
        socket.fire("message", data=data)
    socket.fire("close", code=1000, reason="")
    assert await received(channel) == ["one", b"two", b"three", "four"]


async def test_close_by_the_service_is_told_and_answered(runtime, socket):
    channel = await dial(runtime)
    assert channel.close_code is None
    socket.fire("close", code=4001, reason="bye")
    assert (channel.close_code, channel.close_reason) == (4001, "bye")
    assert socket.did("close") == [(1000, "")]


async def test_an_error_after_the_close_is_noise(runtime, socket):
    channel = await dial(runtime)
    socket.fire("close", code=1000, reason="done")
    socket.fire("error", message="Network connection lost.")
    assert await received(channel) == []
    assert (channel.close_code, channel.close_reason) == (1000, "done")


async def test_an_error_without_a_close_is_the_end_without_a_goodbye(runtime, socket):
    channel = await dial(runtime)
    socket.fire("message", data="one")
    socket.fire("error", message="Network connection lost.")
    assert await received(channel) == ["one"]
    assert (channel.close_code, channel.close_reason) == (1006, "Network connection lost.")


async def test_listeners_never_raise_because_that_would_kill_the_socket_in_silence(runtime, socket):
    channel = await dial(runtime)
    for name in ("message", "close"):
        socket.fire(name)  # an event that lacks everything
    socket.fire("error")
    assert channel.close_code == 1006
    assert "could not be read" in channel.close_reason
    assert socket.did("close") == [(1000, "")]
    assert await received(channel) == []


async def test_iterating_again_after_the_end_ends_again(runtime, socket):
    channel = await dial(runtime)
    socket.fire("close", code=1000, reason="")
    assert await received(channel) == []
    assert await received(channel) == []


async def test_close_says_goodbye_once_and_waits_for_the_answer(runtime, socket):
    socket.answers = False
    channel = await dial(runtime)
    closing = [asyncio.create_task(channel.close(1000, "done")), asyncio.create_task(channel.close())]
    await asyncio.wait_for(socket.closing.wait(), 5)
    socket.fire("close", code=1000, reason="done")
    await asyncio.wait_for(asyncio.gather(*closing), 5)
    await channel.close()
    assert socket.did("close") == [(1000, "done")]
    assert channel.close_code == 1000


async def test_close_gives_up_on_a_service_that_does_not_answer(runtime, socket, monkeypatch):
    monkeypatch.setattr("offhook_cloudflare.channel._CLOSE_TIMEOUT_S", 0.001)
    socket.answers = False
    channel = await dial(runtime)
    await channel.close()
    assert channel.close_code == 1006
    assert await received(channel) == []


async def test_cancelling_close_leaves_the_channel_closed(runtime, socket):
    socket.answers = False
    channel = await dial(runtime)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await channel.close()
    assert channel.close_code == 1006
    assert all(proxy.destroyed for proxy in runtime.proxies)


async def test_a_close_that_the_runtime_refuses_is_the_end_all_the_same(runtime, socket):
    socket.raises["close"] = runtime.js_error("different request")
    channel = await dial(runtime)
    await channel.close()
    assert (channel.close_code, channel.close_reason) == (1006, "different request")


@pytest.mark.parametrize(
    ("code", "sent"), [(1000, 1000), (4001, 4001), (3000, 3000), (1001, 1000), (1006, 1000), (5000, 1000)]
)
async def test_only_codes_that_a_client_may_send_are_sent(runtime, socket, code, sent):
    channel = await dial(runtime)
    await channel.close(code, "")
    assert socket.did("close") == [(sent, "")]


async def test_reason_is_cut_to_123_bytes_between_characters(runtime, socket):
    channel = await dial(runtime)
    await channel.close(1000, "ä" * 100)
    assert socket.did("close") == [(1000, "ä" * 61)]


async def test_text_is_sent_as_it_is(runtime, socket):
    channel = await dial(runtime)
    await channel.send('{"type":"x"}')
    assert socket.did("send") == [('{"type":"x"}',)]


async def test_sending_after_the_end_is_a_connection_error(runtime, socket):
    channel = await dial(runtime)
    socket.fire("close", code=1000, reason="")
    with pytest.raises(ConnectionError, match="closed"):
        await channel.send("late")
    assert socket.did("send") == []


async def test_a_socket_of_another_request_is_a_connection_error_that_says_so(runtime, socket):
    channel = await dial(runtime)
    socket.raises["send"] = runtime.js_error("Cannot perform I/O on behalf of a different request.")
    with pytest.raises(ConnectionError, match="different request"):
        await channel.send("x")


@pytest.mark.parametrize("ended_by", ["us", "them"])
async def test_listeners_are_taken_off_and_their_proxies_freed(runtime, socket, ended_by):
    channel = await dial(runtime)
    if ended_by == "us":
        await channel.close()
    else:
        socket.fire("close", code=1000, reason="")
        await received(channel)
    assert socket.listeners == {}
    assert [proxy.destroyed for proxy in runtime.proxies] == [True] * 3


# The Worker's own runtime, as far as it can be seen from outside.


async def test_worker_runtime_calls_fetch_with_a_plain_object_and_no_redirects(monkeypatch):
    asked = []

    class AbortController:
        signal = "the signal"

        @classmethod
        def new(cls):
            return cls()

    async def fetch(url, init):
        asked.append((url, init))
        return "the response"

    def to_js(value, *, dict_converter):
        return dict_converter(value)

    js, ffi = ModuleType("js"), ModuleType("pyodide.ffi")
    js.AbortController, js.fetch, js.Object = AbortController, fetch, SimpleNamespace(fromEntries=lambda init: init)
    ffi.to_js, ffi.JsException, ffi.create_proxy = to_js, KeyError, lambda listener: ("proxy of", listener)
    monkeypatch.setitem(sys.modules, "js", js)
    monkeypatch.setitem(sys.modules, "pyodide", ModuleType("pyodide"))
    monkeypatch.setitem(sys.modules, "pyodide.ffi", ffi)
    runtime = WorkerRuntime()
    assert await runtime.fetch("https://x", {"a": "b"}) == "the response"
    assert asked == [
        ("https://x", {"method": "GET", "headers": {"a": "b"}, "redirect": "manual", "signal": "the signal"})
    ]
    assert runtime.js_error is KeyError
    assert runtime.proxy(1) == ("proxy of", 1)
