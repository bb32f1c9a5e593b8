"""The emulator as a server: in the running event loop, on a port of its own."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import Generator, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import uvicorn

from offhook.errors import OffhookError
from offhook_emulator.api.app import build_app
from offhook_emulator.api.keys import Keys
from offhook_emulator.line.outbox import Observer
from offhook_emulator.line.switchboard import Switchboard
from offhook_emulator.replies.protocol import Replies
from offhook_emulator.telephony import Telephony
from offhook_emulator.voice.protocols import Voice

#: An append may hold 15 MiB of audio, which is 20 MiB of base64.
_MAX_FRAME_BYTES: Final = 24 * 1024 * 1024
#: Sessions end as soon as their sockets do; whatever has not ended by then is cancelled.
_SHUTDOWN_S: Final = 5


class Emulator:
    """A Realtime API server. ``async with Emulator(voice=…, replies=…) as emulator: emulator.url``.

    ``port`` 0 picks a free one. ``api_key`` pins the key (or keys) that clients must use; without it any key will do, but
    none at all will not. ``tls_cert`` and ``tls_key`` are PEM files. ``session_s`` is how long a session may last, in
    seconds. ``observer`` is called for every frame with who sent it, ``"client"`` or ``"server"``, and the frame.

    With ``sip_port`` it takes telephone calls over SIP (UDP and TCP; 0 picks a free port, without it there are none). Each
    rings for ``ring_s`` seconds, and is told of by a webhook to ``webhook_url``, signed with ``webhook_secret``.

    Entering raises OffhookError where a port is taken or the certificate cannot be used. Leaving closes all sessions
    and waits for their work to end. The voice stays its maker's: warm it up before, close it after.
    """

    def __init__(
        self,
        *,
        voice: Voice,
        replies: Replies,
        host: str = "127.0.0.1",
        port: int = 0,
        api_key: str | Iterable[str] | None = None,
        tls_cert: str | Path | None = None,
        tls_key: str | Path | None = None,
        session_s: float = 3600,
        observer: Observer | None = None,
        sip_port: int | None = None,
        webhook_url: str | None = None,
        webhook_secret: str | None = None,
        ring_s: float = 30,
    ) -> None:
        if tls_key and not tls_cert:
            raise OffhookError("There is a TLS key without its certificate. Give both, or none to serve plain http.")
        accepted = [api_key] if isinstance(api_key, str) else api_key or ()
        switchboard = self._switchboard = Switchboard(
            voice=voice, replies=replies, session_s=session_s, observer=observer
        )
        self._host = host
        self._port = port
        self._tls = {"ssl_certfile": tls_cert, "ssl_keyfile": tls_key} if tls_cert else {}
        keys = Keys(accepted)
        self._telephony = Telephony(
            keys,
            switchboard,
            host=host,
            sip_port=sip_port,
            webhook_url=webhook_url,
            webhook_secret=webhook_secret,
            ring_s=ring_s,
        )
        self._app = build_app(keys, switchboard, self._telephony.routes)
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """The base URL for clients, such as ``http://127.0.0.1:8765/v1``. There is none before entering."""
        scheme = "https" if self._tls else "http"
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{scheme}://{host}:{self._port}/v1"

    @property
    def sip_uri(self) -> str | None:
        """What telephones dial, such as ``sip:proj_offhook@127.0.0.1:5060``; None without ``sip_port``."""
        return self._telephony.sip_uri

    async def __aenter__(self) -> Self:
        """Start serving."""
        await self._telephony.open()
        try:
            await self._start()
        except BaseException:
            await self._telephony.close()
            raise
        return self

    async def _start(self) -> None:
        server = self._server = _Server(self._config())
        listener = _listen(self._host, self._port)
        self._port = listener.getsockname()[1]
        self._serving = asyncio.create_task(server.serve([listener]), name="offhook-emulator")
        ready = asyncio.create_task(server.ready.wait())
        await asyncio.wait([ready, self._serving], return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            ready.cancel()
            await self._serving  # it failed, and raises why

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close all sessions and stop serving."""
        await self._telephony.close()
        await self._switchboard.calls.close()
        if self._server and self._serving:
            self._server.should_exit = True
            await self._serving
        # An offer that was being answered meanwhile has become a call.
        await self._switchboard.calls.close()

    def _config(self) -> uvicorn.Config:
        options: dict[str, Any] = dict(self._tls)
        config = uvicorn.Config(
            self._app,
            ws="websockets-sansio",
            ws_max_size=_MAX_FRAME_BYTES,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=_SHUTDOWN_S,
            **options,
        )
        try:
            config.load()
        except OSError as error:
            raise OffhookError(
                f"The certificate {options.get('ssl_certfile')} with the key {options.get('ssl_keyfile')} cannot be used: "
                f"{error}. Give two PEM files: tls_cert with the certificate, tls_key with its private key."
            ) from error
        return config


class _Server(uvicorn.Server):
    """uvicorn as a guest in somebody else's event loop: it says when it is ready, and leaves signals alone."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere it would take a port that is in use
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise _cannot_listen(host, port, error) from error
    return listener


def _cannot_listen(host: str, port: int, error: OSError) -> OffhookError:
    if error.errno == errno.EADDRINUSE:
        return OffhookError(
            f"Port {port} on {host} is in use, perhaps by another emulator. "
            "Choose another port, or port 0 to have a free one picked."
        )
    return OffhookError(
        f"The emulator cannot listen on {host}, port {port}: {error.strerror or error}. "
        "Use an address of this machine, such as 127.0.0.1, and a port above 1023."
    )
