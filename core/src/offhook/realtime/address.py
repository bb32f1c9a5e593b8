"""Where the realtime socket is, from the address that an application knows."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final
from urllib.parse import SplitResult, parse_qs, urlencode, urlsplit, urlunsplit

from offhook.errors import ConnectError
from offhook.wire.channel import without_secrets

_SCHEMES: Final = MappingProxyType({"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"})


def endpoint(url: str, *, model: str | None, call_id: str | None) -> str:
    """Give the address of the realtime socket below ``url``.

    ``url`` is the socket itself (``wss://host/v1/realtime``) or the API's base (``https://host/v1``). The model goes into
    the query unless the address names one; a call already has its model. Raises ``ConnectError`` for what is no address.
    """
    parts = _split(url)
    if parts is None:
        raise ConnectError(
            f"{without_secrets(url)!r} is not an address a realtime socket can be opened at. "
            "Give one like wss://api.openai.com/v1/realtime, or the API's base like http://127.0.0.1:8080/v1."
        )
    path = parts.path.rstrip("/")
    query = {key: values[-1] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
    if call_id is not None:
        query.pop("model", None)  # the API takes one or the other
        query["call_id"] = call_id
    elif model is not None and not query.keys() & {"model", "deployment", "call_id", "intent"}:
        query["model"] = model
    if not path.endswith("/realtime"):
        path += "/realtime"
    return urlunsplit((_SCHEMES[parts.scheme], parts.netloc, path, urlencode(query), ""))


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in _SCHEMES and parts.hostname and parts.port != 0
    except ValueError:  # half an IPv6 address, a port that is no number
        return None
    return parts if usable else None
