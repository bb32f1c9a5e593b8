"""The ASGI application: which path is served by what."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute

from offhook_emulator.api.client_secrets import ClientSecrets
from offhook_emulator.api.keys import Keys
from offhook_emulator.api.paths import OneSlash
from offhook_emulator.api.problems import Problem, answer_http_exception, answer_problem
from offhook_emulator.api.realtime import Realtime, refuse_socket
from offhook_emulator.line.websocket import Switchboard


def build_app(keys: Keys, switchboard: Switchboard) -> Starlette:
    """Make the application."""
    return Starlette(
        routes=[
            WebSocketRoute("/v1/realtime", Realtime(keys, switchboard).connect),
            Route("/v1/realtime/client_secrets", ClientSecrets(keys).create, methods=["POST"]),
            Route("/healthz", _healthy),
            WebSocketRoute("/{path:path}", refuse_socket),
        ],
        middleware=[Middleware(OneSlash)],
        exception_handlers={Problem: answer_problem, HTTPException: answer_http_exception},
    )


async def _healthy(_request: Request) -> JSONResponse:
    return JSONResponse({"status": "ok"})
