"""``/emulator/calls``: calls without a telephone, to try an application with. The service has nothing like it.

``POST`` places one, ``GET /emulator/calls/{id}`` tells how it goes, ``DELETE`` lets the caller hang up.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from offhook.audio.wav import read_wav
from offhook.errors import AudioError, OffhookError
from offhook_emulator.api import problems
from offhook_emulator.api.keys import Keys
from offhook_emulator.api.problems import Problem
from offhook_emulator.line.sip.exchange import Exchange
from offhook_emulator.line.sip.scripted import ScriptedCaller
from offhook_emulator.line.sip.ticks import PHONE_FORMAT
from offhook_emulator.model.errors import Refused, missing_parameter, not_json
from offhook_emulator.model.fields import mapping, shape, string
from offhook_emulator.webhooks import WebhookTarget

_FROM: Final = "<sip:+15555550100@phone.invalid>"
_TO: Final = "<sip:proj_offhook@emulator.invalid>"
#: Calls that are remembered; the oldest go first, and their recordings with them.
_REMEMBERED: Final = 1000
_LONGEST_WAIT_S: Final = 600
_NAME: Final = re.compile(r"[A-Za-z0-9.!%*_+`'~-]+")


def _wait_s(value: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 <= (seconds := float(value)) <= _LONGEST_WAIT_S:
            return seconds
    message = f"Invalid 'wait_s': expected a number of seconds up to {_LONGEST_WAIT_S}, but got '{value}'."
    raise Refused(message, "invalid_value", "wait_s")


def _header(value: Any, path: str) -> str:
    if any(character in string(value, path) for character in "\r\n\0"):
        raise Refused(f"Invalid '{path}': a header has one line.", "invalid_value", path)
    return value


def _headers(value: Any, path: str) -> dict[str, str]:
    for name in mapping(value, path):
        if not _NAME.fullmatch(name):
            raise Refused(f"Invalid '{path}': '{name}' is not a header's name.", "invalid_value", path)
    return {name: _header(entry, f"{path}.{name}") for name, entry in value.items()}


_BODY: Final = shape(
    {"to": _header, "from": _header, "headers": _headers, "audio": string, "url": string, "secret": string}
)


class PlacedCalls:
    """The endpoints. ``url`` and ``secret`` are of the webhooks for calls that name none of their own.

    Recordings exist until ``close``.
    """

    def __init__(self, keys: Keys, exchange: Exchange, *, url: str | None = None, secret: str | None = None) -> None:
        self._keys = keys
        self._exchange = exchange
        self._url = url
        self._secret = secret
        self._folder: TemporaryDirectory[str] | None = None
        self._callers: OrderedDict[str, ScriptedCaller] = OrderedDict()

    async def create(self, request: Request) -> JSONResponse:
        """Place a call. 201 as soon as it rings."""
        self._check(request)
        try:
            body = await _body(request)
            target = self._webhook(body)
            speech = await _speech(body.get("audio"))
        except Refused as refusal:
            raise problems.refused(refusal) from None
        caller = ScriptedCaller(_invite(body), speech, self._new_recording())
        call_id = self._exchange.ring(caller, target)
        self._remember(call_id, caller)
        headers = {"location": f"/emulator/calls/{call_id}"}
        return JSONResponse(_described(call_id, caller), 201, headers=headers)

    async def describe(self, request: Request) -> JSONResponse:
        """Tell how a call goes; with ``?wait_s=…`` once it has ended, or after so many seconds."""
        call_id, caller = self._find(request)
        try:
            wait_s = _wait_s(request.query_params.get("wait_s", "0"))
        except Refused as refusal:
            raise problems.refused(refusal) from None
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(caller.ended.wait(), wait_s)
        return JSONResponse(_described(call_id, caller))

    async def hang_up(self, request: Request) -> Response:
        """Let the caller hang up."""
        call_id, caller = self._find(request)
        self._exchange.give_up(call_id)
        caller.hang_up()
        return Response(status_code=204)

    def close(self) -> None:
        """Delete the recordings."""
        if self._folder:
            self._folder.cleanup()

    def _check(self, request: Request) -> None:
        self._keys.check(request)
        if "origin" in request.headers:  # a page may talk to this server, but not have it open files and call others
            raise Problem(403, "Web pages cannot place calls. Place them from a program, without the header Origin.")

    def _find(self, request: Request) -> tuple[str, ScriptedCaller]:
        self._check(request)
        call_id = request.path_params["call_id"]
        if call_id not in self._callers:
            raise problems.no_such_call(call_id)
        return call_id, self._callers[call_id]

    def _webhook(self, body: Mapping[str, Any]) -> WebhookTarget | None:
        url, secret = body.get("url", self._url), body.get("secret", self._secret)
        if url is None:
            return None
        if secret is None:
            raise missing_parameter("secret", " Without it the webhook cannot be signed.")
        try:
            return WebhookTarget(url, secret)
        except OffhookError as error:
            raise Refused(str(error), "invalid_value") from error

    def _new_recording(self) -> Path:
        if self._folder is None:
            self._folder = TemporaryDirectory(prefix="offhook-calls-")
        return Path(self._folder.name) / f"{secrets.token_hex(8)}.wav"

    def _remember(self, call_id: str, caller: ScriptedCaller) -> None:
        self._callers[call_id] = caller
        if len(self._callers) > _REMEMBERED:
            _, oldest = self._callers.popitem(last=False)
            oldest.recording.unlink(missing_ok=True)


async def _body(request: Request) -> dict[str, Any]:
    try:
        return _BODY(orjson.loads(await request.body() or b"{}"), "")
    except orjson.JSONDecodeError:
        raise not_json() from None


async def _speech(path: str | None) -> bytes:
    if path is None:
        return b""
    try:
        return await asyncio.to_thread(lambda: read_wav(path).at(PHONE_FORMAT.rate_hz).pcm)
    except AudioError as error:
        raise Refused(str(error), "invalid_value", "audio") from error


def _invite(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    head = [("From", body.get("from", _FROM)), ("To", body.get("to", _TO)), ("Call-ID", secrets.token_hex(16))]
    return [*head, *body.get("headers", {}).items()]


def _described(call_id: str, caller: ScriptedCaller) -> dict[str, Any]:
    return {
        "id": call_id,
        "object": "emulator.call",
        "state": caller.state,
        "status_code": caller.status,
        "hung_up_by": caller.hung_up_by if caller.state == "ended" else None,
        "referred_to": caller.referred_to,
        "recording": str(caller.recording) if caller.state == "ended" and caller.hung_up_by else None,
    }
