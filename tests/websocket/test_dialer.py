"""offhook_websocket.dialer: a real socket, and a helpful word about everything that may be wrong with it."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import ssl
import sys

import pytest

from offhook.errors import AuthenticationError, ConnectError
from offhook.wire.channel import DialRequest
from offhook_websocket import WebSocketDialer, WebSocketOptions
from offhook_websocket import dialer as dialer_module

PATIENCE_S = 5.0


def request(service, path="/realtime", **options):
    url = service if isinstance(service, str) else service.url.replace("http", "ws", 1) + path
    return DialRequest(url=url, **{"api_key": "sk-not-to-be-seen", **options})


async def dial(where, path="/realtime", *, told=None, **options):
    return await asyncio.wait_for(
        WebSocketDialer(WebSocketOptions(**options))(request(where, path, **told or {})), PATIENCE_S
    )


async def messages_of(channel):
    async with asyncio.timeout(PATIENCE_S):
        return [message async for message in channel]


# Who we say we are.


@pytest.mark.parametrize(
    ("headers", "seen", "unseen"),
    [
        ({}, {"Authorization": "Bearer sk-not-to-be-seen"}, "api-key"),
        ({"X-Mine": "1"}, {"Authorization": "Bearer sk-not-to-be-seen", "X-Mine": "1"}, "api-key"),
        ({"authorization": "Basic abc"}, {"Authorization": "Basic abc"}, "api-key"),
        ({"API-Key": "azure"}, {"api-key": "azure"}, "Authorization"),
    ],
)
async def test_the_handshake_says_who_we_are(service, running, headers, seen, unseen):
    async with running(service):
        channel = await dial(service, told={"headers": headers})
        await channel.close()
    [handshake] = service.handshakes
    assert {name: handshake.get_all(name) for name in seen} == {name: [value] for name, value in seen.items()}
    assert unseen not in handshake
    assert handshake["User-Agent"].startswith("offhook/")
    assert "Sec-WebSocket-Extensions" not in handshake


@pytest.mark.parametrize("key", [None, ""])
async def test_without_a_key_nothing_is_dialled(service, running, key):
    async with running(service):
        with pytest.raises(AuthenticationError, match=r'Set OPENAI_API_KEY.*transport "emulator"'):
            await dial(service, told={"api_key": key})
        await (await dial(service, told={"api_key": key, "headers": {"api-key": "azure"}})).close()
    assert len(service.handshakes) == 1


# Refusals.

OPENAI_401 = {
    "error": {
        "message": "Incorrect API key provided: sk-no***seen. You can find your API key at the dashboard.",
        "type": "invalid_request_error",
        "param": None,
        "code": "invalid_api_key",
    }
}
NO_MODEL = {"error": {"message": "No such model.", "code": "model_not_found"}}
PAGE = "<html>" + "x" * 10_000


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (
            401,
            json.dumps(OPENAI_401),
            (AuthenticationError, "invalid_api_key", r"HTTP 401: Incorrect.*dashboard\. Check the API key"),
        ),
        (403, "", (AuthenticationError, None, r"HTTP 403\. Check the API key")),
        (
            404,
            json.dumps(NO_MODEL),
            (ConnectError, "model_not_found", r"HTTP 404: No such model\. Check the url and the model"),
        ),
        (404, '{"error": "text"}', (ConnectError, None, r'HTTP 404: \{"error": "text"\}\.')),
        (429, "[]", (ConnectError, None, r"HTTP 429: \[\]")),
        (500, PAGE, (ConnectError, None, r"HTTP 500: <html>x{194}\. Check")),
    ],
)
async def test_p01_a_refusal_says_status_and_what_the_service_said(service, running, status, body, told):
    """P1, B25's like: status, code and message of the service are in the error."""
    error, code, words = told
    service.refusal = (status, {"Content-Type": "application/json"}, body)
    async with running(service):
        with pytest.raises(error, match=words) as caught:
            await dial(service)
    assert type(caught.value) is error
    assert (caught.value.status, caught.value.code) == (status, code)
    assert service.connections == []


