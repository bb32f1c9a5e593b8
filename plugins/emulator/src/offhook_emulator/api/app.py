"""The ASGI application: which path is served by what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute

from offhook_emulator.api.calls import RealtimeCalls
from offhook_emulator.api.client_secrets import ClientSecrets
from offhook_emulator.api.keys import Keys
from offhook_emulator.api.paths import OneSlash
from offhook_emulator.api.problems import Problem, answer_http_exception, answer_nobody, answer_problem
from offhook_emulator.api.realtime import Realtime, refuse_socket
from offhook_emulator.line.switchboard import Switchboard

_CORS: Final = Middleware(
    CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"], expose_headers=["Location"]
)


def build_app(keys: Keys, switchboard: Switchboard, more: Sequence[BaseRoute] = ()) -> Starlette:
    """Make the application; ``more`` is served as well. Pages of any origin may use it."""
    calls = RealtimeCalls(keys, switchboard)
    return Starlette(
        routes=[
            WebSocketRoute("/v1/realtime", Realtime(keys, switchboard).connect),
            Route("/v1/realtime/client_secrets", ClientSecrets(keys).create, methods=["POST"]),
            Route("/v1/realtime/calls", calls.create, methods=["POST"]),
            Route("/v1/realtime/calls/{call_id}/hangup", calls.hang_up, methods=["POST"]),
            *more,
            Route("/healthz", _healthy),
            WebSocketRoute("/{path:path}", refuse_socket),
        ],
        middleware=[_CORS, Middleware(OneSlash)],
        exception_handlers={
            Problem: answer_problem,
            HTTPException: answer_http_exception,
            ClientDisconnect: answer_nobody,
        },
    )


async def _healthy(_request: Request) -> JSONResponse:
    return JSONResponse({"status": "ok"})
