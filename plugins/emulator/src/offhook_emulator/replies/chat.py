"""Replies from any OpenAI-compatible chat-completions endpoint: a local language model, say."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, cast

import httpx2
from attrs import define, field

from offhook.errors import ConfigError, OffhookError
from offhook_emulator.replies.messages import chat_body
from offhook_emulator.replies.protocol import CallFunction, ReplyRequest, Say
from offhook_emulator.voice.phrasing import sentences

#: Seconds. A model that is loaded on demand is silent for a while before its first word.
_TIMEOUT: Final = httpx2.Timeout(60, connect=5)
_PATH: Final = "/chat/completions"
_END: Final = "[DONE]"
_REFUSED: Final = frozenset({401, 403})
_NOT_FOUND: Final = 404
_FIRST_ERROR: Final = 400
#: Characters of a server's own error message that are shown.
_SHOWN: Final = 300


class Chat:
    """A source of replies that asks a chat-completions endpoint.

    ``url`` is the base URL (``http://127.0.0.1:11434/v1``) or the endpoint itself. ``api_key`` goes out as Bearer token,
    where there is one, and is never logged or shown. Without ``model``, the first one that the server lists is used.
    Raises ConfigError for what is no HTTP URL. Whoever makes it awaits ``close()``.
    """

    def __init__(
        self,
        url: str,
        api_key: str | None = None,
        model: str | None = None,
        *,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        given = _http_url(url)
        base = given.path.rstrip("/").removesuffix(_PATH)
        self._url = given.copy_with(path=base + _PATH)
        self._models_url = given.copy_with(path=f"{base}/models")
        self._model = model
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._client = httpx2.AsyncClient(headers=headers, timeout=_TIMEOUT, transport=transport)

    async def reply(self, request: ReplyRequest) -> AsyncIterator[Say | CallFunction]:
        """Answer the conversation: each sentence as soon as it is complete, then the calls.

        Closing the iterator ends the request. Raises OffhookError, with the URL and the next step, where the endpoint
        cannot be reached, refuses, or does not answer as such an endpoint does.
        """
        body = chat_body(request, await self._chosen_model())
        pending, calls = "", _Calls()
        async with self._response("POST", self._url, body) as response:
            async for delta in self._deltas(response):
                calls.add(delta.get("tool_calls") or ())
                *complete, pending = sentences(pending + (delta.get("content") or "")) or [""]
                for sentence in complete:
                    yield Say(sentence)
        if pending.strip():
            yield Say(pending)
        for call in calls:
            yield call

    async def close(self) -> None:
        """Close the connections to the server."""
        await self._client.aclose()

    async def _chosen_model(self) -> str:
        if self._model is None:
            async with self._response("GET", self._models_url) as response:
                listed = self._object(await response.aread()).get("data", ())
            try:
                self._model = str(listed[0]["id"])
            except (TypeError, LookupError) as error:
                raise OffhookError(
                    f"{_shown(self._models_url)} lists no model. Name one after the URL: --replies chat:URL#MODEL"
                ) from error
        return self._model

    @asynccontextmanager
    async def _response(
        self, method: str, url: httpx2.URL, body: Mapping[str, Any] | None = None
    ) -> AsyncGenerator[httpx2.Response]:
        try:
            async with self._client.stream(method, url, json=body) as response:
                if response.status_code >= _FIRST_ERROR:
                    raise _refusal(url, response.status_code, await response.aread())
                yield response
        except httpx2.TimeoutException as error:
            raise OffhookError(
                f"The chat endpoint {_shown(url)} did not answer in time. See whether its model is loaded and not busy."
            ) from error
        except httpx2.HTTPError as error:
            raise OffhookError(
                f"The chat endpoint {_shown(url)} cannot be used: {error}. Start the server there, or correct the URL "
                "in --replies chat:URL."
            ) from error

    async def _deltas(self, response: httpx2.Response) -> AsyncIterator[Mapping[str, Any]]:
        async for event in httpx2.EventSource(response):
            if event.data == _END:
                return
            content = self._object(event.data)
            if "error" in content:
                raise OffhookError(f"The chat endpoint {_shown(self._url)} gave up: {_message(content)}.")
            choices = cast(Sequence[Mapping[str, Any]], content.get("choices") or ())
            if choices:
                yield cast(Mapping[str, Any], choices[0].get("delta") or {})

    def _object(self, text: str | bytes) -> Mapping[str, Any]:
        with suppress(ValueError):
            content = json.loads(text)
            if isinstance(content, dict):
                return cast(Mapping[str, Any], content)
        raise OffhookError(
            f"The chat endpoint {_shown(self._url)} sent what is no JSON object. It must speak the OpenAI "
            "chat-completions protocol; correct the URL in --replies chat:URL."
        )


@define
class _Calls:
    """Function calls, put together from their fragments."""

    _calls: list[dict[str, str]] = field(factory=list[dict[str, str]])
    _by_index: dict[Any, dict[str, str]] = field(factory=dict[Any, dict[str, str]])

    def add(self, fragments: Sequence[Mapping[str, Any]]) -> None:
        for fragment in fragments:
            call = self._call(fragment.get("index"), fragment.get("id"))
            function = cast(Mapping[str, Any], fragment.get("function") or {})
            call["name"] += function.get("name") or ""
            call["arguments"] += function.get("arguments") or ""

    def __iter__(self) -> Iterator[CallFunction]:
        return (CallFunction(call["name"], call["arguments"] or "{}") for call in self._calls if call["name"])

    def _call(self, index: Any, identity: str | None) -> dict[str, str]:
        """Find the call a fragment belongs to. Some servers give all calls the same index, so the id counts, too."""
        call = self._by_index.get(index)
        if call is None or (identity and identity != call["id"]):
            call = {"id": identity or "", "name": "", "arguments": ""}
            self._calls.append(call)
            self._by_index[index] = call
        return call


def _http_url(url: str) -> httpx2.URL:
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL:
        parsed = httpx2.URL("")
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise ConfigError(
            "What stands after chat: is no HTTP URL. Write it as in --replies chat:http://127.0.0.1:11434/v1"
        )
    return parsed


def _refusal(url: httpx2.URL, status: int, body: bytes) -> OffhookError:
    if status in _REFUSED:
        # The server's own words are left out: some repeat the key.
        return OffhookError(
            f"The chat endpoint {_shown(url)} refused the key (HTTP {status}). Put a key of that server into the "
            "environment variable OFFHOOK_CHAT_API_KEY."
        )
    with suppress(ValueError, TypeError):
        body = _message(json.loads(body)).encode()
    said = " ".join(body.decode("utf-8", "replace").split())[:_SHOWN]
    step = (
        "The URL must be the server's base, in most cases with /v1 at its end, and the model one that it has "
        "(chat:URL#MODEL)."
        if status == _NOT_FOUND
        else "The server's own log may say more."
    )
    return OffhookError(f"The chat endpoint {_shown(url)} answered HTTP {status}: {said or 'no reason given'}. {step}")


def _message(content: Any) -> str:
    """Give the words of an error: ``{"error": {"message": …}}``, ``{"error": …}``, or whatever there is."""
    error = cast(Mapping[str, Any], content).get("error", content) if isinstance(content, Mapping) else content
    words = cast(Mapping[str, Any], error).get("message", error) if isinstance(error, Mapping) else error
    return str(words)[:_SHOWN]


def _shown(url: httpx2.URL) -> str:
    """Write a URL without what may be secret in it: user, password, query."""
    return f"{url.scheme}://{url.netloc.decode()}{url.path}"
