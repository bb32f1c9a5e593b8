"""A real service on this machine: WebSocket servers, a proxy, certificates; and no complaint of asyncio goes unheard."""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
import http
import inspect
import ipaddress
import json
import logging
import socket
import ssl
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed
from websockets.utils import accept_key

# For websocket_peer.py.
sys.path.insert(0, str(Path(__file__).parent))

KEY = "sk-not-to-be-seen"
PATIENCE_S = 5.0


@pytest.fixture(autouse=True)
def a_machine_without_a_key_or_a_proxy(monkeypatch):
    """What stands in the developer's environment is none of the tests' business."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    for name in ("http", "https", "ws", "wss", "all", "socks", "no"):
        monkeypatch.delenv(f"{name}_proxy", raising=False)
        monkeypatch.delenv(f"{name.upper()}_PROXY", raising=False)


@pytest.fixture(autouse=True)
def nothing_is_told(request, caplog):
    """P11: the key is in no log, at DEBUG; and asyncio has nothing to complain about."""
    caplog.set_level(logging.DEBUG)
    yield
    if not inspect.iscoroutinefunction(request.function):
        return
    gc.collect()
    records = [*caplog.get_records("call"), *caplog.records]
    assert not [record for record in records if KEY in logging.Formatter().format(record)]
    messages = [record.getMessage() for record in records if record.name == "asyncio"]
    assert not [text for text in messages if "never retrieved" in text or "was destroyed" in text]


class Service:
    """A Realtime service that takes every config and remembers what it saw."""

    key = KEY

    def __init__(self):
        self.url = ""
        #: Headers of each handshake, and connections that were made.
        self.handshakes, self.connections = [], []
        self.frames = []
        #: What it answers a handshake with instead of a connection: status, headers, body.
        self.refusal = None
        #: What a connection begins with; it may end it.
        self.on_connection = None
        #: Cleared: it does not read.
        self.reads = asyncio.Event()
        self.reads.set()
        self._news = asyncio.Condition()

    async def handle(self, connection):
        self.connections.append(connection)
        await self._told()
        try:
            if self.on_connection is not None:
                await self.on_connection(connection)
            while True:
                await self.reads.wait()
                await self._answer(connection, json.loads(await connection.recv()))
        except ConnectionClosed:
            pass
        await self._told()

    def greet(self, connection, request):
        """Take a handshake, or refuse it."""
        self.handshakes.append(request.headers)
        path = request.path.partition("?")[0]
        if self.refusal is None and path == "/v1/realtime":
            return None
        status, headers, body = self.refusal or (404, {"Content-Type": "text/plain"}, "Not Found\n")
        response = connection.respond(http.HTTPStatus(status), body)
        for name, value in headers.items():
            del response.headers[name]
            response.headers[name] = value
        return response

    async def until(self, condition):
        """Wait until something is so."""
        async with asyncio.timeout(PATIENCE_S), self._news:
            await self._news.wait_for(condition)

    async def _answer(self, connection, frame):
        self.frames.append(frame)
        await self._told()
        if frame["type"] == "session.update":
            session = {"id": "sess_1", **frame["session"]}
            await connection.send(json.dumps({"type": "session.updated", "event_id": "e", "session": session}))

    async def _told(self):
        async with self._news:
            self._news.notify_all()


@pytest.fixture
def service():
    """What runs once ``running(service)`` is entered."""
    return Service()


@pytest.fixture
def running():
    """``async with running(service, …)``: it listens, and ``service.url`` is the API's base."""

    @asynccontextmanager
    async def run(service, *, port=0, **options):
        listening = socket.create_server(("127.0.0.1", port))
        # Small, so that a service that does not read is felt soon.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        # Its own log holds what it was told, at DEBUG; ours must not.
        logger = logging.getLogger("the service")
        logger.setLevel(logging.CRITICAL)
        options = {
            "compression": None,
            "max_size": None,
            "max_queue": 1,
            "close_timeout": 1,
            "logger": logger,
            **options,
        }
        async with serve(service.handle, sock=listening, process_request=service.greet, **options) as server:
            scheme = "https" if "ssl" in options else "http"
            service.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
            try:
                yield service
            finally:
                service.reads.set()

    return run


@pytest.fixture
def closed_port():
    """A port at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


@pytest.fixture
def listening():
    """``async with listening(handler) as port``: a TCP server that does as ``handler(reader, writer)`` does."""

    @asynccontextmanager
    async def run(handler):
        async def handle(reader, writer):
            try:
                await handler(reader, writer)
            finally:
                writer.close()

        async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
            yield server.sockets[0].getsockname()[1]

    return run


@pytest.fixture
def deaf():
    """``deaf(*frames)``: a handler that takes the handshake, says these frames, and then answers nothing at all."""

    def make(*frames):
        async def handler(reader, writer):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            [key] = [line.partition(": ")[2] for line in head.splitlines() if line.startswith("Sec-WebSocket-Key")]
            lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
            writer.write("\r\n".join([*lines, f"Sec-WebSocket-Accept: {accept_key(key)}", "", ""]).encode())
            for text in frames:
                writer.write(bytes([0x81, len(text)]) + text.encode())
            while await reader.read(65_536):
                pass
            handler.left.set()

        handler.left = asyncio.Event()
        return handler

    return make


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A self-signed certificate for 127.0.0.1: its file, and a server's context made of it."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))
    made = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + dt.timedelta(1)
    )
    made = made.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    folder = tmp_path_factory.mktemp("tls")
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert_file, key_file)
    return cert_file, context
