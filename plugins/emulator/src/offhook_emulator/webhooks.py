"""Webhooks, as the service sends them: signed by Standard Webhooks, and sent again until they are taken.

Sources: OpenAI's guide "Webhooks", ``WebhookRealtimeCallIncoming`` of the published schema, standardwebhooks.com.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import httpx2
import orjson
from standardwebhooks.webhooks import Webhook

from offhook._log import logger
from offhook.errors import OffhookError

_USER_AGENT: Final = "OpenAI/1.0 (+https://platform.openai.com/docs/webhooks)"
_SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - the start of every secret is no secret
_ATTEMPT_S: Final = 10.0
#: Seconds between attempts. The service goes on for days; a telephone does not ring that long.
_PAUSES_S: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
_TAKEN: Final = range(200, 300)


class WebhookTarget:
    """Where webhooks go, and what they are signed with. Raises ``OffhookError`` for what cannot be right.

    ``secret`` is ``whsec_`` and base64; anything else is taken for the key itself, as the vendor's SDK does. ``host`` is
    the part of ``url`` that may be shown.
    """

    def __init__(self, url: str, secret: str) -> None:
        self.url = url
        self.host = _host_of(url)
        self._webhook = Webhook(_key_in(secret))

    def headers(self, webhook_id: str, body: str) -> dict[str, str]:
        """Give the headers that vouch for ``body`` now."""
        now = datetime.now(UTC)
        return {
            "content-type": "application/json",
            "user-agent": _USER_AGENT,
            "webhook-id": webhook_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._webhook.sign(webhook_id, now, body),
        }


def new_event(event_type: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """Make an event that happens now."""
    head = {"object": "event", "id": f"evt_{secrets.token_hex(16)}", "type": event_type}
    return {**head, "created_at": int(time.time()), "data": data}


class WebhookSender:
    """Sends webhooks. Close it when none are sent any more."""

    def __init__(self) -> None:
        self._client: httpx2.AsyncClient | None = None

    async def send(self, target: WebhookTarget, event: Mapping[str, Any], *, wanted: Callable[[], bool]) -> bool:
        """Send an event until it is taken, which is any answer of 200 to 299; tells whether it was.

        Between attempts it waits longer and longer, and gives up after six, or once it is not ``wanted`` any more. What
        identifies the webhook stays the same, so that a receiver knows a repetition.
        """
        body, webhook_id = orjson.dumps(event).decode(), f"wh_{secrets.token_hex(16)}"
        pauses_s = iter(_PAUSES_S)
        while not await self._attempt(target, webhook_id, body):
            pause_s = next(pauses_s, None)
            if pause_s is None:
                logger().error("webhook_given_up", webhook_id=webhook_id, host=target.host)
                return False
            await asyncio.sleep(pause_s)
            if not wanted():
                return False
        return True

    async def close(self) -> None:
        """Close the connections."""
        if self._client:
            await self._client.aclose()

    def _opened(self) -> httpx2.AsyncClient:
        """Give the client. Making one reads certificates, and most servers never send a webhook."""
        if self._client is None:
            # Connections are not kept: to a server that is about to end they are only in its way.
            limits = httpx2.Limits(max_keepalive_connections=0)
            self._client = httpx2.AsyncClient(timeout=_ATTEMPT_S, limits=limits)
        return self._client

    async def _attempt(self, target: WebhookTarget, webhook_id: str, body: str) -> bool:
        try:
            response = await self._opened().post(target.url, content=body, headers=target.headers(webhook_id, body))
        except httpx2.HTTPError as error:
            why = type(error).__name__
        else:
            if response.status_code in _TAKEN:
                return True
            why = str(response.status_code)
        logger().warning("webhook_failed", webhook_id=webhook_id, host=target.host, why=why)
        return False


def _host_of(url: str) -> str:
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL:
        parsed = httpx2.URL()
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise OffhookError("The webhook URL is not one. Give it whole, such as http://127.0.0.1:8080.")
    return parsed.host


def _key_in(secret: str) -> bytes:
    """Decode a secret strictly: the library skips what is no base64, and would sign with another key than was meant."""
    if not secret.startswith(_SECRET_PREFIX):
        key = secret.encode()
    else:
        encoded = secret.removeprefix(_SECRET_PREFIX)
        try:
            key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
        except binascii.Error:
            key = b""
    if not key:
        raise OffhookError(
            "The webhook secret is not one: it must be whsec_ followed by base64. Make one with: "
            """python -c "import base64, os; print('whsec_' + base64.b64encode(os.urandom(24)).decode())\""""
        )
    return key
