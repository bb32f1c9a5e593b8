"""Webhooks of the API: who may be believed, and what they say.

The scheme is Standard Webhooks: HMAC-SHA256 over ``id.timestamp.body``, checked by the library of that name.
"""

from __future__ import annotations

import base64
import binascii
import os
import time
from collections.abc import Mapping
from typing import Any, Final, cast

from attrs import Factory, field, frozen
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from offhook.errors import ConfigError
from offhook.wire.codec import as_object, loads
from offhook_sip.errors import WebhookError, WebhookForged, WebhookMalformed, WebhookReplayed, WebhookStale

#: A phone call rings.
INCOMING: Final = "realtime.call.incoming"
#: How far a timestamp may be from now, in seconds; the library's own number.
TOLERANCE_S: Final = 300
#: How many ids are remembered, to know a repetition. A day of calls for most, and about a megabyte.
REMEMBERED: Final = 10_000

_PREFIX: Final = "whsec_"
_HEADERS: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")


@frozen(kw_only=True)
class WebhookEvent:
    """What a webhook says, whatever its ``type``. ``created_at`` is in Unix seconds."""

    event_id: str
    type: str
    created_at: float
    data: Mapping[str, Any] = Factory(dict[str, Any])


@frozen(kw_only=True)
class IncomingCall:
    """A phone call that rings. ``call_id`` is opaque: pass it on unchanged.

    ``headers`` are those of the SIP INVITE in their order, repetitions included. The caller wrote them: believe nothing.
    ``media_security`` is ``srtp`` or ``rtp``, ``None`` where it is unknown. ``created_at`` is in Unix seconds.
    """

    call_id: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    event_id: str = ""
    created_at: float = 0.0
    media_security: str | None = None

    def header(self, name: str) -> str | None:
        """Give the first header of that name, in whatever case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    @property
    def from_(self) -> str | None:
        """Who calls, as the caller says: the header ``From``."""
        return self.header("From")

    @property
    def to(self) -> str | None:
        """Who is called: the header ``To``."""
        return self.header("To")


class Webhooks:
    """Believes what is signed with ``secret``, recent, and new. Keep one for as long as webhooks come: it remembers them."""

    def __init__(self, secret: str | None = None, *, remember: int = REMEMBERED) -> None:
        """``secret`` begins with ``whsec_``; else ``OFFHOOK_SIP_WEBHOOK_SECRET`` or ``OPENAI_WEBHOOK_SECRET``.

        Raises ``ConfigError`` where there is none, or one that cannot be right.
        """
        self._webhook = Webhook(_key_in(secret or _secret_of_the_environment()))
        self._remember = remember
        self._taken: dict[str, None] = {}

    def verify(self, body: bytes, headers: Mapping[str, str]) -> WebhookEvent:
        """Give the event, once. ``body`` is the request's, byte for byte. Raises ``WebhookError``, of a kind of its own."""
        headers = {name.lower(): value for name, value in headers.items()}
        try:
            self._webhook.verify(body, headers, json_parse=False)
        except (WebhookVerificationError, ValueError) as error:  # ValueError: what is no base64, or no text
            raise _disbelieved(headers) from error
        event = _event(body)
        self._take(headers["webhook-id"])
        return event

    def _take(self, webhook_id: str) -> None:
        if webhook_id in self._taken:
            raise WebhookReplayed(
                f"the webhook {webhook_id!r} was taken before, so nothing is done again. Services repeat a webhook whose "
                "answer did not reach them: answer it with 200, and it will end."
            )
        self._taken[webhook_id] = None
        if len(self._taken) > self._remember:
            del self._taken[next(iter(self._taken))]


def incoming_call(event: WebhookEvent) -> IncomingCall:
    """Read ``realtime.call.incoming``. Raises ``WebhookMalformed`` where it names no call."""
    call_id = event.data.get("call_id")
    if not isinstance(call_id, str) or not call_id:
        raise WebhookMalformed(
            f"the event {event.event_id!r} of type {event.type!r} names no call_id, so there is nothing to answer. "
            "Check what is between the service and this webhook."
        )
    headers = (as_object(entry) for entry in event.data.get("sip_headers") or ())
    security = event.data.get("sip_media_security")
    return IncomingCall(
        call_id=call_id,
        headers=tuple((str(entry.get("name", "")), str(entry.get("value", ""))) for entry in headers),
        event_id=event.event_id,
        created_at=event.created_at,
        media_security=security if isinstance(security, str) and security != "absent" else None,
    )


def _event(body: bytes) -> WebhookEvent:
    try:
        event = loads(body)
    except ValueError:
        event = None
    match event:
        case {"id": str(event_id), "type": str(kind)}:
            created = cast("Mapping[str, Any]", event).get("created_at")
            return WebhookEvent(
                event_id=event_id,
                type=kind,
                created_at=created if isinstance(created, (int, float)) else 0.0,
                data=as_object(cast("Mapping[str, Any]", event).get("data")),
            )
        case _:
            raise WebhookMalformed(
                "a webhook is rightly signed and holds no event, which is a JSON object with id and type. "
                "Check what is between the service and this webhook."
            )


def _disbelieved(headers: Mapping[str, str]) -> WebhookError:
    """Find out why the library refused: it has one exception for everything."""
    missing = [name for name in _HEADERS if not headers.get(name)]
    if missing:
        return WebhookForged(
            f"a webhook came without {', '.join(missing)}, so nobody vouches for it, and it was not acted on. If the "
            "service sent it, check that nothing between takes headers away."
        )
    if (age := _age_s(headers["webhook-timestamp"])) is None or abs(age) > TOLERANCE_S:
        when = "has no time" if age is None else f"is {abs(age):.0f} s {'old' if age > 0 else 'ahead'}"
        return WebhookStale(
            f"a webhook {when}, and only what is within {TOLERANCE_S} s of now is believed, so it was not acted on. If the "
            "service sent it, check this machine's clock, and how long requests wait before they get here."
        )
    return WebhookForged(
        "a webhook's signature does not match, so it was not acted on. If the service sent it, check the webhook secret, "
        "and that the body arrives byte for byte."
    )


def _age_s(timestamp: str) -> float | None:
    try:
        return time.time() - float(timestamp)
    except ValueError:
        return None


def _secret_of_the_environment() -> str:
    return os.environ.get("OFFHOOK_SIP_WEBHOOK_SECRET") or os.environ.get("OPENAI_WEBHOOK_SECRET") or ""


def _key_in(secret: str) -> bytes:
    """Decode a secret strictly: the library skips what is no base64, and would then believe nobody."""
    if not secret:
        raise ConfigError(
            "there is no webhook secret, so no webhook can be believed. Set OPENAI_WEBHOOK_SECRET to the one that was shown "
            "when the webhook was made, or webhook_secret in [transports.sip]."
        )
    encoded = secret.removeprefix(_PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except binascii.Error:
        key = b""
    if not secret.startswith(_PREFIX) or not key:
        raise ConfigError(
            "the webhook secret is not one: it must be whsec_ followed by base64. "
            "Copy the one that was shown when the webhook was made; it is no API key."
        )
    return key