async def test_a_wrong_path_is_a_404(service, running):
    async with running(service):
        with pytest.raises(
            ConnectError, match=r"/v1/elsewhere refused the connection with HTTP 404: Not Found\. Check the url"
        ):
            await dial(service, "/elsewhere?api-key=sk-not-to-be-seen")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_refused_connection_says_that_nothing_listens(closed_port, host):
    with pytest.raises(
        ConnectError, match=rf"nothing listens at ws://{host}:{closed_port}/v1/realtime\..*offhook emulator"
    ):
        await dial(f"ws://{host}:{closed_port}/v1/realtime")


async def test_a_name_that_nobody_knows_is_told(monkeypatch):
    async def unknown(*args, **kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    with pytest.raises(ConnectError, match=r"ws://nowhere/v1 cannot be reached: Name or service not known\. Check"):
        await dial("ws://nowhere/v1")


async def speaks_something_else(reader, writer):
    await reader.readline()
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    await writer.drain()


async def hangs_up_at_once(reader, writer):
    await reader.readline()


async def is_a_web_page(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/html\r\n\r\nHello")
    await writer.drain()


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (speaks_something_else, r"does not speak WebSocket there.*ends in /v1/realtime"),
        (hangs_up_at_once, r"does not speak WebSocket there.*ends in /v1/realtime"),
        (is_a_web_page, r"refused the connection with HTTP 200: Hello\. Check the url"),
    ],
)
async def test_a_server_that_speaks_no_websocket_is_told(listening, handler, words):
    async with listening(handler) as port:
        with pytest.raises(ConnectError, match=words):
            await dial(f"ws://127.0.0.1:{port}/v1/realtime")


async def test_a_server_that_says_nothing_is_given_up_on(listening):
    async def silent(reader, writer):
        await reader.read()

    async with listening(silent) as port:
        with pytest.raises(ConnectError, match="did not answer in time"):
            await dial(f"ws://127.0.0.1:{port}/", open_timeout_s=0.05)


async def test_an_address_of_another_kind_is_told():
    with pytest.raises(ConnectError, match="does not speak WebSocket there"):
        await dial("http://127.0.0.1/v1")


async def test_p01_giving_up_while_dialling_leaves_nothing_open(listening):
    """P1: the dialer's part of it."""
    arrived, gone = asyncio.Event(), asyncio.Event()

    async def silent(reader, writer):
        arrived.set()
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.read() == b""
        gone.set()

    async with listening(silent) as port:
        dialling = asyncio.create_task(dial(f"ws://127.0.0.1:{port}/"))
        await asyncio.wait_for(arrived.wait(), PATIENCE_S)
        dialling.cancel()
        await asyncio.wait({dialling})
        await asyncio.wait_for(gone.wait(), PATIENCE_S)


# TLS.


async def test_a_certificate_that_nobody_vouches_for_is_refused_with_the_remedy(service, running, certificate):
    _, context = certificate
    async with running(service, ssl=context):
        with pytest.raises(
            ConnectError, match=r"shows a certificate that is not trusted \(self.signed certificate\)\. Set ca_file"
        ):
            await dial(service)
    assert service.handshakes == []


async def test_ca_file_vouches_for_it(service, running, certificate):
    cert_file, context = certificate
    async with running(service, ssl=context):
        channel = await dial(service, ca_file=str(cert_file))
        await channel.close()
    assert len(service.connections) == 1


async def test_a_program_may_give_a_whole_context(service, running, certificate):
    cert_file, context = certificate
    async with running(service, ssl=context):
        trusting = ssl.create_default_context(cafile=cert_file)
        channel = await dial(service, ssl=trusting, ca_file="/no/such/file")
        await channel.close()


async def test_a_ca_file_that_cannot_be_read_is_named(service, tmp_path):
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")
    for path in ("/no/such/file.pem", str(broken)):
        with pytest.raises(ConnectError, match=rf"ca_file '{path}' cannot be read.*PEM"):
            await dial("wss://127.0.0.1/v1", ca_file=path)


