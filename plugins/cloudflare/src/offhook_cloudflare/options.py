"""What the ``[transports.cloudflare]`` table may hold."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from offhook.hookspecs import ApiKey
from offhook.wire.channel import Dialer

DEFAULT_URL = "wss://api.openai.com/v1/realtime"
DEFAULT_MODEL = "gpt-realtime-2.1"


@frozen(kw_only=True)
class CloudflareOptions:
    """Options of the ``cloudflare`` transport. Times are in seconds.

    A subset of those of ``websocket``: certificates, proxies, pings and frame limits are the runtime's business.
    """

    #: The socket (``wss://host/v1/realtime``) or the API's base (``https://host/v1``).
    url: str = DEFAULT_URL
    model: str | None = DEFAULT_MODEL
    #: A key or a (possibly async) function that gives one, asked at every connect; else ``OPENAI_API_KEY``. A Worker's
    #: secrets are on ``env``, so there it is usually given to the session: ``api_key=env.OPENAI_API_KEY``.
    api_key: ApiKey | None = field(default=None, repr=False)
    #: Sent with the handshake. ``Authorization`` or ``api-key`` here takes the place of the bearer key.
    headers: Mapping[str, str] = field(factory=dict[str, str], repr=False)
    #: How long the handshake may take.
    open_timeout_s: float = 10.0
    #: How long ``connect()`` waits for the service to accept the config before it goes on with a warning.
    ack_timeout_s: float = 5.0
    #: Opens the channel instead of the built-in dialer.
    dialer: Dialer | None = None
