"""What a dialer gives: a channel that carries whole text messages both ways.

websockets, the WebRTC data channel, the SIP sideband and a Worker's ``fetch()`` upgrade are four dialers. Inject one; do
not subclass for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import re
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Protocol

from attrs import Factory, field, frozen

from offhook.errors import ConnectError
from offhook.hookspecs import ApiKey


def without_secrets(url: str) -> str:
    """Give ``url`` as it may be shown: some services take a key in the query, some proxies a password before the host."""
    address = re.split(r"[?#]", url, maxsplit=1)[0]
    return re.sub(r"^(\w+://)?.*@", r"\1", address)


class MessageChannel(Protocol):
    """An open connection. Iterating gives every message and ends when the connection does, however it ends.

    Who holds it calls ``close()`` once in any case, also after the other side is gone: what the channel still has then, such
    as its socket, it frees there. Whether it frees it before is its own affair.
    """

    @property
    def close_code(self) -> int | None:
        """RFC 6455 close code, or the nearest equivalent; ``None`` while open. 1006: no goodbye was received."""
        ...

    @property
    def close_reason(self) -> str:
        """What the other side said about the end; often empty."""
        ...

    def __aiter__(self) -> AsyncIterator[str | bytes]:
        """Iterate over the messages received."""
        ...

    async def send(self, text: str) -> None:
        """Hand a message over, waiting while the other side does not read. Raises ``OSError`` once closed."""
        ...

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye and close; idempotent. Cancelling it lets go at once."""
        ...


async def hang_up(channel: MessageChannel, code: int, timeout_s: float) -> None:
    """Close ``channel`` within ``timeout_s``. A goodbye that fails is no reason to stay: this never raises."""
    with contextlib.suppress(Exception):
        async with asyncio.timeout(timeout_s):
            await channel.close(code, "")


@frozen(kw_only=True)
class DialRequest:
    """Where to connect, and as whom."""

    url: str = field(repr=without_secrets)
    api_key: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(factory=dict[str, str], repr=False)
    model: str | None = None
    call_id: str | None = None
    #: The initial session in wire form, for dialers whose handshake carries it.
    session: Mapping[str, Any] = Factory(dict[str, Any])


class Dialer(Protocol):
    """Opens a channel. Raises ``AuthenticationError`` or ``ConnectError``; cancelling it leaves nothing open."""

    async def __call__(self, request: DialRequest) -> MessageChannel:
        """Connect."""
        ...


async def resolve_key(key: ApiKey | None) -> str | None:
    """Give the key itself, asking the function that gives it. Raises ``ConnectError`` where that fails."""
    if callable(key):
        key = await _fetch(key)
    # A key read from a file ends in a newline, which no header survives.
    return key.strip() if key is not None else None


async def _fetch(function: Callable[[], Any]) -> str:
    try:
        answer = function()
        key = await answer if inspect.isawaitable(answer) else answer
    except Exception as error:
        # Not what it said: that may hold the key.
        raise ConnectError(
            f"the function given as api_key raised {type(error).__name__}. Mend it, or give the key itself."
        ) from error
    if not isinstance(key, str):
        raise ConnectError(f"the function given as api_key gave {type(key).__name__}. Let it return the key as a str.")
    return key
