"""Replies from a chat-completions endpoint, against one that runs in the same process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from offhook.errors import ConfigError, OffhookError
from offhook_emulator.replies.chat import Chat
from offhook_emulator.replies.protocol import CallFunction, Say

from .talk import request, tool, user

URL = "http://llm.test/v1"
SECRET = "sk-secret-key"


def sse(*chunks: Any) -> bytes:
    texts = [chunk if isinstance(chunk, str) else json.dumps(chunk) for chunk in chunks]
    return "".join(f"data: {text}\n\n" for text in texts).encode()


def delta(**content: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": content}]}


def fragment(index: int | None, call_id: str | None = None, name: str | None = None, arguments: str = "") -> Any:
    return {"index": index, "id": call_id, "function": {"name": name, "arguments": arguments}}


class Endpoint:
    """A chat-completions server that answers with prepared chunks and remembers what it was asked."""

    def __init__(self, *chunks: Any) -> None:
        self.chunks = chunks
        self.bodies: list[Any] = []
        self.headers: dict[str, str] = {}
        routes = [
            Route("/v1/chat/completions", self.complete, methods=["POST"]),
            Route("/v1/models", self.models),
        ]
        self.transport = httpx2.ASGITransport(Starlette(routes=routes))

    async def complete(self, asked: Request) -> Response:
        self.headers = dict(asked.headers)
        self.bodies.append(await asked.json())
        return StreamingResponse(iter([sse(*self.chunks, "[DONE]")]), media_type="text/event-stream")

    async def models(self, _asked: Request) -> Response:
        return JSONResponse({"data": [{"id": "first-model"}, {"id": "second-model"}]})


def answering(status: int, content: Any = b"", **headers: str) -> httpx2.MockTransport:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return httpx2.MockTransport(lambda _request: httpx2.Response(status, content=body, headers=headers))


def failing(error: Callable[[str], Exception]) -> httpx2.MockTransport:
    def fail(_request: httpx2.Request) -> httpx2.Response:
        raise error("all connection attempts failed")

    return httpx2.MockTransport(fail)


async def ask(transport: httpx2.AsyncBaseTransport, url: str = URL, model: str | None = "llama", **options: Any) -> Any:
    chat = Chat(url, SECRET, model, transport=transport)
    async with asyncio.timeout(5):
        pieces = [piece async for piece in chat.reply(request(user("Hello"), **options))]
        await chat.close()
    return pieces


async def test_an_answer_comes_in_sentences() -> None:
    endpoint = Endpoint(
        delta(role="assistant"), delta(content="Hel"), delta(content="lo. How"), delta(content=" are you?")
    )

    assert await ask(endpoint.transport) == [Say("Hello. "), Say("How are you?")]
    assert endpoint.bodies == [{"model": "llama", "stream": True, "messages": [{"role": "user", "content": "Hello"}]}]
    assert endpoint.headers["authorization"] == f"Bearer {SECRET}"


async def test_calls_are_put_together_from_their_fragments() -> None:
    endpoint = Endpoint(
        delta(content="One moment."),
        delta(tool_calls=[fragment(0, "a", "get_weather", '{"ci')]),
        delta(tool_calls=[fragment(0, None, None, 'ty": "Paris"}')]),
        delta(tool_calls=[fragment(1, "b", "get_time")]),
    )

    assert await ask(endpoint.transport, tools=[tool("get_weather")]) == [
        Say("One moment."),
        CallFunction("get_weather", '{"city": "Paris"}'),
        CallFunction("get_time", "{}"),
    ]


@pytest.mark.parametrize("index", [0, None])
async def test_calls_are_told_apart_where_a_server_numbers_them_alike(index: int | None) -> None:
    endpoint = Endpoint(delta(tool_calls=[fragment(index, "a", "one", "{}"), fragment(index, "b", "two", "{}")]))

    assert await ask(endpoint.transport) == [CallFunction("one", "{}"), CallFunction("two", "{}")]


async def test_chunks_without_words_are_nothing() -> None:
    endpoint = Endpoint({"choices": []}, {"usage": {}}, delta(content=None), delta(), {"choices": [{"delta": None}]})

    assert await ask(endpoint.transport) == []


@pytest.mark.parametrize("url", [URL, f"{URL}/", f"{URL}/chat/completions", f"{URL}/chat/completions/?api-version=1"])
async def test_the_url_may_be_the_base_or_the_endpoint(url: str) -> None:
    assert await ask(Endpoint(delta(content="Hi.")).transport, url) == [Say("Hi.")]


async def test_without_a_model_the_first_that_the_server_lists_is_used() -> None:
    endpoint = Endpoint(delta(content="Hi."))

    await ask(endpoint.transport, model=None)

    assert endpoint.bodies[0]["model"] == "first-model"


async def test_a_server_that_lists_no_model_is_named_with_what_to_write() -> None:
    with pytest.raises(OffhookError, match=r"http://llm.test/v1/models lists no model.*chat:URL#MODEL"):
        await ask(answering(200, {"data": []}), model=None)


class Slow(httpx2.AsyncByteStream):
    """A body whose end never comes; it knows whether it was closed."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.chunks = chunks
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            yield chunk
        await asyncio.Event().wait()

    async def aclose(self) -> None:
        self.closed = True


