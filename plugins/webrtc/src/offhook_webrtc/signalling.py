"""The SDP exchange: an offer goes to ``/v1/realtime/calls``, an answer and the id of the call come back."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any, Final
from urllib.parse import SplitResult, parse_qs, urlencode, urlsplit, urlunsplit

import httpx2
from attrs import frozen

from offhook.errors import ConnectError
from offhook.wire.channel import DialRequest, without_secrets
from offhook.wire.codec import dumps
from offhook.wire.handshake import authorization, refusal
from offhook_webrtc.options import WebRTCOptions

_SCHEMES: Final = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
NO_KEY: Final = (
    "Set OPENAI_API_KEY, or api_key in [transports.webrtc]; "
    "without a service, start `offhook emulator`, and give its url, and any key."
)
#: Secrets of ``/v1/realtime/client_secrets`` begin so. They are made for a model, and name no other.
_EPHEMERAL: Final = "ek_"


@frozen
class Answer:
    """What the service answered."""

    sdp: str
    call_id: str | None


def calls_url(url: str) -> str:
    """Give the address where calls are made, from itself or from the API's base. Raises ``ConnectError``."""
    parts = _split(url)
    if parts is None:
        raise ConnectError(
            f"{without_secrets(url)!r} is not an address where calls can be made. Give one like "
            "https://api.openai.com/v1/realtime/calls, or the API's base like http://127.0.0.1:8080/v1."
        )
    path = parts.path.rstrip("/")
    if not path.endswith("/calls"):
        path = f"{path.removesuffix('/realtime')}/realtime/calls"
    return urlunsplit((_SCHEMES[parts.scheme], parts.netloc, path, parts.query, ""))


async def exchange(offer: str, request: DialRequest, options: WebRTCOptions) -> Answer:
    """Send the offer. Raises ``AuthenticationError`` or ``ConnectError`` with the provider's message."""
    url, body = _body(offer, request, with_session=options.session_in_offer)
    try:
        # Reading the system's certificates takes tens of milliseconds, which belong to everyone in this event loop.
        client = await asyncio.to_thread(_client, url, options)
        async with client, client.stream("POST", url, **body) as response:
            text = await _text(response)
    except httpx2.TimeoutException as error:
        raise ConnectError(
            f"{without_secrets(url)} did not answer the offer in time. Check the url, the network and the proxy."
        ) from error
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        raise ConnectError(_unreachable(error, url)) from error
    if not response.is_success:
        raise refusal(url, response.status_code, text, what="the offer", reason=response.reason_phrase)
    return Answer(text, _call_id(response.headers.get("Location")))


def _body(offer: str, request: DialRequest, *, with_session: bool) -> tuple[str, dict[str, Any]]:
    agent = {"User-Agent": f"offhook/{version('offhook-webrtc')}"}
    headers = {**agent, **authorization(request, remedy=NO_KEY)}
    if with_session:
        named = {"model": request.model} if request.model else {}
        session = dumps({"type": "realtime", **named, **request.session})
        files = {"sdp": (None, offer, "application/sdp"), "session": (None, session, "application/json")}
        return request.url, {"headers": headers, "files": files}
    return _for_model(request), {"headers": {**headers, "Content-Type": "application/sdp"}, "content": offer}


def _for_model(request: DialRequest) -> str:
    """Name the model in the query, where nothing else names it: the config, which would, comes after the answer."""
    parts = urlsplit(request.url)
    query = {key: values[-1] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
    if (
        request.model is None
        or (request.api_key or "").startswith(_EPHEMERAL)
        or query.keys() & {"model", "deployment"}
    ):
        return request.url
    return urlunsplit(parts._replace(query=urlencode({**query, "model": request.model})))


def _client(url: str, options: WebRTCOptions) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        verify=_tls(options) if url.startswith("https:") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        proxy=None if options.proxy in {"auto", "none"} else options.proxy,
        trust_env=options.proxy == "auto",
        timeout=options.sdp_timeout_s,
    )


def _tls(options: WebRTCOptions) -> ssl.SSLContext | bool:
    if options.ssl is not None or options.ca_file is None:
        return options.ssl or True
    try:
        return ssl.create_default_context(cafile=options.ca_file)
    except OSError as error:
        raise ConnectError(
            f"ca_file {options.ca_file!r} cannot be read: {error}. Give a file of PEM certificates."
        ) from error


async def _text(response: httpx2.Response) -> str:
    try:
        await response.aread()
    except httpx2.HTTPError:
        if response.is_success:
            raise
        return ""  # the status alone says enough
    return response.text


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in _SCHEMES and parts.hostname and parts.port != 0
    except ValueError:  # half an IPv6 address, a port that is no number
        return None
    return parts if usable else None


def _call_id(location: str | None) -> str | None:
    return urlsplit(location).path.rstrip("/").rsplit("/", 1)[-1] or None if location else None


def _unreachable(error: Exception, url: str) -> str:
    where = without_secrets(url)
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                f"{where} shows a certificate that is not trusted ({cause.verify_message}). "
                "Set ca_file to the authority's certificate."
            )
        if isinstance(cause, ConnectionRefusedError):
            return f"nothing listens at {where}. Check the url; for a local server, start `offhook emulator`."
    return f"{where} cannot be reached: {error}. Check the url, the network and the proxy."


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