async def test_tls_to_a_server_without_it_and_the_other_way_round(service, running, certificate):
    async with running(service):
        with pytest.raises(ConnectError, match=r"cannot be reached: it hung up\. Check the url, its ws:// or wss://"):
            await dial(service.url.replace("http", "wss") + "/realtime")
    async with running(service, ssl=certificate[1]):
        with pytest.raises(ConnectError, match="does not speak WebSocket there"):
            await dial(service.url.replace("https", "ws") + "/realtime")


async def test_tls_to_a_server_that_answers_in_the_clear(listening):
    async def is_http(reader, writer):
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async with listening(is_http) as port:
        with pytest.raises(ConnectError, match=r"does not speak TLS.*begins with ws://"):
            await dial(f"wss://127.0.0.1:{port}/v1")


# Proxies.


class Proxy:
    """An HTTP proxy that connects to wherever it is asked to, unless it is in a bad mood."""

    def __init__(self, answer=b"HTTP/1.1 200 Connection established\r\n\r\n"):
        self.answer = answer
        self.heads = []

    async def __call__(self, reader, writer):
        self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(self.answer)
        if b" 200 " not in self.answer:
            return
        host, port = self.heads[-1].split()[1].split(":")
        there_reader, there_writer = await asyncio.open_connection(host, int(port))
        await asyncio.gather(self._pipe(reader, there_writer), self._pipe(there_reader, writer))

    async def _pipe(self, reader, writer):
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()


async def test_a_proxy_is_used_with_its_password(service, running, listening):
    proxy = Proxy()
    async with running(service), listening(proxy) as port:
        channel = await dial(service, proxy=f"http://me:pass@127.0.0.1:{port}")
        await channel.close()
    [head] = proxy.heads
    assert head.startswith(f"CONNECT {service.url[7:-3]} HTTP/1.1")
    assert f"Proxy-Authorization: Basic {base64.b64encode(b'me:pass').decode()}" in head
    assert "sk-not-to-be-seen" not in head
    assert len(service.connections) == 1


