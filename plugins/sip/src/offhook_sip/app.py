"""``webhook_app``: the web server's side of phone calls, as a plain ASGI application.

It stands alone, or is mounted in any framework: whatever is POSTed to it is taken for a webhook, whatever the path.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, MutableMapping
from typing import Any, Final, TypeAlias

from attrs import frozen

from offhook._log import logger
from offhook.errors import OffhookError
from offhook_sip.errors import WebhookError, WebhookReplayed
from offhook_sip.webhooks import INCOMING, IncomingCall, WebhookEvent, Webhooks, incoming_call

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
OnCall: TypeAlias = Callable[[IncomingCall], Coroutine[Any, Any, object]]
OnEvent: TypeAlias = Callable[[WebhookEvent], Coroutine[Any, Any, object]]
Job: TypeAlias = Coroutine[Any, Any, object]

#: An INVITE's headers in JSON take a few kilobytes.
MAX_BODY: Final = 256 * 1024


def webhook_app(
    on_call: OnCall,
    *,
    secret: str | None = None,
    on_event: Mapping[str, OnEvent] | None = None,
    max_body: int = MAX_BODY,
) -> WebhookApp:
    """Make an ASGI application that runs ``on_call`` for every phone call that rings.

    ``secret`` is what webhooks are signed with (``whsec_…``); else ``OFFHOOK_SIP_WEBHOOK_SECRET`` or
    ``OPENAI_WEBHOOK_SECRET``. ``on_event`` has handlers for other events, by type; what has none is acknowledged and
    ignored. ``max_body`` is in bytes. Raises ``ConfigError`` for a secret that cannot be right.
    """
    routes: dict[str, Callable[[WebhookEvent], Job]] = {**(on_event or {})}
    routes[INCOMING] = lambda event: on_call(incoming_call(event))
    return WebhookApp(Webhooks(secret), routes, max_body)


class WebhookApp:
    """Verifies webhooks and runs their handlers, each in a task of its own, without keeping the service waiting.

    POST: 200 for what is believed (repetitions and unknown types too), 400 for what is not, 413 for what is too long. GET:
    200, for health checks. What still runs when the application shuts down is cancelled; ``aclose()`` does the same for
    servers without the lifespan protocol.
    """

    def __init__(self, webhooks: Webhooks, routes: Mapping[str, Callable[[WebhookEvent], Job]], max_body: int) -> None:
        self._webhooks = webhooks
        self._routes = routes
        self._max_body = max_body
        self._running: set[asyncio.Task[object]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak ASGI 3."""
        match scope["type"]:
            case "http":
                await self._http(scope, receive, send)
            case "lifespan":
                await self._lifespan(receive, send)
            case _:
                await send({"type": "websocket.close", "code": 1000})

    async def aclose(self) -> None:
        """Cancel every handler that runs, and wait until it has tidied up."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await self.aclose()
        await send({"type": "lifespan.shutdown.complete"})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["method"]:
            case "POST":
                answer = await self._post(scope, receive)
            case "GET" | "HEAD":
                answer = _Answer(200, "ok")
            case _:
                answer = _Answer(405, "only POST (webhooks) and GET (health)", ((b"allow", b"GET, HEAD, POST"),))
        await _respond(send, answer, with_body=scope["method"] != "HEAD")

    async def _post(self, scope: Scope, receive: Receive) -> _Answer:
        body = await _read(receive, self._max_body)
        if body is None:
            return _Answer(413, f"a webhook has at most {self._max_body} bytes")
        try:
            event = self._webhooks.verify(body, {_text(name): _text(value) for name, value in scope["headers"]})
            route = self._routes.get(event.type)
            job = route(event) if route is not None else None
        except WebhookReplayed as error:
            logger().info("webhook_repeated", why=str(error))
            return _Answer(200, error.reason)
        except WebhookError as error:
            logger().warning("webhook_refused", why=str(error))
            return _Answer(400, error.reason)
        if job is None:
            logger().info("webhook_ignored", type=event.type)
            return _Answer(200, "ignored")
        self._start(job, event)
        return _Answer(200, "ok")

    def _start(self, job: Job, event: WebhookEvent) -> None:
        task: asyncio.Task[object] = asyncio.create_task(job, name=f"offhook {event.type} {event.event_id}")
        self._running.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[object]) -> None:
        self._running.discard(task)
        error = None if task.cancelled() else task.exception()
        # One of ours says all there is to say; anything else is a defect, and its traceback is needed.
        if isinstance(error, OffhookError):
            logger().error("call_failed", why=str(error))
        elif error is not None:
            logger().error("call_failed", why=f"{type(error).__name__}: {error}", exc_info=error)


@frozen
class _Answer:
    status: int
    text: str
    headers: tuple[tuple[bytes, bytes], ...] = ()


async def _read(receive: Receive, limit: int) -> bytes | None:
    """Read the body; ``None`` once it is longer than ``limit``."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > limit:
            return None
        # A client that left is answered like one that finished: nobody hears it, and no signature will match.
        if not message.get("more_body", False):
            return bytes(body)


async def _respond(send: Send, answer: _Answer, *, with_body: bool) -> None:
    body = f"{answer.text}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        *answer.headers,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body if with_body else b""})


def _text(header: bytes) -> str:
    return header.decode("latin-1")
