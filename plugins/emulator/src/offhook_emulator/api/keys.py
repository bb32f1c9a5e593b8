"""Who may connect: API keys, and the short-lived client secrets made with them."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from attrs import frozen
from starlette.requests import HTTPConnection

from offhook_emulator.api import problems

_PROTOCOL_PREFIX: Final = "openai-insecure-api-key."
_SECRET_PREFIX: Final = "ek_"  # noqa: S105 - the start of every secret is no secret
#: Secrets that are remembered; the oldest go first.
_MAX_SECRETS: Final = 10_000


@frozen(kw_only=True)
class ClientSecret:
    """A secret for one kind of session. ``expires_at`` is Unix time in seconds."""

    value: str
    expires_at: int
    config: Mapping[str, Any] | None


class Keys:
    """Knows which keys are accepted: ``accepted`` ones, or any that is not empty where none are named."""

    def __init__(self, accepted: Iterable[str] = (), *, clock: Callable[[], float] = time.time) -> None:
        self._accepted = frozenset(accepted)
        self._clock = clock
        self._secrets: OrderedDict[str, ClientSecret] = OrderedDict()

    def issue(self, seconds: int, config: Mapping[str, Any] | None) -> ClientSecret:
        """Make a client secret that is good for so many seconds."""
        secret = ClientSecret(
            value=f"{_SECRET_PREFIX}{secrets.token_hex(16)}",
            expires_at=int(self._clock()) + seconds,
            config=config,
        )
        self._secrets[secret.value] = secret
        if len(self._secrets) > _MAX_SECRETS:
            self._secrets.popitem(last=False)
        return secret

    def check(self, connection: HTTPConnection) -> ClientSecret | None:
        """Accept a request or raise ``Problem``; give the client secret that it came with, if it was one."""
        key = _key_of(connection)
        if not key:
            raise problems.missing_key()
        if secret := self._secrets.get(key):
            if secret.expires_at <= self._clock():
                raise problems.expired_key()
            return secret
        if self._accepted and key not in self._accepted:
            raise problems.wrong_key()
        return None


def _key_of(connection: HTTPConnection) -> str:
    scheme, _, key = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return key.strip()
    if key := connection.headers.get("api-key", ""):
        return key
    offered: list[str] = connection.scope.get("subprotocols", [])
    return next((name.removeprefix(_PROTOCOL_PREFIX) for name in offered if name.startswith(_PROTOCOL_PREFIX)), "")
