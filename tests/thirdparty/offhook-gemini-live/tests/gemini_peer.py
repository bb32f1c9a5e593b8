"""A Gemini Live service as the conformance suite drives it, over a WebSocket server of this machine."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import http
import itertools
import json
import logging
import socket
from collections.abc import Mapping
from typing import Any

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from offhook.testing.conformance import Peer, Received

#: What is no frame, and what a service in disorder might send: each is to be a warning.
MALFORMED = (
    "",
    '{"serverContent":{"modelTurn',
    "[1,2]",
    "null",
    '{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"mimeType":"audio/pcm","data":"not base64!"}}]}}}',
    '{"toolCall":{"functionCalls":[{"name":"no_id"}]}}',
    '{"toolCallCancellation":7}',
)


class GeminiPeer(Peer):
    """Frames have no type, calls hold the turn, and ``turnComplete`` ends it."""

    url = ""
    server = connection = None

    def __init__(self, *, clogged: bool = False):
        super().__init__(clogged=clogged)
        self._numbers = itertools.count(1)
        self._open = False
        self._unclogged = asyncio.Event()

    # The wire.

    async def start(self):
        await super().start()
        listening = socket.create_server(("127.0.0.1", 0))
        # Small, so that a service that does not read is felt soon.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Its own log holds the key, at DEBUG.
        quiet = logging.getLogger("the far end")
        quiet.setLevel(logging.CRITICAL)
        self.server = await serve(
            self._serve,
            sock=listening,
            process_request=self._greet,
            compression=None,
            max_size=None,
            max_queue=1,
            ping_interval=None,
            close_timeout=0.1,
            logger=quiet,
        )
        self.url = f"ws://127.0.0.1:{listening.getsockname()[1]}/ws"

    async def stop(self):
        self._unclogged.set()
        await super().stop()
        self.server.close()
        await self.server.wait_closed()

    async def drop(self):
        self.connection.transport.abort()

    async def hang_up(self):
        await self.connection.close(1000)

    def reset(self):
        super().reset()
        self._open = False

    async def _greet(self, connection, _):
        self.connection = connection
        return None if await self.admitted() else connection.respond(http.HTTPStatus.UNAUTHORIZED, "no such key")

    async def _serve(self, connection):
        with contextlib.suppress(ConnectionClosed):  # by the other side, or by drop()
            async for message in connection:
                await self._take(json.loads(message))

    async def _send(self, frame: Mapping[str, Any] | str) -> None:
        with contextlib.suppress(ConnectionClosed):  # nobody is there any more
            await self.connection.send(frame if isinstance(frame, str) else json.dumps(frame).encode())

    # What comes in.

    async def _take(self, frame):
        match frame:
            case {"setup": setup}:
                self.note(Received(kind="config", text=json.dumps(setup)))
                await self._send({"setupComplete": {"sessionId": "session"}})
                if self.clogged:
                    await self._unclogged.wait()
            case {"clientContent": {"turns": turns}}:
                texts = (part.get("text", "") for turn in turns for part in turn["parts"])
                self.note(Received(kind="message", text=" ".join(texts)))
            case {"clientContent": {"turnComplete": complete}}:
                self.note(Received(kind="reply" if complete else "cancel"))
                if not complete and self._open:
                    await self._send({"serverContent": {"interrupted": True}})
            case {"realtimeInput": {"audio": audio}}:
                self.note(Received(kind="audio", data=base64.b64decode(audio["data"])))
            case {"toolResponse": {"functionResponses": responses}}:
                for one in responses:
                    self.note(Received(kind="output", call_id=one["id"], text=one["response"]["output"]))
            case _:
                self.note(Received(kind="other", text=str(next(iter(frame), ""))))

    # The steps.

    async def say(self, audio):
        self._open = True
        data = {"mimeType": "audio/pcm;rate=24000", "data": base64.b64encode(audio).decode()}
        await self._send({"serverContent": {"modelTurn": {"parts": [{"inlineData": data}]}}})

    async def caption(self, text):
        self._open = True
        await self._send({"serverContent": {"outputTranscription": {"text": text}}})

    async def hear(self, text):
        await self._send({"serverContent": {"inputTranscription": {"text": text}}})
        await self._send({"serverContent": {"inputTranscription": {"finished": True}}})

    async def call(self, call_id, name, arguments):
        self._open = True
        try:
            args = json.loads(arguments)
        except ValueError:  # arguments are an object here; this is as malformed as they get
            args = arguments
        await self._send({"toolCall": {"functionCalls": [{"id": call_id, "name": name, "args": args}]}})

    async def withdraw(self, call_id):
        await self._send({"toolCallCancellation": {"ids": [call_id]}})

    async def interrupt(self):
        await self._send({"serverContent": {"interrupted": True}})

    async def end_turn(self):
        if self._open:
            self._open = False
            usage = {"promptTokenCount": 2, "responseTokenCount": 3, "totalTokenCount": 5}
            await self._send({"serverContent": {"turnComplete": True}, "usageMetadata": usage})

    async def unknown(self):
        frame = {"vendorNovelty": {"number": next(self._numbers), "nested": [1, None, "ü"]}}
        await self._send(frame)
        return frame

    async def malformed(self):
        for text in MALFORMED:
            await self._send(text)
