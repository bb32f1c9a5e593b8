"""Whether the service's host answers, within a moment, whatever the network is like."""

from __future__ import annotations

import asyncio
import socket
from functools import partial
from typing import Final
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

from attrs import frozen

from offhook._threads import run_in_thread

#: How long name and connection may take together.
TIMEOUT_S: Final = 3.0
_PORTS: Final = {"ws": 80, "http": 80, "wss": 443, "https": 443}
_SECURE: Final = frozenset({"wss", "https"})


@frozen
class Place:
    """Where a connection goes first."""

    host: str
    port: int
    #: The host that a proxy at this place is asked for.
    proxy_for: str | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}{f', the proxy for {self.proxy_for},' if self.proxy_for else ''}"


def first_place(url: str, proxy: object = None) -> Place | None:
    """Give where a connection to ``url`` goes first; ``None`` for what is no address.

    ``proxy`` is an option of that name: a URL, or ``none`` for the direct way; without either the environment decides.
    """
    service = _place(url)
    if service is None or proxy == "none":
        return service
    address = proxy if isinstance(proxy, str) and "://" in proxy else _proxy_of_the_environment(url, service.host)
    through = _place(address if "://" in address else f"http://{address}") if address else None
    return Place(through.host, through.port, service.host) if through else service


def reach(place: Place, timeout_s: float = TIMEOUT_S) -> OSError | None:
    """Open a connection to ``place`` and close it; gives what went wrong, ``TimeoutError`` after ``timeout_s`` seconds."""
    return asyncio.run(_reach(place, timeout_s))


async def _reach(place: Place, timeout_s: float) -> OSError | None:
    try:
        async with asyncio.timeout(timeout_s):
            # A resolver without a network takes its time, and cannot be interrupted: it is left behind in its thread.
            await run_in_thread(partial(_dial, place, timeout_s), name="offhook doctor")
    except OSError as error:
        return error
    return None


def _dial(place: Place, timeout_s: float) -> None:
    socket.create_connection((place.host, place.port), timeout=timeout_s).close()


def _proxy_of_the_environment(url: str, host: str) -> str | None:
    if proxy_bypass(host):
        return None
    proxies = getproxies()
    return proxies.get("https" if urlsplit(url).scheme in _SECURE else "http") or proxies.get("all")


def _place(url: str) -> Place | None:
    try:
        parts: SplitResult = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:  # half an IPv6 address, a port that is no number
        return None
    return Place(parts.hostname, port) if parts.hostname and port else None