async def test_the_environment_s_proxy_is_obeyed_unless_told_otherwise(service, running, listening, monkeypatch):
    proxied = Proxy()
    async with running(service), listening(proxied) as port:
        for name in ("ws_proxy", "http_proxy", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        for proxy, asked in (("none", 0), ("auto", 1)):
            await (await dial(service, proxy=proxy)).close()
            assert len(proxied.heads) == asked


@pytest.mark.parametrize("proxy", ["nonsense", "ftp://me:hush-hush@host:1", "http://me:hush-hush@"])
async def test_p11_a_proxy_that_is_none_is_told_without_its_password(proxy):
    """P11: a proxy's address may hold a password, and the library's error repeats it."""
    with pytest.raises(ConnectError, match=r"the proxy cannot be used.*http://user:password@host:3128") as caught:
        await dial("ws://127.0.0.1:1/v1", proxy=proxy)
    assert "hush-hush" not in str(caught.value)


async def test_p11_a_proxy_that_refuses_is_told_without_its_password(listening):
    """P11: likewise."""
    async with listening(Proxy(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")) as port:
        with pytest.raises(ConnectError, match="the proxy cannot be used") as caught:
            await dial("ws://127.0.0.1:1/v1", proxy=f"http://me:hush-hush@127.0.0.1:{port}")
    assert "hush-hush" not in str(caught.value)


async def test_a_kind_of_proxy_that_needs_a_library_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "python_socks", None)
    monkeypatch.setitem(sys.modules, "python_socks.async_.asyncio", None)
    with pytest.raises(ConnectError, match=r"needs a library.*socks.*proxy to 'none'"):
        await dial("ws://127.0.0.1:1/v1", proxy="socks5://127.0.0.1:1")


# The channel.


async def test_messages_go_both_ways_whole(service, running):
    """900 kB each way in one frame: twenty seconds of speech as base64."""
    big = json.dumps({"type": "big", "audio": "A" * 900_000})
    service.on_connection = lambda connection: connection.send(big)
    async with running(service):
        channel = await dial(service)
        assert await asyncio.wait_for(anext(aiter(channel)), PATIENCE_S) == big.encode()
        await channel.send(big)
        await service.until(lambda: service.frames)
        assert service.frames[0]["type"] == "big"
        await channel.close()


async def hang_up(connection, code, reason):
    await connection.close(code, reason)


@pytest.mark.parametrize(
    ("code", "reason"), [(1000, ""), (1000, "done"), (1001, "restart"), (1011, "oops"), (4000, "own")]
)
async def test_p12_the_end_is_told_with_code_and_reason(service, running, code, reason):
    """P12: the iteration ends, however the connection does."""
    service.on_connection = lambda connection: hang_up(connection, code, reason)
    async with running(service):
        channel = await dial(service)
        assert await messages_of(channel) == []
        assert (channel.close_code, channel.close_reason) == (code, reason)
        with pytest.raises(OSError, match="the WebSocket is closed"):
            await channel.send("{}")
        await channel.close()


async def test_p12_a_connection_that_breaks_off_is_1006(service, running):
    """P12: no goodbye was received."""

    async def abort(connection):
        connection.transport.abort()

    service.on_connection = abort
    async with running(service):
        channel = await dial(service)
        assert await messages_of(channel) == []
        assert (channel.close_code, channel.close_reason) == (1006, "")


async def test_a_message_over_max_size_ends_the_connection_with_1009(service, running):
    service.on_connection = lambda connection: connection.send("x" * 2000)
    async with running(service):
        channel = await dial(service, max_size=1000)
        assert await messages_of(channel) == []
        assert channel.close_code == 1009
        assert "exceeds limit" in channel.close_reason


async def test_an_open_channel_has_no_close_code_and_closing_is_idempotent(service, running):
    async with running(service):
        channel = await dial(service)
        assert (channel.close_code, channel.close_reason) == (None, "")
        await channel.close(1001, "bye")
        await channel.close()
        await service.until(lambda: service.connections[0].close_code is not None)
        connection = service.connections[0]
        assert (connection.close_code, connection.close_reason) == (1001, "bye")
        assert channel.close_code == 1001


async def test_p02_giving_up_on_a_goodbye_lets_go_at_once(listening, deaf):
    """P2: a peer that does not answer the closing handshake keeps nobody."""
    async with listening(handler := deaf()) as port:
        channel = await dial(f"ws://127.0.0.1:{port}/")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(channel.close(), 0.05)
        await asyncio.wait_for(handler.left.wait(), PATIENCE_S)
        await asyncio.wait_for(channel.close(), PATIENCE_S)
        assert channel.close_code == 1006


async def test_p12_a_peer_that_answers_no_ping_is_lost_and_the_code_says_why(listening, deaf, monkeypatch):
    """P12: silence is noticed."""
    monkeypatch.setattr(dialer_module, "_CLOSE_TIMEOUT_S", 0.01)
    async with listening(deaf()) as port:
        channel = await dial(f"ws://127.0.0.1:{port}/", ping_interval_s=0.01, ping_timeout_s=0.01)
        assert await messages_of(channel) == []
        assert (channel.close_code, channel.close_reason) == (1011, "keepalive ping timeout")


async def test_p11_not_even_the_library_s_log_at_debug_holds_key_or_speech(service, running, caplog):
    """P11: it would write down every header and every frame."""
    async with running(service):
        channel = await dial(service)
        await channel.send('{"type": "input_audio_buffer.append", "audio": "U0VDUkVU"}')
        await channel.close()
    assert "sk-not-to-be-seen" not in caplog.text
    assert "U0VDUkVU" not in caplog.text
    assert not [record for record in caplog.records if record.name == dialer_module._LOGGER.name]