async def test_a_sentence_is_given_before_the_next_is_there_and_closing_ends_the_request() -> None:
    body = Slow([sse(delta(content="First. Sec"))])
    headers = {"content-type": "text/event-stream"}
    chat = Chat(
        URL, model="llama", transport=httpx2.MockTransport(lambda _: httpx2.Response(200, headers=headers, stream=body))
    )
    reply = chat.reply(request(user("Hello")))

    async with asyncio.timeout(5):
        assert await anext(reply) == Say("First. ")
        await reply.aclose()  # type: ignore[attr-defined] - an async generator
        await chat.close()

    assert body.closed


STREAM = {"content-type": "text/event-stream"}


@pytest.mark.parametrize(
    ("transport", "complaint"),
    [
        (answering(401, {"error": {"message": f"Incorrect API key: {SECRET}"}}), "refused the key (HTTP 401)"),
        (
            answering(404, {"error": {"message": "model 'llama' not found"}}),
            "HTTP 404: model 'llama' not found. The URL must be",
        ),
        (answering(500, b"<html>oops</html>"), "answered HTTP 500: <html>oops</html>. The server's own log"),
        (answering(503), "answered HTTP 503: no reason given."),
        (answering(400, {"error": "bad"}), "answered HTTP 400: bad."),
        (answering(200, b"hello"), "cannot be used: Expected response with content type"),
        (answering(200, sse("{broken"), **STREAM), "sent what is no JSON object"),
        (answering(200, sse({"error": {"message": "out of memory"}}), **STREAM), "gave up: out of memory."),
        (failing(httpx2.ConnectError), "cannot be used: all connection attempts failed. Start the server there"),
        (failing(httpx2.ReadTimeout), "did not answer in time"),
    ],
)
async def test_an_endpoint_that_fails_is_named_with_the_next_step_and_without_the_key(
    transport: httpx2.MockTransport, complaint: str
) -> None:
    with pytest.raises(OffhookError) as failed:
        await ask(transport)

    assert complaint in str(failed.value)
    assert f"{URL}/chat/completions" in str(failed.value)
    assert SECRET not in str(failed.value)


async def test_what_is_secret_in_a_url_is_not_shown() -> None:
    with pytest.raises(OffhookError) as failed:
        await ask(answering(500), "http://ann:pass@llm.test/v1?key=hidden")

    assert "http://llm.test/v1/chat/completions" in str(failed.value)
    assert not {word for word in ("ann", "pass@", "hidden") if word in str(failed.value)}


@pytest.mark.parametrize("url", ["", "llm.test/v1", "ftp://llm.test", "http://", "http://llm.test:port"])
def test_what_is_no_http_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"chat:http://127\.0\.0\.1:11434/v1"):
        Chat(url)
