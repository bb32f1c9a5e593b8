"""Call control: accept, reject, transfer and end phone calls, over the API's HTTP side."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote, urlsplit

import httpx2
from attrs import evolve

from offhook.hookspecs import ApiKey
from offhook.realtime.address import endpoint
from offhook.wire.channel import resolve_key
from offhook.wire.handshake import provider_error
from offhook_sip.errors import CallArgumentError, CallError, CallNotFound, CallUnauthorized
from offhook_sip.keys import check_key, has_authorization, key_of_the_environment
from offhook_sip.options import SIPOptions

#: SIP's own word for "no, thank you" (RFC 3261, 21.6.2).
DECLINE: Final = 603
_SCHEMES: Final = {"ws": "http", "wss": "https"}
#: RFC 3966 and RFC 3261, as far as a mistake can be told from a number; nothing in them may end a header line.
_TARGET: Final = re.compile(r"tel:\+?[0-9A-Fa-f*#().-]+(;[^\s<>\"]+)?|sips?:[^\s<>\"]+", re.IGNORECASE)
_NOT_FOUND: Final = 404
_FORBIDDEN: Final = frozenset({401, 403})


class Calls:
    """What can be done to a phone call while it rings and while it lasts. Use it ``async with``, or ``aclose()`` it.

    Every method takes the call's id as it came, unchanged, and raises ``CallNotFound`` where the caller is gone,
    ``CallUnauthorized`` for a wrong key, ``AuthenticationError`` for none, ``CallError`` for everything else that the
    service or the network refuses. Nothing is tried twice.
    """

    def __init__(
        self,
        api_key: ApiKey | None = None,
        *,
        base_url: str | None = None,
        options: SIPOptions | None = None,
        http: httpx2.AsyncClient | None = None,
    ) -> None:
        """Make a client; nothing is opened yet. Raises ``ConnectError`` for what is no address.

        ``api_key`` is a key or a (possibly async) function that gives one, asked for every request; else
        ``OPENAI_API_KEY``. ``base_url`` is the API's base (``https://host/v1``) or its socket. Both beat ``options``, which
        say everything else. ``http`` is a client to use instead of one of our own; it stays yours to close.
        """
        options = options or SIPOptions()
        self._options = evolve(options, api_key=api_key or options.api_key, url=base_url or options.url)
        self._base = _calls_url(self._options.url)
        self._http = http
        self._owns_http = http is None

    async def __aenter__(self) -> Self:
        # Loading certificates takes longer than accepting a call, and they may be wrong: not while somebody waits.
        self._client()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections. Idempotent."""
        if self._http is not None and self._owns_http:
            await self._http.aclose()
            self._http = None

    async def accept(self, call_id: str, config: Mapping[str, Any]) -> None:
        """Answer a ringing call with the session ``config``, which ``build_initial_config`` makes from an agent."""
        # Without its type the API takes the config, and drops the call a moment later.
        await self._post(call_id, "accept", {"type": "realtime", **config})

    async def reject(self, call_id: str, status_code: int = DECLINE) -> None:
        """Refuse a ringing call with a SIP status from 400 to 699, such as 486 for busy."""
        if not 400 <= status_code <= 699:  # noqa: PLR2004  # the classes of refusals
            raise CallArgumentError(
                f"a call cannot be rejected with SIP status {status_code}: refusals are 400 to 699. "
                "Usual ones are 486 (busy), 480 (not there now) and 603 (declined)."
            )
        await self._post(call_id, "reject", {"status_code": status_code})

    async def refer(self, call_id: str, target_uri: str) -> None:
        """Transfer a call to ``tel:+14155550123`` or ``sip:someone@example.com`` (SIP REFER)."""
        if _TARGET.fullmatch(target_uri) is None:
            raise CallArgumentError(
                f"{target_uri!r} is nowhere a call can be transferred to. "
                "Give a URI like tel:+14155550123 or sip:someone@example.com."
            )
        await self._post(call_id, "refer", {"target_uri": target_uri})

    async def hangup(self, call_id: str) -> None:
        """End a call."""
        await self._post(call_id, "hangup")

    async def _post(self, call_id: str, action: str, body: Mapping[str, Any] | None = None) -> None:
        if not call_id:
            raise CallArgumentError(f"{action} needs the id of a call, and it is empty. The webhook has it (call_id).")
        headers = await self._headers()
        url = f"{self._base}/{quote(call_id, safe='')}/{action}"
        try:
            response = await self._client().post(url, json=body, headers=headers)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise CallError(_unreachable(error, self._base, action)) from error
        if not response.is_success:
            raise _refused(response, call_id, action)

    def _client(self) -> httpx2.AsyncClient:
        if self._http is None:
            self._http = _make_client(self._options)
        return self._http

    async def _headers(self) -> dict[str, str]:
        headers = dict(self._options.headers)
        key = await resolve_key(self._options.api_key or key_of_the_environment)
        check_key(key, headers)
        return headers if has_authorization(headers) else {"Authorization": f"Bearer {key}", **headers}


def _calls_url(url: str) -> str:
    parts = urlsplit(endpoint(url, model=None, call_id=None))
    return f"{_SCHEMES[parts.scheme]}://{parts.netloc}{parts.path}/calls"


def _make_client(options: SIPOptions) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        timeout=options.control_timeout_s,
        proxy=None if options.proxy in {"auto", "none"} else options.proxy,
        trust_env=options.proxy == "auto",
        verify=_trust(options),
    )


def _trust(options: SIPOptions) -> ssl.SSLContext:
    """The same certificates that the socket trusts."""
    if options.ssl is not None:
        return options.ssl
    try:
        return ssl.create_default_context(cafile=options.ca_file)
    except OSError as error:
        raise CallError(
            f"ca_file {options.ca_file!r} cannot be read: {error}. Give a file of PEM certificates."
        ) from error


def _refused(response: httpx2.Response, call_id: str, action: str) -> CallError:
    status = response.status_code
    said, code = provider_error(response.text)
    if status == _NOT_FOUND:
        return CallNotFound(call_id, said, code=code)
    where = f"{action} was refused with HTTP {status}{f': {said}' if said else ''}"
    if status in _FORBIDDEN:
        return CallUnauthorized(f"{where}. Check the API key and what it may do.", status=status, code=code)
    return CallError(
        f"{where}. Check what was asked for, and that the call is still in the state for it.", status=status, code=code
    )


def _unreachable(error: Exception, base: str, action: str) -> str:
    if isinstance(error, httpx2.TimeoutException):
        return f"{action}: {base} did not answer in time. Check the url, the network and the proxy; the call may go on."
    return f"{action}: {base} cannot be reached: {error}. Check the url and the network; the call may go on."
