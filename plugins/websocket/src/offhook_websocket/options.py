"""What the ``[transports.websocket]`` table may hold."""

from __future__ import annotations

import ssl
from collections.abc import Mapping

from attrs import field, frozen

from offhook.hookspecs import ApiKey
from offhook.wire.channel import Dialer, without_secrets

DEFAULT_URL = "wss://api.openai.com/v1/realtime"
DEFAULT_MODEL = "gpt-realtime-2.1"


@frozen(kw_only=True)
class WebSocketOptions:
    """Options of the ``websocket`` transport. Times are in seconds, sizes in bytes."""

    #: The socket (``wss://host/v1/realtime``) or the API's base (``https://host/v1``).
    url: str = field(default=DEFAULT_URL, repr=without_secrets)
    model: str | None = DEFAULT_MODEL
    #: A key or a (possibly async) function that gives one, asked at every connect; else ``OPENAI_API_KEY``.
    api_key: ApiKey | None = field(default=None, repr=False)
    #: Sent with the handshake. ``Authorization`` or ``api-key`` here takes the place of the bearer key.
    headers: Mapping[str, str] = field(factory=dict[str, str], repr=False)
    #: How long the handshake may take.
    open_timeout_s: float = 10.0
    #: How long ``connect()`` waits for the service to accept the config before it goes on with a warning.
    ack_timeout_s: float = 5.0
    #: Keepalive: a ping this often, and a connection that does not answer within the timeout is lost. ``None``: never.
    ping_interval_s: float | None = 20.0
    ping_timeout_s: float | None = 20.0
    #: Longest message taken. The API's own limit for a frame is 15 MiB of audio, which is 20 MiB of base64.
    max_size: int = 24 * 1024 * 1024
    #: A proxy's URL; ``auto`` obeys the environment, ``none`` goes direct.
    proxy: str = field(default="auto", repr=without_secrets)
    #: A file of certificates to trust instead of the system's.
    ca_file: str | None = None
    #: A whole context, for programs; beats ``ca_file``.
    ssl: ssl.SSLContext | None = None
    #: Opens the channel instead of the built-in dialer.
    dialer: Dialer | None = None
